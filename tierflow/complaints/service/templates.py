"""Reply templates: ready words for a complaint's or an inquiry's answer, filled with its particulars."""

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

PLACES: Mapping[str, tuple[str, ...]] = {
    "complaint": ("customer", "contact", "number", "product", "batch", "proposal"),
    "inquiry": ("customer", "contact", "number", "product"),
}
"""What a template may be for, and what `{…}` in it may stand for."""


def templates(session: Session) -> Sequence[ReplyTemplate]:
    """All templates, by name."""
    return session.scalars(select(ReplyTemplate).order_by(ReplyTemplate.name)).all()


def ready(session: Session, purpose: str, values: Mapping[str, str]) -> list[tuple[str, str]]:
    """The templates in use for a purpose: name, and the words with their places filled."""
    query = select(ReplyTemplate).where(ReplyTemplate.is_active.is_(True), ReplyTemplate.purpose == purpose)
    rows = session.scalars(query.order_by(ReplyTemplate.name))
    return [(row.name, fill(row.body, PLACES[purpose], values)) for row in rows]


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
    before = {} if template_id is None else _kept(row)
    for name in KEPT:
        setattr(row, name, command[name])
    row.updated_by_id, row.updated_at = actor.user_id, now
    session.add(row)
    session.flush()
    after = _kept(row)
    audit.record(session, actor, "reply_template.save", SUBJECT, row.id, now, before=before, after=after)
    return row


KEPT = ("name", "body", "purpose", "is_active")


def _kept(row: ReplyTemplate) -> dict[str, Any]:
    return {name: getattr(row, name) for name in KEPT}


def fill(body: str, places: Sequence[str], values: Mapping[str, str]) -> str:
    """The template with its places filled; anything else in braces stays as it is."""
    for place in places:
        body = body.replace("{" + place + "}", values.get(place, ""))
    return body
