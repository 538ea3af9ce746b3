"""The working calendar (CHEM-12.3): which days count, and on which day a deadline falls.

Working days are Monday to Friday, corrected by the days the State Council publishes each November or December
for the year after: days off, and make-up working days on weekends. A year that is not published yet is reckoned
by weekdays less the statutory holidays known so far, and every deadline that rests on such a day says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple

from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.text import Text, text

# Month and day of the statutory holidays with a fixed date (State Council decree 795, from 2025). The lunar ones
# and Qingming are in the almanac: `MOVABLE_HOLIDAYS`, to be passed as `statutory`.
FIXED_HOLIDAYS = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))

SATURDAY = 5


class Deadline(NamedTuple):
    """The last day of a period in working days.

    `provisional`: a day that was counted or passed over lies in a year without a published calendar, so the day
    may still move; `calendar_version` is the calendar that gave it.
    """

    on: date
    provisional: bool
    calendar_version: int


class Due(NamedTuple):
    """A deadline with its instant, aware, in Asia/Shanghai. Late is `now > at`."""

    at: datetime
    on: date
    provisional: bool
    calendar_version: int


class DayProof(NamedTuple):
    """One line of the reckoning: whether that day counted, and why."""

    on: date
    counts: bool
    why: Text


@dataclass(frozen=True, eq=False)
class WorkingCalendar:
    """An immutable calendar over whole years, `years` widened to every year that was given.

    `published`: by year, the exceptions to Monday-Friday: `True` a working day, `False` a day off. A year that is
    there but empty is published and has none; a year that is missing is not published. A notice may also name days
    of the December before its year. `statutory`: further holidays of years not published; ignored once they are.
    `version` goes into every deadline.

    Raises `ValueError` when a notice names a day of another year or two notices disagree. A day outside the years
    covered raises `ValueError` wherever it is asked for; a `datetime` in place of a day raises `TypeError`.
    """

    published: Mapping[int, Mapping[date, bool]] = field(repr=False)
    version: int
    statutory: Mapping[int, Collection[date]] = field(default_factory=dict, repr=False)
    years: range = range(2004, 2041)

    # Laid once, so that a deadline costs a few look-ups whatever its length; a place is an ordinal less `_first`.
    _first: int = field(init=False, repr=False)
    _working: frozenset[int] = field(init=False, repr=False)  # ordinals of the working days
    _through: tuple[int, ...] = field(init=False, repr=False)  # by place: working days up to and including the day
    _certain: tuple[int, ...] = field(init=False, repr=False)  # by place: working days before the next unpublished day
    _firm: tuple[Deadline, ...] = field(init=False, repr=False)  # every working day as a deadline,
    _provisional: tuple[Deadline, ...] = field(init=False, repr=False)  # and as a provisional one
    _exceptions: Mapping[int, bool] = field(init=False, repr=False)  # by ordinal

    def __post_init__(self) -> None:
        published = {year: MappingProxyType(dict(days)) for year, days in self.published.items()}
        statutory = {year: frozenset(days) for year, days in self.statutory.items()}
        mentioned = [*self.years, *published, *statutory]
        years = range(min(mentioned), max(mentioned) + 1)
        exceptions = _exceptions(published)
        holidays = _holidays(set(years) - set(published), statutory)

        ordinals = range(date(years[0], 1, 1).toordinal(), date(years[-1], 12, 31).toordinal() + 1)
        counts = [exceptions.get(o, _is_weekday(o) and o not in holidays) for o in ordinals]
        working = [o for o, counted in zip(ordinals, counts, strict=True) if counted]
        through = tuple(accumulate(counts))
        unpublished = [date.fromordinal(o).year not in published for o in ordinals]
        fixed = {
            "published": MappingProxyType(published),
            "statutory": MappingProxyType(statutory),
            "years": years,
            "_first": ordinals[0],
            "_working": frozenset(working),
            "_through": through,
            "_certain": _certain(through, unpublished),
            "_firm": tuple(Deadline(date.fromordinal(o), False, self.version) for o in working),
            "_provisional": tuple(Deadline(date.fromordinal(o), True, self.version) for o in working),
            "_exceptions": MappingProxyType(exceptions),
        }
        for name, value in fixed.items():
            object.__setattr__(self, name, value)

    def _place(self, day: date) -> int:
        if isinstance(day, datetime):
            raise TypeError("a day is wanted, not an instant: use local_day()")
        place = day.toordinal() - self._first
        if not 0 <= place < len(self._through):
            raise self._outside(day)
        return place

    def _outside(self, day: date) -> ValueError:
        return ValueError(f"the calendar covers {self.years.start} to {self.years[-1]}: {day}")

    def is_published(self, year: int) -> bool:
        """Whether the State Council's days for the year are in, even when they are none."""
        return year in self.published

    def is_working_day(self, day: date) -> bool:
        """Whether the day is a working day; by the weekday rule where its year is not published."""
        self._place(day)
        return day.toordinal() in self._working

    def nth_working_day(self, received_on: date, n: int) -> Deadline:
        """The n-th working day after `received_on`, which itself never counts (CHEM-12.3). `n` is at least 1.

        From a month's last day this is also "the n-th working day of the month after" (CHEM-9.5).
        """
        if n < 1:
            raise ValueError(f"a deadline has at least one working day: {n}")
        place = self._place(received_on)
        index = self._through[place] + n - 1
        try:
            return self._firm[index] if index < self._certain[place] else self._provisional[index]
        except IndexError:
            raise self._outside(received_on) from None

    def working_days_between(self, a: date, b: date) -> int:
        """Working days after `a` up to and including `b`; negative, counted the other way, when `b` is earlier."""
        return self._through[self._place(b)] - self._through[self._place(a)]

    def working_days_left(self, now: datetime, due_at: datetime) -> int:
        """Working days after today up to and including the due day, both by Asia/Shanghai.

        0 = due today; negative = the due day lies so many working days back. Whether it is late is `now > due_at`
        alone: a deadline of today at 17:30 is late at 18:00 with 0 days left.
        """
        return self.working_days_between(local_day(now), local_day(due_at))

    def due_at(self, received_on: date, n: int, close: time) -> datetime:
        """Close of business, in Asia/Shanghai, of the n-th working day after `received_on`; aware (CHEM-12.3)."""
        return local_instant(self.nth_working_day(received_on, n).on, close)

    def deadline_at(self, received_at: datetime, n: int, close: time) -> Due:
        """The deadline of what was received at an aware instant (CHEM-12.3).

        The day of receipt is the Asia/Shanghai day, after closing time and on a day off too.
        """
        deadline = self.nth_working_day(local_day(received_at), n)
        return Due(local_instant(deadline.on, close), *deadline)

    def explain(self, received_on: date, n: int) -> tuple[DayProof, ...]:
        """The reckoning of `nth_working_day`, day by day, from the day of receipt to the deadline."""
        first, last = received_on.toordinal(), self.nth_working_day(received_on, n).on.toordinal()
        lines = [DayProof(received_on, False, text("The day of receipt does not count."))]
        number = 0
        for ordinal in range(first + 1, last + 1):
            day = date.fromordinal(ordinal)
            if ordinal in self._working:
                number += 1
                lines.append(DayProof(day, True, self._why_it_counts(day, number, n)))
            else:
                lines.append(DayProof(day, False, self._why_not(day)))
        return tuple(lines)

    def _why_it_counts(self, day: date, number: int, n: int) -> Text:
        if day.weekday() >= SATURDAY:
            return text("Make-up working day, number %(number)s of %(total)s.", number=number, total=n)
        if self.is_published(day.year):
            return text("Working day %(number)s of %(total)s.", number=number, total=n)
        return text(
            "Working day %(number)s of %(total)s by the weekday rule: the calendar of %(year)s is not published yet.",
            number=number,
            total=n,
            year=day.year,
        )

    def _why_not(self, day: date) -> Text:
        if day.toordinal() in self._exceptions:
            return text("Day off by the State Council's calendar.")
        if day.weekday() >= SATURDAY:
            return text("Weekend.")
        return text("Statutory holiday; the calendar of %(year)s is not published yet.", year=day.year)


