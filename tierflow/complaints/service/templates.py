"""Reply templates: ready words for telling the customer, filled with the complaint's particulars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.complaints.models import ReplyTemplate
from tierflow.kernel.errors import NotFound, Refusal, Refused
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

SUBJECT = "reply_template"

PLACES = ("customer", "contact", "number", "product", "batch", "proposal")
"""What `{…}` in a template may stand for."""


def templates(session: Session, *, active_only: bool = False) -> Sequence[ReplyTemplate]:
    """All templates, by name."""
    query = select(ReplyTemplate).order_by(ReplyTemplate.name)
    if active_only:
        query = query.where(ReplyTemplate.is_active.is_(True))
    return session.scalars(query).all()


def get(session: Session, template_id: int) -> ReplyTemplate:
    """One template; else `NotFound`."""
    found = session.get(ReplyTemplate, template_id)
    if found is None:
        raise NotFound
    return found


def save(
    session: Session, actor: Actor, template_id: int | None, command: Mapping[str, Any], now: datetime
) -> ReplyTemplate:
    """Add a template, or change one. Names are unique."""
    require(actor, "complaint.direct")
    row = ReplyTemplate(name="", body="") if template_id is None else get(session, template_id)
    taken = session.scalar(select(ReplyTemplate.id).where(ReplyTemplate.name == command["name"]))
    if taken is not None and taken != row.id:
        raise Refused(Refusal("house", text("There is a template of this name already."), "name"))
    before = {} if template_id is None else {"name": row.name, "body": row.body, "is_active": row.is_active}
    row.name, row.body, row.is_active = command["name"], command["body"], command["is_active"]
    row.updated_by_id, row.updated_at = actor.user_id, now
    session.add(row)
    session.flush()
    after = {"name": row.name, "body": row.body, "is_active": row.is_active}
    audit.record(session, actor, "reply_template.save", SUBJECT, row.id, now, before=before, after=after)
    return row


def fill(body: str, values: Mapping[str, str]) -> str:
    """The template with its places filled; anything else in braces stays as it is."""
    for place in PLACES:
        body = body.replace("{" + place + "}", values.get(place, ""))
    return body
