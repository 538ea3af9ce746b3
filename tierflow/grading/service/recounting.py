"""A month that waits to be confirmed is due by the calendar of its year, once that is loaded (CHEM-9.5).

As with everything that waits (`common.counted`): a guess is counted anew, a due time told as firm stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.calendars import Follower, Impact, calendar_numbered, working_calendar
from tierflow.common.counted import CLOSES_AT
from tierflow.common.policies import policy_numbered, policy_on
from tierflow.grading.models import GradingRun
from tierflow.kernel.calendar import Due, WorkingCalendar
from tierflow.kernel.months import Month, local_day, local_instant

DAYS = "grading.confirm_working_days"


class _Guess(NamedTuple):
    """A run that waits, due at what a calendar only guesses."""

    run: GradingRun
    days: int
    closes_at: time

    def by(self, calendar: WorkingCalendar) -> Due:
        start = local_instant(Month.of(self.run.month).last_day, time.min)
        return calendar.deadline_at(start, self.days, self.closes_at)


def _guesses(session: Session, calendar: WorkingCalendar) -> Iterator[_Guess]:
    """One for each product line at most. An adjustment is due at once, whatever the calendar."""
    waits = GradingRun.kind == "monthly", GradingRun.state.in_(("computing", "proposed"))
    for run in session.scalars(select(GradingRun).where(*waits).order_by(GradingRun.id)).all():
        days = policy_numbered(session, run.policy_version).integer(DAYS)
        closes_at = policy_on(session, local_day(run.started_at)).time(CLOSES_AT)
        guess = _Guess(run, days, closes_at)
        due = guess.by(calendar)
        if due.provisional and due.at == run.due_at:
            yield guess


def _foresee(session: Session, calendar: WorkingCalendar, _now: datetime) -> Impact:
    """How many due times a calendar not loaded yet would make firm."""
    guesses = _guesses(session, working_calendar(session))
    return Impact(sum(not guess.by(calendar).provisional for guess in guesses), 0)


def _follow(session: Session, now: datetime) -> None:
    """Count guesses anew; nobody becomes late at once."""
    calendar = working_calendar(session)
    for guess in _guesses(session, calendar_numbered(session, calendar.version - 1)):
        was, counted = guess.run.due_at, guess.by(calendar).at
        if counted != was and max(was, counted) >= now:
            guess.run.due_at = max(counted, min(was, calendar.deadline_at(now, 1, guess.closes_at).at))
    session.flush()


RUNS = Follower(_foresee, _follow)
