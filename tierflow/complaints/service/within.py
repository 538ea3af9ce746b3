"""Nothing asked on the way to the answer is due after the answer itself (CHEM-12.3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase
from tierflow.complaints.models import Clock, Consultation, Extension, Opinion
from tierflow.complaints.rules import words
from tierflow.complaints.rules.errands import ErrandKind
from tierflow.complaints.service import raising
from tierflow.kernel.approval import State


def hold(session: Session, clock: Clock, now: datetime) -> None:
    """Draw what is still open within the clock's due time; what is due earlier stays.

    Departments asked answer, and the opinion is decided, no later than the complaint is due; a request for more time
    no later than the plain limit.
    """
    asked = select(Consultation).where(
        Consultation.complaint_id == clock.complaint_id,
        raising.OPEN[ErrandKind.CONSULTATION],
        Consultation.due_at > clock.due_at,
    )
    for consultation in session.scalars(asked):
        raising.move(session, consultation, clock.due_at, now)
    session.flush()
    _draw(session, words.OPINION, select(Opinion.id).where(Opinion.clock_id == clock.id), clock.due_at)
    requests = select(Extension.id).where(Extension.clock_id == clock.id, Extension.outcome.is_(None))
    _draw(session, words.EXTENSION, requests, clock.base_due_at)


def _draw(session: Session, kind: str, subjects: Any, due_at: datetime) -> None:
    """The cases of these subjects that wait for a decision."""
    session.execute(
        update(ApprovalCase)
        .where(
            ApprovalCase.subject_type == kind,
            ApprovalCase.subject_id.in_(subjects),
            ApprovalCase.state == State.IN_APPROVAL.value,
            ApprovalCase.due_at > due_at,
        )
        .values(due_at=due_at)
    )
