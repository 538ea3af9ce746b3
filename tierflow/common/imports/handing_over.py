"""Lists in preparation, and whose they are: nobody leaves one behind (CHEM-3.3).

A list is its maker's: what stands in it is shown to nobody else but who decides on it. A colleague of the same office
takes it over, or it goes with the maker's whole portfolio where the taker may prepare such lists. Whoever had a list
in hand never decides on it (four eyes, CHEM-7.2).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit
from tierflow.common.approvals import ApprovalCase, ApprovalSeat
from tierflow.common.audit import AuditEntry
from tierflow.common.imports.importer import Importer, importer_of, known_importers
from tierflow.common.imports.tables import ImportBatch
from tierflow.common.notices import notify
from tierflow.common.portfolios import Change, Share, count_rows
from tierflow.common.users import User, actor_of
from tierflow.kernel.approval import SUBMIT_SEAT
from tierflow.kernel.errors import Conflict, NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, is_allowed, require
from tierflow.kernel.text import Text, mark, text

SUBJECT = "import"
# Not in force and not given up. What was handed in comes back to whose it is when it is returned.
OPEN = ("to_read", "mapping", "to_check", "checked", "handed_in", "to_apply")
TAKE_OVER = "import.take_over"
NAMED = 3


def is_open(user_id: int) -> tuple[Any, ...]:
    """SQL conditions: the lists in preparation of an account."""
    return (ImportBatch.created_by_id == user_id, ImportBatch.state.in_(OPEN))


def take_over(session: Session, actor: Actor, importer: Importer, batch_id: int, now: datetime) -> ImportBatch:
    """Go on with a colleague's list; the colleague is told. Raises `NotFound` for one that is not in preparation.

    Raises `Refused` for who decided on it.
    """
    require(actor, importer.action)
    batch = session.scalar(
        select(ImportBatch).where(
            ImportBatch.id == batch_id, ImportBatch.kind == importer.kind, ImportBatch.state.in_(OPEN)
        )
    )
    if batch is None:
        raise NotFound
    if batch.created_by_id == actor.user_id:
        raise Conflict(Refusal("conflict", text("This list is yours already.")))
    giver_id = batch.created_by_id
    _give(session, batch, actor, actor, now)
    message = text("%(who)s goes on with your import no. %(number)s.", who=actor.name, number=batch.id)
    key = f"{TAKE_OVER}.{batch.id}.{now.isoformat()}"
    notify(session, [giver_id], importer.subject, message, (importer.subject, batch.id), now, dedupe_key=key)
    return batch


def _give(session: Session, batch: ImportBatch, taker: Actor, actor: Actor, now: datetime) -> None:
    giver_id = batch.created_by_id
    case = session.scalars(select(ApprovalCase).where(*_case_of(batch))).one_or_none()
    if case is not None:
        approvals.take_pen(session, case, taker)
        case.submitter_id = taker.user_id
    moved = session.execute(
        update(ImportBatch)
        .where(ImportBatch.id == batch.id, ImportBatch.created_by_id == giver_id, ImportBatch.state == batch.state)
        .values(created_by_id=taker.user_id)
        .returning(ImportBatch.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if moved is None:
        raise Conflict(Refusal("conflict", text("This import has moved on meanwhile; reload the page.")))
    session.refresh(batch)
    before, after = {"account": giver_id}, {"account": taker.user_id}
    audit.record(session, actor, TAKE_OVER, SUBJECT, batch.id, now, before=before, after=after)
    session.flush()


def _case_of(batch: ImportBatch) -> tuple[Any, ...]:
    subject = importer_of(batch.kind).subject
    return (ApprovalCase.subject_type == subject, ApprovalCase.subject_id == batch.id)


def seat_makers(session: Session, case: ApprovalCase, batch: ImportBatch) -> None:
    """Give everybody who had the list in hand the submitter's seat: its maker, and whose it was in between."""
    had = [batch.created_by_id]
    acts = (AuditEntry.subject_type == SUBJECT, AuditEntry.subject_id == batch.id, AuditEntry.action == TAKE_OVER)
    for before in session.scalars(select(AuditEntry.before).where(*acts)):
        had.append(before["account"])
    persons = set(session.scalars(select(User.person_id).where(User.id.in_(had))))
    seated = set(session.scalars(select(ApprovalSeat.person_id).where(ApprovalSeat.case_id == case.id)))
    session.add_all(ApprovalSeat(case_id=case.id, person_id=one, step=SUBMIT_SEAT) for one in sorted(persons - seated))


def _count(session: Session, user_id: int, _on: date) -> int:
    return count_rows(session, ImportBatch, *is_open(user_id))


def _why(session: Session, user_id: int) -> Text:
    rows = session.scalars(select(ImportBatch).where(*is_open(user_id)).order_by(ImportBatch.id)).all()
    return text(
        "Lists being imported: %(lists)s. Their maker imports them or gives them up, or a colleague takes them over.",
        lists=_named(rows),
    )


def _named(rows: Iterable[ImportBatch]) -> str:
    names = [f"{row.id} ({row.file_name})" for row in rows]
    return ", ".join(names[:NAMED]) + (f" … +{len(names) - NAMED}" if len(names) > NAMED else "")


def _move(session: Session, change: Change) -> int:
    """What the taker may prepare and has not decided on; the rest stays, and keeps the giver from leaving."""
    user = session.get_one(User, change.taker_id)
    taker = actor_of(session, user, local_day(change.now))
    kinds = [one.kind for one in known_importers() if is_allowed(taker, one.action)]
    decided = select(ApprovalCase.subject_id).where(
        ApprovalCase.subject_type == "import." + ImportBatch.kind,
        ApprovalCase.id == ApprovalSeat.case_id,
        ApprovalSeat.person_id == user.person_id,
        ApprovalSeat.step != SUBMIT_SEAT,
    )
    mine = select(ImportBatch).where(
        *is_open(change.giver_id), ImportBatch.kind.in_(kinds), ImportBatch.id.not_in(decided)
    )
    rows = session.scalars(mine.order_by(ImportBatch.id)).all()
    for row in rows:
        _give(session, row, taker, change.actor, change.now)
    return len(rows)


SHARE = Share("imports", mark("Lists being imported"), _count, _move, why=_why)
