"""The inbox, the search box, health, and what has no other home."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, Response, current_app, flash, g, jsonify, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy import text as sql
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common import approvals
from tierflow.common.approvals import ApprovalCase, AskedOpinion
from tierflow.common.calendars import working_calendar
from tierflow.common.db import capped_count, db
from tierflow.common.notices import Notice, as_text, read_all
from tierflow.common.users import User
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.text import mark
from tierflow.web import inbox as inbox_service
from tierflow.web.access import public, reads, writes
from tierflow.web.i18n import show
from tierflow.web.navigation import Nav
from tierflow.web.paging import Page, Sort, page_of
from tierflow.web.schemas import Paragraph, Schema, flat_errors, form_data, load
from tierflow.web.shell import moment

bp = Blueprint("home", __name__)

NAV = [
    Nav(mark("Work"), 0, mark("Inbox"), "inbox", "home.inbox", "inbox.read"),
    Nav(mark("Work"), 1, mark("Notices"), "bell", "home.notices", "inbox.read"),
]


@bp.get("/")
@reads("inbox.read")
def inbox(*, session: Session, actor: Actor, now: datetime) -> str:
    """Everything that waits for me, most urgent first."""
    after = inbox_service.read_place(request.args.get("after"), "after")
    if after is None:
        found, g.waiting = inbox_service.beginning(session, actor)
    else:
        found = inbox_service.items(session, actor, after=after)
    page, more = found[:30], len(found) > 30
    place = inbox_service.place_of(page[-1]) if more else None
    calendar, labels = working_calendar(session), {key: show(kind.label) for key, kind in inbox_service.kinds().items()}
    return render_template(
        "home/inbox.html",
        items=[_line(item, calendar, labels, now) for item in page],
        next_place=place,
        is_first=after is None,
    )


SINCE = mark("waiting since %(at)s")


def _line(item: inbox_service.Item, calendar: WorkingCalendar, labels: dict[str, str], now: datetime) -> dict[str, Any]:
    since = show(SINCE) % {"at": moment(item.since)}
    line: dict[str, Any] = {
        "url": item.url,
        "title": item.title,
        "module": labels[item.kind],
        "icon": inbox_service.kinds()[item.kind].icon,
        "note": f"{item.region} · {since}" if item.region else since,
    }
    if item.has_deadline:
        line |= {
            "at": moment(item.due),
            "iso": item.due.isoformat(),
            "days_left": calendar.working_days_left(now, item.due),
            "provisional": not calendar.is_published(item.due.year),
            "urgent": item.due < now,
        }
    return line


@bp.get("/notices")
@reads("inbox.read")
def notices(*, session: Session, actor: Actor, now: datetime) -> str:
    """What I was told, newest first."""
    page, unread = told(session, actor, cursor=request.args.get("cursor"), size=40)
    return render_template(
        "home/notices.html",
        notices=[
            (row, as_text(row.msgid, row.params), subject_url(actor, row.subject_type, row.subject_id))
            for row in page.rows
        ],
        page=page,
        unread=unread,
    )


def told(session: Session, actor: Actor, *, cursor: str | None, size: int) -> tuple[Page[Notice], int]:
    """What the actor was told, newest first, and how much of it is unread (101: more than a hundred)."""
    mine = select(Notice).where(Notice.user_id == actor.user_id)
    unread = capped_count(session, mine.where(Notice.read_at.is_(None)).with_only_columns(Notice.id), 100)
    return page_of(session, mine, [Sort("id", Notice.id, descending=True)], cursor=cursor, size=size), unread


def subject_url(actor: Actor, kind: str, subject_id: int) -> str | None:
    """The page of what a notice is about, where the inbox knows its kind and its reader's roles open it."""
    found = inbox_service.kinds().get(kind)
    if found is None:
        return None
    action = current_app.extensions["access"][found.endpoint].action
    values: dict[str, Any] = {found.argument: subject_id}
    return url_for(found.endpoint, **values) if is_allowed(actor, action) else None


