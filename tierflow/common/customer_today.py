"""How one customer stands today: what every part of its page begins with, found once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Date, bindparam, select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import Id, in_force
from tierflow.common.reference import ProductLine

Held = tuple[ProductLine, CustomerLine | None]


@dataclass(frozen=True)
class CustomerToday:
    """A customer on a day; `held`: every product line of that day by code, with the class the customer has on it."""

    customer: Customer
    on: date
    is_suspended: bool
    held: Sequence[Held]

    @property
    def is_disqualified(self) -> bool:
        """Whether its status was withdrawn by that day (CHEM-17)."""
        return self.customer.disqualified_on is not None and self.customer.disqualified_on <= self.on


def lines_held(session: Session, customer_id: int, on: date) -> list[Held]:
    """Every product line of a day, by code, with the customer's class on it or None. One query."""
    return [(row[0], row[1]) for row in session.execute(_HELD, {"customer_id": customer_id, "on_day": on})]


_ON = bindparam("on_day", type_=Date())
_HELD = (
    select(ProductLine, CustomerLine)
    .outerjoin(
        CustomerLine,
        (CustomerLine.product_line_id == ProductLine.id)
        & (CustomerLine.customer_id == bindparam("customer_id", type_=Id))
        & in_force(CustomerLine.from_on, CustomerLine.to_on, _ON),
    )
    .where(in_force(ProductLine.from_on, ProductLine.to_on, _ON) | CustomerLine.id.is_not(None))
    .order_by(ProductLine.code)
)
