"""What complaints give to a handover: open complaints, inquiries not closed, measures to carry out."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import exists
from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase
from tierflow.common.desks import DepartmentDesk, Desk, Vacancy
from tierflow.common.portfolios import Change, Share, count_rows, move_rows
from tierflow.complaints.models import Complaint, Consultation, Inquiry
from tierflow.complaints.models.handling import Measure
from tierflow.complaints.rules.errands import ErrandKind
from tierflow.complaints.rules.words import State
from tierflow.complaints.service import raising
from tierflow.kernel.approval import ENDED
from tierflow.kernel.roles import Role
from tierflow.kernel.text import mark

_OPEN: tuple[Any, ...] = (Complaint.state != State.CLOSED.value,)
_NOT_ENDED: tuple[Any, ...] = (Inquiry.closed_at.is_(None), Inquiry.turned_at.is_(None))
# Agreed, or proposed in an opinion that is not decided yet: approved later, it must find somebody to carry it out.
_PROPOSED = exists().where(
    ApprovalCase.subject_type == "complaint_opinion",
    ApprovalCase.subject_id == Measure.opinion_id,
    ApprovalCase.state.not_in([state.value for state in ENDED]),
)
_TO_DO: tuple[Any, ...] = (Measure.agreed_at.is_not(None) | _PROPOSED, Measure.done_at.is_(None))


def _share(key: str, label: str, column: Any, conditions: tuple[Any, ...], role: Role | None = None) -> Share:
    def count(session: Session, user_id: int, _on: date) -> int:
        return count_rows(session, column.class_, column == user_id, *conditions)

    def move(session: Session, change: Change) -> int:
        return move_rows(session, column, change, *conditions)

    return Share(key, label, count, move, role=role)


def _of_region(session: Session, vacancy: Vacancy) -> int:
    return count_rows(session, Complaint, *_OPEN, vacancy.left(Complaint.region_id))


def _meetings(session: Session, vacancy: Vacancy) -> int:
    return count_rows(session, Complaint, Complaint.needs_meeting, vacancy.left())


def _asked(session: Session, department_id: int) -> int:
    return count_rows(
        session, Consultation, Consultation.department_id == department_id, raising.OPEN[ErrandKind.CONSULTATION]
    )


DESKS = (
    # What a sales manager has to do with a complaint ends with it: opinions, measures to check, due times to confirm.
    Desk("complaints", mark("Open complaints"), frozenset({Role.SALES_MANAGER}), _of_region),
    Desk("meetings", mark("Special meetings to hold"), frozenset({Role.GENERAL_MANAGER}), _meetings),
    DepartmentDesk("consultations", mark("Questions about complaints"), _asked),
)

SHARES = (
    _share("complaints", mark("Open complaints"), Complaint.account_manager_id, _OPEN, Role.ACCOUNT_MANAGER),
    _share("inquiries", mark("Open inquiries"), Inquiry.owner_id, _NOT_ENDED),
    _share("measures", mark("Measures to carry out"), Measure.owner_id, _TO_DO),
)
