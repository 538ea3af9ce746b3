"""JSON of what everybody has: the inbox, notices, the search box, opinions asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import fields
from sqlalchemy.orm import Session

from tierflow.common import approvals, notices
from tierflow.common.approvals import ApprovalCase, AskedOpinion
from tierflow.common.notices import Notice
from tierflow.common.users import User
from tierflow.kernel.roles import Actor
from tierflow.web import inbox as inbox_service
from tierflow.web.access import reads, writes
from tierflow.web.fields import Moment
from tierflow.web.home import OpinionAnswerSchema, content_of, hits_for, subject_url, told
from tierflow.web.i18n import show
from tierflow.web.openapi import api_blueprint
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import Integer, Line, Schema, between

blp = api_blueprint("home", "Inbox, notices, search, opinions")

ROW_ID = "int(max=9007199254740991)"
OPINION = f"/opinions/<{ROW_ID}:opinion_id>"
BY_ARRIVAL = (Sort("asked_at", AskedOpinion.asked_at), Sort("id", AskedOpinion.id))


class HomePageSchema(Schema):
    """Which page of a list: the cursor of the page before, and how many rows."""

    cursor = Line(most=500, load_default=None)
    size = Integer(load_default=30, validate=between(1, 100))


class InboxItemOut(Schema):
    """One thing that waits. `subject_id` is what the page of its kind takes; `due` is null without a deadline."""

    kind = fields.String()
    label = fields.String()
    subject_id = fields.Integer()
    title = fields.String()
    region = fields.String(allow_none=True)
    since = Moment()
    due = Moment(allow_none=True)
    url = fields.String()


class InboxOut(Schema):
    """A page of the inbox. `next`: the cursor of the page after; `count`: 101 is more than a hundred."""

    items = fields.List(fields.Nested(InboxItemOut))
    next = fields.String(allow_none=True)
    count = fields.Integer()


class ToldOut(Schema):
    """Something you were told. `url`: the page of what it is about, where it has one."""

    id = fields.Integer()
    kind = fields.String()
    text = fields.String()
    subject_type = fields.String()
    subject_id = fields.Integer()
    url = fields.String(allow_none=True)
    created_at = Moment()
    read_at = Moment(allow_none=True)


class ToldPageOut(Schema):
    """A page of notices; `unread` counts all of them, 101 is more than a hundred."""

    rows = fields.List(fields.Nested(ToldOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
    unread = fields.Integer()


class SearchSchema(Schema):
    """What to look for: any part of a name, its pinyin or initials, any code."""

    q = Line(most=100, required=True)


class HitOut(Schema):
    """Something found: what it is, its id there, and its page."""

    kind = fields.String()
    id = fields.Integer()
    title = fields.String()
    subtitle = fields.String()
    module = fields.String()
    url = fields.String()


class SearchOut(Schema):
    """What was found, at most twenty of each kind."""

    hits = fields.List(fields.Nested(HitOut))


class OpinionOut(Schema):
    """An opinion asked of you, or (`copy`) a case shown to you. `answered_at` of a copy: when it was read.

    `on_behalf_of`: of whom it was asked, where `answered_by` only stood in for them.
    """

    id = fields.Integer()
    kind = fields.String()
    subject_type = fields.String()
    subject_id = fields.Integer()
    title = fields.String()
    asked_id = fields.Integer()
    asked_by = fields.String()
    question = fields.String()
    asked_at = Moment()
    answer = fields.String(allow_none=True)
    answered_at = Moment(allow_none=True)
    answered_by = fields.String(allow_none=True)
    on_behalf_of = fields.String(allow_none=True)


class OpinionPageOut(Schema):
    """A page of opinions."""

    rows = fields.List(fields.Nested(OpinionOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class FactOut(Schema):
    """A labelled value."""

    label = fields.String()
    value = fields.String()


class FactsOut(Schema):
    """A group of labelled values."""

    title = fields.String()
    facts = fields.List(fields.Nested(FactOut))


class OpinionWholeOut(OpinionOut):
    """An opinion with what it is about, as it was handed in."""

    content = fields.List(fields.Nested(FactsOut))


@blp.route("/inbox", methods=["GET"])
@reads("inbox.read")
@blp.arguments(HomePageSchema, location="query")
@blp.response(200, InboxOut)
def inbox(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Everything that waits for you, most urgent first."""
    size, after = wanted["size"], inbox_service.read_place(wanted["cursor"], "cursor")
    found = inbox_service.items(session, actor, after=after, size=size)
    return {
        "items": [_item(item) for item in found[:size]],
        "next": inbox_service.place_of(found[size - 1]) if len(found) > size else None,
        "count": inbox_service.count(session, actor),
    }


