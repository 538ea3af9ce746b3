"""The only place that reads the clock; everything else is given the time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present moment, UTC."""
    return datetime.now(UTC)  # noqa: TID251 - this is the one reading
