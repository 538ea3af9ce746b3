"""Moving a case: open, submit, decide, withdraw, discard; each one conditional UPDATE."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.approvals.reading import CHAINS, capacity, current_content, escalation_due, facts_of, moved_on
from tierflow.common.approvals.tables import (
    ApprovalCase,
    ApprovalDecision,
    ApprovalRound,
    ApprovalSeat,
)
from tierflow.common.users import User, actor_of
from tierflow.kernel import approval
from tierflow.kernel.approval import SUBMIT_SEAT, Chain, State, Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Refusal, refuse_if_any
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import text


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


def take_pen(session: Session, case: ApprovalCase, actor: Actor) -> None:
    """Whoever writes what a case is about has the submitter's seat, and never decides on it (four eyes, CHEM-7.2).

    Called with every write, by the account manager or a stand-in. Raises `Refused` for who has decided on the case.
    """
    seat = session.get(ApprovalSeat, (case.id, actor.person_id))
    if seat is None:
        _take_seat(session, case.id, actor.person_id, SUBMIT_SEAT)
    elif seat.step != SUBMIT_SEAT:
        refuse_if_any([Refusal("CHEM-7.2", text("Whoever decided on a case cannot write in it."))])


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
        raise moved_on(case)
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


def lapse(session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, reason: str) -> None:
    """What was approved could not be carried out: back to the submitter. Only where the chain `lapses`."""
    chain = CHAINS[case.chain]
    _move(session, case, chain, approval.lapse(chain, facts_of(session, case)), now, case.version)
    audit.record(session, actor, "lapse", case.subject_type, case.subject_id, now, reason=reason)


def void(session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, reason: str) -> None:
    """End a case whose decision would no longer count: its time has passed, or its matter has changed."""
    if State(case.state) in approval.ENDED:
        return
    move = approval.Move(State.DISCARDED, case.round, None)
    _move(session, case, CHAINS[case.chain], move, now, case.version)
    audit.record(session, actor, "void", case.subject_type, case.subject_id, now, reason=reason)


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
    moved = session.scalars(
        query.values(**values).returning(ApprovalCase),
        execution_options={"synchronize_session": False, "populate_existing": True},
    ).one_or_none()
    if moved is None:
        session.refresh(case)
        raise moved_on(case)


def _take_seat(session: Session, case_id: int, person_id: int, step: str) -> None:
    seat = session.get(ApprovalSeat, (case_id, person_id))
    if seat is None:
        session.add(ApprovalSeat(case_id=case_id, person_id=person_id, step=step))
        session.flush()
    elif seat.step != step:  # a rival took it since the rules looked
        raise Conflict(Refusal("CHEM-7.2", text("One person has one seat in a case.")))
