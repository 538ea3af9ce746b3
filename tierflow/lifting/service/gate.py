"""At the gate: the warehouse keeper checks the slip, weighs, and takes back what returns (CHEM-2).

The keeper sees the slips of its own warehouses alone, and no money.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.orm import Session

from tierflow.common import audit, offtake
from tierflow.common.customers import Customer
from tierflow.common.notices import notify
from tierflow.common.offtake import Lifting
from tierflow.common.reference import Product, Warehouse
from tierflow.kernel.errors import Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, in_office_of, require
from tierflow.kernel.text import text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.models import LiftingOrder, Return, Settlement, Slip, Weighing
from tierflow.lifting.rules import codes
from tierflow.lifting.rules import orders as rules
from tierflow.lifting.service import business, scope
from tierflow.lifting.service.orders import left_on
from tierflow.lifting.service.scope import SUBJECT

SOURCE = "gate"
CLOCK_SKEW = timedelta(minutes=5)


@dataclass(frozen=True)
class SlipSeen:
    """A slip as the keeper sees it. `returned`: grams that came back, by weighing."""

    slip: Slip
    order: LiftingOrder
    customer: Customer
    product: Product
    warehouse: Warehouse
    weighings: Sequence[Weighing]
    returned: Mapping[int, int]
    held: Sequence[Refusal]

    @property
    def left_grams(self) -> int:
        """What the gate may still let out."""
        return 0 if scope.standing(self.order).is_closed else left_on(self.slip)


def slips_query(actor: Actor) -> Any:
    """Slips with something left at the actor's warehouses, to be paged by `Slip.id`."""
    return (
        select(Slip, LiftingOrder, Customer, Product)
        .join(LiftingOrder, LiftingOrder.id == Slip.order_id)
        .join(Customer, Customer.id == LiftingOrder.customer_id)
        .join(Product, Product.id == LiftingOrder.product_id)
        .where(scope.keeps(actor), Slip.lifted_grams + Slip.withdrawn_grams < Slip.grams)
    )


def slip_by_code(session: Session, actor: Actor, written: str) -> Slip:
    """The slip of a code, typed or scanned. `Invalid` when a character is wrong; `NotFound` at another's warehouse."""
    require(actor, "gate.read")
    code = codes.plain(written)
    if not codes.is_code(code):
        raise Invalid({"code": [text("This is no gate code: a character is wrong or missing.")]})
    found = session.scalar(select(Slip).where(Slip.code == code, scope.keeps(actor)))
    if found is None:
        raise NotFound
    return found


def seen(session: Session, actor: Actor, written: str, now: datetime) -> SlipSeen:
    """A slip with all the keeper needs before the barrier opens."""
    slip = slip_by_code(session, actor, written)
    order, customer, product, warehouse = session.execute(
        select(LiftingOrder, Customer, Product, Warehouse)
        .join(Customer, Customer.id == LiftingOrder.customer_id)
        .join(Product, Product.id == LiftingOrder.product_id)
        .join(Warehouse, Warehouse.id == LiftingOrder.warehouse_id)
        .where(LiftingOrder.id == slip.order_id)
    ).one()
    weighings = session.scalars(select(Weighing).where(Weighing.slip_id == slip.id).order_by(Weighing.id)).all()
    held = business.why_not_serve(session, order, local_day(now), at_the_gate=True)
    return SlipSeen(slip, order, customer, product, warehouse, weighings, returned_of(session, weighings), held)


def returned_of(session: Session, weighings: Sequence[Weighing]) -> dict[int, int]:
    """Grams that came back, by weighing."""
    rows = session.execute(
        select(Return.weighing_id, cast(func.sum(Return.grams), BigInteger))
        .where(Return.weighing_id.in_([row.id for row in weighings]))
        .group_by(Return.weighing_id)
    )
    return {row.weighing_id: row[1] for row in rows}


