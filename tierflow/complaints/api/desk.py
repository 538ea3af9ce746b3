"""JSON of the desk beside complaints: inquiries, reply templates, the morning digest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.complaints.api import rows
from tierflow.complaints.api.complaints import ROW_ID
from tierflow.complaints.models import Inquiry
from tierflow.complaints.schemas import given, shown
from tierflow.complaints.service import inquiries, templates, whole
from tierflow.complaints.service.digest import digest
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.openapi import api_blueprint
from tierflow.web.paging import Sort, page_of

blp = api_blueprint("complaint_desk", "Inquiries, reply templates, digest")

INQUIRY = f"/inquiries/<{ROW_ID}:inquiry_id>"


@blp.route("/inquiries", methods=["GET"])
@reads("inquiry.read")
@blp.arguments(given.InquiryListSchema, location="query")
@blp.response(200, shown.InquiryPageOut)
def list_inquiries(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The register of inquiries, newest first."""
    query = inquiries.inquiries(actor, wanted)
    order = [Sort("id", Inquiry.id, True)]
    found = page_of(session, query, order, cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(found, [rows.columns(row) for row, _owner in found.rows])


@blp.route("/inquiries", methods=["POST"])
@writes("inquiry.write")
@blp.arguments(given.InquirySchema)
@blp.response(201, shown.InquiryOut)
def note(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Enter an inquiry; with an answer given at once, the matter is done."""
    return inquiries.note(session, actor, data, now)


@blp.route(INQUIRY, methods=["GET"])
@reads("inquiry.read")
@blp.response(200, shown.InquiryOut)
def read_inquiry(*, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> Any:
    """An inquiry."""
    return inquiries.get(session, actor, inquiry_id)


@blp.route(f"{INQUIRY}/answer", methods=["POST"])
@writes("inquiry.write")
@blp.arguments(given.AnswerSchema)
@blp.response(200, shown.InquiryOut)
def answer_inquiry(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> Any:
    """Record the answer given."""
    return inquiries.answer(session, actor, inquiry_id, data, now)


@blp.route(f"{INQUIRY}/complaint", methods=["POST"])
@writes("complaint.write")
@blp.arguments(given.TurnSchema)
@blp.response(201, shown.ComplaintOut)
def turn(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> Any:
    """Make a complaint of an inquiry."""
    complaint = inquiries.turn(session, actor, inquiry_id, data, now)
    return rows.whole(whole.whole(session, actor, complaint.id, now))


@blp.route("/reply-templates", methods=["GET"])
@reads("complaint.read")
@blp.response(200, shown.TemplatesOut)
def list_templates(*, session: Session, actor: Actor, now: datetime) -> Any:
    """Ready replies."""
    return {"rows": templates.templates(session)}


@blp.route("/reply-templates", methods=["POST"])
@writes("complaint.direct")
@blp.arguments(given.TemplateSchema)
@blp.response(201, shown.TemplateOut)
def add_template(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Add a reply template."""
    return templates.save(session, actor, None, data, now)


@blp.route(f"/reply-templates/<{ROW_ID}:template_id>", methods=["PUT"])
@writes("complaint.direct")
@blp.arguments(given.TemplateSchema)
@blp.response(200, shown.TemplateOut)
def change_template(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, template_id: int) -> Any:
    """Change a reply template."""
    return templates.save(session, actor, template_id, data, now)


@blp.route("/complaints/digest", methods=["GET"])
@reads("complaint.digest")
@blp.response(200, shown.DigestOut)
def morning_digest(*, session: Session, actor: Actor, now: datetime) -> Any:
    """The general manager's morning digest."""
    found = digest(session, actor, now)
    parts = [
        {
            "key": part.key,
            "total": part.total,
            "lines": [{"title": line.title, "note": show(line.note), "due_at": line.due_at} for line in part.lines],
        }
        for part in found.parts
    ]
    return {"on": found.on, "parts": parts, "summary": show(found.summary())}
