"""The complaint clock written a second time, day by day, from the rulebook and another package's calendar.

Shares nothing with the product: fixed +08:00 instead of a zone, the `holidays` package instead of loaded notices.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from functools import cache

import holidays

EAST8 = timezone(timedelta(hours=8))
_PUBLISHED = holidays.country_holidays("CN", years=range(2014, 2027))
_WORKING = {
    day: _PUBLISHED.is_working_day(day)
    for day in (date(2014, 12, 1) + timedelta(days=n) for n in range((date(2026, 12, 31) - date(2014, 12, 1)).days + 1))
}


def working_day(received_at: datetime, n: int) -> date:
    return _counted(received_at.astimezone(EAST8).date(), n)


@cache
def _counted(day: date, n: int) -> date:
    while n:
        day += timedelta(days=1)
        if _WORKING[day]:
            n -= 1
    return day


def is_published(received_at: datetime, n: int) -> bool:
    """Whether the n-th working day lies before the end of the last published year."""
    try:
        working_day(received_at, n)
    except KeyError:
        return False
    return True


def due(received_at: datetime, n: int) -> datetime:
    """Closing time of the n-th working day, for the built-in policy."""
    last = working_day(received_at, n)
    return datetime(last.year, last.month, last.day, 17, 30, tzinfo=EAST8)


def instants(received_at: datetime, limit: int) -> dict[str, datetime | None]:
    """Every instant of a clock by the words of CHEM-12.3, for the built-in policy."""
    last = working_day(received_at, limit)
    further = last
    while not _WORKING[further := further + timedelta(days=1)]:
        pass
    halfway = working_day(received_at, (limit + 1) // 2) if limit >= 3 else None
    return {
        "due": due(received_at, limit),
        "warn": datetime(last.year, last.month, last.day, 9, tzinfo=EAST8),
        "halfway": halfway and datetime(halfway.year, halfway.month, halfway.day, 9, tzinfo=EAST8),
        "escalate": datetime(further.year, further.month, further.day, 17, 30, tzinfo=EAST8),
    }
