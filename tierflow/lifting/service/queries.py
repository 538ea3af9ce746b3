"""Looking at orders: the list, and one whole. Each a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tierflow.common import lookup
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer
from tierflow.common.reference import Product, ProductLine, Warehouse
from tierflow.common.users import User
from tierflow.kernel.errors import NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.lifting.models import Invoice, LiftingOrder, Money, Settlement, Slip, Weighing
from tierflow.lifting.rules.orders import Standing
from tierflow.lifting.service import business, gate, scope
from tierflow.lifting.service.bank import OPEN
from tierflow.lifting.service.scope import SUBJECT
from tierflow.web.paging import Sort

MOST_EVENTS = 100
NEWEST = [Sort("id", LiftingOrder.id, descending=True)]


@dataclass(frozen=True)
class Card:
    """An order in a list. `held`: why it goes no further for now."""

    order: LiftingOrder
    customer: Customer
    product: Product
    warehouse: Warehouse
    held: Sequence[Refusal]

    @property
    def standing(self) -> Standing:
        """The figures."""
        return scope.standing(self.order)


@dataclass(frozen=True)
class Whole:
    """An order with everything that belongs to it."""

    card: Card
    line: ProductLine
    account_manager: str
    money: Sequence[tuple[Money, str]]
    slips: Sequence[Slip]
    weighings: Mapping[int, Sequence[Weighing]]
    returned: Mapping[int, int]
    settlements: Sequence[tuple[Settlement, str]]
    invoices: Sequence[tuple[Invoice, str]]
    events: Sequence[AuditEntry]
    let_out_by: str | None


def cards_query() -> Any:
    """Orders with what a card shows."""
    return (
        select(LiftingOrder, Customer, Product, Warehouse)
        .join(Customer, Customer.id == LiftingOrder.customer_id)
        .join(Product, Product.id == LiftingOrder.product_id)
        .join(Warehouse, Warehouse.id == LiftingOrder.warehouse_id)
    )


def orders(actor: Actor, wanted: Mapping[str, Any]) -> Select[Any]:
    """The orders the actor may see, narrowed; to be paged by `LiftingOrder.id`."""
    require(actor, "order.read")
    query = cards_query().where(*scope.seen_by(actor))
    state = wanted.get("state")
    if state == "open":
        query = query.where(LiftingOrder.state.in_(OPEN))
    elif state == "owes":
        query = query.where(LiftingOrder.owes_fen > 0)
    elif state:
        query = query.where(LiftingOrder.state == state)
    for name in ("customer_id", "product_line_id", "warehouse_id"):
        if wanted.get(name):
            query = query.where(getattr(LiftingOrder, name) == wanted[name])
    if wanted.get("q"):
        found: Any = lookup.matching(SUBJECT, wanted["q"])
        query = query.where(LiftingOrder.id.in_(found))
    narrowed: Select[Any] = query
    return narrowed


def cards(session: Session, rows: Sequence[Any], now: datetime) -> list[Card]:
    """Cards of the rows of `cards_query`, each with what holds it."""
    today = local_day(now)
    ids = {order.customer_id for order, *_rest in rows if not scope.standing(order).is_closed}
    stops = business.stops(session, ids, today)
    return [Card(row[0], row[1], row[2], row[3], _held(row[0], stops)) for row in rows]


def _held(order: LiftingOrder, stops: Mapping[int, Sequence[business.Stop]]) -> list[Refusal]:
    if scope.standing(order).is_closed:
        return []
    return [stop.refusal for stop in stops.get(order.customer_id, ())]


def whole(session: Session, actor: Actor, order_id: int, now: datetime) -> Whole:
    """One order; `NotFound` when the actor may not see it."""
    require(actor, "order.read")
    row = session.execute(
        cards_query()
        .add_columns(ProductLine, User.name.label("manager"))
        .join(ProductLine, ProductLine.id == LiftingOrder.product_line_id)
        .join(User, User.id == Customer.account_manager_id)
        .where(LiftingOrder.id == order_id, *scope.seen_by(actor))
    ).first()
    if row is None:
        raise NotFound
    *of_card, line, manager = row
    [card] = cards(session, [tuple(of_card)], now)
    slips = session.scalars(select(Slip).where(Slip.order_id == order_id).order_by(Slip.id)).all()
    weighed = session.scalars(select(Weighing).where(Weighing.order_id == order_id).order_by(Weighing.id)).all()
    by_slip: dict[int, list[Weighing]] = {}
    for weighing in weighed:
        by_slip.setdefault(weighing.slip_id, []).append(weighing)
    events = session.scalars(
        select(AuditEntry)
        .where(AuditEntry.subject_type == SUBJECT, AuditEntry.subject_id == order_id)
        .order_by(AuditEntry.seq.desc())
        .limit(MOST_EVENTS)
    ).all()
    order = card.order
    let_out_by = session.get(User, order.let_out_by_id) if order.let_out_by_id else None
    return Whole(
        card=card,
        line=line,
        account_manager=manager,
        money=_named(session, Money, order_id),
        slips=slips,
        weighings=by_slip,
        returned=gate.returned_of(session, weighed),
        settlements=_named(session, Settlement, order_id),
        invoices=_named(session, Invoice, order_id),
        events=events,
        let_out_by=let_out_by.name if let_out_by else None,
    )


def _named(session: Session, table: Any, order_id: int) -> list[tuple[Any, str]]:
    rows = session.execute(
        select(table, User.name).join(User, User.id == table.by_id).where(table.order_id == order_id).order_by(table.id)
    )
    return [(row[0], row[1]) for row in rows]


def slip_of(session: Session, actor: Actor, order_id: int, slip_id: int) -> tuple[Slip, str]:
    """A slip of a visible order and who released it, to be printed."""
    require(actor, "order.read")
    scope.get(session, actor, order_id)
    row = session.execute(
        select(Slip, User.name)
        .join(User, User.id == Slip.released_by_id)
        .where(Slip.id == slip_id, Slip.order_id == order_id)
    ).first()
    if row is None:
        raise NotFound
    return row.Slip, row.name
