"""What waits for whom, as sources of the one inbox: releases, settlements, money that goes back, receipts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import lookup
from tierflow.common.customers import Customer
from tierflow.common.db import one_of
from tierflow.kernel.roles import Actor, Role, is_allowed
from tierflow.kernel.text import mark
from tierflow.lifting.models import LiftingOrder
from tierflow.lifting.rules.orders import STATE_LABELS, State
from tierflow.lifting.service import scope
from tierflow.lifting.service.scope import SUBJECT
from tierflow.web.i18n import show
from tierflow.web.inbox import Kind, row

MOST = 20

KINDS = {
    "order_release": Kind(mark("Order paid: release the goods"), "box-arrow-up-right", "lifting.order", "order_id"),
    "order_settle": Kind(mark("Order lifted: settle it"), "calculator", "lifting.order", "order_id"),
    "order_owes": Kind(mark("Order closed: money goes back"), "arrow-counterclockwise", "lifting.order", "order_id"),
}


def source(actor: Actor) -> Iterable[Any]:
    """SELECTs of the orders that wait for the actor; each is one ordered index walk."""
    title = LiftingOrder.number + " · " + Customer.name
    whole = (LiftingOrder.id, title, LiftingOrder.placed_at, LiftingOrder.placed_at, Customer.region_id)
    if managed := actor.user_ids_as(Role.ACCOUNT_MANAGER):
        yield (
            row("order_release", *whole)
            .join(Customer, Customer.id == LiftingOrder.customer_id)
            .where(one_of(Customer.account_manager_id, managed), LiftingOrder.state == State.PAID.value)
        )
    if Role.FINANCE_REVIEWER in actor.roles:
        joined = Customer.id == LiftingOrder.customer_id
        yield (
            row("order_settle", *whole)
            .join(Customer, joined)
            .where(LiftingOrder.state == State.LIFTED.value, LiftingOrder.lifted_grams == LiftingOrder.quantity_grams)
        )
        yield row("order_owes", *whole).join(Customer, joined).where(LiftingOrder.owes_fen > 0)


def find(session: Session, actor: Actor, query: str) -> list[dict[str, Any]]:
    """The search box: orders by number or customer; only what the actor may see."""
    if not is_allowed(actor, "order.read") or not lookup.fold(query):
        return []
    found: Any = lookup.matching(SUBJECT, query)
    rows = session.execute(
        select(LiftingOrder, Customer.name)
        .join(Customer, Customer.id == LiftingOrder.customer_id)
        .where(LiftingOrder.id.in_(found), *scope.seen_by(actor))
        .order_by(LiftingOrder.id.desc())
        .limit(MOST)
    )
    return [
        {
            "kind": "order",
            "id": order.id,
            "title": name,
            "subtitle": f"{order.number} · {show(STATE_LABELS[State(order.state)])}",
            "module": _("Lifting order"),
            "url": url_for("lifting.order", order_id=order.id),
            "icon": "truck",
        }
        for order, name in rows
    ]
