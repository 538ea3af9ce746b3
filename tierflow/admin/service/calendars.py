"""The working calendar: a year to look at, a new year to preview and load, a deadline to prove (CHEM-12.3)."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from io import StringIO
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.common import audit
from tierflow.common.audit import ChainHead
from tierflow.common.calendars import CalendarDay, CalendarNotice, Impact, follow, foresee, load_year, working_calendar
from tierflow.common.imports.reading import opened
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.kernel.calendar import DayProof, Due, WorkingCalendar
from tierflow.kernel.errors import Conflict, Invalid, Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

FIRST_YEAR, LAST_YEAR = 2004, 2100

Days = Mapping[date, tuple[bool, str]]


@dataclass(frozen=True)
class Day:
    """A day of the year. `kind`: work, weekend, off (by the notice), makeup (a working weekend day)."""

    on: date
    counts: bool
    kind: str
    name: str


@dataclass(frozen=True)
class Version:
    """A notice as it was loaded, with who loaded it (None: built in)."""

    notice: CalendarNotice
    loaded_by: str | None
    in_force: bool


@dataclass(frozen=True)
class Year:
    """A year whole: every day, where its days come from, and whether it is published."""

    year: int
    days: tuple[Day, ...]
    is_published: bool
    working_days: int
    versions: tuple[Version, ...]
    calendar_version: int


@dataclass(frozen=True)
class Preview:
    """What loading a year would do, to its days and to due times that are open."""

    year: int
    days: Days
    changes: tuple[rules.DayChange, ...]
    refusals: tuple[Refusal, ...]
    calendar_version: int
    impact: Impact


@dataclass(frozen=True)
class Proof:
    """A deadline with its reckoning."""

    due: Due
    days: tuple[DayProof, ...]


def year(session: Session, actor: Actor, wanted: int) -> Year:
    """A year of the calendar in force. Three queries."""
    require(actor, "calendar.read")
    calendar = working_calendar(session)
    versions = _versions(session, wanted)
    names = _names(session, wanted)
    days = tuple(_day(calendar, names, on) for on in _days_of(wanted))
    return Year(
        wanted,
        days,
        calendar.is_published(wanted),
        sum(day.counts for day in days),
        versions,
        calendar.version,
    )


def _days_of(wanted: int) -> list[date]:
    first = date(wanted, 1, 1)
    return [first + timedelta(days=i) for i in range((date(wanted + 1, 1, 1) - first).days)]


def _day(calendar: WorkingCalendar, names: Mapping[date, str], on: date) -> Day:
    counts = calendar.is_working_day(on) if on.year in calendar.years else on.weekday() < 5
    if on.weekday() >= 5:
        kind = "makeup" if counts else "off" if on in names else "weekend"
    else:
        kind = "work" if counts else "off"
    return Day(on, counts, kind, names.get(on, ""))


def _names(session: Session, wanted: int) -> dict[date, str]:
    """Names of the exceptions in force that fall in the year; the notice of the next year may name its December."""
    newest = (
        select(func.max(CalendarNotice.id))
        .where(CalendarNotice.year.in_((wanted, wanted + 1)))
        .group_by(CalendarNotice.year)
    )
    rows = session.execute(
        select(CalendarDay.on, CalendarDay.name)
        .where(
            CalendarDay.notice_id.in_(newest),
            CalendarDay.on >= date(wanted, 1, 1),
            CalendarDay.on < date(wanted + 1, 1, 1),
        )
        .order_by(CalendarDay.notice_id)
    )
    return {row.on: row.name for row in rows}


def _versions(session: Session, wanted: int) -> tuple[Version, ...]:
    rows = session.execute(
        select(CalendarNotice, User.name)
        .outerjoin(User, User.id == CalendarNotice.loaded_by_id)
        .where(CalendarNotice.year == wanted)
        .order_by(CalendarNotice.id.desc())
    ).all()
    return tuple(Version(notice, name, at == 0) for at, (notice, name) in enumerate(rows))


def next_year_missing(session: Session, now: datetime) -> int | None:
    """Next year, when its days are not in yet; deadlines that reach into it are provisional."""
    following = local_day(now).year + 1
    return None if working_calendar(session).is_published(following) else following


def preview(session: Session, actor: Actor, wanted: int, days: Days, now: datetime, *, is_empty: bool) -> Preview:
    """What loading these days would change, and why it may not be; nothing is stored."""
    require(actor, "calendar.write")
    calendar = working_calendar(session)
    plain = {on: works for on, (works, _name) in days.items()}
    refusals = rules.why_not_load(wanted, plain, calendar.published, is_empty=is_empty)
    changes: tuple[rules.DayChange, ...] = ()
    impact = Impact(0, 0)
    if not refusals:
        years = {**calendar.published, wanted: plain}
        after = WorkingCalendar(years, calendar.version + 1, calendar.statutory)
        touched = [*([on for on in plain if on.year < wanted]), *_days_of(wanted)]
        before = [(on, _counts(calendar, on)) for on in touched]
        changes = rules.calendar_changes(before, {on: after.is_working_day(on) for on in touched})
        impact = foresee(session, after, now)
    return Preview(wanted, days, changes, refusals, calendar.version, impact)


def _counts(calendar: WorkingCalendar, on: date) -> bool:
    return calendar.is_working_day(on) if on.year in calendar.years else on.weekday() < 5


def load(
    session: Session,
    actor: Actor,
    wanted: int,
    days: Days,
    source: str,
    now: datetime,
    *,
    is_empty: bool = False,
    seen_version: int | None = None,
) -> CalendarNotice:
    """Load a year; it is in force at once, open due times follow, the former version stays readable.

    `seen_version`: the calendar the preview was made on; `Conflict` when another was loaded meanwhile. Raises
    `Refused` for what does not fit.
    """
    require(actor, "calendar.write")
    # One loading at a time, so that `seen_version` is the truth: the chain's lock is taken at commit anyway.
    session.execute(select(ChainHead.name).where(ChainHead.name == "audit").with_for_update())
    looked = preview(session, actor, wanted, days, now, is_empty=is_empty)
    if seen_version is not None and looked.calendar_version != seen_version:
        raise Conflict(Refusal("conflict", text("Another calendar was loaded meanwhile: look at the preview again.")))
    if looked.refusals:
        raise Refused(looked.refusals)
    notice = load_year(session, wanted, dict(days), source, actor.user_id or None, now)
    after = {"year": wanted, "source": source, "days": len(days), "changes": len(looked.changes)}
    after |= {"firmed": looked.impact.firmed, "asked": looked.impact.asked}
    audit.record(session, actor, "calendar.load", "calendar", notice.id, now, after=after)
    follow(session, now)
    return notice


def deadline(session: Session, actor: Actor, received_at: datetime, working_days: int, now: datetime) -> Proof:
    """The deadline of something received at an instant, day by day (CHEM-12.3). Raises `Invalid` out of range."""
    require(actor, "calendar.read")
    calendar = working_calendar(session)
    close = policy_on(session, local_day(now)).time("office.closes_at")
    try:
        due = calendar.deadline_at(received_at, working_days, close)
        days = calendar.explain(local_day(received_at), working_days)
    except (ValueError, OverflowError) as error:
        first, last = calendar.years.start, calendar.years[-1]
        reason = text("The calendar covers the years %(first)s to %(last)s.", first=first, last=last)
        raise Invalid({"received_at": [reason]}) from error
    return Proof(due, days)


def read_rows(content: bytes) -> list[Any]:
    """The rows of an uploaded year, not checked yet: JSON (a list, or {"days": list}), or a table date,working,name.

    A table is an xlsx sheet with its heads, or CSV in UTF-8 or GB18030, with or without its head line. Raises
    `Invalid` on the field `file`.
    """
    if content.startswith(b"PK"):
        return _read_sheet(content)
    try:
        written = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        written = content.decode("gb18030", errors="replace")
    if written.lstrip()[:1] in ("[", "{"):
        return _read_json(written)
    try:
        lines = [line for line in csv.reader(StringIO(written), strict=True) if any(cell.strip() for cell in line)]
    except csv.Error as error:
        raise Invalid({"file": [text("This is neither JSON nor CSV.")]}) from error
    if lines and lines[0][0].strip().casefold() == "date":
        lines = lines[1:]
    return [dict(zip(("date", "working", "name"), _plain_cells(line), strict=False)) for line in lines]


def _read_json(written: str) -> list[Any]:
    try:
        found = json.loads(written)
    except (ValueError, RecursionError) as error:
        raise Invalid({"file": [text("This is neither JSON nor CSV.")]}) from error
    rows = found.get("days") if isinstance(found, dict) else found
    if not isinstance(rows, list):
        raise Invalid({"file": [text("A list of days is wanted: date, working, name.")]})
    return rows


def _read_sheet(content: bytes) -> list[Any]:
    """The first sheet's rows: date, working, name, in this order whatever the heads are called."""
    found: list[Any] = []
    with opened(content, "xlsx") as table:
        for batch in table.rows():
            for _number, cells in batch:
                line = ["" if cell is None else str(cell).removesuffix("T00:00:00") for cell in cells[:3]]
                found.append(dict(zip(("date", "working", "name"), _plain_cells(line), strict=False)))
    return found


def _plain_cells(line: list[str]) -> list[str]:
    """Excel writes 2027/1/1 where 2027-01-01 is wanted."""
    cells = [cell.strip() for cell in line]
    parts = cells[0].replace("/", "-").replace(".", "-").split("-")
    if len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts):
        cells[0] = f"{parts[0]}-{parts[1]:>02}-{parts[2]:>02}"
    return cells


def days_from(rows: list[dict[str, Any]]) -> Days:
    """Checked rows as a calendar's exceptions. Raises `Invalid` on a day given twice."""
    found: dict[date, tuple[bool, str]] = {}
    errors: dict[str, Any] = {}
    for at, row in enumerate(rows):
        if row["date"] in found:
            errors[str(at)] = {"date": [text("This day is given twice.")]}
        found[row["date"]] = (row["working"], row.get("name") or "")
    if errors:
        raise Invalid({"days": errors})
    return found
