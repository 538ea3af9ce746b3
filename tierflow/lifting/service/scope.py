"""Who may see which order, who may act on it, and loading one for either."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tierflow.common.customers import SEES_ALL, Customer, in_name_of, visible
from tierflow.kernel.errors import Forbidden, NotFound
from tierflow.kernel.roles import Actor, Role
from tierflow.lifting.models import LiftingOrder, Slip
from tierflow.lifting.rules.orders import Standing, state_of

SUBJECT = "lifting_order"


def seen_by(actor: Actor) -> list[ColumnElement[bool]]:
    """Conditions on `LiftingOrder`: the orders of the customers the actor may see."""
    if actor.is_system or actor.roles & SEES_ALL:
        return []
    return [LiftingOrder.customer_id.in_(select(Customer.id).where(visible(actor)))]


def sells_to(actor: Actor, customer: Customer) -> bool:
    """Whether the actor is the customer's account manager or its region's sales manager, or stands in for one."""
    if actor.is_system or customer.account_manager_id in actor.user_ids_as(Role.ACCOUNT_MANAGER):
        return True
    return actor.holds(Role.SALES_MANAGER, customer.region_id)


def get(session: Session, actor: Actor, order_id: int) -> LiftingOrder:
    """The order, when it exists and the actor may see it; else `NotFound`."""
    found = session.scalar(select(LiftingOrder).where(LiftingOrder.id == order_id, *seen_by(actor)))
    if found is None:
        raise NotFound
    return found


def lock(session: Session, actor: Actor, order_id: int) -> LiftingOrder:
    """A visible order, held until the transaction ends, so that acts on it queue."""
    return _locked(session, LiftingOrder.id == order_id, *seen_by(actor))


def lock_to_sell(session: Session, actor: Actor, order_id: int) -> tuple[LiftingOrder, Actor]:
    """Likewise, for whoever sells to its customer, and in whose name. Raises `Forbidden` for who may only look."""
    order = lock(session, actor, order_id)
    customer = session.get_one(Customer, order.customer_id)
    if not sells_to(actor, customer):
        raise Forbidden("order.write")
    return order, in_name_of(actor, "order.write", customer)


def keeps(actor: Actor, column: Any = Slip.warehouse_id) -> ColumnElement[bool]:
    """Condition: rows of the warehouses the actor keeps."""
    condition: ColumnElement[bool] = column.in_(actor.scopes(Role.WAREHOUSE_KEEPER) - {None})
    return condition


def lock_of_slip(session: Session, slip: Slip) -> LiftingOrder:
    """The order of a slip the actor was shown, held; the slip is read again behind the lock."""
    order = _locked(session, LiftingOrder.id == slip.order_id)
    session.refresh(slip)
    return order


def _locked(session: Session, *conditions: ColumnElement[bool]) -> LiftingOrder:
    query = select(LiftingOrder).where(*conditions).with_for_update(of=LiftingOrder)
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def standing(order: LiftingOrder) -> Standing:
    """The order as the rules see it."""
    return Standing(
        quantity_grams=order.quantity_grams,
        price_fen=order.price_fen,
        money_fen=order.received_fen - order.paid_out_fen,
        released_grams=order.released_grams,
        lifted_grams=order.lifted_grams,
        settled_fen=order.settled_fen,
        is_cancelled=order.state == "cancelled",
    )


def settle_state(session: Session, order: LiftingOrder) -> None:
    """Write what follows from the figures: the state, and what is owed back."""
    now_standing = standing(order)
    order.state = state_of(now_standing).value
    order.owes_fen = now_standing.free_fen if now_standing.is_closed else 0
    session.flush()
