"""Lists in preparation, and whose they are: nobody leaves one behind (CHEM-3.3).

A list is its maker's: what stands in it is shown to nobody else but who decides on it. A colleague of the same office,
and of the maker's regions where the rows lie in regions, takes it over, or it goes with the maker's whole portfolio to
such a one. Its rows are then checked anew: they were good for the maker. What is handed in stays whose it is. Whoever
had a list in hand never decides on it (four eyes, CHEM-7.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import exists, false, func, or_, select, true, update
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit
from tierflow.common.approvals import ApprovalCase, ApprovalSeat
from tierflow.common.audit import AuditEntry
from tierflow.common.imports.importer import Importer, importer_of, known_importers
from tierflow.common.imports.tables import ImportBatch
from tierflow.common.imports.waking import wake
from tierflow.common.notices import Notice, notify
from tierflow.common.portfolios import Change, Share, count_rows
from tierflow.common.users import Delegation, RoleGrant, User, actor_of
from tierflow.kernel.approval import SUBMIT_SEAT
from tierflow.kernel.errors import Conflict, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import PERMISSIONS, Actor, Role, is_allowed, require
from tierflow.kernel.text import Text, mark, text

SUBJECT = "import"
# Not in force and not given up. What was handed in comes back to whose it is when it is returned.
FREE = ("to_read", "mapping", "to_check", "checked")
OPEN = (*FREE, "handed_in", "to_apply")
TAKE_OVER = "import.take_over"
NAMED = 3


def is_open(user_id: int) -> tuple[Any, ...]:
    """SQL conditions: the lists in preparation of an account."""
    return (ImportBatch.created_by_id == user_id, ImportBatch.state.in_(OPEN))


def is_covered(actor: Actor, importer: Importer) -> Any:
    """SQL condition: the lists of a kind whose maker's regions are all the actor's own.

    Every region counts that the maker held, or was lent, since the list came in: what stands in it may lie there.
    """
    if not importer.by_region:
        return true()
    # Not those of whom the actor stands in for: the list would be kept when that has ended.
    own = [grant.scope_id for grant in actor.grants if grant.role is Role.SALES_MANAGER]
    since, on = ImportBatch.created_at, actor.on or date.max
    lent = exists().where(
        Delegation.from_user_id == RoleGrant.user_id,
        Delegation.to_user_id == ImportBatch.created_by_id,
        Delegation.from_on <= on,
        Delegation.to_on >= func.date(since),
        or_(Delegation.revoked_at.is_(None), Delegation.revoked_at > since),
    )
    elsewhere = exists().where(
        or_(RoleGrant.user_id == ImportBatch.created_by_id, lent),
        RoleGrant.role == Role.SALES_MANAGER.value,
        RoleGrant.region_id.not_in(own),
        RoleGrant.approved_at.is_not(None),
        RoleGrant.from_on <= on,
        or_(RoleGrant.to_on.is_(None), RoleGrant.to_on >= func.date(since)),
        or_(RoleGrant.revoked_at.is_(None), RoleGrant.revoked_at > since),
    )
    return ~elsewhere


def take_over(session: Session, actor: Actor, importer: Importer, batch_id: int, now: datetime) -> ImportBatch:
    """Go on with a colleague's list; the colleague is told.

    Raises `NotFound` for one that is not in preparation, or of regions that are not the actor's; `Refused` for one
    that is handed in, and for who decided on it.
    """
    require(actor, importer.action)
    batch = session.scalar(
        select(ImportBatch).where(
            ImportBatch.id == batch_id,
            ImportBatch.kind == importer.kind,
            ImportBatch.state.in_(OPEN),
            or_(ImportBatch.created_by_id == actor.user_id, is_covered(actor, importer)),
        )
    )
    if batch is None:
        raise NotFound
    if batch.created_by_id == actor.user_id:
        raise Conflict(Refusal("conflict", text("This list is yours already.")))
    if batch.state not in FREE:
        reason = text(
            "This list is handed in; it can be taken over once its maker has taken it back or it was sent back."
        )
        refuse_if_any([Refusal("CHEM-7.2", reason)])
    giver_id = batch.created_by_id
    _give(session, batch, actor, actor, now)
    message = text("%(who)s goes on with your import no. %(number)s.", who=actor.name, number=batch.id)
    key = f"{TAKE_OVER}.{batch.id}.{now.isoformat()}"
    notify(session, [giver_id], importer.subject, message, (SUBJECT, batch.id), now, dedupe_key=key)
    return batch


def _give(session: Session, batch: ImportBatch, taker: Actor, actor: Actor, now: datetime) -> None:
    """Whose it is; rows that were checked, or are being, are checked again: what is good depends on whose it is."""
    giver_id = batch.created_by_id
    new: dict[str, Any] = {"created_by_id": taker.user_id}
    if batch.state in ("to_check", "checked"):
        new |= {"state": "to_check", "claimed_at": None}  # a worker at it finds itself overtaken
        wake(session, taker.user_id, now)
    case = session.scalars(select(ApprovalCase).where(*_case_of(batch))).one_or_none()
    if case is not None:
        approvals.take_pen(session, case, taker)
        case.submitter_id = taker.user_id
    moved = session.execute(
        update(ImportBatch)
        .where(ImportBatch.id == batch.id, ImportBatch.created_by_id == giver_id, ImportBatch.state == batch.state)
        .values(new)
        .returning(ImportBatch.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if moved is None:
        raise Conflict(Refusal("conflict", text("This import has moved on meanwhile; reload the page.")))
    session.refresh(batch)
    before, after = {"account": giver_id}, {"account": taker.user_id}
    audit.record(session, actor, TAKE_OVER, SUBJECT, batch.id, now, before=before, after=after)
    _close(session, batch, giver_id)
    session.flush()


def _close(session: Session, batch: ImportBatch, giver_id: int) -> None:
    """What the giver was told of it leads nowhere any more: the page is the taker's."""
    mine = (Notice.user_id == giver_id, Notice.subject_id == batch.id)
    session.execute(
        update(Notice)
        .where(*mine, Notice.subject_type == importer_of(batch.kind).subject)
        .values(subject_type=SUBJECT)
        .execution_options(synchronize_session=False)
    )


