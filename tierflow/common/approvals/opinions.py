"""Asking a colleague (征询/加签) or copying them in; the chain does not move."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, bindparam, select, update
from sqlalchemy.orm import Session, aliased

from tierflow.common import audit
from tierflow.common.approvals.reading import moved_on
from tierflow.common.approvals.tables import (
    ApprovalCase,
    AskedOpinion,
)
from tierflow.common.users import RoleGrant, User, live_grants
from tierflow.kernel.approval import State
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import PERMISSIONS, Actor, Role
from tierflow.kernel.text import text


def askable(action: str, on: date) -> Select[User]:
    """The enabled accounts that may be asked about what `action` lets one read: by a role of their own, on a day.

    Who is asked sees the whole of it, so nobody is asked what their office does not let them see.
    """
    roles = PERMISSIONS[action].roles or frozenset(Role)
    held = select(RoleGrant.user_id).where(RoleGrant.role.in_(sorted(roles)), *live_grants(on))  # type: ignore[arg-type]
    return select(User).where(User.id.in_(held), User.disabled_at.is_(None))


def ask(
    session: Session,
    case: ApprovalCase,
    asked_id: int,
    question: str,
    kind: str,
    actor: Actor,
    now: datetime,
    *,
    reading: str,
) -> AskedOpinion:
    """Ask a colleague (征询/加签) or copy them in; the chain does not move.

    `reading`: the action that lets somebody see what the case is about. Raises `Invalid` at `asked_id` for anybody
    whose roles do not have it.
    """
    if case.state != State.IN_APPROVAL:
        raise moved_on(case)
    asked = session.scalar(askable(reading, local_day(now)).where(User.id == asked_id))
    if asked is None:
        raise Invalid({"asked_id": [text("Choose one of the list.")]})
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


def asked_of(actor: Actor) -> set[int]:
    """The accounts whose opinions are the actor's to give: their own, and those they stand in for."""
    return {actor.user_id, *(principal.user_id for principal in actor.principals)}


def waiting_opinions(actor: Actor) -> Any:
    """(AskedOpinion, ApprovalCase, the account that asked) of what waits for the actor's words or reading."""
    return (
        select(AskedOpinion, ApprovalCase, User)
        .join(ApprovalCase, ApprovalCase.id == AskedOpinion.case_id)
        .join(User, User.id == AskedOpinion.asked_by_id)
        .where(AskedOpinion.asked_id.in_(asked_of(actor)), AskedOpinion.answered_at.is_(None))
    )


def opinion(session: Session, actor: Actor, opinion_id: int) -> tuple[AskedOpinion, ApprovalCase]:
    """An opinion asked of the actor, and its case. Raises `NotFound` for another's."""
    row = session.get(AskedOpinion, opinion_id)
    if row is None or row.asked_id not in asked_of(actor):
        raise NotFound
    return row, session.get_one(ApprovalCase, row.case_id)


def answer(session: Session, opinion_id: int, answer_: str, actor: Actor, now: datetime) -> AskedOpinion:
    """The asked colleague answers (or, for a copy, has read it; words are welcome there, not wanted). Once.

    A stand-in does so in their name, and the record names both (CHEM-7.2).
    """
    row, case = opinion(session, actor, opinion_id)
    if row.kind == "ask" and not answer_:
        raise Invalid({"answer": [text("Please fill this in.")]})
    done = session.execute(
        update(AskedOpinion)
        .where(AskedOpinion.id == opinion_id, AskedOpinion.answered_at.is_(None))
        .values(answer=answer_, answered_at=now, answered_by_id=actor.user_id)
        .returning(AskedOpinion.id)
    ).scalar_one_or_none()
    if done is None:
        raise Conflict(Refusal("conflict", text("This was answered already.")))
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


def voices(session: Session, row: AskedOpinion) -> tuple[str | None, str | None]:
    """Who answered, and in whose name where they only stood in; None while awaited, or not written down yet."""
    if row.answered_by_id is None:
        return None, None
    who = session.get_one(User, row.answered_by_id).name
    return who, session.get_one(User, row.asked_id).name if row.answered_by_id != row.asked_id else None


def opinions_of(session: Session, case_id: int) -> list[tuple[AskedOpinion, User, User | None]]:
    """Opinions asked in a case, with the colleague asked and whoever answered, that colleague or a stand-in."""
    return [(*row,) for row in session.execute(_ASKED, {"case_id": case_id})]


_Voice = aliased(User)
_ASKED = (
    select(AskedOpinion, User, _Voice)
    .join(User, User.id == AskedOpinion.asked_id)
    .outerjoin(_Voice, _Voice.id == AskedOpinion.answered_by_id)
    .where(AskedOpinion.case_id == bindparam("case_id"))
    .order_by(AskedOpinion.id)
)
