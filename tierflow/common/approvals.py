"""Approval cases: the chain of `kernel.approval` kept in tables, for every approval in the product.

A decision is one conditional UPDATE of the case followed by the decision's row; whoever finds the
case moved on gets a `Conflict` that says where it is now. Seats (one per person and case) hold the
four-eyes rule in the database itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint, or_, select, update
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common import audit
from tierflow.common.calendars import working_calendar
from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.common.policies import policy_on
from tierflow.common.users import User, actor_of
from tierflow.kernel import approval
from tierflow.kernel.approval import SUBMIT_SEAT, Chain, State, Verdict
from tierflow.kernel.errors import Conflict, Forbidden, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Principal, Role
from tierflow.kernel.text import text


class ApprovalCase(Model):
    """Where an approval stands. `version` counts every move; `waiting_*` serve the inbox."""

    __tablename__ = "approval_case"
    __table_args__ = (
        UniqueConstraint("subject_type", "subject_id"),
        CheckConstraint("(state = 'in_approval') = (step IS NOT NULL)", name="step_while_in_approval"),
        Index(
            "ix_approval_case_waiting",
            "waiting_role",
            "due_at",
            "id",
            sqlite_where=sql("state = 'in_approval'"),
            postgresql_where=sql("state = 'in_approval'"),
        ),
        Index(
            "ix_approval_case_region",
            "waiting_role",
            "region_id",
            "due_at",
            "id",
            sqlite_where=sql("state = 'in_approval'"),
            postgresql_where=sql("state = 'in_approval'"),
        ),
        Index("ix_approval_case_submitter", "submitter_id", "state", "due_at", "id"),
        Index("ix_approval_case_state", "subject_type", "state", "subject_id"),
    )

    id: Mapped[int] = pk()
    chain: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    title: Mapped[str]
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    submitter_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    state: Mapped[str]
    round: Mapped[int] = mapped_column(default=0)
    step: Mapped[str | None]
    waiting_role: Mapped[str | None]
    waiting_since: Mapped[datetime]
    due_at: Mapped[datetime]  # when a waiting step is escalated; sorts the inbox
    version: Mapped[int] = mapped_column(default=0)
    content_hash: Mapped[str] = mapped_column(default="")
    all_green: Mapped[bool] = mapped_column(default=False)
    opened_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ApprovalRound(Model):
    """What was handed in, whole: the ground for "what changed since last time" and for replay."""

    __tablename__ = append_only("approval_round")
    __table_args__ = (UniqueConstraint("case_id", "round"),)

    id: Mapped[int] = pk()
    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"))
    round: Mapped[int]
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str]
    first_step: Mapped[str | None]
    submitted_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    submitted_at: Mapped[datetime]


class ApprovalSeat(Model):
    """One human being, one seat in a case: submitter or decider of one step (CHEM-7.2)."""

    __tablename__ = append_only("approval_seat")
    __table_args__ = (UniqueConstraint("case_id", "person_id", "step"),)

    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"), primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), primary_key=True)
    step: Mapped[str]


class ApprovalDecision(Model):
    """A step's verdict. One per case, round and step; both people when somebody stood in."""

    __tablename__ = append_only("approval_decision")
    __table_args__ = (
        UniqueConstraint("case_id", "round", "step"),
        UniqueConstraint("case_id", "round", "person_id"),
        ForeignKeyConstraint(
            ["case_id", "person_id", "step"], ["approval_seat.case_id", "approval_seat.person_id", "approval_seat.step"]
        ),
        CheckConstraint("verdict IN ('approve', 'return', 'reject')", name="verdict"),
        CheckConstraint("verdict = 'approve' OR reason <> ''", name="reason_given"),
        Index("ix_approval_decision_user_id", "user_id", "decided_at"),
    )

    id: Mapped[int] = pk()
    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"))
    round: Mapped[int]
    step: Mapped[str]
    verdict: Mapped[str]
    reason: Mapped[str]
    items: Mapped[list[Any]]  # the step's checklist: [{key, verdict, remark}]
    details: Mapped[dict[str, Any]]  # what the domain adds (struck lines …)
    content_hash: Mapped[str]  # of the groups this step examined
    moved_to: Mapped[str]
    next_step: Mapped[str | None]
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    on_behalf_of_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    policy_version: Mapped[int]
    decided_at: Mapped[datetime]