@bp.post("/notices/read")
@writes("inbox.write")
def read_notices(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Mark everything as read."""
    read_all(session, actor.user_id, now)
    return redirect(url_for("home.notices"))


@bp.get("/search")
@reads("inbox.read")
def search(*, session: Session, actor: Actor, now: datetime) -> str:
    """One box for customers and applications: code, name, pinyin."""
    query = request.args.get("q", "").strip()[:100]
    return render_template("home/search.html", q=query, hits=hits_for(session, actor, query))


def hits_for(session: Session, actor: Actor, query: str) -> list[dict[str, Any]]:
    """What every finder finds; only what the actor may see."""
    finders: list[Any] = current_app.extensions["finders"]
    return [hit for find in finders for hit in find(session, actor, query)] if query else []


@bp.get("/healthz")
@public
def healthz() -> Response:
    """Whether web and database answer, for a load balancer: 503 when they do not.

    What else is late is said in the body only: a scheduler that has stopped must not take the web servers away.
    """
    db.session.execute(sql("SELECT 1"))
    checks: dict[str, Any] = {"database": "ok"}
    for name, check in current_app.extensions["health"].items():
        checks[name] = check(db.session())
    late = any(value != "ok" for value in checks.values())
    return jsonify({"status": "late" if late else "ok", **checks})


@bp.get("/favicon.ico")
@public
def favicon() -> BaseResponse:
    """Browsers ask for it whatever the page says."""
    return redirect(url_for("web.static", filename="mark.svg"))


@bp.get("/opinions/<int(max=9007199254740991):opinion_id>")
@reads("inbox.read")
def opinion(*, session: Session, actor: Actor, now: datetime, opinion_id: int) -> str:
    """An opinion asked of me, with what it is about."""
    row, case = approvals.opinion(session, actor, opinion_id)
    return _opinion_page(session, actor, row, case, {}, ())


def _opinion_page(
    session: Session, actor: Actor, row: AskedOpinion, case: ApprovalCase, errors: dict[str, Any], refusals: Any
) -> str:
    return render_template(
        "home/opinion.html",
        opinion=row,
        case=case,
        asked_by=session.get_one(User, row.asked_by_id),
        asked=session.get_one(User, row.asked_id),
        voices=approvals.voices(session, row),
        is_mine=row.asked_id == actor.user_id,
        content=content_of(session, row, case),
        errors=errors,
        refusals=refusals,
    )


def content_of(session: Session, row: AskedOpinion, case: ApprovalCase) -> list[Any]:
    """What was handed in when the opinion was asked, in words by group."""
    summary = current_app.extensions["summaries"].get(case.subject_type)
    return summary(session, approvals.current_content(session, case, row.round)) if summary else []


def _opinion_again(
    *, session: Session, actor: Actor, now: datetime, opinion_id: int, errors: Any, refusals: Any
) -> str:
    row, case = approvals.opinion(session, actor, opinion_id)
    return _opinion_page(session, actor, row, case, flat_errors(errors), refusals)


class OpinionAnswerSchema(Schema):
    """An opinion in words; of a copy that was read, words are welcome, not wanted."""

    answer = Paragraph(load_default="", allow_none=True, most=2000)


@bp.post("/opinions/<int(max=9007199254740991):opinion_id>")
@writes("opinion.answer", on_invalid=_opinion_again)
def answer_opinion(*, session: Session, actor: Actor, now: datetime, opinion_id: int) -> BaseResponse:
    """Give the opinion, or note that the copy was read; the chain does not move."""
    given = load(OpinionAnswerSchema(), form_data())
    row = approvals.answer(session, opinion_id, given["answer"] or "", actor, now)
    flash(_("Your opinion is recorded.") if row.kind == "ask" else _("Marked as read."), "ok")
    return redirect(url_for("home.inbox"))
