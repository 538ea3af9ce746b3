"""Looking at orders: the list, one whole, and the export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.kernel.money import format_yuan
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.acts import ACTS
from tierflow.lifting.models import LiftingOrder
from tierflow.lifting.pages import choices, views
from tierflow.lifting.pages.blueprint import ONE, bp
from tierflow.lifting.rules.orders import FORM_LABELS, STATE_LABELS, State
from tierflow.lifting.schemas import given
from tierflow.lifting.service import queries
from tierflow.lifting.service.queries import Card
from tierflow.web import exports
from tierflow.web.access import reads
from tierflow.web.exports import Column
from tierflow.web.i18n import show
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import load

NEWEST = [Sort("id", LiftingOrder.id, descending=True)]


@bp.get("/orders")
@reads("order.read")
def listing(*, session: Session, actor: Actor, now: datetime) -> str:
    """All orders one may see, filtered and paged."""
    wanted = load(given.ListSchema(), request.args.to_dict())
    found = page_of(session, queries.orders(actor, wanted), NEWEST, cursor=wanted["cursor"], size=wanted["size"])
    return render_template(
        "lifting/list.html",
        rows=[views.card(card, now) for card in queries.cards(session, found.rows, now)],
        page=found,
        states=[("open", _("Open")), ("owes", _("Money to go back")), *choices.state_options()],
        lines=choices.line_options(session, now),
        warehouses=choices.warehouse_options(session, now),
    )


def _settled(card: Card) -> str:
    return "" if card.order.settled_fen is None else format_yuan(card.order.settled_fen)


COLUMNS: list[Column] = [
    Column(text("Order"), lambda card: card.order.number, "code", 18),
    Column(text("Customer no."), lambda card: card.customer.number, "code", 12),
    Column(text("Customer"), lambda card: card.customer.name, width=30),
    Column(text("Product"), lambda card: card.product.name, width=16),
    Column(text("Warehouse"), lambda card: card.warehouse.name, width=14),
    Column(text("Form of sale"), lambda card: show(FORM_LABELS[card.order.form_of_sale]), width=10),
    Column(text("State"), lambda card: show(STATE_LABELS[State(card.order.state)]), width=10),
    Column(text("Tonnes ordered"), lambda card: format_tonnes(card.order.quantity_grams), width=14),
    Column(text("Yuan a tonne"), lambda card: format_yuan(card.order.price_fen), width=12),
    Column(text("Tonnes lifted"), lambda card: format_tonnes(card.order.lifted_grams), width=14),
    Column(text("Money received"), lambda card: format_yuan(card.standing.money_fen), width=16),
    Column(text("Lifted × price"), _settled, width=16),
    Column(text("Owed back"), lambda card: format_yuan(card.order.owes_fen), width=14),
    Column(text("To be paid by"), lambda card: card.order.pay_by_on, "day", 12),
    Column(text("Placed on"), lambda card: card.order.placed_at, "moment", 17),
]


@bp.post("/orders/export")
@reads("order.export", preview=True)
def export_orders(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The list as a file, with the filter of the page it was asked from."""
    sent = {key: value for key, value in request.form.to_dict().items() if key not in ("csrf_token", "form", "cursor")}
    wanted = load(given.ListSchema(), sent)
    return exports.download(
        _every(session, actor, wanted, now),
        COLUMNS,
        form="csv" if request.form.get("form") == "csv" else "xlsx",
        name="orders",
        title=_("Lifting orders"),
        actor=actor,
        now=now,
    )


def _every(session: Session, actor: Actor, wanted: dict[str, Any], now: datetime) -> Iterator[Card]:
    require(actor, "order.export")
    cursor, given_rows = None, 0
    while given_rows <= exports.MOST_ROWS:
        page = page_of(session, queries.orders(actor, wanted), NEWEST, cursor=cursor, size=1000)
        given_rows += len(page.rows)
        yield from queries.cards(session, page.rows, now)
        cursor = page.after
        if cursor is None:
            return


@bp.get(ONE)
@reads("order.read")
def order(*, session: Session, actor: Actor, now: datetime, order_id: int) -> str:
    """One order: how far it is, what comes next, everything that happened."""
    found = queries.whole(session, actor, order_id, now)
    todo = views.offers(actor, found)
    return render_template(
        "lifting/order.html",
        found=found,
        order=found.card.order,
        standing=found.card.standing,
        customer=found.card.customer,
        card=views.card(found.card, now),
        facts=views.facts(found),
        meters=views.meters(found),
        acts={act.key: act for act in ACTS},
        todo=todo,
        next=views.next_act(found, todo),
        slips=[views.slip(row, found.weighings.get(row.id, ()), found.returned, order_id) for row in found.slips],
        money=[
            {
                "word": views.money_word(row.kind),
                "is_out": row.kind in ("refund", "carry_out"),
                "amount": format_yuan(row.fen),
                "on": row.value_on.isoformat(),
                "payer": row.payer_name,
                "is_other": row.is_other_payer,
                "reference": row.reference or row.note,
                "by": by,
            }
            for row, by in found.money
        ],
        timeline=views.timeline(found),
    )
