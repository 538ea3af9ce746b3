"""What the scheduler does for levels; each asks for a state, so that it may run late, twice or after an outage."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.calendars import working_calendar
from tierflow.grading.models import GradingRun
from tierflow.grading.service import closing, escalating, reviews, runs, trials, watching
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import SYSTEM


def propose(session: Session, now: datetime) -> dict[str, int]:
    """From the 1st working day of a month on, propose the month before, for each product line that has levels."""
    found = to_propose(session, now)
    for line_id, month in found:
        runs.start(session, SYSTEM, line_id, month, now)
    return {"proposed": len(found)}


def to_propose(session: Session, now: datetime) -> list[tuple[int, Month]]:
    """What `propose` proposes then: (product line, month)."""
    today = local_day(now)
    first = working_calendar(session).nth_working_day(Month.of(today).previous().last_day, 1)
    found: list[tuple[int, Month]] = []
    if today >= first.on:
        for line in watching.star_lines(session, today):
            months = runs.months_to_close(session, line.id, today)
            if months and not runs.why_not(session, line.id, months[0], today):
                found.append((line.id, months[0]))
    return found


def escalate(session: Session, now: datetime) -> dict[str, int]:
    """Runs nobody confirmed in time go to the general manager."""
    return {"escalated": escalating.escalate(session, now)}


def warn(session: Session, now: datetime) -> dict[str, int]:
    """Account managers hear once a month of customers about to lose a level."""
    return {"warned": watching.warn(session, now)}


def to_watch(session: Session, now: datetime) -> int:
    """How many runs `escalate` would escalate and how many managers `warn` would warn then."""
    return len(escalating.late(session, now)) + watching.unwarned(session, now)


def computing(session: Session) -> list[int]:
    """Runs too large for a request, still being worked out."""
    return list(session.scalars(select(GradingRun.id).where(GradingRun.state == "computing").order_by(GradingRun.id)))


def compute(session: Session, run_id: int) -> bool:
    """Work a run out to its end, stretch by stretch."""
    return closing.compute(session, run_id)


def open_reviews(session: Session, now: datetime) -> dict[str, int]:
    """Open the reviews of periods that ended, score those that are open, freeze those whose last month is closed."""
    return reviews.open_due(session, now)


def reviews_due(session: Session, now: datetime) -> int:
    """How many reviews `open_reviews` would open then, and how many score anew."""
    return reviews.outstanding(session, now)


def trials_computing(session: Session) -> list[int]:
    """Trials of policy drafts still under way."""
    return trials.computing(session)


def try_on(session: Session, test_id: int) -> None:
    """Work a trial out to its end, stretch by stretch."""
    trials.compute(session, test_id)
