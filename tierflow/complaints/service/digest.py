"""What the morning digest is made of: counts stop at a cap, lists at a page (CHEM-12.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.approvals import CHAINS, ApprovalCase
from tierflow.common.db import capped_count
from tierflow.complaints.models import Complaint
from tierflow.complaints.rules.digest import Digest, Line, build
from tierflow.complaints.rules.words import SEVERITY_LABELS, UNANSWERED, Severity
from tierflow.complaints.service.intake import SUBJECT
from tierflow.kernel.approval import State
from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import Text, text

LISTED = 20
COUNTED_TO = 1000

NewlySuspended = Callable[[Session, datetime, datetime], Sequence[Line]]
"""Customers suspended between two moments. Another domain knows; `app.py` passes its answer in."""


def nobody(_session: Session, _since: datetime, _until: datetime) -> Sequence[Line]:
    """Where nobody keeps suspensions."""
    return ()


def digest(session: Session, actor: Actor, now: datetime, *, newly_suspended: NewlySuspended = nobody) -> Digest:
    """The digest of this morning: derived from the time, so it is right whenever it is read."""
    require(actor, "complaint.digest")
    today = local_day(now)
    midnight = local_instant(today + timedelta(days=1), time(0, 0))
    unanswered = Complaint.state.in_([state.value for state in UNANSWERED])
    parts: dict[str, tuple[Sequence[Line], int]] = {
        "overdue": _complaints(session, unanswered, Complaint.due_at < now),
        "today": _complaints(session, unanswered, Complaint.due_at >= now, Complaint.due_at < midnight),
        "meetings": _complaints(session, Complaint.needs_meeting.is_(True)),
        "waiting": _waiting(session),
    }
    suspended = newly_suspended(session, now - timedelta(days=1), now)
    parts["suspended"] = (suspended[:LISTED], len(suspended))
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
