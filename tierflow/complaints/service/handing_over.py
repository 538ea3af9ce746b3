"""What complaints give to a handover: open complaints, inquiries to answer, measures to carry out."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from tierflow.common.portfolios import Change, Share, count_rows, move_rows
from tierflow.complaints.models import Complaint, Inquiry
from tierflow.complaints.models.handling import Measure
from tierflow.complaints.rules.words import State
from tierflow.kernel.text import mark

_OPEN: tuple[Any, ...] = (Complaint.state != State.CLOSED.value,)
_TO_ANSWER: tuple[Any, ...] = (Inquiry.answered_at.is_(None), Inquiry.turned_at.is_(None))
_TO_DO: tuple[Any, ...] = (Measure.agreed_at.is_not(None), Measure.done_at.is_(None))


def _share(key: str, label: str, column: Any, conditions: tuple[Any, ...]) -> Share:
    def count(session: Session, user_id: int, _on: date) -> int:
        return count_rows(session, column.class_, column == user_id, *conditions)

    def move(session: Session, change: Change) -> int:
        return move_rows(session, column, change, *conditions)

    return Share(key, label, count, move)


SHARES = (
    _share("complaints", mark("Open complaints"), Complaint.account_manager_id, _OPEN),
    _share("inquiries", mark("Inquiries to answer"), Inquiry.owner_id, _TO_ANSWER),
    _share("measures", mark("Measures to carry out"), Measure.owner_id, _TO_DO),
)
