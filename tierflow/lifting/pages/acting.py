"""The acts on an order: for each row of `acts.ACTS` a page with its form, and the door the form is sent to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.kernel.errors import Refusal
from tierflow.kernel.money import format_yuan
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.acts import ACTS, Act
from tierflow.lifting.pages import views
from tierflow.lifting.pages.blueprint import ONE, bp
from tierflow.lifting.service import queries
from tierflow.lifting.service.orders import left_on
from tierflow.lifting.service.queries import Whole
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.schemas import flat_errors, form_data, load


def _first_values(act: Act, found: Whole, now: datetime) -> dict[str, Any]:
    """What the form begins with: what most often is right."""
    order, standing, customer = found.card.order, found.card.standing, found.card.customer
    today = local_day(now).isoformat()
    invoiced = sum(row.fen for row, _by in found.invoices)
    settled = order.settled_fen or 0
    free = format_yuan(max(0, standing.free_fen))
    chosen = request.args.get("slip", "")
    return {
        "receive": {
            "amount": format_yuan(standing.missing_fen) if standing.missing_fen else "",
            "value_on": today,
            "payer_name": customer.name,
            "payer_account": customer.bank_account,
        },
        "release": {"tonnes": format_tonnes(standing.releasable_grams)},
        "withdraw": {"slip_id": chosen},
        "invoice": {"amount": format_yuan(settled - invoiced), "invoiced_on": today},
        "refund": {"amount": free, "value_on": today},
        "carry": {"amount": free},
    }.get(act.key, {})


def _page(
    act: Act,
    session: Session,
    actor: Actor,
    now: datetime,
    order_id: int,
    typed: dict[str, Any] | None,
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...],
) -> str:
    found = queries.whole(session, actor, order_id, now)
    return render_template(
        "lifting/act.html",
        act=act,
        found=found,
        order=found.card.order,
        standing=found.card.standing,
        customer=found.card.customer,
        card=views.card(found.card, now),
        facts=views.facts(found),
        meters=views.meters(found),
        slips=[(row.id, f"{row.number} · {format_tonnes(left_on(row))}") for row in found.slips if left_on(row)],
        values=_first_values(act, found, now) if typed is None else typed,
        errors=errors,
        refusals=[{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals],
    )


def _register(act: Act) -> None:
    @reads(act.action)
    def form(*, session: Session, actor: Actor, now: datetime, order_id: int) -> str:
        return _page(act, session, actor, now, order_id, None, {}, ())

    def again(
        *, session: Session, actor: Actor, now: datetime, order_id: int, errors: Any, refusals: tuple[Refusal, ...]
    ) -> str:
        return _page(act, session, actor, now, order_id, request.form.to_dict(), flat_errors(errors), refusals)

    @writes(act.action, on_invalid=again)
    def door(*, session: Session, actor: Actor, now: datetime, order_id: int) -> BaseResponse:
        act.verb(session, actor, order_id, load(act.schema(), form_data()), now)
        flash(show(act.done), "ok")
        return redirect(url_for("lifting.order", order_id=order_id))

    name = act.key.replace("-", "_")
    bp.add_url_rule(f"{ONE}/{act.key}", name, form, methods=["GET"])
    bp.add_url_rule(f"{ONE}/{act.key}", f"{name}_post", door, methods=["POST"])


for _act in ACTS:
    _register(_act)