class AskedOpinion(Model):
    """征询/加签: a colleague asked for an opinion, or (kind `copy`) shown the case. Moves nothing."""

    __tablename__ = "asked_opinion"
    __table_args__ = (
        CheckConstraint("kind IN ('ask', 'copy')", name="kind"),
        Index("ix_asked_opinion_case_id", "case_id"),
        Index(
            "ix_asked_opinion_waiting",
            "asked_id",
            "asked_at",
            sqlite_where=sql("answered_at IS NULL"),
            postgresql_where=sql("answered_at IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"))
    round: Mapped[int]
    kind: Mapped[str]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    asked_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    question: Mapped[str]
    asked_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]  # for a copy: when it was read


class ApprovalNudge(Model):
    """A reminder or escalation sent for a waiting step; unique, so that none is sent twice."""

    __tablename__ = append_only("approval_nudge")
    __table_args__ = (UniqueConstraint("case_id", "version", "kind"),)

    id: Mapped[int] = pk()
    case_id: Mapped[int] = mapped_column(ForeignKey("approval_case.id"))
    version: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime]


CHAINS: dict[str, Chain] = {}


def register(chain: Chain) -> Chain:
    """Make a chain known by its key; domains call it from their service module."""
    if CHAINS.setdefault(chain.key, chain) != chain:
        raise ValueError(f"two chains called {chain.key}")
    return chain


@dataclass(frozen=True)
class Seen:
    """The state of the case on the page the decider looked at."""

    version: int
    step: str


def open_case(
    session: Session,
    chain: Chain,
    subject: tuple[str, int],
    title: str,
    region_id: int | None,
    actor: Actor,
    now: datetime,
) -> ApprovalCase:
    """A case in draft; the actor takes the submitter's seat. The region may follow until the case is handed in."""
    case = ApprovalCase(
        chain=chain.key,
        subject_type=subject[0],
        subject_id=subject[1],
        title=title,
        region_id=region_id,
        submitter_id=actor.user_id,
        state=State.DRAFT.value,
        waiting_since=now,
        due_at=now,
        opened_at=now,
    )
    session.add(case)
    session.flush()
    session.add(ApprovalSeat(case_id=case.id, person_id=actor.person_id, step=SUBMIT_SEAT))
    session.flush()
    return case


def facts_of(session: Session, case: ApprovalCase) -> approval.Case:
    """The case as the rules see it. Two queries."""
    opinions = tuple(
        approval.Opinion(row.round, row.step, Verdict(row.verdict), row.content_hash)
        for row in session.execute(
            select(
                ApprovalDecision.round, ApprovalDecision.step, ApprovalDecision.verdict, ApprovalDecision.content_hash
            )
            .where(ApprovalDecision.case_id == case.id)
            .order_by(ApprovalDecision.id)
        )
    )
    seats = session.execute(select(ApprovalSeat.person_id, ApprovalSeat.step).where(ApprovalSeat.case_id == case.id))
    return approval.Case(State(case.state), case.round, case.step, opinions, {row[0]: row[1] for row in seats})


