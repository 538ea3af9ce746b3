"""The statutory holidays that move, against a package that reckons the lunar calendar by itself."""

from __future__ import annotations

from datetime import date

import holidays
import pytest

from tierflow.kernel.almanac import MOVABLE_HOLIDAYS
from tierflow.kernel.calendar import FIXED_HOLIDAYS


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize("year", range(2027, 2041))
def test_the_days_off_by_law_are_those_of_an_independent_source(year: int) -> None:
    known = holidays.country_holidays("CN", years=year, language="en_US", observed=False)
    theirs = {day for day in known if day.year == year}
    fixed = {date(year, month, day) for month, day in FIXED_HOLIDAYS}
    assert MOVABLE_HOLIDAYS[year] | fixed == theirs


@pytest.mark.rule("CHEM-12.3")
def test_every_year_has_seven_movable_days_of_its_own() -> None:
    assert {len(days) for days in MOVABLE_HOLIDAYS.values()} == {7}
    assert all(day.year == year for year, days in MOVABLE_HOLIDAYS.items() for day in days)