def _is_weekday(ordinal: int) -> bool:
    return (ordinal - 1) % 7 < SATURDAY  # day 1 of the calendar was a Monday


def _certain(through: Sequence[int], unpublished: Sequence[bool]) -> tuple[int, ...]:
    """For each place, how many working days lie before the first unpublished day after that place.

    The n-th working day after a place is certain as long as its number stays below this.
    """
    limits = []
    limit = through[-1]
    for place in reversed(range(len(through))):
        limits.append(limit)
        if unpublished[place]:
            limit = through[place - 1] if place else 0
    return tuple(reversed(limits))


def _exceptions(published: Mapping[int, Mapping[date, bool]]) -> dict[int, bool]:
    """All notices as one table by ordinal. Raises `ValueError` for a stray day or a contradiction."""
    found: dict[int, bool] = {}
    for year, days in published.items():
        for day, counts in days.items():
            # The notice for 2019 made 2018-12-29 a working day and 2018-12-31 a day off.
            if day.year != year and (day.year, day.month) != (year - 1, 12):
                raise ValueError(f"the notice for {year} cannot name {day}")
            if found.setdefault(day.toordinal(), counts) != counts:
                raise ValueError(f"two notices disagree on {day}")
    return found


def _holidays(unpublished: Collection[int], statutory: Mapping[int, Collection[date]]) -> set[int]:
    """Ordinals of the days off to expect in years without a published calendar."""
    fixed = {date(year, month, day).toordinal() for year in unpublished for month, day in FIXED_HOLIDAYS}
    return fixed | {day.toordinal() for year in unpublished for day in statutory.get(year, ())}