def submit(
    session: Session,
    case: ApprovalCase,
    content: Mapping[str, object],
    actor: Actor,
    now: datetime,
    *,
    seen_version: int,
    all_green: bool = False,
    due_by: datetime | None = None,
) -> ApprovalCase:
    """Hand in (again). `content` maps each examined group to its JSON value. Raises `Refused`, `Conflict`.

    `due_by`: when the matter itself is due, where that comes before the waiting step's own time.
    A chain with a step per region wants the case's region: without one, that step would be everybody's.
    """
    chain = CHAINS[case.chain]
    if case.region_id is None and any(step.scoped for step in chain.steps):
        raise ValueError(f"a case of {chain.key} needs a region")
    content = approval.plain(content)
    content_hash = approval.digest(content)
    facts = facts_of(session, case)
    refuse_if_any(approval.may_submit(facts, actor.person_id))
    move = approval.submit(chain, facts, approval.step_hashes(chain, content))
    _move(
        session,
        case,
        chain,
        move,
        now,
        seen_version,
        content_hash=content_hash,
        all_green=all_green,
        due_by=due_by,
    )
    _take_seat(session, case.id, actor.person_id, SUBMIT_SEAT)
    session.add(
        ApprovalRound(
            case_id=case.id,
            round=move.round,
            content=dict(content),
            content_hash=content_hash,
            first_step=move.step,
            submitted_by_id=actor.user_id,
            submitted_at=now,
        )
    )
    audit.record(
        session,
        actor,
        "submit",
        case.subject_type,
        case.subject_id,
        now,
        after={"round": move.round, "step": move.step, "content_hash": content_hash},
    )
    session.flush()
    return case


def current_content(session: Session, case: ApprovalCase, round_: int | None = None) -> dict[str, Any]:
    """What was handed in, in the given round (the latest when not said)."""
    query = select(ApprovalRound.content).where(
        ApprovalRound.case_id == case.id, ApprovalRound.round == (case.round if round_ is None else round_)
    )
    content: dict[str, Any] | None = session.scalar(query)
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


def decide(
    session: Session,
    case: ApprovalCase,
    seen: Seen,
    verdict: Verdict,
    actor: Actor,
    now: datetime,
    *,
    on: date,
    policy_version: int,
    reason: str = "",
    items: Sequence[Mapping[str, object]] = (),
    details: Mapping[str, object] | None = None,
    due_by: datetime | None = None,
) -> ApprovalDecision:
    """Give the waiting step's verdict.

    The actor's roles are read again in this transaction: one revoked a moment ago does not decide.
    Raises `Forbidden`, `Refused` (four eyes, state), `Conflict` (the case has moved on).
    """
    chain = CHAINS[case.chain]
    user = session.get(User, actor.user_id, populate_existing=True)
    if user is None or user.disabled_at is not None:
        raise Forbidden("decide")
    fresh = actor_of(session, user, on)
    facts = facts_of(session, case)
    if case.version != seen.version or case.step != seen.step:
        raise _moved_on(case)
    found = capacity(fresh, chain, case, facts)
    if found is None:
        raise Forbidden("decide")
    principal, against = found
    refuse_if_any(against)
    content = current_content(session, case)
    hashes = approval.step_hashes(chain, content)
    move = approval.decide(chain, facts, verdict, hashes)
    _move(session, case, chain, move, now, seen.version, expected_hash=approval.digest(content), due_by=due_by)
    _take_seat(session, case.id, fresh.person_id, seen.step)
    if principal is not None:
        _take_seat(session, case.id, principal.person_id, seen.step)
    row = ApprovalDecision(
        case_id=case.id,
        round=facts.round,
        step=seen.step,
        verdict=verdict.value,
        reason=reason,
        items=[dict(item) for item in items],
        details=dict(details or {}),
        content_hash=hashes[seen.step],
        moved_to=move.state.value,
        next_step=move.step,
        user_id=fresh.user_id,
        person_id=fresh.person_id,
        on_behalf_of_id=principal.user_id if principal else None,
        policy_version=policy_version,
        decided_at=now,
    )
    session.add(row)
    audit.record(
        session,
        actor,
        f"decide.{verdict.value}",
        case.subject_type,
        case.subject_id,
        now,
        after={"round": facts.round, "step": seen.step, "moved_to": move.state.value, "next_step": move.step},
        reason=reason,
        on_behalf_of_id=principal.user_id if principal else None,
    )
    session.flush()
    return row


def withdraw(
    session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, seen_version: int, reason: str
) -> None:
    """The submitter takes the case back, to edit it."""
    refuse_if_any(approval.may_withdraw(facts_of(session, case), actor.person_id))
    move = approval.Move(State.WITHDRAWN, case.round, None)
    _move(session, case, CHAINS[case.chain], move, now, seen_version)
    audit.record(session, actor, "withdraw", case.subject_type, case.subject_id, now, reason=reason)


