"""Which resident factory offices a customer concerns (CHEM-8.2): by its lines and region, as administrators say.

An office without a tie in force is sent nothing. It sees the customers it was sent, as long as a tie names them: that
is asked on the day, so an ended tie needs nobody to act on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Date, bindparam, exists, select, true
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, CustomerOffice, tie_names
from tierflow.common.db import in_force
from tierflow.common.reference import Office, OfficeTie


def _concerned(on: Any) -> Any:
    return (
        select(OfficeTie.office_id, Customer.id)
        .join(Customer, true())
        .join(Office, Office.id == OfficeTie.office_id)
        .where(tie_names(Customer.id, Customer.region_id, on), in_force(Office.from_on, Office.to_on, on))
    )


def offices_of(session: Session, customer_id: int, on: date) -> set[int]:
    """The offices in force that a customer concerns on a day."""
    return set(session.scalars(_OF_CUSTOMER, {"customer_id": customer_id, "on_day": on}))


# Written once: it is asked with whatever is distributed.
_OF_CUSTOMER = _concerned(bindparam("on_day", type_=Date())).where(Customer.id == bindparam("customer_id"))


def untold(session: Session, on: date, within: tuple[int, int, int] | None = None) -> Sequence[tuple[int, int]]:
    """(office, customer): whom a customer concerns that was not sent it; by office, then customer.

    `within`: of one office alone, and of customers from one id to another.
    """
    sent = exists().where(CustomerOffice.customer_id == Customer.id, CustomerOffice.office_id == OfficeTie.office_id)
    query = _concerned(on).where(~sent, Customer.disqualified_on.is_(None)).distinct()
    if within is not None:
        office_id, first, last = within
        query = query.where(OfficeTie.office_id == office_id, Customer.id.between(first, last))
    found = session.execute(query.order_by(OfficeTie.office_id, Customer.id))
    return [(office_id, customer_id) for office_id, customer_id in found]
