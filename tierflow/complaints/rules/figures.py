"""Figures about answered complaints: shares in basis points, medians in minutes; nothing is rounded up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Tally:
    """Complaints of one month, product or severity.

    `in_time` and `late` count clocks that are decided: told, or still open with their due time behind them; `open`
    counts the rest. `minutes`: office minutes to the answer, of those told.
    """

    key: str
    label: str
    received: int
    in_time: int
    late: int
    median_minutes: int | None

    @property
    def still_open(self) -> int:
        """Not answered, and not late yet."""
        return self.received - self.in_time - self.late

    @property
    def in_time_bp(self) -> int | None:
        """Answered in time, of what is decided, in basis points rounded down; None when nothing is."""
        decided = self.in_time + self.late
        return 10_000 * self.in_time // decided if decided else None


def median(values: Sequence[int]) -> int | None:
    """The middle of sorted values; of two middles the mean, rounded down."""
    if not values:
        return None
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2
