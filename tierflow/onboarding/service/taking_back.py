"""Taking an import of customers back whole, while nothing else has touched one of them (CHEM-3.3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, func, or_, select
from sqlalchemy.orm import Session

from tierflow.common import files, lookup
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import Base
from tierflow.common.imports import ImportBatch
from tierflow.common.notices import Notice
from tierflow.common.runs import Warned
from tierflow.common.suspension import PaperCover
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.onboarding.models import Paper, TakenOver
from tierflow.onboarding.service.creating import CUSTOMER

CLAUSE = "CHEM-3.3"

# What an import itself wrote; everything else that names one of its customers has touched it.
_OWN = frozenset({"taken_over", "customer_line", "paper", "paper_cover"})


def undo(session: Session, batch: ImportBatch, _actor: Actor, _now: datetime) -> dict[str, int]:
    """Take the customers of an import back, all of them. Raises `Refused` when anything else has touched one."""
    if (touched := _touched(session, batch)) is not None:
        reason = text("%(customer)s has been worked with since; the import cannot be taken back.", customer=touched)
        raise Refused(Refusal(CLAUSE, reason))
    ours = select(TakenOver.customer_id).where(TakenOver.batch_id == batch.id)
    keys = lookup.SearchKey
    session.execute(delete(keys).where(keys.subject_type == CUSTOMER, keys.subject_id.in_(ours)))
    session.execute(delete(PaperCover).where(PaperCover.customer_id.in_(ours)))
    session.execute(delete(Paper).where(Paper.customer_id.in_(ours)))
    session.execute(delete(CustomerLine).where(CustomerLine.customer_id.in_(ours)))
    ids = list(session.scalars(ours))
    session.execute(delete(TakenOver).where(TakenOver.batch_id == batch.id))
    for start in range(0, len(ids), 500):
        session.execute(delete(Customer).where(Customer.id.in_(ids[start : start + 500])))
    return {"customers": len(ids)}


def _touched(session: Session, batch: ImportBatch) -> str | None:
    """The name of a customer that something else refers to, or that is no longer as the import left it."""
    ours = select(TakenOver.customer_id).where(TakenOver.batch_id == batch.id)
    papers = select(Paper.id).where(Paper.customer_id.in_(ours))
    conditions = [
        Customer.version != 1,
        Customer.id.in_(_subjects(AuditEntry, CUSTOMER, ours)),
        Customer.id.in_(_subjects(Notice, CUSTOMER, ours)),
        Customer.id.in_(_subjects(files.StoredFile, CUSTOMER, ours)),
        Customer.id.in_(
            select(CustomerLine.customer_id).where(CustomerLine.customer_id.in_(ours), CustomerLine.to_on.is_not(None))
        ),
        Customer.id.in_(
            select(Paper.customer_id).where(
                Paper.customer_id.in_(ours),
                or_(
                    Paper.added_at != batch.applied_at,
                    Paper.id.in_(
                        select(Warned.subject_id).where(Warned.topic == "paper", Warned.subject_id.in_(papers))
                    ),
                ),
            )
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
    """The columns of a table that name a customer, or through a paper of one."""
    if table.name in _OWN:
        return []
    return [fk.parent for fk in table.foreign_keys if fk.column.table.name == "customer" and fk.column.name == "id"]
