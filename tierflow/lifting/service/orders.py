"""Placing, releasing, taking back, cancelling: what sales does with an order (CHEM-2)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tierflow.common import audit, lookup
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import Customer, CustomerLine, get_visible, in_name_of
from tierflow.common.db import in_force
from tierflow.common.notices import notify
from tierflow.common.numbering import next_number
from tierflow.common.policies import policy_on
from tierflow.common.reference import Product, ProductLine, Warehouse
from tierflow.common.standing import standing_on
from tierflow.kernel.errors import Forbidden, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.money import format_yuan
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.models import LiftingOrder, Slip
from tierflow.lifting.rules import orders as rules
from tierflow.lifting.rules.codes import ALPHABET, LENGTH, with_check
from tierflow.lifting.service import business, scope
from tierflow.lifting.service.scope import SUBJECT
from tierflow.lifting.terms import PAY_DAYS


def place(session: Session, actor: Actor, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """Take an order. Refused while business stands still, without a class on the line, in a form its level rules out.

    Raises `NotFound` for a customer the actor may not see, `Forbidden` for one it does not sell to, `Invalid` by field.
    """
    require(actor, "order.write")
    today = local_day(now)
    customer = get_visible(session, actor, command["customer_id"])
    if not scope.sells_to(actor, customer):
        raise Forbidden("order.write")
    # A status that is being withdrawn is waited for, so that no order slips in behind it (CHEM-17).
    session.refresh(customer, with_for_update={"read": True})
    actor = in_name_of(actor, "order.write", customer)
    product, line = _product(session, command["product_id"], today)
    warehouse = _warehouse(session, command["warehouse_id"], today)
    refuse_if_any(
        [
            *(stop.refusal for stop in business.stops(session, [customer.id], today).get(customer.id, [])),
            *_why_no_class(session, customer, line, today),
            *rules.why_not_form(_level(session, customer, line, today), command["form_of_sale"]),
            *rules.why_not_place(command["quantity_grams"], command["price_fen"]),
        ]
    )
    pay_days = policy_on(session, today).integer(PAY_DAYS)
    order = LiftingOrder(
        number=f"{rules.OURS}{today.year}-{next_number(session, f'lifting_order/{today.year}'):06d}",
        customer_id=customer.id,
        product_line_id=line.id,
        product_id=product.id,
        warehouse_id=warehouse.id,
        form_of_sale=command["form_of_sale"],
        quantity_grams=command["quantity_grams"],
        price_fen=command["price_fen"],
        pay_by_on=working_calendar(session).nth_working_day(today, pay_days).on,
        remark=command.get("remark") or "",
        placed_by_id=actor.user_id,
        placed_at=now,
        state=rules.State.PLACED.value,
        received_fen=0,
        paid_out_fen=0,
        released_grams=0,
        lifted_grams=0,
        owes_fen=0,
    )
    session.add(order)
    session.flush()
    lookup.index(session, (SUBJECT, order.id), [customer.name], [order.number, customer.number])
    after = {
        "number": order.number,
        "customer_id": customer.id,
        "product": product.code,
        "tonnes": format_tonnes(order.quantity_grams),
        "price": format_yuan(order.price_fen),
        "form_of_sale": order.form_of_sale,
    }
    audit.record(session, actor, "order.place", SUBJECT, order.id, now, after=after)
    return order


def release(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """Let a quantity out of the warehouse: a gate slip. Refused unpaid, and while the order is held (CHEM-2, 15)."""
    require(actor, "order.release")
    order, actor = scope.lock_to_sell(session, actor, order_id)
    grams = command["grams"]
    refuse_if_any(
        [
            *business.why_not_serve(session, order, local_day(now), at_the_gate=False),
            *rules.why_not_release(scope.standing(order), grams),
        ]
    )
    order.released_grams += grams
    count = session.scalar(select(func.count()).where(Slip.order_id == order.id)) or 0
    slip = Slip(
        order_id=order.id,
        warehouse_id=order.warehouse_id,
        number=f"{order.number}-{count + 1}",
        code=_new_code(),
        grams=grams,
        lifted_grams=0,
        withdrawn_grams=0,
        vehicle=command.get("vehicle") or "",
        driver=command.get("driver") or "",
        released_by_id=actor.user_id,
        released_at=now,
    )
    session.add(slip)
    scope.settle_state(session, order)
    after = {"slip": slip.number, "tonnes": format_tonnes(grams), "vehicle": slip.vehicle}
    audit.record(session, actor, "order.release", SUBJECT, order.id, now, after=after)
    return order


def withdraw(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """Take back what is left on a slip: it stays in the warehouse and the slip is worth nothing any more."""
    require(actor, "order.release")
    order, actor = scope.lock_to_sell(session, actor, order_id)
    slip = session.scalar(select(Slip).where(Slip.id == command["slip_id"], Slip.order_id == order.id))
    if slip is None:
        raise NotFound
    session.refresh(slip)
    refuse_if_any(rules.why_not_withdraw(scope.standing(order), left_on(slip)))
    take_back(session, actor, order, slip, command["reason"], now)
    return order


def take_back(session: Session, actor: Actor, order: LiftingOrder, slip: Slip, reason: str, now: datetime) -> None:
    """What is left on a slip of an order that is held goes back to the order."""
    left = left_on(slip)
    slip.withdrawn_grams += left
    order.released_grams -= left
    scope.settle_state(session, order)
    after = {"slip": slip.number, "tonnes": format_tonnes(left)}
    audit.record(session, actor, "order.withdraw", SUBJECT, order.id, now, after=after, reason=reason)


def cancel(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """End an order of which nothing is out. What was paid is owed back."""
    require(actor, "order.write")
    order, actor = scope.lock_to_sell(session, actor, order_id)
    refuse_if_any(rules.why_not_cancel(scope.standing(order)))
    call_off(session, actor, order, command["reason"], now)
    return order


def call_off(session: Session, actor: Actor, order: LiftingOrder, reason: str, now: datetime) -> None:
    """End an order that is held and of which nothing is out; what was paid is owed back."""
    order.state = rules.State.CANCELLED.value
    order.cancel_reason = reason
    order.closed_at = now
    scope.settle_state(session, order)
    after = {"owed": format_yuan(order.owes_fen)}
    audit.record(session, actor, "order.cancel", SUBJECT, order.id, now, after=after, reason=reason)


def let_out(session: Session, actor: Actor, order_id: int, command: Mapping[str, Any], now: datetime) -> LiftingOrder:
    """The general manager lets the released goods of this one order out while business stands still (CHEM-15)."""
    require(actor, "order.let_out")
    order = scope.lock(session, actor, order_id)
    today = local_day(now)
    found = []
    if not business.why_not_serve(session, order, today, at_the_gate=True):
        found.append(Refusal("CHEM-15", text("Nothing holds this order.")))
    if not scope.standing(order).liftable_grams:
        found.append(Refusal("CHEM-15", text("Nothing of this order is released and waiting.")))
    refuse_if_any(found)
    order.let_out_by_id, order.let_out_on, order.let_out_reason = actor.user_id, today, command["reason"]
    session.flush()
    audit.record(session, actor, "order.let_out", SUBJECT, order.id, now, reason=command["reason"])
    customer = session.get_one(Customer, order.customer_id)
    message = text(
        "The general manager lets order %(number)s of %(customer)s out.", number=order.number, customer=customer.name
    )
    key = f"order.let_out.{order.id}.{today}"
    notify(session, [customer.account_manager_id], "order.let_out", message, (SUBJECT, order.id), now, dedupe_key=key)
    return order


def left_on(slip: Slip) -> int:
    """Grams that can still be lifted on a slip."""
    return slip.grams - slip.lifted_grams - slip.withdrawn_grams


def _new_code() -> str:
    return with_check("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)))


def _product(session: Session, product_id: int, today: date) -> tuple[Product, ProductLine]:
    query = select(Product, ProductLine).join(ProductLine, ProductLine.id == Product.product_line_id)
    row = session.execute(
        query.where(Product.id == product_id, in_force(Product.from_on, Product.to_on, today))
    ).first()
    if row is None:
        raise Invalid({"product_id": [text("Choose one of the list.")]})
    return row.Product, row.ProductLine


def _warehouse(session: Session, warehouse_id: int, today: date) -> Warehouse:
    query = select(Warehouse).where(Warehouse.id == warehouse_id, in_force(Warehouse.from_on, Warehouse.to_on, today))
    found = session.scalar(query)
    if found is None:
        raise Invalid({"warehouse_id": [text("Choose one of the list.")]})
    return found


def _level(session: Session, customer: Customer, line: ProductLine, today: date) -> str | None:
    """The level in force today; None on a line without levels, or not held."""
    if line.scheme != "polyolefin":
        return None
    stands = standing_on(session, [customer.id], line.id, today).get(customer.id)
    return stands.level if stands else None


def _why_no_class(session: Session, customer: Customer, line: ProductLine, today: date) -> list[Refusal]:
    has_class = session.scalar(
        select(CustomerLine.id).where(
            CustomerLine.customer_id == customer.id,
            CustomerLine.product_line_id == line.id,
            in_force(CustomerLine.from_on, CustomerLine.to_on, today),
        )
    )
    if has_class is not None:
        return []
    reason = text("This customer has no class for %(line)s: it must be admitted to the line first.", line=line.name)
    return [Refusal("CHEM-9.1", reason, "product_id")]