def discard(
    session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, seen_version: int, reason: str = ""
) -> None:
    """Give up a case that is not in approval. It stays readable."""
    refuse_if_any(approval.may_discard(facts_of(session, case), actor.person_id))
    move = approval.Move(State.DISCARDED, case.round, None)
    _move(session, case, CHAINS[case.chain], move, now, seen_version)
    audit.record(session, actor, "discard", case.subject_type, case.subject_id, now, reason=reason)


def void(session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, reason: str) -> None:
    """End a case whose decision would no longer count: its time has passed, or its matter has changed."""
    if State(case.state) in approval.ENDED:
        return
    move = approval.Move(State.DISCARDED, case.round, None)
    _move(session, case, CHAINS[case.chain], move, now, case.version)
    audit.record(session, actor, "void", case.subject_type, case.subject_id, now, reason=reason)


def decisions_of(session: Session, case_id: int) -> list[tuple[ApprovalDecision, User, User | None]]:
    """The chain so far: decision, who decided, and in whose name."""
    rows = session.execute(
        select(ApprovalDecision, User)
        .join(User, User.id == ApprovalDecision.user_id)
        .where(ApprovalDecision.case_id == case_id)
        .order_by(ApprovalDecision.id)
    ).all()
    ids = {row.ApprovalDecision.on_behalf_of_id for row in rows} - {None}
    principals = {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))} if ids else {}
    return [(row.ApprovalDecision, row.User, principals.get(row.ApprovalDecision.on_behalf_of_id or 0)) for row in rows]


def ask(
    session: Session, case: ApprovalCase, asked_id: int, question: str, kind: str, actor: Actor, now: datetime
) -> AskedOpinion:
    """Ask a colleague (征询/加签) or copy them in; the chain does not move."""
    if case.state != State.IN_APPROVAL:
        raise _moved_on(case)
    asked = session.get(User, asked_id)
    if asked is None or asked.disabled_at is not None:
        raise NotFound
    if asked.person_id == actor.person_id:
        refuse_if_any([Refusal("CHEM-7.2", text("Ask somebody else."), "asked_id")])
    row = AskedOpinion(
        case_id=case.id,
        round=case.round,
        kind=kind,
        asked_by_id=actor.user_id,
        asked_id=asked_id,
        question=question,
        asked_at=now,
    )
    session.add(row)
    audit.record(
        session,
        actor,
        f"opinion.{kind}",
        case.subject_type,
        case.subject_id,
        now,
        after={"asked": asked.name, "question": question},
    )
    session.flush()
    return row


def answer(session: Session, opinion_id: int, answer_: str, actor: Actor, now: datetime) -> AskedOpinion:
    """The asked colleague answers (or, for a copy, has read it). Once."""
    row = session.get(AskedOpinion, opinion_id)
    if row is None or row.asked_id not in {actor.user_id, *(p.user_id for p in actor.principals)}:
        raise NotFound
    done = session.execute(
        update(AskedOpinion)
        .where(AskedOpinion.id == opinion_id, AskedOpinion.answered_at.is_(None))
        .values(answer=answer_, answered_at=now)
        .returning(AskedOpinion.id)
    ).scalar_one_or_none()
    if done is None:
        raise Conflict(Refusal("conflict", text("This was answered already.")))
    case = session.get_one(ApprovalCase, row.case_id)
    audit.record(
        session,
        actor,
        "opinion.answer",
        case.subject_type,
        case.subject_id,
        now,
        after={"answer": answer_},
        on_behalf_of_id=row.asked_id if row.asked_id != actor.user_id else None,
    )
    return row


def opinions_of(session: Session, case_id: int) -> list[tuple[AskedOpinion, User]]:
    """Opinions asked in a case, with the colleague asked."""
    rows = session.execute(
        select(AskedOpinion, User)
        .join(User, User.id == AskedOpinion.asked_id)
        .where(AskedOpinion.case_id == case_id)
        .order_by(AskedOpinion.id)
    )
    return [(row.AskedOpinion, row.User) for row in rows]


