"""Beside complaints: the register of inquiries, and reply templates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.users import User
from tierflow.complaints.models import Inquiry
from tierflow.complaints.pages import choices
from tierflow.complaints.pages.blueprint import ROW_ID, bp
from tierflow.complaints.pages.deciding import told
from tierflow.complaints.pages.intake import local_input, who, who_errors
from tierflow.complaints.schemas import given
from tierflow.complaints.service import inquiries as service
from tierflow.complaints.service import templates as template_service
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import flat_errors, form_data, load

INQUIRY = f"/inquiries/<{ROW_ID}:inquiry_id>"
TEMPLATE = f"/reply-templates/<{ROW_ID}:template_id>"


def _state(inquiry: Inquiry, now: datetime) -> dict[str, str]:
    if inquiry.turned_at is not None:
        return {"kind": "warn", "text": _("Became a complaint"), "icon": "chat-square-dots"}
    if inquiry.answered_at is not None:
        return {"kind": "ok", "text": _("Answered"), "icon": "check-circle-fill"}
    if now > inquiry.due_at:
        return {"kind": "bad", "text": _("Overdue"), "icon": "alarm-fill"}
    return {"kind": "info", "text": _("To be answered"), "icon": "question-circle"}


@bp.get("/inquiries")
@reads("inquiry.read")
def inquiries(*, session: Session, actor: Actor, now: datetime) -> str:
    """The register, newest first."""
    wanted = load(given.InquiryListSchema(), request.args.to_dict())
    order = [Sort("id", Inquiry.id, True)]
    found = page_of(session, service.inquiries(actor, wanted), order, cursor=wanted["cursor"])
    rows = [(row, owner, _state(row, now)) for row, owner in found.rows]
    return render_template("complaints/inquiries.html", rows=rows, page=found)


@bp.get("/inquiries/new")
@reads("inquiry.write")
def note_inquiry(*, session: Session, actor: Actor, now: datetime) -> str:
    """The form."""
    return _note(session, actor, now, {"asked_at": local_input(now), "channel": "phone"}, {}, ())


def _note(
    session: Session,
    actor: Actor,
    now: datetime,
    values: dict[str, Any],
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    return render_template(
        "complaints/inquiry_new.html",
        values=values,
        errors=errors,
        refusals=told(refusals),
        customers=choices.customer_choices(session, actor),
        products=choices.product_options(session, now),
        regions=choices.region_options(session, now),
        channels=choices.channel_options(),
        owners=choices.sales_options(session, now),
        latest=local_input(now),
    )


def _note_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    return _note(session, actor, now, request.form.to_dict(), who_errors(flat_errors(errors)), refusals)


@bp.post("/inquiries/new")
@writes("inquiry.write", on_invalid=_note_again)
def note_inquiry_post(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Enter it."""
    command = load(given.InquirySchema(), who(session, actor, form_data()))
    inquiry_ = service.note(session, actor, command, now)
    flash(_("Entered as %(number)s.", number=inquiry_.number), "ok")
    return redirect(url_for("complaints.inquiry", inquiry_id=inquiry_.id))


@bp.get(INQUIRY)
@reads("inquiry.read")
def inquiry(*, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> str:
    """One inquiry: answer it, or turn it into a complaint with one click."""
    return _inquiry(session, actor, now, inquiry_id, {}, ())


def _inquiry(
    session: Session,
    actor: Actor,
    now: datetime,
    inquiry_id: int,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    row = service.get(session, actor, inquiry_id)
    products = choices.product_options(session, now)
    names = {key: label for _line, options in products for key, label in options}
    return render_template(
        "complaints/inquiry.html",
        inquiry=row,
        owner=session.get_one(User, row.owner_id).name,
        answered_by=session.get_one(User, row.answered_by_id).name if row.answered_by_id else None,
        taken_by=session.get_one(User, row.taken_by_id).name,
        complaint=service.complaint_of(session, row.id),
        product=names.get(row.product_id or 0),
        products=products,
        state=_state(row, now),
        channels=dict(choices.channel_options()),
        typed=request.form.to_dict(),
        errors=errors,
        refusals=told(refusals),
    )


def _inquiry_again(
    *, session: Session, actor: Actor, now: datetime, inquiry_id: int, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _inquiry(session, actor, now, inquiry_id, flat_errors(errors), refusals)


@bp.post(f"{INQUIRY}/answer")
@writes("inquiry.write", on_invalid=_inquiry_again)
def answer_inquiry(*, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> BaseResponse:
    """The answer given."""
    service.answer(session, actor, inquiry_id, load(given.AnswerSchema(), form_data()), now)
    flash(_("The answer is on record."), "ok")
    return redirect(url_for("complaints.inquiry", inquiry_id=inquiry_id))


@bp.post(f"{INQUIRY}/complaint")
@writes("complaint.write", on_invalid=_inquiry_again)
def turn_inquiry(*, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> BaseResponse:
    """Make a complaint of it."""
    complaint = service.turn(session, actor, inquiry_id, load(given.TurnSchema(), form_data()), now)
    flash(_("Accepted as %(number)s.", number=complaint.number), "ok")
    return redirect(url_for("complaints.detail", complaint_id=complaint.id))


@bp.get("/reply-templates")
@reads("complaint.read")
def reply_templates(*, session: Session, actor: Actor, now: datetime) -> str:
    """Ready replies."""
    return render_template("complaints/templates.html", rows=template_service.templates(session))


@bp.get("/reply-templates/new")
@reads("complaint.direct")
def new_template(*, session: Session, actor: Actor, now: datetime) -> str:
    """A blank template."""
    return _template(None, {"is_active": True}, {}, ())


@bp.get(TEMPLATE)
@reads("complaint.direct")
def reply_template(*, session: Session, actor: Actor, now: datetime, template_id: int) -> str:
    """A template to change."""
    row = template_service.get(session, template_id)
    return _template(row.id, {"name": row.name, "body": row.body, "is_active": row.is_active}, {}, ())


def _template(
    template_id: int | None, values: dict[str, Any], errors: dict[str, Any], refusals: tuple[Refusal, ...]
) -> str:
    return render_template(
        "complaints/template.html",
        template_id=template_id,
        values=values,
        errors={**errors, **{refusal.field: [refusal.reason] for refusal in refusals if refusal.field}},
        refusals=told(tuple(refusal for refusal in refusals if not refusal.field)),
        places=template_service.PLACES,
    )


def _template_again(
    *,
    session: Session,
    actor: Actor,
    now: datetime,
    errors: Any,
    refusals: tuple[Refusal, ...],
    template_id: int | None = None,
) -> str:
    return _template(template_id, request.form.to_dict(), flat_errors(errors), refusals)


@bp.post("/reply-templates/new")
@writes("complaint.direct", on_invalid=_template_again)
def new_template_post(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Add it."""
    return _save_template(session, actor, None, now)


@bp.post(TEMPLATE)
@writes("complaint.direct", on_invalid=_template_again)
def reply_template_post(*, session: Session, actor: Actor, now: datetime, template_id: int) -> BaseResponse:
    """Change it."""
    return _save_template(session, actor, template_id, now)


def _save_template(session: Session, actor: Actor, template_id: int | None, now: datetime) -> BaseResponse:
    template_service.save(session, actor, template_id, load(given.TemplateSchema(), form_data()), now)
    flash(_("Saved."), "ok")
    return redirect(url_for("complaints.reply_templates"))
