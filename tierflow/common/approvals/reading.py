"""What is known of a case: its facts for the rules, its chain so far, and who may decide it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, literal, literal_column, or_, select, union_all
from sqlalchemy.orm import Session

from tierflow.common.approvals.tables import (
    ApprovalCase,
    ApprovalDecision,
    ApprovalRound,
    ApprovalSeat,
)
from tierflow.common.calendars import working_calendar
from tierflow.common.counted import Counted
from tierflow.common.db import Id, one_of
from tierflow.common.policies import policy_on
from tierflow.common.users import OFFICE, User
from tierflow.kernel import approval
from tierflow.kernel.approval import Chain, State, Verdict
from tierflow.kernel.errors import Conflict, NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Principal
from tierflow.kernel.text import text

ESCALATE_AFTER = "approval.escalate_after_working_days"

CHAINS: dict[str, Chain] = {}


def register(chain: Chain) -> Chain:
    """Make a chain known by its key; domains call it from their service module."""
    if CHAINS.setdefault(chain.key, chain) != chain:
        raise ValueError(f"two chains called {chain.key}")
    return chain


_DECISIONS: Any = ApprovalDecision.__table__
_SEATS: Any = ApprovalSeat.__table__
_CASE_ID = bindparam("case_id", type_=Id)
# Written once: to write it down anew costs more than the database needs to answer it. A row without verdict is a seat.
_FACTS = union_all(
    select(_DECISIONS.c.round, _DECISIONS.c.step, _DECISIONS.c.verdict, _DECISIONS.c.content_hash).where(
        _DECISIONS.c.case_id == _CASE_ID
    ),
    select(_SEATS.c.person_id, _SEATS.c.step, literal(""), literal("")).where(_SEATS.c.case_id == _CASE_ID),
)


def facts_of(session: Session, case: ApprovalCase) -> approval.Case:
    """The case as the rules see it. One query."""
    opinions: list[approval.Opinion] = []
    seats: dict[int, str] = {}
    for number, step, verdict, content_hash in session.execute(_FACTS, {"case_id": case.id}):
        if verdict:
            opinions.append(approval.Opinion(number, step, Verdict(verdict), content_hash))
        else:
            seats[number] = step
    opinions.sort(key=lambda opinion: opinion.round)
    return approval.Case(State(case.state), case.round, case.step, tuple(opinions), seats)


def facts_from(session: Session, case: ApprovalCase, decided: Iterable[Any]) -> approval.Case:
    """The same where its decisions have been read, in their order. One query."""
    opinions = tuple(approval.Opinion(row.round, row.step, Verdict(row.verdict), row.content_hash) for row in decided)
    seats = {row.person_id: row.step for row in session.execute(_SEATED, {"case_id": case.id})}
    return approval.Case(State(case.state), case.round, case.step, opinions, seats)


_SEATED = select(_SEATS.c.person_id, _SEATS.c.step).where(_SEATS.c.case_id == _CASE_ID)
_ROUNDS: Any = ApprovalRound.__table__
_CONTENT = select(_ROUNDS.c.content).where(_ROUNDS.c.case_id == _CASE_ID, _ROUNDS.c.round == bindparam("round"))


def current_content(session: Session, case: ApprovalCase, round_: int | None = None) -> dict[str, Any]:
    """What was handed in, in the given round (the latest when not said)."""
    which = {"case_id": case.id, "round": case.round if round_ is None else round_}
    content: dict[str, Any] | None = session.scalar(_CONTENT, which)
    if content is None:
        raise NotFound
    return content


def capacity(
    actor: Actor, chain: Chain, case: ApprovalCase, facts: approval.Case
) -> tuple[Principal | None, tuple[Refusal, ...]] | None:
    """In whose name the actor could decide the waiting step (None: their own), and what four eyes say against it.

    The first name that nothing speaks against; when none is free, the first. None when the step is not theirs at all.
    """
    if case.step is None:
        return None
    step = chain.step(case.step)
    first = None
    for holder in actor.capacities_for(step.role, case.region_id if step.scoped else None):
        principal = holder if isinstance(holder, Principal) else None
        against = approval.may_decide(
            chain, facts, step.key, actor.person_id, principal.person_id if principal else None
        )
        if not against:
            return principal, ()
        first = first or (principal, against)
    return first


def why_not(session: Session, case: ApprovalCase, actor: Actor) -> tuple[Refusal, ...]:
    """Why the actor cannot decide the waiting step; empty when they can."""
    chain, facts = CHAINS[case.chain], facts_of(session, case)
    if case.step is None:
        return approval.may_decide(chain, facts, "", actor.person_id)
    found = capacity(actor, chain, case, facts)
    return (Refusal("access", text("This step belongs to another office.")),) if found is None else found[1]


def deciders(session: Session, case: ApprovalCase, key: str, now: datetime) -> set[int]:
    """Accounts that can decide a step today; four eyes leave out whoever has another seat already. One query."""
    step = CHAINS[case.chain].step(key)
    asked = {
        "role": step.role.value,
        "region_id": case.region_id if step.scoped else None,
        "on_day": local_day(now),
        "case_id": case.id,
        "step": key,
    }
    return set(session.scalars(_DECIDERS, asked))


_USERS: Any = User.__table__
_DECIDERS = select(_USERS.c.id).where(
    _USERS.c.id.in_(OFFICE),
    _USERS.c.disabled_at.is_(None),
    _USERS.c.person_id.not_in(
        select(_SEATS.c.person_id).where(_SEATS.c.case_id == _CASE_ID, _SEATS.c.step != bindparam("step"))
    ),
)


def decisions_of(session: Session, case_id: int) -> list[tuple[ApprovalDecision, User, User | None]]:
    """The chain so far: decision, who decided, and in whose name."""
    rows = session.execute(_CHAIN_SO_FAR, {"case_id": case_id}).all()
    ids = {row.ApprovalDecision.on_behalf_of_id for row in rows} - {None}
    principals = {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))} if ids else {}
    return [(row.ApprovalDecision, row.User, principals.get(row.ApprovalDecision.on_behalf_of_id or 0)) for row in rows]


def decided_for(session: Session, case_ids: Iterable[int]) -> dict[int, str]:
    """By case, in whose name its last decision was given; without those the decider gave as their own. One query."""
    rows = session.execute(_IN_WHOSE_NAME, {"case_ids": list(case_ids)})
    last = {row.case_id: row.name for row in rows}
    return {case_id: name for case_id, name in last.items() if name is not None}


_IN_WHOSE_NAME = (
    select(ApprovalDecision.case_id, User.name)
    .outerjoin(User, User.id == ApprovalDecision.on_behalf_of_id)
    .where(ApprovalDecision.case_id.in_(bindparam("case_ids", expanding=True)))
    .order_by(ApprovalDecision.id)
)
_CHAIN_SO_FAR = (
    select(ApprovalDecision, User)
    .join(User, User.id == ApprovalDecision.user_id)
    .where(ApprovalDecision.case_id == bindparam("case_id"))
    .order_by(ApprovalDecision.id)
)


def waiting_conditions(actor: Actor) -> list[Any]:
    """SQL conditions, one per office and region the actor holds: cases whose waiting step they could decide.

    One condition each, so that each is one ordered index walk. The four-eyes rule hides what they may not decide.
    """
    conditions = []
    for role in sorted({step.role for chain in CHAINS.values() for step in chain.steps}):
        held = actor.scopes(role)
        for scope in [None] if None in held else sorted(filter(None, held)):
            condition = _IN_APPROVAL & (ApprovalCase.waiting_role == role.value)
            if scope is not None:
                condition &= ApprovalCase.region_id == scope
            holders = actor.capacities_for(role, scope)
            free = [~_seated_elsewhere(actor.person_id, holder.person_id) for holder in holders]
            conditions.append(condition & or_(*free))
    return conditions


# Stands in the statement as it does in the indexes: a plan made for any state could not use them.
_IN_APPROVAL = ApprovalCase.state == literal_column(f"'{State.IN_APPROVAL.value}'")


def _seated_elsewhere(*person_ids: int) -> Any:
    return (
        select(ApprovalSeat.case_id)
        .where(
            ApprovalSeat.case_id == ApprovalCase.id,
            one_of(ApprovalSeat.person_id, set(person_ids)),
            ApprovalSeat.step != ApprovalCase.step,
        )
        .exists()
    )


def returned_condition(actor: Actor) -> Any:
    """SQL condition: cases sent back to the actor (or to whom they stand in for) for correction."""
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    return one_of(ApprovalCase.submitter_id, mine) & (ApprovalCase.state == State.RETURNED.value)


def escalation_due(session: Session, now: datetime) -> datetime:
    """When a step that begins to wait now has waited longer than policy allows."""
    policy = policy_on(session, local_day(now))
    days = policy.integer(ESCALATE_AFTER)
    return working_calendar(session).deadline_at(now, days, policy.time("office.closes_at")).at


# While a case is open: whose step waits, or who is to correct it. `due_by`, another matter's time, is none of ours.
ESCALATIONS = Counted(ApprovalCase, ApprovalCase.waiting_since, ApprovalCase.ended_at.is_(None), ESCALATE_AFTER)


def moved_on(case: ApprovalCase) -> Conflict:
    """What to tell whoever comes too late: where the case is now."""
    chain = CHAINS[case.chain]
    if case.step is not None:
        reason = text("The case has moved on; it now waits for: %(step)s.", step=text(chain.step(case.step).label))
    else:
        reason = text(
            "The case has moved on; it is now %(state)s.", state=text(approval.STATE_LABELS[State(case.state)])
        )
    return Conflict(Refusal("conflict", reason))
