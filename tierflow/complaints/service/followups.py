"""What is on its way beside the answer: measures, departments' answers, inquiries, the most urgent first (CHEM-12.1).

Overdue follows from the time alone: a stopped scheduler hides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, literal, select, true, union_all
from sqlalchemy.orm import Session

from tierflow.common.db import capped_count
from tierflow.common.reference import Department
from tierflow.common.users import User
from tierflow.complaints.models import Complaint, Consultation, Inquiry, Measure
from tierflow.complaints.rules.errands import ErrandKind, Level
from tierflow.complaints.service import inquiries, scope
from tierflow.complaints.service.raising import OPEN
from tierflow.kernel.roles import Actor, is_allowed, require

LISTED = 100
COUNTED_TO = 1000


@dataclass(frozen=True)
class FollowUp:
    """An errand that is open. `raised_to`: the highest that was told; None: nobody yet."""

    kind: ErrandKind
    id: int
    number: str
    what: str
    customer: str
    owner: str
    due_at: datetime
    raised_to: Level | None
    is_overdue: bool


@dataclass(frozen=True)
class FollowUps:
    """The most urgent ones; `total` counts also those not listed, up to a cap of each kind."""

    rows: Sequence[FollowUp]
    total: int


def followups(session: Session, actor: Actor, now: datetime, *, overdue: bool, most: int = LISTED) -> FollowUps:
    """The open errands the actor may see. Four queries at most, each an ordered walk over the open ones alone."""
    require(actor, "complaint.read")
    looks = _looks(actor, now, overdue=overdue)
    parts = [select(look.order_by("due_at", "id").limit(most).subquery()) for look in looks]
    merged = union_all(*parts).subquery()
    rows = session.execute(select(merged).order_by(merged.c.due_at, merged.c.kind, merged.c.id).limit(most)).all()
    found = [
        FollowUp(
            ErrandKind(row.kind),
            row.id,
            row.number,
            row.what,
            row.customer,
            row.owner,
            row.due_at,
            Level(row.raised_to) if row.raised_to else None,
            now > row.due_at,
        )
        for row in rows
    ]
    total = len(found) if len(found) < most else sum(capped_count(session, look, COUNTED_TO) for look in looks)
    return FollowUps(found, total)


def _looks(actor: Actor, now: datetime, *, overdue: bool) -> list[Any]:
    seen = scope.seen_by(actor)

    def late(table: type[Measure] | type[Consultation] | type[Inquiry]) -> ColumnElement[bool]:
        return table.due_at < now if overdue else true()

    measures = (
        _row(ErrandKind.MEASURE, Measure, Complaint.number, Measure.what, Complaint.customer_name, User.name)
        .join(Complaint, Complaint.id == Measure.complaint_id)
        .join(User, User.id == Measure.owner_id)
        .where(OPEN[ErrandKind.MEASURE], late(Measure), *seen)
    )
    consultations = (
        _row(
            ErrandKind.CONSULTATION,
            Consultation,
            Complaint.number,
            Consultation.question,
            Complaint.customer_name,
            Department.name,
        )
        .join(Complaint, Complaint.id == Consultation.complaint_id)
        .join(Department, Department.id == Consultation.department_id)
        .where(OPEN[ErrandKind.CONSULTATION], late(Consultation), *seen)
    )
    if not is_allowed(actor, "inquiry.read"):
        return [measures, consultations]
    asked = (
        _row(ErrandKind.INQUIRY, Inquiry, Inquiry.number, Inquiry.question, Inquiry.customer_name, User.name)
        .join(User, User.id == Inquiry.owner_id)
        .where(OPEN[ErrandKind.INQUIRY], late(Inquiry), *inquiries.seen_by(actor))
    )
    return [measures, consultations, asked]


def _row(kind: ErrandKind, table: Any, number: Any, what: Any, customer: Any, owner: Any) -> Any:
    return select(
        literal(str(kind)).label("kind"),
        table.id.label("id"),
        number.label("number"),
        what.label("what"),
        customer.label("customer"),
        owner.label("owner"),
        table.due_at.label("due_at"),
        table.raised_to.label("raised_to"),
    )