def waiting_conditions(actor: Actor) -> list[Any]:
    """SQL conditions, one per office and region the actor holds: cases whose waiting step they could decide.

    One condition each, so that each is one ordered index walk. The four-eyes rule hides what they may not decide.
    """
    conditions = []
    for role in sorted({step.role for chain in CHAINS.values() for step in chain.steps}):
        held = actor.scopes(role)
        for scope in [None] if None in held else sorted(filter(None, held)):
            condition = (ApprovalCase.state == State.IN_APPROVAL.value) & (ApprovalCase.waiting_role == role.value)
            if scope is not None:
                condition &= ApprovalCase.region_id == scope
            holders = actor.capacities_for(role, scope)
            free = [~_seated_elsewhere(actor.person_id, holder.person_id) for holder in holders]
            conditions.append(condition & or_(*free))
    return conditions


def _seated_elsewhere(*person_ids: int) -> Any:
    return (
        select(ApprovalSeat.case_id)
        .where(
            ApprovalSeat.case_id == ApprovalCase.id,
            ApprovalSeat.person_id.in_(sorted(set(person_ids))),
            ApprovalSeat.step != ApprovalCase.step,
        )
        .exists()
    )


def returned_condition(actor: Actor) -> Any:
    """SQL condition: cases sent back to the actor (or to whom they stand in for) for correction."""
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    return ApprovalCase.submitter_id.in_(mine) & (ApprovalCase.state == State.RETURNED.value)


def escalation_due(session: Session, now: datetime) -> datetime:
    """When a step that begins to wait now has waited longer than policy allows."""
    policy = policy_on(session, local_day(now))
    days = policy.integer("approval.escalate_after_working_days")
    return working_calendar(session).deadline_at(now, days, policy.time("office.closes_at")).at


def _move(
    session: Session,
    case: ApprovalCase,
    chain: Chain,
    move: approval.Move,
    now: datetime,
    seen_version: int,
    *,
    expected_hash: str | None = None,
    content_hash: str | None = None,
    all_green: bool | None = None,
    due_by: datetime | None = None,
) -> None:
    own_due = escalation_due(session, now)
    role: Role | None = chain.step(move.step).role if move.step else None
    values: dict[str, Any] = {
        "state": move.state.value,
        "round": move.round,
        "step": move.step,
        "waiting_role": role.value if role else None,
        "waiting_since": now,
        "due_at": own_due if due_by is None else min(own_due, due_by),
        "version": ApprovalCase.version + 1,
        "ended_at": now if move.state in approval.ENDED else None,
    }
    if content_hash is not None:
        values["content_hash"] = content_hash
    if all_green is not None:
        values["all_green"] = all_green
    query = update(ApprovalCase).where(
        ApprovalCase.id == case.id,
        ApprovalCase.version == seen_version,
        ApprovalCase.state == case.state,
        ApprovalCase.round == case.round,
    )
    if expected_hash is not None:
        query = query.where(ApprovalCase.content_hash == expected_hash)
    moved = session.execute(
        query.values(**values).returning(ApprovalCase.id), execution_options={"synchronize_session": False}
    ).scalar_one_or_none()
    session.refresh(case)
    if moved is None:
        raise _moved_on(case)


def _take_seat(session: Session, case_id: int, person_id: int, step: str) -> None:
    seat = session.get(ApprovalSeat, (case_id, person_id))
    if seat is None:
        session.add(ApprovalSeat(case_id=case_id, person_id=person_id, step=step))
        session.flush()
    elif seat.step != step:  # a rival took it since the rules looked
        raise Conflict(Refusal("CHEM-7.2", text("One person has one seat in a case.")))


def _moved_on(case: ApprovalCase) -> Conflict:
    chain = CHAINS[case.chain]
    if case.step is not None:
        reason = text("The case has moved on; it now waits for: %(step)s.", step=text(chain.step(case.step).label))
    else:
        reason = text(
            "The case has moved on; it is now %(state)s.", state=text(approval.STATE_LABELS[State(case.state)])
        )
    return Conflict(Refusal("conflict", reason))
