"""Asking the scheduler to look at the imports that wait."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from tierflow.common.runs import JobRequest

DUTY = "imports"


def wake(session: Session, user_id: int, now: datetime) -> None:
    """Ask the scheduler to look at once; it would within a minute."""
    session.add(JobRequest(kind="run", job=DUTY, period="", requested_by_id=user_id, requested_at=now))
