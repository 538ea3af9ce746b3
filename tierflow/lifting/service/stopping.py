"""What becomes of open orders when a company's status is withdrawn (CHEM-17): nothing goes out, money goes back.

Called by whoever withdraws the status, in the same transaction (`app.py` composes it).
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer
from tierflow.common.notices import notify
from tierflow.common.users import holders
from tierflow.kernel.money import format_yuan
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import text
from tierflow.lifting.models import LiftingOrder, Slip
from tierflow.lifting.rules.orders import State
from tierflow.lifting.service.money import close_account
from tierflow.lifting.service.orders import call_off, take_back
from tierflow.lifting.service.scope import SUBJECT

CLAUSE = "CHEM-17"
_OPEN = (State.PLACED.value, State.PAID.value, State.RELEASED.value, State.LIFTED.value)


def stop_orders(session: Session, customer: Customer, actor: Actor, now: datetime) -> int:
    """Take back what is released and not lifted, then cancel the order, or settle what was lifted of it.

    Orders lifted to the last gram are finance's to settle as ever. What was paid and not lifted is owed back, and
    waits in finance's inbox. Returns how many orders ended.
    """
    orders = session.scalars(
        select(LiftingOrder)
        .where(
            LiftingOrder.customer_id == customer.id,
            LiftingOrder.state.in_(_OPEN),
            LiftingOrder.lifted_grams < LiftingOrder.quantity_grams,
        )
        .order_by(LiftingOrder.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    by_id = {order.id: order for order in orders}
    slips = select(Slip).where(Slip.order_id.in_(by_id), Slip.lifted_grams + Slip.withdrawn_grams < Slip.grams)
    for slip in session.scalars(slips.order_by(Slip.id).execution_options(populate_existing=True)):
        take_back(session, actor, by_id[slip.order_id], slip, CLAUSE, now)
    for order in orders:
        if order.lifted_grams:
            close_account(session, actor, order, CLAUSE, now)
        else:
            call_off(session, actor, order, CLAUSE, now)
    if owing := [order for order in orders if order.owes_fen]:
        _tell_finance(session, customer, owing, local_day(now), now)
    return len(orders)


def _tell_finance(session: Session, customer: Customer, owing: list[LiftingOrder], on: date, now: datetime) -> None:
    message = text(
        "%(customer)s was disqualified: %(amount)s yuan of goods not lifted go back to it (%(count)s orders).",
        customer=customer.name,
        amount=format_yuan(sum(order.owes_fen for order in owing)),
        count=len(owing),
    )
    ids = {user.id for user in holders(session, Role.FINANCE_REVIEWER, on)}
    key = f"order.stopped.{owing[0].id}.{on}"
    notify(session, ids, "order.stopped", message, (SUBJECT, owing[0].id), now, dedupe_key=key)
