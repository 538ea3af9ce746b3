"""When things happened at the demo company: moments of past working days, and stories told in the order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import count

from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import local_day, local_instant

# A story yields the moment of its next act, and acts when it is resumed.
Story = Iterator[datetime]


@dataclass(frozen=True)
class Diary:
    """The working days before today, newest first."""

    today: date
    days: tuple[date, ...]

    @classmethod
    def before(cls, now: datetime, calendar: WorkingCalendar, length: int) -> Diary:
        """The `length` working days before the day of `now`."""
        today = local_day(now)
        earlier = (today - timedelta(days=back) for back in count(1))
        working = (day for day in earlier if calendar.is_working_day(day))
        return cls(today, tuple(day for day, _ in zip(working, range(length), strict=False)))

    def at(self, days_ago: int, hour: int, minute: int) -> datetime:
        """A moment of the n-th working day before today, n from 1, by the clock of Asia/Shanghai; UTC."""
        return local_instant(self.days[days_ago - 1], time(hour, minute)).astimezone(UTC)


def tell(stories: Iterable[Story]) -> None:
    """Act out all stories at once, so that numbers and the audit log follow the order of time."""
    order = count()
    waiting: list[tuple[datetime, int, Story]] = []
    for story in stories:
        _wait(waiting, story, order)
    while waiting:
        _, _, story = heapq.heappop(waiting)
        _wait(waiting, story, order)


def _wait(waiting: list[tuple[datetime, int, Story]], story: Story, order: Iterator[int]) -> None:
    moment = next(story, None)
    if moment is not None:
        heapq.heappush(waiting, (moment, next(order), story))
