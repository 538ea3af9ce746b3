"""The complaint clock written a second time, day by day, from the rulebook and another package's calendar.

Shares nothing with the product: fixed +08:00 instead of a zone, the `holidays` package instead of loaded notices.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import holidays

EAST8 = timezone(timedelta(hours=8))
_PUBLISHED = holidays.country_holidays("CN", years=range(2014, 2027))
_WORKING = {
    day: _PUBLISHED.is_working_day(day)
    for day in (date(2014, 12, 1) + timedelta(days=n) for n in range((date(2026, 12, 31) - date(2014, 12, 1)).days + 1))
}


def working_day(received_at: datetime, n: int) -> date:
    day = received_at.astimezone(EAST8).date()
    while n:
        day += timedelta(days=1)
        if _WORKING[day]:
            n -= 1
    return day


def instants(received_at: datetime, limit: int) -> dict[str, datetime | None]:
    """Every instant of a clock by the words of CHEM-12.3, for the built-in policy."""
    last = working_day(received_at, limit)
    further = last
    while not _WORKING[further := further + timedelta(days=1)]:
        pass
    halfway = working_day(received_at, (limit + 1) // 2) if limit >= 3 else None
    return {
        "due": datetime(last.year, last.month, last.day, 17, 30, tzinfo=EAST8),
        "warn": datetime(last.year, last.month, last.day, 9, tzinfo=EAST8),
        "halfway": halfway and datetime(halfway.year, halfway.month, halfway.day, 9, tzinfo=EAST8),
        "escalate": datetime(further.year, further.month, further.day, 17, 30, tzinfo=EAST8),
    }
