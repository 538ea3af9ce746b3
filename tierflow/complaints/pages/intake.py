"""Taking a complaint: on the phone to a customer, with one hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.customers import get_visible
from tierflow.common.policies import policy_on
from tierflow.complaints.pages import choices, uploads
from tierflow.complaints.pages.blueprint import ONE, bp
from tierflow.complaints.rules.clock import ClockTerms
from tierflow.complaints.schemas import given
from tierflow.complaints.service import intake as service
from tierflow.kernel.errors import Refusal
from tierflow.kernel.months import SHANGHAI, local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.web.access import reads, writes
from tierflow.web.schemas import flat_errors, form_data, load


def local_input(moment: datetime) -> str:
    """A moment as <input type=datetime-local> wants it, by Shanghai's clocks."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%dT%H:%M")


def who(session: Session, actor: Actor, raw: dict[str, Any]) -> dict[str, Any]:
    """The form's one field "customer" as the schema wants it: a customer of ours, or the name as given."""
    typed = raw.pop("customer", None)
    customer = choices.customer_named(session, actor, typed)
    return {**raw, "customer_id": customer.id} if customer is not None else {**raw, "customer_name": typed}


def who_errors(errors: dict[str, Any]) -> dict[str, Any]:
    """Messages on the field that was shown."""
    for name in ("customer_id", "customer_name"):
        if name in errors:
            errors["customer"] = errors.pop(name)
    return errors


@bp.get("/complaints/new")
@reads("complaint.write")
def take(*, session: Session, actor: Actor, now: datetime) -> str:
    """The form, for a customer when one is named in the address."""
    chosen = request.args.get("customer_id", "")
    values: dict[str, Any] = {"said_at": local_input(now), "severity": "general", "channel": "phone"}
    if chosen.isascii() and chosen.isdigit() and len(chosen) < 16:
        customer = get_visible(session, actor, int(chosen))
        values["customer"] = f"{customer.number} {customer.name}"
    return _form(session, actor, now, values, {}, ())


def _form(
    session: Session,
    actor: Actor,
    now: datetime,
    values: dict[str, Any],
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    terms = ClockTerms.of(policy_on(session, local_day(now)))
    regions = actor.scopes(Role.SALES_MANAGER) - {None}
    return render_template(
        "complaints/take.html",
        values=values,
        errors=errors,
        refusals=refusals,
        customers=choices.customer_choices(session, actor),
        products=choices.product_options(session, now),
        regions=choices.region_options(session, now),
        own_region=next(iter(regions)) if len(regions) == 1 else "",
        severities=choices.severity_cards(terms.limits),
        channels=choices.channel_options(),
        latest=local_input(now),
    )


def _again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    typed = request.form.to_dict()
    return _form(session, actor, now, typed, who_errors(flat_errors(errors)), refusals)


@bp.post("/complaints/new")
@writes("complaint.write", on_invalid=_again)
def take_post(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Accept it."""
    command = load(given.TakeSchema(), who(session, actor, form_data()))
    complaint = service.take(session, actor, command, now, photos=uploads.sent("photos"))
    flash(_("Accepted as %(number)s.", number=complaint.number), "ok")
    return redirect(url_for("complaints.detail", complaint_id=complaint.id))


@bp.post(f"{ONE}/photos")
@writes("complaint.write")
def add_photos(*, session: Session, actor: Actor, now: datetime, complaint_id: int) -> BaseResponse:
    """Photos that come in later."""
    service.add_photos(session, actor, complaint_id, uploads.sent("photos"), now)
    flash(_("The files are with the complaint."), "ok")
    return redirect(url_for("complaints.detail", complaint_id=complaint_id))
