"""Decide, ask, take back: what people do with an application in approval."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.calendars import working_calendar
from tierflow.kernel.approval import VERDICT_LABELS, Verdict
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor
from tierflow.onboarding.pages import reading, views
from tierflow.onboarding.pages.blueprint import APPLICATION, bp
from tierflow.onboarding.rules.chain import Given
from tierflow.onboarding.schemas import given as wanted
from tierflow.onboarding.service import deciding as service
from tierflow.onboarding.service import drafts
from tierflow.onboarding.service.listing import lines_asked, next_in_queue, waiting_all_green
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load


def _again(
    *, session: Session, actor: Actor, now: datetime, application_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return reading.page(session, actor, application_id, now, flat_errors(errors), refusals)


@bp.post(f"{APPLICATION}/decide")
@writes("application.decide", on_invalid=_again)
def decide_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> BaseResponse:
    """Give the waiting step's verdict, then on to the next, or home."""
    raw = form_data()
    go_on = raw.pop("go_on", "") == "1"
    given = load(wanted.DecideSchema(), _said(raw))
    row = service.decide(
        session,
        actor,
        application_id,
        Seen(given["seen_version"], given["step"]),
        Verdict(given["verdict"]),
        now,
        reason=given["reason"] or "",
        items=[Given(item["key"], item["verdict"], item["remark"] or "") for item in given["items"]],
        struck={line["product_line_id"]: line["reason"] or "" for line in given["struck"]},
    )
    title = session.get_one(ApprovalCase, row.case_id).title  # the next application is on the screen by now
    flash(
        _("Recorded for %(what)s: %(verdict)s.", what=title, verdict=show(VERDICT_LABELS[Verdict(row.verdict)])), "ok"
    )
    following = next_in_queue(session, actor, application_id) if go_on else None
    if following is not None:
        return redirect(url_for("onboarding.application", application_id=following))
    return redirect(url_for("home.inbox"))


def _said(raw: dict[str, Any]) -> dict[str, Any]:
    """The form without what was left open: items without a verdict, lines that are not struck."""
    raw["seen_version"] = raw.pop("version", None)
    for name, mark in (("items", "verdict"), ("struck", "product_line_id")):
        rows = raw.get(name)
        raw[name] = [row for row in rows if isinstance(row, dict) and row.get(mark)] if isinstance(rows, list) else []
    return raw


@bp.post(f"{APPLICATION}/withdraw")
@writes("application.write", on_invalid=_again)
def withdraw_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> BaseResponse:
    """Take the application back, to correct it."""
    given = load(wanted.WithdrawSchema(), form_data())
    service.withdraw(session, actor, application_id, now, reason=given["reason"])
    flash(_("Withdrawn. You can edit it and hand it in again."), "ok")
    return redirect(url_for("onboarding.edit_application", application_id=application_id))


@bp.post(f"{APPLICATION}/discard")
@writes("application.write", on_invalid=_again)
def discard_application(*, session: Session, actor: Actor, now: datetime, application_id: int) -> BaseResponse:
    """Give the application up."""
    given = load(wanted.DiscardSchema(), form_data())
    drafts.discard(session, actor, application_id, now, reason=given["reason"] or "")
    flash(_("Discarded. It stays readable."), "ok")
    return redirect(url_for("onboarding.applications"))


@bp.post(f"{APPLICATION}/ask")
@writes("application.ask", on_invalid=_again)
def ask_opinion(*, session: Session, actor: Actor, now: datetime, application_id: int) -> BaseResponse:
    """Ask a colleague's opinion, or copy one in."""
    given = load(wanted.AskSchema(), form_data())
    service.ask(session, actor, application_id, given["asked_id"], given["question"] or "", given["kind"], now)
    flash(_("Your colleague finds it in the inbox."), "ok")
    return redirect(url_for("onboarding.application", application_id=application_id))


@bp.get("/applications/bulk")
@reads("application.decide")
def bulk(*, session: Session, actor: Actor, now: datetime) -> str:
    """Applications that can be approved together: every check green, waiting for the reader."""
    return _bulk(session, actor, now, ())


def _bulk(session: Session, actor: Actor, now: datetime, refusals: tuple[Refusal, ...]) -> str:
    calendar = working_calendar(session)
    found = waiting_all_green(session, actor)
    lines = lines_asked(session, [row.application.id for row in found])
    rows = [
        {
            "token": f"{row.application.id}.{row.case.version}.{row.case.step}",
            "url": url_for("onboarding.application", application_id=row.application.id),
            "name": row.application.name,
            "number": row.application.number,
            "lines": views.lines_in_words(lines.get(row.application.id, ())),
            "region": row.region,
            "manager": row.account_manager,
            "due": views.deadline(views.due(row.case, calendar, now)),
        }
        for row in found
    ]
    told = [{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals]
    return render_template("onboarding/bulk.html", rows=rows, refusals=told)


def _bulk_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    return _bulk(session, actor, now, refusals)


@bp.post("/applications/bulk")
@writes("application.decide", on_invalid=_bulk_again)
def bulk_approve(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Approve the chosen ones, all or none."""
    given = load(wanted.BulkSchema(), _chosen())
    cases = [(row["application_id"], Seen(row["seen_version"], row["step"])) for row in given["cases"]]
    done = service.bulk_approve(session, actor, cases, now, reason=given["reason"] or "")
    flash(_("%(count)s approved.", count=len(done)), "ok")
    return redirect(url_for("onboarding.bulk"))


def _chosen() -> dict[str, Any]:
    """The chosen boxes, each `id.version.step`, as the schema wants them."""
    rows = []
    for token in request.form.getlist("ids"):
        application_id, _dot, rest = token.partition(".")
        version, _dot, step = rest.partition(".")
        rows.append({"application_id": application_id, "seen_version": version, "step": step})
    return {"cases": rows, "reason": request.form.get("reason")}
