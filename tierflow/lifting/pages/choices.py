"""What forms let people choose from."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, name_key, visible
from tierflow.common.db import in_force
from tierflow.common.reference import Product, ProductLine, Warehouse, lines_on
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.lifting.pages.views import named
from tierflow.lifting.rules.orders import FORM_LABELS, STATE_LABELS, State
from tierflow.web.i18n import show

CUSTOMERS_LISTED = 500


def form_options() -> list[tuple[str, str]]:
    """Forms of sale."""
    return [(key, show(label)) for key, label in FORM_LABELS.items()]


def state_options() -> list[tuple[str, str]]:
    """States."""
    return [(str(state), show(STATE_LABELS[state])) for state in State]


def product_options(session: Session, now: datetime) -> list[tuple[str, list[tuple[int, str]]]]:
    """Products of today by line, for a select with groups."""
    rows = session.execute(
        select(Product, ProductLine)
        .join(ProductLine, ProductLine.id == Product.product_line_id)
        .where(in_force(Product.from_on, Product.to_on, local_day(now)))
        .order_by(ProductLine.code, Product.code)
    )
    groups: dict[str, list[tuple[int, str]]] = {}
    for product, line in rows:
        groups.setdefault(named(line), []).append((product.id, named(product)))
    return list(groups.items())


def line_options(session: Session, now: datetime) -> list[tuple[int, str]]:
    """Product lines of today."""
    return [(line.id, named(line)) for line in lines_on(session, local_day(now))]


def warehouse_options(session: Session, now: datetime) -> list[tuple[int, str]]:
    """Warehouses of today."""
    condition = in_force(Warehouse.from_on, Warehouse.to_on, local_day(now))
    return [(row.id, row.name) for row in session.scalars(select(Warehouse).where(condition).order_by(Warehouse.code))]


def customer_choices(session: Session, actor: Actor) -> list[str]:
    """Customers to type ahead: number and name."""
    rows = session.execute(
        select(Customer.number, Customer.name).where(visible(actor)).order_by(Customer.name).limit(CUSTOMERS_LISTED)
    )
    return [f"{row.number} {row.name}" for row in rows]


def customer_named(session: Session, actor: Actor, written: str | None) -> Customer | None:
    """The customer somebody typed: by number, or by the whole name; None when it is none of ours."""
    if not written or not written.strip():
        return None
    query = select(Customer).where(visible(actor))
    found = session.scalar(query.where(Customer.number == written.split()[0]))
    if found is not None:
        return found
    matches = session.scalars(query.where(Customer.name_key == name_key(written)).limit(2)).all()
    return matches[0] if len(matches) == 1 else None