def weigh(session: Session, actor: Actor, written: str, command: Mapping[str, Any], now: datetime) -> Weighing:
    """A weighing at the gate: the goods are lifted, and count in the month of this moment (CHEM-2)."""
    require(actor, "gate.write")
    slip = slip_by_code(session, actor, written)
    actor = in_office_of(actor, Role.WAREHOUSE_KEEPER, slip.warehouse_id)
    order = scope.lock_of_slip(session, slip)
    grams, weighed_at = command["grams"], command.get("weighed_at") or now
    if weighed_at > now + CLOCK_SKEW:
        raise Invalid({"weighed_at": [text("This time is still to come.")]})
    if weighed_at < slip.released_at - CLOCK_SKEW:
        raise Invalid({"weighed_at": [text("The slip was not written yet.")]})
    refuse_if_any(
        [
            *business.why_not_serve(session, order, local_day(now), at_the_gate=True),
            *rules.why_not_lift(scope.standing(order), left_on(slip), grams),
        ]
    )
    slip.lifted_grams += grams
    order.lifted_grams += grams
    count = session.scalar(select(func.count()).where(Weighing.slip_id == slip.id)) or 0
    number = f"{slip.number}-{count + 1}"
    line = Lifting(
        customer_id=order.customer_id,
        product_id=order.product_id,
        product_line_id=order.product_line_id,
        lifted_on=local_day(weighed_at),
        grams=grams,
        form_of_sale=order.form_of_sale,
        external_number=number,
    )
    scope.settle_state(session, order)
    [offtake_id] = offtake.record(session, SOURCE, [line], now)
    weighing = Weighing(
        order_id=order.id,
        slip_id=slip.id,
        number=number,
        grams=grams,
        vehicle=command.get("vehicle") or slip.vehicle,
        weighed_at=weighed_at,
        offtake_id=offtake_id,
        by_id=actor.user_id,
        recorded_at=now,
    )
    session.add(weighing)
    session.flush()
    after = {"pass": number, "tonnes": format_tonnes(grams), "vehicle": weighing.vehicle}
    audit.record(session, actor, "order.lift", SUBJECT, order.id, now, after=after)
    return weighing


def take_back(session: Session, actor: Actor, written: str, command: Mapping[str, Any], now: datetime) -> Return:
    """Goods of a lifting come back: they leave the offtake of its month, and the customer's bill (CHEM-2).

    A settled order is settled anew at once; what it then owes is refunded or carried over.
    """
    require(actor, "gate.write")
    slip = slip_by_code(session, actor, written)
    actor = in_office_of(actor, Role.WAREHOUSE_KEEPER, slip.warehouse_id)
    order = scope.lock_of_slip(session, slip)
    weighing = session.scalar(
        select(Weighing).where(Weighing.slip_id == slip.id, Weighing.number == command["pass_number"])
    )
    if weighing is None:
        raise Invalid({"pass_number": [text("No lifting on this slip has that number.")]})
    grams = command["grams"]
    left = weighing.grams - returned_of(session, [weighing]).get(weighing.id, 0)
    refuse_if_any(rules.why_not_return(left, grams))
    # What came back can be released again, on a slip of its own.
    slip.lifted_grams -= grams
    slip.withdrawn_grams += grams
    order.lifted_grams -= grams
    order.released_grams -= grams
    count = session.scalar(select(func.count()).where(Return.weighing_id == weighing.id)) or 0
    number = f"{weighing.number}-T{count + 1}"
    if order.settled_fen is not None:
        _settle_anew(session, actor, order, number, now)
    scope.settle_state(session, order)
    back = Return(
        order_id=order.id,
        weighing_id=weighing.id,
        number=number,
        grams=grams,
        reason=command["reason"],
        offtake_id=offtake.reverse(session, weighing.offtake_id, grams, number, now),
        by_id=actor.user_id,
        recorded_at=now,
    )
    session.add(back)
    session.flush()
    after = {"pass": weighing.number, "tonnes": format_tonnes(grams)}
    audit.record(session, actor, "order.take_back", SUBJECT, order.id, now, after=after, reason=command["reason"])
    customer = session.get_one(Customer, order.customer_id)
    message = text(
        "%(tonnes)s t of order %(number)s of %(customer)s came back.",
        tonnes=format_tonnes(grams),
        number=order.number,
        customer=customer.name,
    )
    notify(
        session,
        [customer.account_manager_id],
        "order.take_back",
        message,
        (SUBJECT, order.id),
        now,
        dedupe_key=f"order.take_back.{back.id}",
    )
    return back


def _settle_anew(session: Session, actor: Actor, order: LiftingOrder, why: str, now: datetime) -> None:
    order.settled_fen = rules.value_fen(order.lifted_grams, order.price_fen)
    last = session.scalar(select(func.max(Settlement.number)).where(Settlement.order_id == order.id)) or 0
    session.add(
        Settlement(
            order_id=order.id,
            number=last + 1,
            lifted_grams=order.lifted_grams,
            price_fen=order.price_fen,
            value_fen=order.settled_fen,
            money_fen=order.received_fen - order.paid_out_fen,
            note=why,
            by_id=actor.user_id,
            settled_at=now,
        )
    )