def _item(item: inbox_service.Item) -> dict[str, Any]:
    shown = {name: getattr(item, name) for name in ("kind", "subject_id", "title", "region", "since", "url")}
    label = show(inbox_service.kinds()[item.kind].label)
    return {**shown, "label": label, "due": item.due if item.has_deadline else None}


@blp.route("/notices", methods=["GET"])
@reads("inbox.read")
@blp.arguments(HomePageSchema, location="query")
@blp.response(200, ToldPageOut)
def list_notices(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """What you were told, newest first."""
    page, unread = told(session, actor, **wanted)
    rows = [_notice(actor, row) for row in page.rows]
    return {"rows": rows, "after": page.after, "before": page.before, "unread": unread}


def _notice(actor: Actor, row: Notice) -> dict[str, Any]:
    names = ("id", "kind", "subject_type", "subject_id", "created_at", "read_at")
    return {
        **{name: getattr(row, name) for name in names},
        "text": show(notices.as_text(row.msgid, row.params)),
        "url": subject_url(actor, row.subject_type, row.subject_id),
    }


@blp.route(f"/notices/<{ROW_ID}:notice_id>/read", methods=["POST"])
@writes("inbox.write")
@blp.response(200, ToldOut)
def read_notice(*, session: Session, actor: Actor, now: datetime, notice_id: int) -> Any:
    """Mark one notice as read."""
    return _notice(actor, notices.read_one(session, actor.user_id, notice_id, now))


@blp.route("/notices/read", methods=["POST"])
@writes("inbox.write")
@blp.response(204)
def read_all_notices(*, session: Session, actor: Actor, now: datetime) -> None:
    """Mark everything you were told as read."""
    notices.read_all(session, actor.user_id, now)


@blp.route("/search", methods=["GET"])
@reads("inbox.read")
@blp.arguments(SearchSchema, location="query")
@blp.response(200, SearchOut)
def search(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """One search for customers, applications, orders and complaints: only what is yours to see."""
    return {"hits": hits_for(session, actor, wanted["q"])}


@blp.route("/opinions", methods=["GET"])
@reads("inbox.read")
@blp.arguments(HomePageSchema, location="query")
@blp.response(200, OpinionPageOut)
def list_opinions(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The opinions asked of you that you have not given, and the copies you have not read; longest waiting first."""
    page = page_of(session, approvals.waiting_opinions(actor), BY_ARRIVAL, **wanted)
    return {"rows": [_opinion(session, *row) for row in page.rows], "after": page.after, "before": page.before}


def _opinion(session: Session, row: AskedOpinion, case: ApprovalCase, asked_by: User) -> dict[str, Any]:
    names = ("id", "kind", "asked_id", "question", "asked_at", "answer", "answered_at")
    of_case = {name: getattr(case, name) for name in ("subject_type", "subject_id", "title")}
    answered_by, absent = approvals.voices(session, row)  # asks nothing of what still waits
    people = {"asked_by": asked_by.name, "answered_by": answered_by, "on_behalf_of": absent}
    return {**{name: getattr(row, name) for name in names}, **of_case, **people}


@blp.route(OPINION, methods=["GET"])
@reads("inbox.read")
@blp.response(200, OpinionWholeOut)
def read_opinion(*, session: Session, actor: Actor, now: datetime, opinion_id: int) -> Any:
    """An opinion asked of you, with what it is about."""
    row, case = approvals.opinion(session, actor, opinion_id)
    content = [
        {"title": show(part.title), "facts": [{"label": show(name), "value": show(value)} for name, value in part.rows]}
        for part in content_of(session, row, case)
    ]
    return {**_opinion(session, row, case, session.get_one(User, row.asked_by_id)), "content": content}


@blp.route(f"{OPINION}/answer", methods=["POST"])
@writes("opinion.answer")
@blp.arguments(OpinionAnswerSchema)
@blp.response(200, OpinionOut)
def answer_opinion(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, opinion_id: int) -> Any:
    """Give the opinion that was asked of you, or note that a copy was read; a copy wants no words."""
    row = approvals.answer(session, opinion_id, data["answer"] or "", actor, now)
    case, asked_by = session.get_one(ApprovalCase, row.case_id), session.get_one(User, row.asked_by_id)
    return _opinion(session, row, case, asked_by)
