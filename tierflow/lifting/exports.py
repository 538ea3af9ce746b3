"""Lifting orders as a file, for the page and for programs alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Response
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.kernel.money import format_yuan
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.rules.orders import FORM_LABELS, STATE_LABELS, State
from tierflow.lifting.service import queries
from tierflow.lifting.service.queries import Card
from tierflow.web.exports import MOST_ROWS, Column, Form, download
from tierflow.web.i18n import show
from tierflow.web.paging import page_of


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


def orders(session: Session, actor: Actor, wanted: dict[str, Any], form: Form, now: datetime) -> Response:
    """The list of orders, narrowed as the list is."""
    require(actor, "order.export")
    rows = _every(session, actor, wanted, now)
    return download(rows, COLUMNS, form=form, name="orders", title=_("Lifting orders"), actor=actor, now=now)


def _every(session: Session, actor: Actor, wanted: dict[str, Any], now: datetime) -> Iterator[Card]:
    cursor, given = None, 0
    while given <= MOST_ROWS:
        page = page_of(session, queries.orders(actor, wanted), queries.NEWEST, cursor=cursor, size=1000)
        given += len(page.rows)
        yield from queries.cards(session, page.rows, now)
        cursor = page.after
        if cursor is None:
            return
