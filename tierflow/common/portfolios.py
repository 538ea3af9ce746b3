"""What lies with one person, whatever the domain: counted before somebody leaves, moved when it is handed over.

Each domain registers its shares (`app.py` composes them); nobody else knows whose columns they are.

    register(Share("customers", mark("Customers"), count_customers, move_customers))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import exists, func, insert, literal, select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.approvals import ApprovalCase, ApprovalSeat, AskedOpinion
from tierflow.common.notices import Notice, notify
from tierflow.common.users import Delegation, User, grants_of
from tierflow.kernel.approval import ENDED, SUBMIT_SEAT
from tierflow.kernel.errors import Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import Text, mark, text

Count = Callable[[Session, int, date], int]


class Change(NamedTuple):
    """A handover as the shares see it: the accounts, who brings it about, and the moment."""

    giver_id: int
    taker_id: int
    actor: Actor
    now: datetime


Move = Callable[[Session, Change], int]


@dataclass(frozen=True)
class Share:
    """A kind of open work. `binds`: nobody leaves while there is some; else it ends by itself with the person.

    `role`: the office without which nobody can hold it; `why_not_lose`: says what can be held with several offices and
    with none that is left. `why`: says what lies there, and what to do, in its own words.
    """

    key: str
    label: str
    count: Count
    move: Move
    binds: bool = True
    role: Role | None = None
    why: Callable[[Session, int], Text] | None = None
    why_not_lose: Callable[[Session, int, Role, frozenset[Role]], Text | None] | None = None


class Held(NamedTuple):
    """How much of a share lies with somebody."""

    share: Share
    number: int


_shares: dict[str, Share] = {}


def register(share: Share) -> None:
    """Make a share known; twice is once."""
    _shares[share.key] = share


def known() -> frozenset[str]:
    """The keys of all shares."""
    return frozenset(_shares)


def held_by(session: Session, user_id: int, on: date) -> list[Held]:
    """What lies with an account on a day: one counting query a share, those that have some."""
    found = [Held(share, share.count(session, user_id, on)) for share in _shares.values()]
    return [held for held in found if held.number]


def move_all(session: Session, change: Change) -> dict[str, int]:
    """Give everything of one account to another; returns how much of each share."""
    moved = {key: share.move(session, change) for key, share in _shares.items()}
    return {key: number for key, number in moved.items() if number}


def label_of(key: str) -> str:
    """A share's word; its key when the share is gone."""
    return _shares[key].label if key in _shares else key


def why_not_leave(session: Session, user_id: int, on: date) -> list[Refusal]:
    """Nobody leaves while open work would be left without a valid person (CHEM-3.3)."""
    return _refusals(session, user_id, [held for held in held_by(session, user_id, on) if held.share.binds])


def why_not_lose(session: Session, user_id: int, on: date, role: Role, left: frozenset[Role]) -> list[Refusal]:
    """Nobody loses an office while open work lies with them that none of the offices left could do (CHEM-3.3)."""
    bound = [held for held in held_by(session, user_id, on) if held.share.binds]
    reasons = [one.share.why_not_lose(session, user_id, role, left) for one in bound if one.share.why_not_lose]
    return [
        *_refusals(session, user_id, [held for held in bound if held.share.role is role]),
        *(Refusal("CHEM-3.3", reason) for reason in reasons if reason),
    ]


def _refusals(session: Session, user_id: int, bound: list[Held]) -> list[Refusal]:
    return [Refusal("CHEM-3.3", held.share.why(session, user_id) if held.share.why else _why(held)) for held in bound]


def _why(held: Held) -> Text:
    return text(
        "%(what)s: %(number)s still lie with this account; hand them over first.",
        what=Text(held.share.label),
        number=held.number,
    )


def why_not_take(session: Session, user_id: int, on: date, *, is_enabled: bool) -> list[Refusal]:
    """Why an account cannot take a portfolio over: it must be an account manager's, in use, that day."""
    if is_enabled and any(grant.role is Role.ACCOUNT_MANAGER for grant in grants_of(session, [user_id], on)[user_id]):
        return []
    reason = text("Who takes over must be an account manager on %(day)s.", day=on.isoformat())
    return [Refusal("CHEM-3.3", reason, "taker_id")]


# What common itself keeps: cases handed in, opinions asked, delegations, notices not read yet.


def _cases(giver_id: int) -> tuple[object, ...]:
    ended = [state.value for state in ENDED]
    # What an administrator proposes is the proposer's alone: rights are never handed on. A list being imported moves
    # with the list.
    return (
        ApprovalCase.submitter_id == giver_id,
        ApprovalCase.state.not_in(ended),
        ApprovalCase.subject_type.not_in(("role_grant", "factor_reset")),
        ~ApprovalCase.subject_type.startswith("import."),
    )


def count_rows(session: Session, model: type, *conditions: object) -> int:
    """How many rows fit."""
    return session.scalar(select(func.count()).select_from(model).where(*conditions)) or 0  # type: ignore[arg-type]


