"""Taking an order."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.customers import get_visible
from tierflow.kernel.errors import Invalid, Refusal
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.lifting.pages import choices
from tierflow.lifting.pages.blueprint import bp
from tierflow.lifting.schemas import given
from tierflow.lifting.service import orders as service
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load

AT_FIELD = frozenset({"form_of_sale", "product_id", "tonnes", "price"})


@bp.get("/orders/new")
@reads("order.write")
def place(*, session: Session, actor: Actor, now: datetime) -> str:
    """The form, for a customer when one is named in the address."""
    chosen = request.args.get("customer_id", "")
    values: dict[str, Any] = {"form_of_sale": "planned"}
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
    return render_template(
        "lifting/place.html",
        values=values,
        errors=errors,
        refusals=refusals,
        customers=choices.customer_choices(session, actor),
        products=choices.product_options(session, now),
        warehouses=choices.warehouse_options(session, now),
        forms_of_sale=choices.form_options(),
    )


def _again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    flat = flat_errors(errors)
    for refusal in refusals:
        if refusal.field in AT_FIELD:
            flat.setdefault(refusal.field, []).append(f"{show(refusal.reason)} ({refusal.clause})")
    refusals = tuple(refusal for refusal in refusals if refusal.field not in AT_FIELD)
    if "customer_id" in flat:
        flat["customer"] = flat.pop("customer_id")
    return _form(session, actor, now, request.form.to_dict(), flat, refusals)


@bp.post("/orders/new")
@writes("order.write", on_invalid=_again)
def place_post(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Take it."""
    raw = form_data()
    named = raw.pop("customer", None)
    customer = choices.customer_named(session, actor, named)
    if customer is None and named and named.strip():
        raise Invalid({"customer": [text("No customer of yours has this number or name; choose one of the list.")]})
    command = load(given.PlaceSchema(), {**raw, "customer_id": customer.id if customer is not None else None})
    order = service.place(session, actor, command, now)
    flash(_("Order %(number)s is placed.", number=order.number), "ok")
    return redirect(url_for("lifting.order", order_id=order.id))
