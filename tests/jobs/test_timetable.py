"""When duties fall due: tables of boundaries, and months of random outages."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.timetable import (
    Attempt,
    CatchUp,
    Doubt,
    Timing,
    at_work,
    attempts,
    doubt,
    first_period,
    latest_due,
    missed,
    retry_after,
)
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import SHANGHAI, Day, HalfYear, Month, Quarter, Week, Year

DAILY = Timing(Day, time(9, 0))
CLOSE = Timing(Month, time(2, 30), days=4, after=True, catch_up=CatchUp.EACH)
QUARTERLY = Timing(Quarter, time(8, 0), catch_up=CatchUp.EACH)
WEEKLY = Timing(Week, time(17, 0), days=4)  # Friday 17:00


def shanghai(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("timing", "now", "period"),
    [
        (DAILY, shanghai(2026, 11, 23, 8, 59, 59), "2026-11-22"),
        (DAILY, shanghai(2026, 11, 23, 9, 0), "2026-11-23"),
        (DAILY, datetime(2026, 11, 22, 23, 0, tzinfo=UTC), "2026-11-22"),  # 07:00 in Shanghai
        (DAILY, datetime(2026, 11, 23, 1, 0, tzinfo=UTC), "2026-11-23"),
        (CLOSE, shanghai(2026, 11, 5, 2, 29), "2026-09"),
        (CLOSE, shanghai(2026, 11, 5, 2, 30), "2026-10"),
        (CLOSE, shanghai(2026, 12, 31, 23, 59), "2026-11"),
        (QUARTERLY, shanghai(2026, 10, 1, 7, 59), "2026-Q3"),
        (QUARTERLY, shanghai(2026, 10, 1, 8, 0), "2026-Q4"),
        (WEEKLY, shanghai(2026, 11, 20, 16, 59), "2026-W46"),
        (WEEKLY, shanghai(2026, 11, 20, 17, 0), "2026-W47"),
        (Timing(HalfYear, time(0, 0)), shanghai(2027, 1, 1), "2027-H1"),
        (Timing(Year, time(0, 0), after=True), shanghai(2027, 1, 1), "2026"),
    ],
)
def test_a_period_falls_due_at_its_shanghai_moment(timing: Timing, now: datetime, period: str) -> None:
    assert str(latest_due(timing, now)) == period


def test_missed_periods_are_caught_up_oldest_first_each_by_itself() -> None:
    outstanding = missed(CLOSE, Month(2026, 6), {"2026-08"}, shanghai(2026, 11, 5, 2, 30))
    assert [str(period) for period in outstanding] == ["2026-07", "2026-09", "2026-10"]
    assert attempts(CLOSE, outstanding) == [Attempt(period, ()) for period in outstanding]


def test_a_duty_that_asks_for_a_state_is_done_once_for_all_it_missed() -> None:
    outstanding = missed(DAILY, Day(date(2026, 11, 19)), set(), shanghai(2026, 11, 23, 9, 0))
    assert [str(period) for period in outstanding] == ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]
    assert attempts(DAILY, outstanding) == [Attempt(outstanding[-1], tuple(outstanding[:-1]))]


def test_nothing_is_due_before_the_ledger_begins() -> None:
    now = shanghai(2026, 11, 23, 12, 0)
    begins = first_period(DAILY, now)
    assert str(begins) == "2026-11-22"
    assert [str(period) for period in missed(DAILY, begins, set(), now)] == ["2026-11-23"]
    assert attempts(DAILY, []) == []


@pytest.mark.parametrize(
    ("tries", "minutes"), [(0, 1), (1, 1), (2, 2), (3, 4), (9, 256), (10, 360), (11, 360), (10_000, 360)]
)
def test_what_fails_is_left_alone_longer_each_time(tries: int, minutes: int) -> None:
    assert retry_after(tries) == timedelta(minutes=minutes)


BEAT = shanghai(2026, 11, 23, 12, 0)
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("step", "elapsed", "verdict"),
    [
        (MINUTE, MINUTE, None),
        (timedelta(days=3), timedelta(days=3), None),  # asleep, and the steady clock knows it
        (timedelta(hours=12) + MINUTE, MINUTE, None),
        (timedelta(hours=12, seconds=1) + MINUTE, MINUTE, Doubt.FORWARD),
        (timedelta(days=400), MINUTE, Doubt.FORWARD),
        (MINUTE - timedelta(hours=1), MINUTE, None),
        (MINUTE - timedelta(hours=1, seconds=1), MINUTE, Doubt.BACK),
        (timedelta(days=35), None, None),
        (timedelta(days=35, seconds=1), None, Doubt.GAP),
        (-timedelta(hours=1), None, None),
        (-timedelta(hours=1, seconds=1), None, Doubt.BACK),
    ],
)
def test_a_clock_that_jumps_is_doubted(step: timedelta, elapsed: timedelta | None, verdict: Doubt | None) -> None:
    assert doubt(BEAT, BEAT + step, elapsed) is verdict


@pytest.mark.parametrize(
    ("now", "open_"),
    [
        (shanghai(2026, 11, 23, 8, 29), False),
        (shanghai(2026, 11, 23, 8, 30), True),
        (shanghai(2026, 11, 23, 17, 29), True),
        (shanghai(2026, 11, 23, 17, 30), False),
        (shanghai(2026, 11, 22, 12, 0), False),  # Sunday
        (shanghai(2026, 11, 28, 12, 0), True),  # a make-up Saturday
        (shanghai(2026, 11, 24, 12, 0), False),  # a day off
    ],
)
def test_nobody_is_mailed_outside_office_hours(now: datetime, open_: bool) -> None:
    calendar = WorkingCalendar(published={2026: {date(2026, 11, 28): True, date(2026, 11, 24): False}}, version=1)
    assert at_work(calendar, time(8, 30), time(17, 30), now) is open_


TIMINGS = [
    DAILY,
    CLOSE,
    QUARTERLY,
    WEEKLY,
    Timing(Day, time(23, 59), catch_up=CatchUp.EACH),
    Timing(Month, time(0, 0), days=27),
    Timing(HalfYear, time(6, 0), days=9, after=True, catch_up=CatchUp.EACH),
]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(TIMINGS),
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
    st.lists(st.tuples(st.integers(1, 60 * 24 * 40), st.booleans(), st.booleans()), min_size=1, max_size=40),
)
def test_months_of_outages_miss_no_period_and_double_none(
    timing: Timing, start: datetime, wakes: list[tuple[int, bool, bool]]
) -> None:
    """Wake at random, sometimes fail, sometimes die half-way: the plain ledger has no gap and no double."""
    now = start
    begins = first_period(timing, now)
    ledger: list[str] = []
    effects: list[str] = []
    for minutes, fails, dies in wakes:
        now += timedelta(minutes=minutes)
        for number, attempt in enumerate(attempts(timing, missed(timing, begins, ledger, now))):
            assert timing.due_at(attempt.period) <= now
            if fails and number % 2 == 0:
                continue
            if dies and number == 1:
                break
            effects.append(str(attempt.period))
            ledger += [str(period) for period in (*attempt.covers, attempt.period)]
    assert len(ledger) == len(set(ledger))
    assert effects == sorted(set(effects), key=effects.index)
    for attempt in attempts(timing, missed(timing, begins, ledger, now)):
        ledger += [str(period) for period in (*attempt.covers, attempt.period)]
    expected, period = [], begins.next()
    while timing.due_at(period) <= now:
        expected.append(str(period))
        period = period.next()
    assert sorted(ledger) == expected


def test_a_web_worker_starts_no_scheduler(tmp_path: Path) -> None:
    """APScheduler belongs to the scheduler process alone: in workers every duty would run once a worker."""
    look = (
        "import sys; from tierflow import create_app; "
        f"create_app({{'SQLALCHEMY_DATABASE_URI': 'sqlite:///{tmp_path}/x.db', 'SECRET_KEY': 'k', "
        "'CHECK_SCHEMA': False}); "
        "sys.exit(any(name.split('.')[0] in ('apscheduler', 'jobs') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
