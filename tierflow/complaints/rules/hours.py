"""Office hours between two instants: how long an answer took in working time (CHEM-12.3)."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import local_day, local_instant


def working_minutes(calendar: WorkingCalendar, opens_at: time, closes_at: time, start: datetime, end: datetime) -> int:
    """Whole office minutes from `start` to `end`, on working days between opening and close; 0 when end is earlier."""
    if end <= start:
        return 0
    first, last = local_day(start), local_day(end)
    day = local_instant(first, closes_at) - local_instant(first, opens_at)
    whole = calendar.working_days_between(first, last) * day  # the last day counted whole, the first not at all
    gone_of_first = _since_opening(calendar, opens_at, day, start)
    done_of_last = _since_opening(calendar, opens_at, day, end)
    if calendar.is_working_day(first):
        whole += day - gone_of_first
    if calendar.is_working_day(last):
        whole -= day - done_of_last
    return whole // timedelta(minutes=1)


def _since_opening(calendar: WorkingCalendar, opens_at: time, day: timedelta, at: datetime) -> timedelta:
    on = local_day(at)
    if not calendar.is_working_day(on):
        return timedelta(0)
    return min(max(at - local_instant(on, opens_at), timedelta(0)), day)
