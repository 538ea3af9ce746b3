"""Moving a case: open, submit, withdraw, discard; each one conditional UPDATE. `deciding` has the verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from tierflow.common import audit
from tierflow.common.approvals.reading import CHAINS, escalation_due, facts_of, moved_on
from tierflow.common.approvals.tables import (
    ApprovalCase,
    ApprovalRound,
    ApprovalSeat,
)
from tierflow.common.db import is_sqlite
from tierflow.kernel import approval
from tierflow.kernel.approval import SUBMIT_SEAT, Chain, State
from tierflow.kernel.errors import Conflict, Refusal, refuse_if_any
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import text


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
        take_seat(session, case.id, actor.person_id, SUBMIT_SEAT)
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
    content_hash, hashes = approval.hashes_of(chain, content)
    facts = facts_of(session, case)
    refuse_if_any(approval.may_submit(facts, actor.person_id))
    to = approval.submit(chain, facts, hashes)
    move(
        session,
        case,
        chain,
        to,
        now,
        seen_version,
        content_hash=content_hash,
        all_green=all_green,
        due_by=due_by,
    )
    take_seat(session, case.id, actor.person_id, SUBMIT_SEAT)
    session.add(
        ApprovalRound(
            case_id=case.id,
            round=to.round,
            content=dict(content),
            content_hash=content_hash,
            first_step=to.step,
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
        after={"round": to.round, "step": to.step, "content_hash": content_hash},
    )
    session.flush()
    return case


def withdraw(
    session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, seen_version: int, reason: str
) -> None:
    """The submitter takes the case back, to edit it."""
    refuse_if_any(approval.may_withdraw(facts_of(session, case), actor.person_id))
    to = approval.Move(State.WITHDRAWN, case.round, None)
    move(session, case, CHAINS[case.chain], to, now, seen_version)
    audit.record(session, actor, "withdraw", case.subject_type, case.subject_id, now, reason=reason)


def discard(
    session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, seen_version: int, reason: str = ""
) -> None:
    """Give up a case that is not in approval. It stays readable."""
    refuse_if_any(approval.may_discard(facts_of(session, case), actor.person_id))
    to = approval.Move(State.DISCARDED, case.round, None)
    move(session, case, CHAINS[case.chain], to, now, seen_version)
    audit.record(session, actor, "discard", case.subject_type, case.subject_id, now, reason=reason)


def lapse(session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, reason: str) -> None:
    """What was approved could not be carried out: back to the submitter. Only where the chain `lapses`."""
    chain = CHAINS[case.chain]
    move(session, case, chain, approval.lapse(chain, facts_of(session, case)), now, case.version)
    audit.record(session, actor, "lapse", case.subject_type, case.subject_id, now, reason=reason)


def void(session: Session, case: ApprovalCase, actor: Actor, now: datetime, *, reason: str) -> None:
    """End a case whose decision would no longer count: its time has passed, or its matter has changed."""
    if State(case.state) in approval.ENDED:
        return
    to = approval.Move(State.DISCARDED, case.round, None)
    move(session, case, CHAINS[case.chain], to, now, case.version)
    audit.record(session, actor, "void", case.subject_type, case.subject_id, now, reason=reason)


_CASES: Any = ApprovalCase.__table__
# Written once, by the table: an ORM-enabled UPDATE costs three times as much to send as the database needs to do it.
_MOVED = (
    "state",
    "round",
    "step",
    "waiting_role",
    "waiting_since",
    "due_at",
    "version",
    "content_hash",
    "all_green",
    "ended_at",
)
_MOVE = (
    update(_CASES)
    .where(
        _CASES.c.id == bindparam("case_id"),
        _CASES.c.version == bindparam("seen_version"),
        _CASES.c.state == bindparam("old_state"),
        _CASES.c.round == bindparam("old_round"),
        _CASES.c.content_hash == bindparam("old_hash"),
    )
    .values({name: bindparam(f"new_{name}", type_=_CASES.c[name].type) for name in _MOVED})
)


def move(
    session: Session,
    case: ApprovalCase,
    chain: Chain,
    to: approval.Move,
    now: datetime,
    seen_version: int,
    *,
    expected_hash: str | None = None,
    content_hash: str | None = None,
    all_green: bool | None = None,
    due_by: datetime | None = None,
) -> None:
    """The conditional UPDATE that every move of a case is. Raises `Conflict` when the case is not as it was seen."""
    own_due = escalation_due(session, now)
    role: Role | None = chain.step(to.step).role if to.step else None
    new: dict[str, Any] = {
        "state": to.state.value,
        "round": to.round,
        "step": to.step,
        "waiting_role": role.value if role else None,
        "waiting_since": now,
        "due_at": own_due if due_by is None else min(own_due, due_by),
        "version": seen_version + 1,
        "content_hash": case.content_hash if content_hash is None else content_hash,
        "all_green": case.all_green if all_green is None else all_green,
        "ended_at": now if to.state in approval.ENDED else None,
    }
    old = {
        "case_id": case.id,
        "seen_version": seen_version,
        "old_state": case.state,
        "old_round": case.round,
        "old_hash": case.content_hash if expected_hash is None else expected_hash,
    }
    moved = session.execute(_MOVE, {**old, **{f"new_{name}": value for name, value in new.items()}})
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        session.refresh(case)
        raise moved_on(case)
    for name, value in new.items():  # what the row says now; nothing to be written again
        set_committed_value(case, name, value)


_SEATS: Any = ApprovalSeat.__table__
_TAKE_SEAT = {
    on_sqlite: insert(_SEATS).on_conflict_do_nothing(index_elements=["case_id", "person_id"]).returning(_SEATS.c.step)
    for on_sqlite, insert in ((True, insert_sqlite), (False, insert_postgres))
}


def take_seat(session: Session, case_id: int, person_id: int, step: str) -> None:
    """Give the person the seat, or find that it is theirs. Raises `Conflict` when they have another.

    The insert itself finds out: between a look and an insert, a rival could have seated them.
    """
    seat = {"case_id": case_id, "person_id": person_id, "step": step}
    if session.execute(_TAKE_SEAT[is_sqlite(session)], seat).first() is not None:
        return
    held = session.scalar(select(_SEATS.c.step).where(_SEATS.c.case_id == case_id, _SEATS.c.person_id == person_id))
    if held != step:
        raise Conflict(Refusal("CHEM-7.2", text("One person has one seat in a case.")))
