"""After a calendar was loaded: when an inquiry, or a department asked, is due was a guess and is counted anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase
from tierflow.common.calendars import Follower, Impact, working_calendar
from tierflow.common.counted import Counted
from tierflow.common.policies import policy_on
from tierflow.complaints.models import Clock, Consultation, Extension, Inquiry, Opinion
from tierflow.complaints.rules import words
from tierflow.complaints.rules.errands import ErrandKind, ErrandTerms, Level, next_rung
from tierflow.complaints.service import raising, within
from tierflow.kernel.approval import State
from tierflow.kernel.months import local_day

DAYS = "complaint.consultation_days"


def _ladder(table: Any) -> Callable[[Session, datetime, datetime], Iterator[tuple[Any, dict[str, Any]]]]:
    """Who hears next of errands that are due then, by who has heard already (`raising.move`, set-based)."""

    def rungs(session: Session, due_at: datetime, now: datetime) -> Iterator[tuple[Any, dict[str, Any]]]:
        terms, calendar = ErrandTerms.of(policy_on(session, local_day(now))), working_calendar(session)
        for told in (None, *Level):
            rung = next_rung(told, due_at, terms, calendar)
            rows = table.raised_to.is_(None) if told is None else table.raised_to == told.value
            yield rows, {"raise_at": rung.at if rung else None}

    return rungs


_CLOCKS_POLICY = (
    select(Clock.policy_version)
    .where(Clock.complaint_id == Consultation.complaint_id)
    .order_by(Clock.id.desc())
    .limit(1)
    .correlate(Consultation)
    .scalar_subquery()
)
INQUIRIES = Counted(Inquiry, Inquiry.keyed_at, raising.OPEN[ErrandKind.INQUIRY], DAYS, also=_ladder(Inquiry))
CONSULTATIONS = Counted(
    Consultation,
    Consultation.asked_at,
    raising.OPEN[ErrandKind.CONSULTATION],
    DAYS,
    policy_version=_CLOCKS_POLICY,
    also=_ladder(Consultation),
)


def hold_all(session: Session, now: datetime) -> int:
    """What was counted anew, approvals too, stays within its complaint's due time; how many clocks held something.

    The last to follow: by then the clocks themselves have.
    """
    beyond = or_(
        select(Consultation.id)
        .where(
            Consultation.complaint_id == Clock.complaint_id,
            raising.OPEN[ErrandKind.CONSULTATION],
            Consultation.due_at > Clock.due_at,
        )
        .exists(),
        _case_beyond(words.OPINION, Opinion, Clock.due_at),
        _case_beyond(words.EXTENSION, Extension, Clock.base_due_at),
    )
    clocks = session.scalars(select(Clock).where(Clock.told_at.is_(None), beyond)).all()
    for clock in clocks:
        within.hold(session, clock, now)
    return len(clocks)


def _case_beyond(kind: str, table: Any, due_at: Any) -> ColumnElement[bool]:
    return (
        select(ApprovalCase.id)
        .join(table, table.id == ApprovalCase.subject_id)
        .where(
            table.clock_id == Clock.id,
            ApprovalCase.subject_type == kind,
            ApprovalCase.state == State.IN_APPROVAL.value,
            ApprovalCase.due_at > due_at,
        )
        .exists()
    )


WITHIN = Follower(lambda _session, _calendar, _now: Impact(0, 0), hold_all)
