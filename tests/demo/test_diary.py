"""Past working days, and stories told in the order of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from tierflow.demo.diary import Diary, tell
from tierflow.kernel.calendar import WorkingCalendar

# Monday 2026-11-23, 10:00 in Shanghai; Thursday the 19th a day off, Saturday the 21st worked.
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
CALENDAR = WorkingCalendar(published={2026: {date(2026, 11, 19): False, date(2026, 11, 21): True}}, version=1)


def test_days_before_today_are_working_days() -> None:
    diary = Diary.before(NOW, CALENDAR, 4)
    assert [day.day for day in diary.days] == [21, 20, 18, 17]
    assert diary.at(1, 9, 30) == datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


def test_the_day_is_that_of_shanghai() -> None:
    late = datetime(2026, 11, 22, 17, 0, tzinfo=UTC)  # 01:00 on the 23rd
    assert Diary.before(late, CALENDAR, 1).today == date(2026, 11, 23)


def test_stories_are_told_in_the_order_of_time() -> None:
    told: list[str] = []

    def story(name: str, *hours: int) -> Iterator[datetime]:
        for hour in hours:
            yield datetime(2026, 11, 20, hour, tzinfo=UTC)
            told.append(f"{name}{hour}")

    tell([story("a", 1, 5, 6), story("b", 2, 3), story("c"), story("d", 2, 9)])
    assert told == ["a1", "b2", "d2", "b3", "a5", "a6", "d9"]
