"""Indicators worked out of facts: how even the weeks were, how many orders were paid in time (CHEM-9.6, CHEM-10.9).

Both in basis points, rounded down. None: no data, which neither gates, forces nor scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date

from tierflow.kernel.months import Month, Week, weeks_of

FULL = 10_000


def working_weeks(months: Iterable[Month], is_working_day: Callable[[date], bool]) -> tuple[Week, ...]:
    """The weeks of these months that had a working day; a week cut by a month's edge is its Thursday's (CHEM-10.9)."""
    return tuple(week for month in months for week in weeks_of(month) if any(map(is_working_day, week.days)))


def evenness(grams: Sequence[int]) -> int | None:
    """How evenly the weeks were lifted in: 10000, the same every week; 0, all in one (CHEM-10.9).

    1 − Σ∣wᵢ − W/n∣ ÷ (2W(1 − 1/n)), both sides taken n times so that nothing is rounded before the end. Nothing
    lifted, or a single week to compare with nothing: no data.
    """
    weeks, total = len(grams), sum(grams)
    if total <= 0 or weeks < 2:
        return None
    whole = 2 * total * (weeks - 1)
    return (whole - sum(abs(weeks * week - total) for week in grams)) * FULL // whole


def payment_discipline(due: int, in_time: int) -> int | None:
    """Orders paid by their pay-by day of those that were due (CHEM-9.6); none due: no data."""
    return in_time * FULL // due if due else None
