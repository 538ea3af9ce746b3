"""JSON of the working calendar (CHEM-12.3)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.admin.schemas.settings import (
    CalendarLoadSchema,
    CalendarPreviewOut,
    CalendarPreviewSchema,
    DeadlineOut,
    DeadlineSchema,
    NoticeOut,
    YearOut,
)
from tierflow.admin.service import calendars
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("calendar", "Working calendar")

YEAR = f"int(min={calendars.FIRST_YEAR}, max={calendars.LAST_YEAR})"


@blp.route("/calendar/deadline")
@reads("calendar.read")
@blp.arguments(DeadlineSchema, location="query")
@blp.response(200, DeadlineOut)
def deadline(asked: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The deadline of something received at an instant, day by day with the reason of each (CHEM-12.3)."""
    return calendars.deadline(session, actor, asked["received_at"], asked["working_days"], now)


@blp.route(f"/calendar/years/<{YEAR}:year>")
@reads("calendar.read")
@blp.response(200, YearOut)
def show(*, session: Session, actor: Actor, now: datetime, year: int) -> Any:
    """A year whole: every day, where its days come from, and whether it is published."""
    return calendars.year(session, actor, year)


@blp.route("/calendar/preview", methods=["POST"])
@reads("calendar.write", preview=True)
@blp.arguments(CalendarPreviewSchema)
@blp.response(200, CalendarPreviewOut)
def preview(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """What loading a year would change, and why it may not be; nothing is stored."""
    days = calendars.days_from(data["days"])
    return calendars.preview(session, actor, data["year"], days, now, is_empty=data["is_empty"])


@blp.route("/calendar/years", methods=["POST"])
@writes("calendar.write")
@blp.arguments(CalendarLoadSchema)
@blp.response(201, NoticeOut)
def create(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Load a year; it is in force at once, the former version stays readable."""
    days = calendars.days_from(data["days"])
    options = {"is_empty": data["is_empty"], "seen_version": data["seen_version"]}
    return calendars.load(session, actor, data["year"], days, data["source"], now, **options)
