"""What is written in the cells of a list of existing customers: days, periods, lines; read or refused (CHEM-4)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from tierflow.onboarding.rules.takeover import BadCell, read_day, read_lines, read_validity

ON = date(2026, 11, 23)


@pytest.mark.rule("CHEM-4")
@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("2026-11-22", date(2026, 11, 22)),
        ("2026/1/2", date(2026, 1, 2)),
        ("2026.1.2", date(2026, 1, 2)),
        ("2026年1月2日", date(2026, 1, 2)),
        ("２０２６－０１－０２", date(2026, 1, 2)),
        (20260102, date(2026, 1, 2)),
        (20260102.0, date(2026, 1, 2)),
        ("2026-01-02 00:00:00", date(2026, 1, 2)),
        (None, None),
    ],
)
def test_days_are_read_as_people_write_them(written: Any, day: date | None) -> None:
    assert read_day(written) == day


@pytest.mark.parametrize("written", ["26-1-2", 46000, "2026-02-30", "2026-13-01", "n/a", True, "1/2/2026", 2.5])
def test_days_that_could_be_two_are_refused(written: Any) -> None:
    with pytest.raises(BadCell):
        read_day(written)


@pytest.mark.parametrize(
    ("first", "last", "good"),
    [
        ("2020-01-01", "2026-11-23", True),
        ("2020-01-01", "2026-11-22", True),  # expired yesterday: taken over, suspended by its dates, and looked at
        ("2020-01-01", "2019-12-31", False),
        ("2020-01-01", "2020-01-01", True),
        ("2026-11-24", "2030-01-01", False),
        ("2026-11-23", "2030-01-01", True),
        (None, "长期", True),
        ("2020-01-01", None, False),
    ],
)
def test_a_papers_validity_runs_forward(first: Any, last: Any, good: bool) -> None:
    try:
        _, valid_to, for_good, strange = read_validity("merged_licence", first, last, ON)
    except BadCell:
        assert not good
        return
    assert good
    assert (valid_to is None) == for_good
    assert (strange is not None) == (valid_to is not None and valid_to < ON)


LINES = {"po": (1, "聚烯烃", "polyolefin"), "ch": (2, "苯乙烯", "other")}


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("PO=经销商", [(1, "dealer")]),
        ("po：直供；CH＝独家代理", [(1, "direct"), (2, "exclusive_agent")]),
        ("PO:dealer, CH:direct", [(1, "dealer"), (2, "direct")]),
        ("PO=独家代理", None),  # CHEM-9.1: polyolefin has direct customers and dealers only
        ("PO", None),
        ("XX=经销商", None),
        ("PO=朋友", None),
        ("PO=经销商；PO=直供", None),
        ("；", None),
        (None, None),
    ],
)
def test_lines_come_with_a_class_the_scheme_has(written: Any, found: Any) -> None:
    if found is None:
        with pytest.raises(BadCell):
            read_lines(written, LINES)
    else:
        assert read_lines(written, LINES) == found
