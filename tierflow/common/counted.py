"""Due times counted in working days from a start: a guess while a year is not published, counted anew once it is.

For what merely waits; the clocks of complaints follow by rules of their own (CHEM-12.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Integer, cast, func, literal, null, select, true, update
from sqlalchemy.orm import Session

from tierflow.common.calendars import Follower, Impact, calendar_numbered, working_calendar
from tierflow.common.policies import policy_numbered, policy_on
from tierflow.common.sql import shanghai_minute
from tierflow.kernel.calendar import Due, WorkingCalendar
from tierflow.kernel.months import local_instant

CLOSES_AT = "office.closes_at"

Also = Callable[[Session, datetime, datetime], Iterable[tuple[Any, dict[str, Any]]]]


class _Guess(NamedTuple):
    """The open rows of one start day whose due time is what a calendar only guesses."""

    rows: Any  # SQL condition
    start: datetime
    days: int
    closes_at: time
    due: Due

    def by(self, calendar: WorkingCalendar) -> Due:
        return calendar.deadline_at(self.start, self.days, self.closes_at)


@dataclass(frozen=True)
class Counted:
    """The open due times of one table: `due_at` is so many working days after the start, at the close of business.

    `days` is the policy's term, of the version in force on the start's day, or of the one `policy_version` (SQL)
    names. `also`: what else follows from a due time set now, as pairs of a condition on rows and their columns.
    """

    table: Any
    start: Any
    is_open: Any
    days: str
    policy_version: Any = None
    also: Also | None = None

    def follower(self) -> Follower:
        """What `calendars.followed_by` wants."""
        return Follower(self.foresee, self.follow)

    def foresee(self, session: Session, calendar: WorkingCalendar, _now: datetime) -> Impact:
        """How many guesses a calendar not loaded yet would make firm."""
        firmed = 0
        for guess in self._guesses(session, working_calendar(session)):
            if not guess.by(calendar).provisional:
                firmed += session.scalar(select(func.count()).select_from(self.table).where(guess.rows)) or 0
        return Impact(firmed, 0)

    def follow(self, session: Session, now: datetime) -> int:
        """Count guesses anew by the calendar in force; how many moved. One statement for each day things started on.

        A due time told as firm stays, and so does one that had passed by both calendars. Nobody becomes late at
        once: what moves forward is due at the close of the next working day at the earliest.
        """
        calendar = working_calendar(session)
        moved = 0
        for guess in self._guesses(session, calendar_numbered(session, calendar.version - 1)):
            was, counted = guess.due.at, guess.by(calendar).at
            if counted == was or max(was, counted) < now:
                continue
            due_at = max(counted, min(was, calendar.deadline_at(now, 1, guess.closes_at).at))
            for rows, values in self.also(session, due_at, now) if self.also else [(true(), {})]:
                query = update(self.table).where(guess.rows, rows).values(due_at=due_at, **values)
                done = session.execute(query, execution_options={"synchronize_session": False})
                moved += done.rowcount  # type: ignore[attr-defined]
        return moved

    def _guesses(self, session: Session, calendar: WorkingCalendar) -> Iterator[_Guess]:
        """What rests on a day of a year without a calendar; a due time somebody chose is no guess."""
        unpublished = [year for year in calendar.years if not calendar.is_published(year)]
        if not unpublished:
            return
        reaching = self.is_open & (self.table.due_at >= local_instant(date(unpublished[0], 1, 1), time.min))
        version = cast(null(), Integer) if self.policy_version is None else self.policy_version
        day = func.substr(shanghai_minute(self.start), literal(1), literal(10))
        found = session.execute(select(day, version).where(reaching).distinct()).all()
        for written, number in sorted(found):
            on = date.fromisoformat(written)
            policy = policy_on(session, on) if number is None else policy_numbered(session, number)
            start, days, closes_at = local_instant(on, time.min), policy.integer(self.days), policy.time(CLOSES_AT)
            due = calendar.deadline_at(start, days, closes_at)
            if due.provisional:
                rows = reaching & (self.start >= start) & (self.start < start + timedelta(days=1))
                if number is not None:
                    rows &= version == number
                yield _Guess(rows & (self.table.due_at == due.at), start, days, closes_at, due)
