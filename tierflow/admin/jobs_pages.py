"""Screens of the timed duties: what ran when and for which period, what failed and why, and what comes next."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, flash, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.admin.jobs_schemas import ConfirmSchema, RunRequestSchema
from tierflow.common import runs
from tierflow.common.db import db
from tierflow.common.runs import JobDuty, Pulse, Run
from tierflow.kernel.months import AnyPeriod, local_day, parse_period
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.text import mark
from tierflow.web.access import public, reads, writes
from tierflow.web.context import now as request_now
from tierflow.web.i18n import show
from tierflow.web.navigation import Nav
from tierflow.web.paging import Page, Sort, page_of
from tierflow.web.schemas import flat_errors, form_data, load

bp = Blueprint("jobs", __name__, template_folder="templates")

NAV = [Nav(mark("Administration"), 96, mark("Timed duties"), "alarm", "jobs.index", "job.read")]

NEWEST_FIRST = [Sort("id", Run.id, descending=True)]

HOLD_REASONS = {
    "forward": mark("The clock of the server jumped forward."),
    "back": mark("The clock of the server jumped back."),
    "gap": mark("The scheduler was silent for more than 35 days, or the clock was wrong."),
}

RESULTS = {
    "items": mark("items"),
    "notices": mark("notices"),
    "moved_on": mark("had moved on"),
    "file": mark("file"),
    "bytes": mark("bytes"),
    "deleted": mark("deleted"),
    "seq": mark("entry"),
    "hash": mark("hash"),
    "user_session": mark("sessions"),
    "idempotency_key": mark("keys"),
    "login_attempt": mark("login attempts"),
    "wrong": mark("found wrong"),
}

EVERY = {
    "": mark("always"),
    "day": mark("daily"),
    "week": mark("weekly"),
    "month": mark("monthly"),
    "quarter": mark("quarterly"),
    "halfyear": mark("half-yearly"),
    "year": mark("yearly"),
}


@bp.get("/admin/jobs")
@reads("job.read")
def index(*, session: Session, actor: Actor, now: datetime) -> str:
    """The scheduler, its timetable and its ledger."""
    return _page(session, now, {}, ())


def _page(session: Session, now: datetime, errors: dict[str, Any], refusals: Any) -> str:
    timetable = runs.duties(session)
    ledger = ledger_page(session, request.args)
    return render_template(
        "admin/jobs.html",
        pulse=runs.pulse(session, now).value,
        beat=runs.heartbeat(session),
        reasons=HOLD_REASONS,
        every=EVERY,
        result_words=RESULTS,
        duties=[(duty, current_period(duty, now)) for duty in timetable],
        labels={duty.key: duty.label for duty in timetable},
        duty_options=[(duty.key, show(duty.label)) for duty in timetable],
        ledger=ledger,
        requests=runs.recent_requests(session, 5),
        today=local_day(now),
        errors=errors,
        refusals=refusals,
    )


def ledger_page(session: Session, arguments: Any) -> Page[Run]:
    """The ledger as filtered by the address, newest first."""
    job, state, period = (arguments.get(name) or None for name in ("job", "state", "period"))
    return page_of(
        session, runs.runs(job=job, state=state, period=period), NEWEST_FIRST, cursor=arguments.get("cursor")
    )


def current_period(duty: JobDuty, now: datetime) -> AnyPeriod | None:
    """The newest period whose duty can be done."""
    if not duty.every or duty.next_due_at is None:
        return None
    period = parse_period(duty.next_period)
    return period if duty.next_due_at <= now else period.previous()


def _again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any) -> str:
    return _page(session, now, flat_errors(errors), refusals)


@bp.post("/admin/jobs/runs")
@writes("job.write", on_invalid=_again)
def run(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Run a duty for a period, again or by hand."""
    wanted = load(RunRequestSchema(), form_data())
    runs.request_run(session, actor, wanted["job"], wanted["period"] or "", now)
    flash(_("The scheduler runs it within seconds; the result appears below."), "ok")
    return redirect(url_for("jobs.index"))


@bp.post("/admin/jobs/count")
@writes("job.write")
def count(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Count what would run until this time tomorrow, without running it."""
    runs.request_count(session, actor, now)
    flash(_("The scheduler counts what would run; the figures appear in the timetable within seconds."), "ok")
    return redirect(url_for("jobs.index"))


@bp.post("/admin/jobs/confirm")
@writes("job.write", on_invalid=_again)
def confirm(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Confirm the date the server shows; held duties go on."""
    confirmed: date = load(ConfirmSchema(), form_data())["date"]
    runs.release(session, actor, now, seen_on=confirmed)
    flash(_("The date is confirmed; what was missed is caught up, oldest first."), "ok")
    return redirect(url_for("jobs.index"))


@bp.get("/healthz/scheduler")
@public
def health() -> tuple[Response, int]:
    """Whether the scheduler is alive, trusts its clock and does what it does every minute, for a monitor."""
    found = runs.pulse(db.session(), request_now())
    return jsonify({"status": found.value}), 200 if found is Pulse.OK else 503


def health_check(session: Session) -> str:
    """For /healthz. A scheduler that has never run is not late: there may be none yet, and the banner says so."""
    found = runs.pulse(session, request_now())
    return "ok" if found in {Pulse.OK, Pulse.NEVER} else found.value


def banner(session: Session, actor: Actor | None) -> dict[str, str] | None:
    """What administrators read on every page while duties do not run."""
    if actor is None or not is_allowed(actor, "job.read"):
        return None
    found = runs.pulse(session, request_now())
    if found is Pulse.HELD:
        return {"kind": "bad", "text": _("Timed duties are held: confirm the date under Administration, Timed duties.")}
    if found is Pulse.FAILING:
        return {"kind": "bad", "text": _("A timed duty fails again and again: see Administration, Timed duties.")}
    if found is Pulse.LATE:
        return {"kind": "bad", "text": _("The scheduler has been silent for more than five minutes.")}
    if found is Pulse.NEVER:
        return {"kind": "info", "text": _("No scheduler has run yet: start one with “python -m jobs”.")}
    return None
