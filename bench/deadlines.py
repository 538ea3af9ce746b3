"""Working-day deadlines beside numpy.busday_offset and the `holidays` package: `python -m bench.deadlines`.

Runs in the rivals' environment (`bench.rivals`); of the product it needs the kernel only, which imports nothing.
Everybody is asked for the n-th working day after a day of 2024 to 2026, n = 1, 3, 7; the truth is the State Council's
table, counted day by day.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from typing import Any

CASES, ROUNDS, BATCH = 20_000, 7, 1_000_000


def _cpu(act: Callable[[], object]) -> float:
    begun = time.process_time()
    act()
    return time.process_time() - begun


def measure() -> dict[str, Any]:
    """Every candidate in turn, one warm-up; microseconds a call, how many answers are right, and the batch."""
    import chinese_calendar
    import holidays
    import numpy

    from tierflow.kernel.calendar import WorkingCalendar

    published = _published()
    calendar = WorkingCalendar(published=published, version=1)
    weekdays_off = [on for days in published.values() for on, works in days.items() if not works]
    numpys = numpy.busdaycalendar(holidays=weekdays_off)
    chinese = holidays.country_holidays("CN", years=range(2023, 2028))

    chance = random.Random(4)
    first = date(2024, 1, 1)
    days = [(first + timedelta(days=chance.randrange(1060)), chance.choice((1, 3, 7))) for _ in range(CASES)]
    truth = [_counted(chinese_calendar.is_workday, on, n) for on, n in days]

    close, shanghai = time_of_day(17, 30), timezone(timedelta(hours=8))
    moments = [(datetime(on.year, on.month, on.day, 18, tzinfo=shanghai), n) for on, n in days]

    def ours(cases: Sequence[tuple[date, int]]) -> list[date]:
        nth = calendar.nth_working_day
        return [nth(on, n).on for on, n in cases]

    def ours_to_the_minute(_cases: Sequence[tuple[date, int]]) -> list[date]:
        due = calendar.deadline_at
        return [due(at, n, close).on for at, n in moments]

    def numpy_alone(cases: Sequence[tuple[date, int]]) -> list[date]:
        offset = numpy.busday_offset
        return [offset(on, n, roll="backward", busdaycal=numpys).item() for on, n in cases]

    def package(cases: Sequence[tuple[date, int]]) -> list[date]:
        nth = chinese.get_nth_working_day
        return [nth(on, n) for on, n in cases]

    candidates = {
        "tierflow": ours,
        "tierflow, from the instant of receipt to closing time": ours_to_the_minute,
        "numpy.busday_offset": numpy_alone,
        "holidays": package,
    }
    taken: dict[str, list[float]] = {name: [] for name in candidates}
    right = {}
    for round_ in range(ROUNDS + 1):
        for name, answer in candidates.items():
            spent = _cpu(lambda answer=answer: answer(days))
            if round_:
                taken[name].append(spent / CASES * 1e6)
            else:
                right[name] = sum(a == b for a, b in zip(answer(days), truth, strict=True))

    many = days * (BATCH // CASES)
    starts = numpy.array([on for on, _n in many], dtype="datetime64[D]")
    offsets = numpy.array([n for _on, n in many])
    batches: dict[str, list[float]] = {"tierflow": [], "numpy.busday_offset": []}
    for round_ in range(ROUNDS + 1):
        mine = _cpu(lambda: ours(many))
        theirs = _cpu(lambda: numpy.busday_offset(starts, offsets, roll="backward", busdaycal=numpys))
        if round_:
            batches["tierflow"].append(mine)
            batches["numpy.busday_offset"].append(theirs)
    return {
        "cases": CASES,
        "batch": BATCH,
        "versions": {"numpy": numpy.__version__, "holidays": holidays.__version__},
        "us": {name: statistics.median(each) for name, each in taken.items()},
        "right": right,
        "batch_s": {name: statistics.median(each) for name, each in batches.items()},
    }


def _published() -> dict[int, dict[date, bool]]:
    """The State Council's exceptions by year, as the product keeps them."""
    import chinese_calendar

    published: dict[int, dict[date, bool]] = {}
    for on in chinese_calendar.holidays:
        published.setdefault(on.year, {})
        if on.weekday() < 5:
            published[on.year][on] = False
    for on in chinese_calendar.workdays:
        published.setdefault(on.year, {})[on] = True
    return published


def _counted(is_workday: Callable[[date], bool], on: date, n: int) -> date:
    while n:
        on += timedelta(days=1)
        n -= is_workday(on)
    return on


def report(found: dict[str, Any]) -> None:
    """The table in Markdown."""
    ours = found["us"]["tierflow"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    print(f"\nWorking-day deadlines, {found['cases']:,} of 2024-2026, CPU; {versions}\n")
    print("| who | µs each | against tierflow | right | a million, s |")
    print("|---|---|---|---|---|")
    for name, each in found["us"].items():
        batch = found["batch_s"].get(name)
        many = "" if batch is None else f"{batch:.3f}"
        print(f"| {name} | {each:.2f} | {each / ours:.1f} | {found['right'][name]:,} | {many} |")


if __name__ == "__main__":
    print(json.dumps(measure()))
