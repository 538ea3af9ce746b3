"""Looking at invoice records: by day, customer, number, colour (CHEM-5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, cast, func, or_, select
from sqlalchemy.orm import Session

from tierflow.common import lookup
from tierflow.common.customers import Customer
from tierflow.common.users import User
from tierflow.kernel.roles import Actor, require
from tierflow.lifting.models import Invoice, LiftingOrder
from tierflow.lifting.service import scope


def listed(actor: Actor, wanted: Mapping[str, Any]) -> Any:
    """Invoices with order, customer and who recorded them, narrowed; to be paged by day and id."""
    require(actor, "order.read")
    query: Any = (
        select(Invoice, LiftingOrder, Customer, User.name)
        .join(LiftingOrder, LiftingOrder.id == Invoice.order_id)
        .join(Customer, Customer.id == LiftingOrder.customer_id)
        .join(User, User.id == Invoice.by_id)
        .where(*scope.seen_by(actor))
    )
    return _narrowed(query, wanted)


def total(session: Session, actor: Actor, wanted: Mapping[str, Any]) -> int:
    """What the narrowed list adds up to, in fen; red invoices taken off."""
    require(actor, "order.read")
    query: Any = select(cast(func.coalesce(func.sum(Invoice.fen), 0), BigInteger)).join(
        LiftingOrder, LiftingOrder.id == Invoice.order_id
    )
    return int(session.scalar(_narrowed(query.where(*scope.seen_by(actor)), wanted)) or 0)


def _narrowed(query: Any, wanted: Mapping[str, Any]) -> Any:
    if wanted.get("first"):
        query = query.where(Invoice.invoiced_on >= wanted["first"])
    if wanted.get("last"):
        query = query.where(Invoice.invoiced_on <= wanted["last"])
    if wanted.get("kind"):
        query = query.where(Invoice.fen < 0 if wanted["kind"] == "red" else Invoice.fen > 0)
    if wanted.get("customer_id"):
        query = query.where(LiftingOrder.customer_id == wanted["customer_id"])
    if wanted.get("q"):
        found: Any = lookup.matching(scope.SUBJECT, wanted["q"])
        query = query.where(or_(Invoice.number == wanted["q"].strip(), LiftingOrder.id.in_(found)))
    return query
