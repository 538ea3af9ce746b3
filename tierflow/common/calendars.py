"""The working calendar in tables: a notice per loading of a year, its exceptions, never changed.

The State Council's days come built in for the published years; an administrator loads what is new.
The calendar's version is the number of the newest notice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from sqlalchemy import URL, ForeignKey, Index, func, insert, select
from sqlalchemy.orm import Mapped, Session, SessionTransaction, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.kernel.almanac import MOVABLE_HOLIDAYS
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.text import mark


class CalendarNotice(Model):
    """One published year as loaded once; the newest of a year is in force."""

    __tablename__ = append_only("calendar_notice")
    __table_args__ = (Index("ix_calendar_notice_year", "year", "id"),)

    id: Mapped[int] = pk()
    year: Mapped[int]
    source: Mapped[str]
    loaded_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    loaded_at: Mapped[datetime]


class CalendarDay(Model):
    """An exception to Monday-Friday: a day off, or a make-up working day (调休上班)."""

    __tablename__ = append_only("calendar_day")

    notice_id: Mapped[int] = mapped_column(ForeignKey("calendar_notice.id"), primary_key=True)
    on: Mapped[date] = mapped_column("on_day", primary_key=True)
    is_working: Mapped[bool]
    name: Mapped[str]


def load_year(
    session: Session, year: int, days: dict[date, tuple[bool, str]], source: str, user_id: int | None, now: datetime
) -> CalendarNotice:
    """Load a year's exceptions, `{day: (is it a working day, name)}`. Empty means: published, and has none."""
    notice = CalendarNotice(year=year, source=source, loaded_by_id=user_id, loaded_at=now)
    session.add(notice)
    session.flush()
    rows = [{"notice_id": notice.id, "on": on, "is_working": works, "name": name} for on, (works, name) in days.items()]
    if rows:
        session.execute(insert(CalendarDay), rows)
    _keep_apart(session, notice.id)
    return notice


class Move(NamedTuple):
    """An open due time that a calendar would move: by itself where it was provisional, else a person is asked."""

    due_at: datetime
    number: str  # of the complaint
    would_be_at: datetime
    asks: bool


@dataclass(frozen=True)
class Impact:
    """What a calendar does to open due times: provisional ones made firm, firm ones a person is asked about.

    `moves`: each due time that would be another, earliest first; one that becomes firm where it is moves nowhere.
    """

    firmed: int
    asked: int
    is_capped: bool = False  # more are open than were looked at
    moves: tuple[Move, ...] = ()


class Follower(NamedTuple):
    """A domain with due times. `foresee`: what a calendar not loaded yet would do. `follow`: do it, at once."""

    foresee: Callable[[Session, WorkingCalendar, datetime], Impact]
    follow: Callable[[Session, datetime], object]


_followers: dict[str, Follower] = {}


def followed_by(name: str, follower: Follower) -> None:
    """Let a domain re-date what it has open whenever an administrator loads a year; `app.py` calls it."""
    _followers[name] = follower


def foresee(session: Session, calendar: WorkingCalendar, now: datetime) -> Impact:
    """What all followers together foresee of a calendar that is not loaded yet."""
    found = [follower.foresee(session, calendar, now) for follower in _followers.values()]
    return Impact(
        sum(each.firmed for each in found),
        sum(each.asked for each in found),
        any(each.is_capped for each in found),
        tuple(sorted(move for each in found for move in each.moves)),
    )


def follow(session: Session, now: datetime) -> None:
    """A year was loaded: every follower begins to re-date, in this transaction; its duty finishes what is left."""
    for follower in _followers.values():
        follower.follow(session, now)


_NEWEST = select(func.max(CalendarNotice.__table__.c.id))


def working_calendar(session: Session) -> WorkingCalendar:
    """The calendar in force. One query when nothing was loaded since the last call."""
    version = session.scalar(_NEWEST) or 0
    key = (session.get_bind().engine.url, version)
    kept = _kept(session, version)
    if key not in kept:
        if len(kept) > 8:  # many databases in one process happens in tests only
            kept.clear()
        kept[key] = _build(session, version)
    return kept[key]


def calendar_numbered(session: Session, version: int) -> WorkingCalendar:
    """The calendar as it stood at a version, for replay and for comparing."""
    key = (session.get_bind().engine.url, version)
    kept = _kept(session, version)
    return kept[key] if key in kept else _build(session, version)


_Kept = dict[tuple[URL, int], WorkingCalendar]
_calendars: _Kept = {}


class _Unsure(NamedTuple):
    """Versions from `first` on were made by a transaction that may be undone yet, and their numbers given anew."""

    transaction: SessionTransaction | None
    first: int
    kept: _Kept


def _keep_apart(session: Session, version: int) -> None:
    """This version was made in the running transaction: keep what is built of it only as long as that lasts."""
    if _unsure(session) is None:
        session.info["calendars_unsure"] = _Unsure(session.get_transaction(), version, {})


def _unsure(session: Session) -> _Unsure | None:
    found: _Unsure | None = session.info.get("calendars_unsure")
    return found if found is not None and found.transaction is session.get_transaction() else None


def _kept(session: Session, version: int) -> _Kept:
    """Where the calendar of this version is kept."""
    unsure = _unsure(session)
    return _calendars if unsure is None or version < unsure.first else unsure.kept


def _build(session: Session, version: int) -> WorkingCalendar:
    newest = select(func.max(CalendarNotice.id)).where(CalendarNotice.id <= version).group_by(CalendarNotice.year)
    years = session.scalars(select(CalendarNotice.year).where(CalendarNotice.id.in_(newest)))
    rows = session.execute(
        select(CalendarNotice.year, CalendarDay.on, CalendarDay.is_working)
        .join(CalendarDay, CalendarDay.notice_id == CalendarNotice.id)
        .where(CalendarNotice.id.in_(newest))
    )
    return _laid(version, frozenset(years), frozenset(tuple(row) for row in rows))


@lru_cache(maxsize=8)  # laying out the years is dear, and the same days make the same calendar in every database
def _laid(version: int, years: frozenset[int], days: frozenset[tuple[int, date, bool]]) -> WorkingCalendar:
    published: dict[int, dict[date, bool]] = {year: {} for year in years}
    for year, on, is_working in days:
        published[year][on] = is_working
    return WorkingCalendar(published=published, version=version, statutory=MOVABLE_HOLIDAYS)


# What the package calls its days, so that the reader's language has a word for each.
HOLIDAYS = (
    mark("New Year's Day"),
    mark("Spring Festival"),
    mark("Tomb-sweeping Day"),
    mark("Labour Day"),
    mark("Dragon Boat Festival"),
    mark("National Day"),
    mark("Mid-autumn Festival"),
    mark("Anti-Fascist 70th Day"),
)


def built_in_years() -> dict[int, dict[date, tuple[bool, str]]]:
    """The State Council's days for every year the installed package knows, 2004 on."""
    import chinese_calendar as cc

    years: dict[int, dict[date, tuple[bool, str]]] = {}
    for on, name in cc.holidays.items():
        years.setdefault(on.year, {})
        if on.weekday() < 5:
            years[on.year][on] = (False, str(name))
    for on, name in cc.workdays.items():
        years.setdefault(on.year, {})[on] = (True, str(name))
    return dict(sorted(years.items()))
