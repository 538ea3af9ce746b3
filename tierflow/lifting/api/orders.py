"""JSON of orders: place, look, act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.lifting import exports
from tierflow.lifting.acts import ACTS, Act
from tierflow.lifting.api import rows
from tierflow.lifting.models import Invoice
from tierflow.lifting.schemas import given, shown
from tierflow.lifting.service import invoices, orders, queries, selling
from tierflow.web.access import reads, writes
from tierflow.web.exports import FILE
from tierflow.web.i18n import show
from tierflow.web.openapi import api_blueprint
from tierflow.web.paging import Sort, page_of

blp = api_blueprint("lifting", "Lifting orders")

ROW_ID = "int(max=9007199254740991)"
ONE = f"/orders/<{ROW_ID}:order_id>"
BY_DAY = [Sort("on", Invoice.invoiced_on, descending=True), Sort("id", Invoice.id, descending=True)]


@blp.route("/orders", methods=["GET"])
@reads("order.read")
@blp.arguments(given.ListSchema, location="query")
@blp.response(200, shown.OrderPageOut)
def list_orders(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The lifting orders you may see, newest first."""
    found = page_of(
        session, queries.orders(actor, wanted), queries.NEWEST, cursor=wanted["cursor"], size=wanted["size"]
    )
    return rows.page(found, [rows.card(card) for card in queries.cards(session, found.rows, now)])


@blp.route("/orders", methods=["POST"])
@writes("order.write")
@blp.arguments(given.PlaceSchema)
@blp.response(201, shown.OrderOut)
def place(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Take an order. Refused while business with the customer stands still, or without a class on the line."""
    order = orders.place(session, actor, data, now)
    return rows.whole(queries.whole(session, actor, order.id, now))


@blp.route(ONE, methods=["GET"])
@reads("order.read")
@blp.response(200, shown.OrderOut)
def read(*, session: Session, actor: Actor, now: datetime, order_id: int) -> Any:
    """An order whole."""
    return rows.whole(queries.whole(session, actor, order_id, now))


@blp.route("/invoices", methods=["GET"])
@reads("order.read")
@blp.arguments(given.InvoicesSchema, location="query")
@blp.response(200, shown.InvoicePageOut)
def list_invoices(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Invoice records, newest day first, each with the particulars in force on its day."""
    query = invoices.listed(actor, wanted)
    found = page_of(session, query, BY_DAY, cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(found, [rows.invoice(*row) for row in found.rows])


@blp.route(f"/customers/<{ROW_ID}:customer_id>/selling", methods=["GET"])
@reads("customer.read")
@blp.response(200, shown.SellingOut)
def may_sell(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """May I sell today? Per product line yes or no, every reason, and who clears it."""
    found = selling.may_sell(session, actor, customer_id, now)
    return {
        "held_orders": found.held,
        "lines": [
            {
                "product_line_id": answer.line.id,
                "product_line": answer.line.name,
                "customer_class": answer.customer_class,
                "may_sell": answer.may_sell,
                "by_auction_only": answer.by_auction_only,
                "reasons": [
                    {
                        "clause": refusal.clause,
                        "reason": show(refusal.reason),
                        "remedy": show(cleared) if (cleared := selling.remedy(refusal)) else "",
                    }
                    for refusal in answer.reasons
                ],
            }
            for answer in found.answers
        ],
    }


@blp.route("/orders/export", methods=["POST"])
@reads("order.export", preview=True)
@blp.arguments(given.OrderExportSchema)
@blp.doc(responses=FILE)
def export_orders(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Response:
    """The same as Excel or CSV; noted in the security log."""
    return exports.orders(session, actor, wanted, wanted["form"], now)


def _register(act: Act) -> None:
    def view(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, order_id: int) -> Any:
        act.verb(session, actor, order_id, data, now)
        return rows.whole(queries.whole(session, actor, order_id, now))

    view.__name__ = act.key.replace("-", "_")
    view.__doc__ = f"{act.title}. {act.hint} ({act.clause})"
    door = blp.response(200, shown.OrderOut)(view)
    door = writes(act.action)(blp.arguments(act.schema)(door))
    blp.route(f"{ONE}/{act.key}", methods=["POST"])(door)


for _act in ACTS:
    _register(_act)
