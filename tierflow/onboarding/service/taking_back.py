"""Taking an import of customers back whole, while nobody has worked with one of them (CHEM-3.3).

What duties do about customers by themselves (send an office what it lacks, warn of a paper's end, draw the files to
inspect) goes with them as long as no person has answered it: else an import could be taken back until the next morning.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, func, select
from sqlalchemy.orm import Session

from tierflow.common import files, lookup
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer, CustomerLine, CustomerOffice
from tierflow.common.db import Base
from tierflow.common.guards import APPEND_ONLY
from tierflow.common.imports import ImportBatch
from tierflow.common.notices import Delivery, Notice
from tierflow.common.suspension import EXPIRY_NOTICE, PaperCover
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.onboarding.models import Distribution, Inspection, Paper, TakenOver
from tierflow.onboarding.service.creating import CUSTOMER

CLAUSE = "CHEM-3.3"

# What an import itself wrote, and what duties wrote after it; everything else that names a customer has touched it.
_OWN = frozenset({"taken_over", "customer_line", "paper", "paper_cover"})
_OF_DUTIES = frozenset({"customer_office", "distribution", "inspection"})

# What a duty wrote and nobody has answered. Warnings given stay on record; see `takeover` for the ids they name.
_UNANSWERED = (
    (Distribution, (Distribution.event == "approved") & Distribution.acknowledged_at.is_(None)),
    (Inspection, Inspection.inspected_at.is_(None)),
)


def undo(session: Session, batch: ImportBatch, _actor: Actor, _now: datetime) -> dict[str, int]:
    """Take the customers of an import back, all of them. Raises `Refused` when a person has worked with one.

    An answer that comes meanwhile stays, and its foreign key keeps the import: all of it is tried again by hand. A
    level worked out in that very moment has none; `verify` tells of whom it names.
    """
    if (touched := _touched(session, batch)) is not None:
        reason = text("%(customer)s has been worked with since; the import cannot be taken back.", customer=touched)
        raise Refused(Refusal(CLAUSE, reason))
    ours = select(TakenOver.customer_id).where(TakenOver.batch_id == batch.id)
    answered = _take_along(session, ours)
    keys = lookup.SearchKey
    session.execute(delete(keys).where(keys.subject_type == CUSTOMER, keys.subject_id.in_(ours)))
    session.execute(delete(PaperCover).where(PaperCover.customer_id.in_(ours)))
    session.execute(delete(Paper).where(Paper.customer_id.in_(ours)))
    session.execute(delete(CustomerLine).where(CustomerLine.customer_id.in_(ours)))
    ids = list(session.scalars(ours))
    session.execute(delete(TakenOver).where(TakenOver.batch_id == batch.id))
    for start in range(0, len(ids), 500):
        session.execute(delete(Customer).where(Customer.id.in_(ids[start : start + 500])))
    return {"customers": len(ids), **answered}


def _take_along(session: Session, ours: Any) -> dict[str, int]:
    """Delete what duties wrote about them; how much of each."""
    notices = select(Notice.id).where(_warns_of(ours))
    session.execute(delete(Delivery).where(Delivery.notice_id.in_(notices)))
    steps = [(Notice, _warns_of(ours)), (CustomerOffice, CustomerOffice.customer_id.in_(ours))]
    steps += [(table, table.customer_id.in_(ours) & unanswered) for table, unanswered in _UNANSWERED]
    gone = {table.__tablename__: _deleted(session, table, where) for table, where in steps}
    return {name: count for name, count in gone.items() if count}


def _deleted(session: Session, table: Any, where: Any) -> int:
    found: Any = session.execute(delete(table).where(where), execution_options={"synchronize_session": False})
    return int(found.rowcount)


def _warns_of(ours: Any) -> Any:
    """SQL condition: a notice that a paper of theirs nears its end."""
    return (Notice.kind == EXPIRY_NOTICE) & (Notice.subject_type == CUSTOMER) & Notice.subject_id.in_(ours)


def _touched(session: Session, batch: ImportBatch) -> str | None:
    """The name of a customer that something else refers to, or that is no longer as the import left it."""
    ours = select(TakenOver.customer_id).where(TakenOver.batch_id == batch.id)
    conditions = [
        Customer.version != 1,
        Customer.id.in_(_subjects(AuditEntry, CUSTOMER, ours)),
        Customer.id.in_(_subjects(Notice, CUSTOMER, ours).where(Notice.kind != EXPIRY_NOTICE)),
        Customer.id.in_(_subjects(files.StoredFile, CUSTOMER, ours)),
        Customer.id.in_(
            select(CustomerLine.customer_id).where(CustomerLine.customer_id.in_(ours), CustomerLine.to_on.is_not(None))
        ),
        Customer.id.in_(
            select(Paper.customer_id).where(Paper.customer_id.in_(ours), Paper.added_at != batch.applied_at)
        ),
        *(
            Customer.id.in_(select(table.customer_id).where(table.customer_id.in_(ours), ~unanswered))
            for table, unanswered in _UNANSWERED
        ),
    ]
    renewed = PaperCover.accepted_at != batch.applied_at
    later = select(PaperCover.customer_id).where(PaperCover.customer_id.in_(ours), renewed)
    conditions.append(Customer.id.in_(later))
    for table in Base.metadata.sorted_tables:
        conditions += [Customer.id.in_(select(column).where(column.in_(ours))) for column in _references(table)]
    for condition in conditions:
        name = session.scalar(select(Customer.name).where(Customer.id.in_(ours), condition).limit(1))
        if name is not None:
            return name
    changed = session.execute(
        select(func.count()).select_from(CustomerLine).where(CustomerLine.customer_id.in_(ours))
    ).scalar_one()
    if changed != batch.result.get("lines"):
        return session.scalar(select(Customer.name).where(Customer.id.in_(ours)).limit(1))
    return None


def _subjects(table: Any, subject: str, ours: Any) -> Any:
    return select(table.subject_id).where(table.subject_type == subject, table.subject_id.in_(ours))


def _references(table: Table) -> list[Any]:
    """The columns of a table that name a customer.

    The decisions of a month do so without a foreign key, and are kept for good: `verify` looks for whom they name.
    """
    if table.name in _OWN | _OF_DUTIES:
        return []
    plain = [table.c.customer_id] if table.name in APPEND_ONLY and "customer_id" in table.c else []
    keyed = [fk.parent for fk in table.foreign_keys if fk.column.table.name == "customer" and fk.column.name == "id"]
    return keyed or plain
