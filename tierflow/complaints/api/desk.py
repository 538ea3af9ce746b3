"""JSON of the desk beside complaints: inquiries, reply templates, follow-ups, the morning digest."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.complaints.api import rows
from tierflow.complaints.api.complaints import ROW_ID
from tierflow.complaints.models import Inquiry
from tierflow.complaints.schemas import given, shown, shown_desk
from tierflow.complaints.service import followups, inquiries, templates, whole
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
@blp.response(200, shown_desk.InquiryPageOut)
def list_inquiries(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The register of inquiries, newest first."""
    query = inquiries.inquiries(actor, wanted)
    order = [Sort("id", Inquiry.id, True)]
    found = page_of(session, query, order, cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(found, [rows.columns(row) for row, _owner in found.rows])


@blp.route("/inquiries", methods=["POST"])
@writes("inquiry.write")
@blp.arguments(given.InquirySchema)
@blp.response(201, shown_desk.InquiryWholeOut)
def note(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Enter an inquiry; with an answer given at once, the matter is done."""
    return _whole(session, inquiries.note(session, actor, data, now))


def _whole(session: Session, inquiry: Inquiry) -> dict[str, Any]:
    """An inquiry, how it ended, and who heard that it was due."""
    closing = inquiries.closing_of(session, inquiry.id)
    return {
        **rows.columns(inquiry),
        "satisfaction": closing.satisfaction if closing else None,
        "satisfaction_note": closing.note if closing else "",
        "raised": inquiries.raised(session, inquiry.id),
    }


@blp.route(INQUIRY, methods=["GET"])
@reads("inquiry.read")
@blp.response(200, shown_desk.InquiryWholeOut)
def read_inquiry(*, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> Any:
    """An inquiry."""
    return _whole(session, inquiries.get(session, actor, inquiry_id))


@blp.route(f"{INQUIRY}/answer", methods=["POST"])
@writes("inquiry.write")
@blp.arguments(given.InquiryAnswerSchema)
@blp.response(200, shown_desk.InquiryWholeOut)
def answer_inquiry(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> Any:
    """Record the answer given; with the customer's satisfaction, close the inquiry too."""
    return _whole(session, inquiries.answer(session, actor, inquiry_id, data, now))


@blp.route(f"{INQUIRY}/close", methods=["POST"])
@writes("inquiry.write")
@blp.arguments(given.CloseSchema)
@blp.response(200, shown_desk.InquiryWholeOut)
def close_inquiry(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> Any:
    """Close an answered inquiry with the customer's satisfaction."""
    return _whole(session, inquiries.close(session, actor, inquiry_id, data, now))


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
@blp.response(200, shown_desk.TemplatesOut)
def list_templates(*, session: Session, actor: Actor, now: datetime) -> Any:
    """Ready replies."""
    return {"rows": templates.templates(session)}


@blp.route("/reply-templates", methods=["POST"])
@writes("complaint.direct")
@blp.arguments(given.TemplateSchema)
@blp.response(201, shown_desk.TemplateOut)
def add_template(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Add a reply template."""
    return templates.save(session, actor, None, data, now)


@blp.route(f"/reply-templates/<{ROW_ID}:template_id>", methods=["PUT"])
@writes("complaint.direct")
@blp.arguments(given.TemplateSchema)
@blp.response(200, shown_desk.TemplateOut)
def change_template(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, template_id: int) -> Any:
    """Change a reply template."""
    return templates.save(session, actor, template_id, data, now)


@blp.route("/complaints/follow-ups", methods=["GET"])
@reads("complaint.read")
@blp.arguments(given.FollowUpSchema, location="query")
@blp.response(200, shown_desk.FollowUpsOut)
def list_followups(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Open measures, departments' answers and inquiries, the most urgent first."""
    return followups.followups(session, actor, now, overdue=wanted["overdue"])


@blp.route("/complaints/digest", methods=["GET"])
@reads("complaint.digest")
@blp.response(200, shown_desk.DigestOut)
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