def _case_of(batch: ImportBatch) -> tuple[Any, ...]:
    subject = importer_of(batch.kind).subject
    return (ApprovalCase.subject_type == subject, ApprovalCase.subject_id == batch.id)


def persons_of(session: Session, batch: ImportBatch) -> frozenset[int]:
    """Everybody who had the list in hand: its maker, and whose it was in between."""
    had = [batch.created_by_id]
    acts = (AuditEntry.subject_type == SUBJECT, AuditEntry.subject_id == batch.id, AuditEntry.action == TAKE_OVER)
    for before in session.scalars(select(AuditEntry.before).where(*acts)):
        had.append(before["account"])
    return frozenset(session.scalars(select(User.person_id).where(User.id.in_(had))))


def seat_makers(session: Session, case: ApprovalCase, batch: ImportBatch) -> None:
    """Give everybody who had the list in hand the submitter's seat."""
    seated = set(session.scalars(select(ApprovalSeat.person_id).where(ApprovalSeat.case_id == case.id)))
    makers = sorted(persons_of(session, batch) - seated)
    session.add_all(ApprovalSeat(case_id=case.id, person_id=one, step=SUBMIT_SEAT) for one in makers)


def _count(session: Session, user_id: int, _on: date) -> int:
    return count_rows(session, ImportBatch, *is_open(user_id))


def _why(session: Session, user_id: int) -> Text:
    rows = session.scalars(select(ImportBatch).where(*is_open(user_id)).order_by(ImportBatch.id)).all()
    return _sentence(rows)


def _sentence(rows: Sequence[ImportBatch]) -> Text:
    return text(
        "Lists being imported: %(lists)s. Their maker imports them or gives them up, or a colleague of the same office"
        " and regions takes them over; one that is handed in is taken back or sent back first.",
        lists=_named(rows),
    )


def _why_not_lose(session: Session, user_id: int, lost: Role, left: frozenset[Role]) -> Text | None:
    """Lists of kinds that are prepared by an office which is lost, and by none that is left."""
    kinds = [one.kind for one in known_importers() if _needs(one, lost, left)]
    mine = select(ImportBatch).where(*is_open(user_id), ImportBatch.kind.in_(kinds))
    rows = session.scalars(mine.order_by(ImportBatch.id)).all()
    return _sentence(rows) if rows else None


def _needs(importer: Importer, lost: Role, left: frozenset[Role]) -> bool:
    roles = PERMISSIONS[importer.action].roles or frozenset()
    return lost in roles and not roles & left


def _named(rows: Iterable[ImportBatch]) -> str:
    names = [f"{row.id} ({row.file_name})" for row in rows]
    return ", ".join(names[:NAMED]) + (f" … +{len(names) - NAMED}" if len(names) > NAMED else "")


def _move(session: Session, change: Change) -> int:
    """What the taker could take over and has not decided on; the rest stays, and keeps the giver from leaving."""
    user = session.get_one(User, change.taker_id)
    taker = actor_of(session, user, local_day(change.now))
    theirs = [
        (ImportBatch.kind == one.kind) & is_covered(taker, one)
        for one in known_importers()
        if is_allowed(taker, one.action)
    ]
    decided = select(ApprovalCase.subject_id).where(
        ApprovalCase.subject_type == "import." + ImportBatch.kind,
        ApprovalCase.id == ApprovalSeat.case_id,
        ApprovalSeat.person_id == user.person_id,
        ApprovalSeat.step != SUBMIT_SEAT,
    )
    mine = select(ImportBatch).where(
        ImportBatch.created_by_id == change.giver_id,
        ImportBatch.state.in_(FREE),
        or_(false(), *theirs),
        ImportBatch.id.not_in(decided),
    )
    rows = session.scalars(mine.order_by(ImportBatch.id)).all()
    for row in rows:
        _give(session, row, taker, change.actor, change.now)
    return len(rows)


SHARE = Share("imports", mark("Lists being imported"), _count, _move, why=_why, why_not_lose=_why_not_lose)