def move_rows(session: Session, column: object, change: Change, *conditions: object) -> int:
    """Write the taker where the giver stands in a column; returns how many rows."""
    table = column.class_  # type: ignore[attr-defined]
    done = session.execute(
        update(table)
        .where(column == change.giver_id, *conditions)  # type: ignore[arg-type]
        .values({column.key: change.taker_id})  # type: ignore[attr-defined]
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    return int(done.rowcount)  # type: ignore[attr-defined]


def _count_cases(session: Session, user_id: int, _on: date) -> int:
    return count_rows(session, ApprovalCase, *_cases(user_id))


def _move_cases(session: Session, change: Change) -> int:
    """The taker becomes the submitter, with the submitter's seat: four eyes hold for them from now on (CHEM-7.2)."""
    person_id = session.get_one(User, change.taker_id).person_id
    is_seated = exists().where(ApprovalSeat.case_id == ApprovalCase.id, ApprovalSeat.person_id == person_id)
    unseated = select(ApprovalCase.id, literal(person_id), literal(SUBMIT_SEAT)).where(
        *_cases(change.giver_id),  # type: ignore[arg-type]
        ~is_seated,
    )
    session.execute(insert(ApprovalSeat).from_select(["case_id", "person_id", "step"], unseated))
    return move_rows(session, ApprovalCase.submitter_id, change, *_cases(change.giver_id)[1:])


def why_not_own(session: Session, giver_id: int, taker_person_id: int) -> list[Refusal]:
    """Nobody takes a matter over on which they have decided (CHEM-7.2)."""
    decided = exists().where(
        ApprovalSeat.case_id == ApprovalCase.id,
        ApprovalSeat.person_id == taker_person_id,
        ApprovalSeat.step != SUBMIT_SEAT,
    )
    number = count_rows(session, ApprovalCase, *_cases(giver_id), decided)
    if not number:
        return []
    reason = text("Who takes over has decided on matters that are still open: %(number)s.", number=number)
    return [Refusal("CHEM-7.2", reason, "taker_id")]


def _open_opinions(user_id: int) -> tuple[object, ...]:
    return (AskedOpinion.asked_id == user_id, AskedOpinion.answered_at.is_(None))


def _count_opinions(session: Session, user_id: int, _on: date) -> int:
    return count_rows(session, AskedOpinion, *_open_opinions(user_id))


def _move_opinions(session: Session, change: Change) -> int:
    return move_rows(session, AskedOpinion.asked_id, change, *_open_opinions(change.giver_id)[1:])


def _live_delegations(column: Any, user_id: int, on: date) -> tuple[object, ...]:
    return (column == user_id, Delegation.revoked_at.is_(None), Delegation.to_on > on)


def _delegations(key: str, label: str, column: Any, *, binds: bool) -> Share:
    """A stand-in was trusted in person: delegations end with the handover, they do not move."""

    def count(session: Session, user_id: int, on: date) -> int:
        return count_rows(session, Delegation, *_live_delegations(column, user_id, on))

    def end(session: Session, change: Change) -> int:
        conditions = _live_delegations(column, change.giver_id, local_day(change.now))
        rows = session.scalars(select(Delegation).where(*conditions).order_by(Delegation.id)).all()  # type: ignore[arg-type]
        for row in rows:
            row.revoked_at, row.revoked_by_id = change.now, change.actor.user_id or change.taker_id
            audit.record(session, change.actor, "delegation.revoke", "delegation", row.id, change.now)
            absent, stand_in = session.get_one(User, row.from_user_id), session.get_one(User, row.to_user_id)
            message = text(
                "%(stand_in)s no longer stands in for %(absent)s.", stand_in=stand_in.name, absent=absent.name
            )
            told, dedupe = {absent.id, stand_in.id} - {change.giver_id}, f"delegation:{row.id}:revoked"
            notify(session, told, "delegation", message, ("delegation", row.id), change.now, dedupe_key=dedupe)
        session.flush()
        return len(rows)

    return Share(key, label, count, end, binds=binds)


def _unread(user_id: int) -> tuple[object, ...]:
    return (Notice.user_id == user_id, Notice.read_at.is_(None))


def _count_notices(session: Session, user_id: int, _on: date) -> int:
    return count_rows(session, Notice, *_unread(user_id))


def _copy_notices(session: Session, change: Change) -> int:
    """What the giver had not read yet is told to the taker."""
    rows = [
        {
            "user_id": change.taker_id,
            "kind": row.kind,
            "msgid": row.msgid,
            "params": row.params,
            "subject_type": row.subject_type,
            "subject_id": row.subject_id,
            "dedupe_key": f"handover.{row.id}",
            "created_at": change.now,
        }
        for row in session.scalars(select(Notice).where(*_unread(change.giver_id)).order_by(Notice.id))  # type: ignore[arg-type]
    ]
    known = set(
        session.scalars(
            select(Notice.dedupe_key).where(
                Notice.user_id == change.taker_id, Notice.dedupe_key.in_([row["dedupe_key"] for row in rows])
            )
        )
    )
    new = [row for row in rows if row["dedupe_key"] not in known]
    if new:
        session.execute(insert(Notice), new)
    return len(new)


register(Share("cases", mark("Approvals handed in and not ended"), _count_cases, _move_cases))
register(Share("opinions", mark("Opinions asked and not given"), _count_opinions, _move_opinions))
# Whoever stands in for an absent colleague is the valid person for that colleague's work: first another is named.
register(_delegations("stands_in", mark("Absences stood in for"), Delegation.to_user_id, binds=True))
register(_delegations("delegations", mark("Delegations"), Delegation.from_user_id, binds=False))
register(Share("notices", mark("Warnings and notices not read"), _count_notices, _copy_notices, binds=False))
