"""The working calendar: the year, a deadline with its proof, and loading a year after a preview."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tierflow.admin.pages.shared import filters
from tierflow.admin.schemas.settings import CalendarLoadSchema, YearFilter
from tierflow.admin.service import calendars
from tierflow.kernel.errors import Invalid
from tierflow.kernel.months import SHANGHAI, local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show as shown_word
from tierflow.web.schemas import flat_errors, form_data, load

LISTED = 200  # due times that would move, on the preview's page

bp = Blueprint("calendar", __name__, url_prefix="/calendar", template_folder="../templates")


@bp.get("")
@reads("calendar.read")
def year(*, session: Session, actor: Actor, now: datetime) -> str:
    """Twelve months, days off and make-up days marked; and a deadline reckoned day by day."""
    wanted = filters(YearFilter())
    shown = calendars.year(session, actor, wanted["year"] or local_day(now).year)
    proof, errors = None, {}
    if wanted["received_at"] is not None and wanted["working_days"] is not None:
        try:
            received_at = wanted["received_at"].replace(tzinfo=SHANGHAI)
            proof = calendars.deadline(session, actor, received_at, wanted["working_days"], now)
        except Invalid as error:
            errors = flat_errors(error.errors)
    return render_template(
        "admin/calendar/year.html",
        year=shown,
        months=_months(shown),
        missing=calendars.next_year_missing(session, now),
        today=local_day(now),
        proof=proof,
        errors=errors,
        weekdays=[format_date(date(2026, 11, 23 + i), "EEEEE") for i in range(7)],
        first=calendars.FIRST_YEAR,
        last=calendars.LAST_YEAR,
    )


def _months(shown: calendars.Year) -> list[dict[str, Any]]:
    """Each month as weeks from Monday, with blanks before its first day and after its last."""
    months = []
    for number in range(1, 13):
        days = [day for day in shown.days if day.on.month == number]
        cells: list[calendars.Day | None] = [None] * days[0].on.weekday() + list(days)
        cells += [None] * (-len(cells) % 7)
        months.append(
            {
                "name": format_date(days[0].on, "LLLL"),
                "weeks": [cells[i : i + 7] for i in range(0, len(cells), 7)],
                "working": sum(day.counts for day in days),
                "exceptions": [day for day in days if day.kind == "makeup" or (day.kind == "off" and day.name)],
            }
        )
    return months


def _form(now: datetime, errors: Any = None, refusals: Any = ()) -> str:
    return render_template(
        "admin/calendar/load.html",
        values=request.form or {"year": request.args.get("year", local_day(now).year + 1)},
        errors=_by_row(flat_errors(errors or {})),
        refusals=refusals,
    )


def _by_row(errors: dict[str, Any]) -> dict[str, Any]:
    """What is wrong with the days, said at the file by the number of the row; the first ten."""
    rows: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for field, messages in errors.items():
        place = field.split(".")
        if place[0] == "days" and len(place) > 1:
            said = " ".join(str(shown_word(message)) for message in messages)
            rows[f"{int(place[1]):06}.{field}"] = text("Row %(row)s: %(reason)s", row=int(place[1]) + 1, reason=said)
        else:
            others[field] = messages
    if rows:
        others["file"] = [*others.get("file", []), *(rows[key] for key in sorted(rows)[:10])]
    return others


@bp.get("/load")
@reads("reference.read")
def new(*, session: Session, actor: Actor, now: datetime) -> str:
    """Choose the year and its file."""
    return _form(now)


def _given() -> dict[str, Any]:
    """The form with its days: from the file, or from the preview's own field."""
    data = form_data()
    content = data.pop("content", None)
    file = request.files.get("file")
    if file is not None and file.filename:
        data["days"] = calendars.read_rows(file.read(1_000_000))
    elif content:
        data["days"] = calendars.read_rows(content.encode())
    elif data.get("is_empty"):
        data["days"] = []
    else:
        raise Invalid({"file": [text("Choose a file, or say that the notice names no exceptions.")]})
    checked: dict[str, Any] = load(CalendarLoadSchema(), data)
    return {**checked, "days": calendars.days_from(checked["days"])}


@bp.post("/preview")
@reads("calendar.write", preview=True)
def preview(*, session: Session, actor: Actor, now: datetime) -> Any:
    """What loading would change; nothing is stored."""
    try:
        given = _given()
    except Invalid as error:
        return _form(now, error.errors), 422
    seen = calendars.preview(session, actor, given["year"], given["days"], now, is_empty=given["is_empty"])
    if seen.refusals:
        return _form(now, refusals=seen.refusals), 409
    rows = [{"date": on.isoformat(), "working": works, "name": name} for on, (works, name) in sorted(seen.days.items())]
    return render_template(
        "admin/calendar/preview.html",
        preview=seen,
        listed=LISTED,
        given=given,
        content=json.dumps({"days": rows}, ensure_ascii=False),
    )


def _load_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any) -> str:
    return _form(now, errors, refusals)


@bp.post("/load")
@writes("calendar.write", on_invalid=_load_again)
def create(*, session: Session, actor: Actor, now: datetime) -> Response:
    """Load the year; it is in force at once."""
    given = _given()
    calendars.load(
        session,
        actor,
        given["year"],
        given["days"],
        given["source"],
        now,
        is_empty=given["is_empty"],
        seen_version=given["seen_version"],
    )
    flash(_("The calendar of %(year)s is in force.", year=given["year"]), "ok")
    return redirect(url_for("calendar.year", year=given["year"]))
