"""The statutory holidays that move: Spring Festival, Qingming, Dragon Boat and Mid-Autumn, by the lunar almanac.

Which days are off is law: the State Council's 全国年节及纪念日放假办法 (decree 795, in force from 1 January 2025) gives
the Spring Festival four days from New Year's Eve (除夕, 初一, 初二, 初三) and the three other feasts one day each. On
which days they fall is astronomy: the tables of the national standard GB/T 33661-2017 (农历的编算和颁行). Only the days
themselves: what is moved to bridge a weekend is published year by year and not foreseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType

_ONE = timedelta(days=1)

# First day of the lunar year (正月初一), Qingming (清明), Dragon Boat (五月初五), Mid-Autumn (八月十五); month and day.
_FEASTS = {
    2027: ((2, 6), (4, 5), (6, 9), (9, 15)),
    2028: ((1, 26), (4, 4), (5, 28), (10, 3)),
    2029: ((2, 13), (4, 4), (6, 16), (9, 22)),
    2030: ((2, 3), (4, 5), (6, 5), (9, 12)),
    2031: ((1, 23), (4, 5), (6, 24), (10, 1)),
    2032: ((2, 11), (4, 4), (6, 12), (9, 19)),
    2033: ((1, 31), (4, 4), (6, 1), (9, 8)),
    2034: ((2, 19), (4, 5), (6, 20), (9, 27)),
    2035: ((2, 8), (4, 5), (6, 10), (9, 16)),
    2036: ((1, 28), (4, 4), (5, 30), (10, 4)),
    2037: ((2, 15), (4, 4), (6, 18), (9, 24)),
    2038: ((2, 4), (4, 5), (6, 7), (9, 13)),
    2039: ((1, 24), (4, 5), (5, 27), (10, 2)),
    2040: ((2, 12), (4, 4), (6, 14), (9, 20)),
}


def _days(year: int) -> frozenset[date]:
    lunar_year, *feasts = (date(year, month, day) for month, day in _FEASTS[year])
    return frozenset({lunar_year + n * _ONE for n in (-1, 0, 1, 2)} | set(feasts))


# By year, the days off by law beside those with a fixed date.
MOVABLE_HOLIDAYS: Mapping[int, frozenset[date]] = MappingProxyType({year: _days(year) for year in _FEASTS})
