"""What the morning digest is made of: counts stop at a cap, lists at a page (CHEM-12.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import not_, select
from sqlalchemy.orm import Session

from tierflow.common.approvals import CHAINS, ApprovalCase
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import Customer
from tierflow.common.db import capped_count
from tierflow.common.suspension import PaperCover, is_suspended, suspended
from tierflow.complaints.models import Complaint
from tierflow.complaints.rules.digest import Digest, Line, build
from tierflow.complaints.rules.errands import ERRAND_LABELS
from tierflow.complaints.rules.words import SEVERITY_LABELS, UNANSWERED, Severity
from tierflow.complaints.service.followups import followups
from tierflow.complaints.service.intake import SUBJECT
from tierflow.kernel.approval import State
from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import Text, text

LISTED = 20
TITLE = 60  # characters of an errand's own words
COUNTED_TO = 1000


def digest(session: Session, actor: Actor, now: datetime) -> Digest:
    """The digest of this morning: derived from the time, so it is right whenever it is read."""
    require(actor, "complaint.digest")
    today = local_day(now)
    midnight = local_instant(today + timedelta(days=1), time(0, 0))
    unanswered = Complaint.state.in_([state.value for state in UNANSWERED])
    parts: dict[str, tuple[Sequence[Line], int]] = {
        "overdue": _complaints(session, unanswered, Complaint.due_at < now),
        "today": _complaints(session, unanswered, Complaint.due_at >= now, Complaint.due_at < midnight),
        "errands": _errands(session, actor, now),
        "meetings": _complaints(session, Complaint.needs_meeting.is_(True)),
        "waiting": _waiting(session),
        "suspended": _suspended(session, today),
    }
    return build(today, parts)


def _complaints(session: Session, *conditions: Any) -> tuple[list[Line], int]:
    query = select(Complaint).where(*conditions)
    rows = session.scalars(query.order_by(Complaint.due_at, Complaint.id).limit(LISTED)).all()
    lines = [
        Line(
            f"{row.number} · {row.customer_name}",
            text(SEVERITY_LABELS[Severity(row.severity)]),
            row.due_at,
            (SUBJECT, row.id),
        )
        for row in rows
    ]
    return lines, capped_count(session, query, COUNTED_TO)


def _errands(session: Session, actor: Actor, now: datetime) -> tuple[list[Line], int]:
    """Overdue measures, departments' answers and inquiries."""
    found = followups(session, actor, now, overdue=True, most=LISTED)
    lines = [
        Line(
            f"{row.number} · {row.what if len(row.what) <= TITLE else row.what[: TITLE - 1] + '…'}",
            text("%(kind)s · %(owner)s", kind=Text(ERRAND_LABELS[row.kind]), owner=row.owner),
            row.due_at,
            (row.kind.value, row.id),
        )
        for row in found.rows
    ]
    return lines, found.total


def _waiting(session: Session) -> tuple[list[Line], int]:
    """Approvals of every kind that wait for the general manager."""
    query = select(ApprovalCase).where(
        ApprovalCase.state == State.IN_APPROVAL.value, ApprovalCase.waiting_role == Role.GENERAL_MANAGER.value
    )
    rows = session.scalars(query.order_by(ApprovalCase.due_at, ApprovalCase.id).limit(LISTED)).all()
    lines = [
        Line(row.title, Text(CHAINS[row.chain].label), row.due_at, (row.subject_type, row.subject_id)) for row in rows
    ]
    return lines, capped_count(session, query, COUNTED_TO)


def _suspended(session: Session, today: date) -> tuple[list[Line], int]:
    """Customers suspended today that were not on the last working day: what covered them ended meanwhile (CHEM-15)."""
    calendar = working_calendar(session)
    before = today - timedelta(days=1)
    while not calendar.is_working_day(before):
        before -= timedelta(days=1)
    ended = select(PaperCover.customer_id).where(PaperCover.valid_to >= before, PaperCover.valid_to < today)
    query = select(Customer).where(Customer.id.in_(ended), is_suspended(today), not_(is_suspended(before)))
    customers = session.scalars(query.order_by(Customer.name, Customer.id).limit(LISTED)).all()
    why = suspended(session, [customer.id for customer in customers], today)
    lines = [
        Line(f"{each.number} · {each.name}", why[each.id].reason, None, ("customer", each.id)) for each in customers
    ]
    return lines, capped_count(session, query, COUNTED_TO)
