"""Beside complaints: the register of inquiries, reply templates, what is to be followed up."""

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
from tierflow.complaints.pages.story import raised_line
from tierflow.complaints.pages.waiting import KINDS
from tierflow.complaints.rules.errands import ERRAND_LABELS, Level
from tierflow.complaints.schemas import given
from tierflow.complaints.service import followups, templates
from tierflow.complaints.service import inquiries as service
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import flat_errors, form_data, load

INQUIRY = f"/inquiries/<{ROW_ID}:inquiry_id>"
TEMPLATE = f"/reply-templates/<{ROW_ID}:template_id>"


def _state(inquiry: Inquiry, now: datetime) -> dict[str, str]:
    if inquiry.turned_at is not None:
        return {"kind": "warn", "text": _("Became a complaint"), "icon": "chat-square-dots"}
    if inquiry.closed_at is not None:
        return {"kind": "neutral", "text": _("Closed"), "icon": "check2-circle"}
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
        scores=choices.satisfaction_options(),
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
    closing = service.closing_of(session, row.id)
    words = {
        "customer": row.customer_name,
        "contact": row.contact_name,
        "number": row.number,
        "product": names.get(row.product_id or 0, ""),
    }
    return render_template(
        "complaints/inquiry.html",
        inquiry=row,
        closing=closing,
        closed_by=session.get_one(User, closing.closed_by_id).name if closing else None,
        scores=choices.satisfaction_options(),
        satisfaction=dict(choices.satisfaction_options()),
        ready=templates.ready(session, "inquiry", words),
        raised=[raised_line(event, None) for event in reversed(service.raised(session, row.id))],
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
    service.answer(session, actor, inquiry_id, load(given.InquiryAnswerSchema(), form_data()), now)
    flash(_("The answer is on record."), "ok")
    return redirect(url_for("complaints.inquiry", inquiry_id=inquiry_id))


@bp.post(f"{INQUIRY}/close")
@writes("inquiry.write", on_invalid=_inquiry_again)
def close_inquiry(*, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> BaseResponse:
    """How satisfied the customer is; the inquiry ends."""
    service.close(session, actor, inquiry_id, load(given.CloseSchema(), form_data()), now)
    flash(_("Closed."), "ok")
    return redirect(url_for("complaints.inquiry", inquiry_id=inquiry_id))


@bp.post(f"{INQUIRY}/complaint")
@writes("complaint.write", on_invalid=_inquiry_again)
def turn_inquiry(*, session: Session, actor: Actor, now: datetime, inquiry_id: int) -> BaseResponse:
    """Make a complaint of it."""
    complaint = service.turn(session, actor, inquiry_id, load(given.TurnSchema(), form_data()), now)
    flash(_("Accepted as %(number)s.", number=complaint.number), "ok")
    return redirect(url_for("complaints.detail", complaint_id=complaint.id))


@bp.get("/complaints/follow-ups")
@reads("complaint.read")
def follow_ups(*, session: Session, actor: Actor, now: datetime) -> str:
    """Open measures, departments' answers and inquiries, the most urgent first."""
    wanted = load(given.FollowUpSchema(), request.args.to_dict())
    found = followups.followups(session, actor, now, overdue=wanted["overdue"])
    return render_template(
        "complaints/followups.html",
        found=found,
        overdue=wanted["overdue"],
        kinds={kind: show(label) for kind, label in ERRAND_LABELS.items()},
        raised={level: _raised_words(level) for level in Level},
        url_of=lambda row: url_for(KINDS[row.kind].endpoint, **{KINDS[row.kind].argument: row.id}),
    )


def _raised_words(level: Level) -> str:
    words = {
        Level.OWNER: _("owner reminded"),
        Level.SALES_MANAGER: _("sales manager told"),
        Level.GENERAL_MANAGER: _("general manager told"),
    }
    return str(words[level])


@bp.get("/reply-templates")
@reads("complaint.read")
def reply_templates(*, session: Session, actor: Actor, now: datetime) -> str:
    """Ready replies."""
    return render_template("complaints/templates.html", rows=templates.templates(session), purposes=_purposes())


def _purposes() -> dict[str, str]:
    return {"complaint": _("Complaints"), "inquiry": _("Inquiries")}


@bp.get("/reply-templates/new")
@reads("complaint.direct")
def new_template(*, session: Session, actor: Actor, now: datetime) -> str:
    """A blank template."""
    return _template(None, {"is_active": True, "purpose": "complaint"}, {}, ())


@bp.get(TEMPLATE)
@reads("complaint.direct")
def reply_template(*, session: Session, actor: Actor, now: datetime, template_id: int) -> str:
    """A template to change."""
    row = templates.get(session, template_id)
    return _template(row.id, {name: getattr(row, name) for name in templates.KEPT}, {}, ())


def _template(
    template_id: int | None, values: dict[str, Any], errors: dict[str, Any], refusals: tuple[Refusal, ...]
) -> str:
    return render_template(
        "complaints/template.html",
        template_id=template_id,
        values=values,
        errors={**errors, **{refusal.field: [refusal.reason] for refusal in refusals if refusal.field}},
        refusals=told(tuple(refusal for refusal in refusals if not refusal.field)),
        purposes=list(_purposes().items()),
        places=templates.PLACES["complaint"],
        less=sorted(set(templates.PLACES["complaint"]) - set(templates.PLACES["inquiry"])),
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
    templates.save(session, actor, template_id, load(given.TemplateSchema(), form_data()), now)
    flash(_("Saved."), "ok")
    return redirect(url_for("complaints.reply_templates"))
