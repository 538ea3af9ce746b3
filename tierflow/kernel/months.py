"""Calendar periods in Asia/Shanghai, all half-open: `start` belongs to a period, `end` no longer does.

Nothing here reads a clock. Days are `date`s of Asia/Shanghai; instants are aware `datetime`s, and a naive
one is refused, because the day of a UTC reading is the wrong day for a third of every day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, datetime, time, timedelta
from typing import ClassVar, Self
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


def local_day(instant: datetime) -> date:
    """The Asia/Shanghai day of an aware instant. Raises `ValueError` for a naive one."""
    if instant.tzinfo is None or instant.utcoffset() is None:
        raise ValueError("a naive datetime has no day: give an aware one")
    return instant.astimezone(SHANGHAI).date()


def local_instant(on: date, clock: time) -> datetime:
    """The aware instant at which Asia/Shanghai clocks show `clock` on that day."""
    if clock.tzinfo is not None:
        raise ValueError("the time of day is Asia/Shanghai by definition: give it without a zone")
    return datetime.combine(on, clock, SHANGHAI)


def plain_day(day: date) -> date:
    """The same day; raises `TypeError` for a `datetime`, whose date part depends on its zone."""
    if isinstance(day, datetime):
        raise TypeError("a day is wanted, not an instant: use local_day()")
    return day


@dataclass(frozen=True, order=True)
class Period:
    """A run of whole calendar months, numbered from 1 within its year; see the four kinds below.

    Periods of one kind are ordered; comparing two kinds raises `TypeError`. A number or year that does
    not exist raises `ValueError`.
    """

    year: int
    number: int

    MONTHS: ClassVar[int]
    FORM: ClassVar[re.Pattern[str]]

    def __post_init__(self) -> None:
        # The last year of `date` is left out so that every period has an `end`.
        if not MINYEAR <= self.year < MAXYEAR or not 1 <= self.number <= 12 // self.MONTHS:
            raise ValueError(f"no such {type(self).__name__}: {self.year}, {self.number}")

    @classmethod
    def of(cls, day: date) -> Self:
        """The period the Asia/Shanghai day falls in."""
        plain_day(day)
        return cls(day.year, (day.month - 1) // cls.MONTHS + 1)

    @classmethod
    def at(cls, instant: datetime) -> Self:
        """The period an aware instant falls in, by its Asia/Shanghai day."""
        return cls.of(local_day(instant))

    @classmethod
    def parse(cls, written: str) -> Self:
        """The period so written (`str()` turned round). Raises `ValueError` for anything else."""
        found = cls.FORM.fullmatch(written)
        if found is None:
            raise ValueError(f"not a {cls.__name__}: {written!r}")
        return cls(*(int(part) for part in found.groups()))

    @property
    def start(self) -> date:
        """First day."""
        return date(self.year, (self.number - 1) * self.MONTHS + 1, 1)

    @property
    def end(self) -> date:
        """The day after the last one."""
        return date(self.year + 1, 1, 1) if self._last_month == 12 else date(self.year, self._last_month + 1, 1)

    @property
    def last_day(self) -> date:
        """Last day, inclusive."""
        return self.end - timedelta(days=1)

    @property
    def starts_at(self) -> datetime:
        """Asia/Shanghai midnight that opens the period."""
        return local_instant(self.start, time.min)

    @property
    def ends_at(self) -> datetime:
        """Asia/Shanghai midnight that ends the period; the first instant outside it."""
        return local_instant(self.end, time.min)

    @property
    def months(self) -> tuple[Month, ...]:
        """Its months, in order."""
        return tuple(Month(self.year, number) for number in range(self.start.month, self._last_month + 1))

    @property
    def _last_month(self) -> int:
        return self.number * self.MONTHS

    def __contains__(self, day: date) -> bool:
        return self.start <= plain_day(day) < self.end

    def plus(self, n: int) -> Self:
        """The period `n` later (earlier when negative)."""
        in_a_year = 12 // self.MONTHS
        year, index = divmod(self.year * in_a_year + self.number - 1 + n, in_a_year)
        return type(self)(year, index + 1)

    def next(self) -> Self:
        """The period after this one."""
        return self.plus(1)

    def previous(self) -> Self:
        """The period before this one."""
        return self.plus(-1)

    def until(self, other: Self) -> int:
        """How many steps from this period to the other: `a.plus(a.until(b)) == b`."""
        return (other.year - self.year) * (12 // self.MONTHS) + other.number - self.number


class Month(Period):
    """A calendar month, written `2026-11`."""

    MONTHS = 1
    FORM = re.compile(r"([0-9]{4})-([0-9]{2})")

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.number:02d}"


class Quarter(Period):
    """A calendar quarter, written `2026-Q4`."""

    MONTHS = 3
    FORM = re.compile(r"([0-9]{4})-Q([0-9])")

    def __str__(self) -> str:
        return f"{self.year:04d}-Q{self.number}"


class HalfYear(Period):
    """January to June or July to December, written `2026-H2`."""

    MONTHS = 6
    FORM = re.compile(r"([0-9]{4})-H([0-9])")

    def __str__(self) -> str:
        return f"{self.year:04d}-H{self.number}"


@dataclass(frozen=True, order=True)
class Year(Period):
    """A calendar year, written `2026`; its number is always 1."""

    number: int = 1

    MONTHS = 12
    FORM = re.compile(r"([0-9]{4})")

    def __str__(self) -> str:
        return f"{self.year:04d}"


@dataclass(frozen=True, order=True)
class Week:
    """Monday to Sunday, written `2026-W47` as in ISO 8601. Raises `ValueError` unless it begins on a Monday.

    A week cut by a month's edge belongs, whole, to the month of its Thursday.
    """

    start: date

    FORM: ClassVar[re.Pattern[str]] = re.compile(r"([0-9]{4})-W([0-9]{2})")

    def __post_init__(self) -> None:
        if plain_day(self.start).weekday() != 0:
            raise ValueError(f"a week begins on a Monday: {self.start}")

    @classmethod
    def of(cls, day: date) -> Self:
        """The week the Asia/Shanghai day falls in."""
        return cls(plain_day(day) - timedelta(days=day.weekday()))

    @classmethod
    def at(cls, instant: datetime) -> Self:
        """The week an aware instant falls in, by its Asia/Shanghai day."""
        return cls.of(local_day(instant))

    @classmethod
    def parse(cls, written: str) -> Self:
        """The week so written. Raises `ValueError` for anything else, also for a week 53 that the year lacks."""
        found = cls.FORM.fullmatch(written)
        if found is None:
            raise ValueError(f"not a Week: {written!r}")
        return cls(date.fromisocalendar(int(found[1]), int(found[2]), 1))

    @property
    def end(self) -> date:
        """The Monday after."""
        return self.start + timedelta(days=7)

    @property
    def last_day(self) -> date:
        """Its Sunday."""
        return self.start + timedelta(days=6)

    @property
    def days(self) -> tuple[date, ...]:
        """Monday to Sunday."""
        return tuple(self.start + timedelta(days=step) for step in range(7))

    @property
    def month(self) -> Month:
        """The month the week belongs to: that of its Thursday."""
        return Month.of(self.start + timedelta(days=3))

    @property
    def number(self) -> int:
        """Which of its month's weeks it is, 1 to 5: its Thursday is the month's so-manieth."""
        return ((self.start + timedelta(days=3)).day + 6) // 7

    def __contains__(self, day: date) -> bool:
        return self.start <= plain_day(day) < self.end

    def __str__(self) -> str:
        year, number, _ = self.start.isocalendar()
        return f"{year:04d}-W{number:02d}"

    def plus(self, n: int) -> Self:
        """The week `n` later (earlier when negative)."""
        return type(self)(self.start + timedelta(weeks=n))

    def next(self) -> Self:
        """The week after this one."""
        return self.plus(1)

    def previous(self) -> Self:
        """The week before this one."""
        return self.plus(-1)


@dataclass(frozen=True, order=True)
class Day:
    """One day, written `2026-11-22`: the period of what is done daily."""

    start: date

    FORM: ClassVar[re.Pattern[str]] = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")

    def __post_init__(self) -> None:
        plain_day(self.start)

    @classmethod
    def of(cls, day: date) -> Self:
        """The day as a period."""
        return cls(day)

    @classmethod
    def at(cls, instant: datetime) -> Self:
        """The Asia/Shanghai day of an aware instant."""
        return cls(local_day(instant))

    @classmethod
    def parse(cls, written: str) -> Self:
        """The day so written. Raises `ValueError` for anything else."""
        if cls.FORM.fullmatch(written) is None:
            raise ValueError(f"not a Day: {written!r}")
        return cls(date.fromisoformat(written))

    @property
    def end(self) -> date:
        """The day after."""
        return self.start + timedelta(days=1)

    @property
    def last_day(self) -> date:
        """The day itself."""
        return self.start

    def __contains__(self, day: date) -> bool:
        return self.start == plain_day(day)

    def __str__(self) -> str:
        return self.start.isoformat()

    def plus(self, n: int) -> Self:
        """The day `n` later (earlier when negative)."""
        return type(self)(self.start + timedelta(days=n))

    def next(self) -> Self:
        """The day after this one."""
        return self.plus(1)

    def previous(self) -> Self:
        """The day before this one."""
        return self.plus(-1)


AnyPeriod = Month | Quarter | HalfYear | Year | Week | Day

_KINDS: tuple[type[AnyPeriod], ...] = (Month, Quarter, HalfYear, Year, Week, Day)


def parse_period(written: str) -> AnyPeriod:
    """The period of whatever kind so written, as a job's ledger keeps it. Raises `ValueError`."""
    for kind in _KINDS:
        if kind.FORM.fullmatch(written):
            return kind.parse(written)
    raise ValueError(f"not a period: {written!r}")


def weeks_of(month: Month) -> tuple[Week, ...]:
    """The four or five weeks that belong to the month: those whose Thursday lies in it."""
    week = Week.of(month.start)
    if week.month < month:
        week = week.next()
    weeks = []
    while week.month == month:
        weeks.append(week)
        week = week.next()
    return tuple(weeks)


def add_months(day: date, n: int) -> date:
    """`n` months from `day` (Civil Code 201-203): the same-numbered day, else that month's last day.

    `day` itself does not count and the day returned is the last one, to its midnight. Company periods are not
    prolonged over days off. A negative `n` counts back by the same rule.
    """
    month = Month.of(day).plus(n)
    return month.start.replace(day=min(day.day, month.last_day.day))
