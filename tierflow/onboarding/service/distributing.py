"""Customer information to finance and the resident offices, with a receipt by name (CHEM-8.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Date, bindparam, or_, select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import Customer, CustomerOffice, visible
from tierflow.common.db import in_force, insert_rows
from tierflow.common.policies import policy_on
from tierflow.common.reference import Office
from tierflow.common.users import User
from tierflow.kernel.errors import Conflict, NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import Distribution
from tierflow.web.paging import Page, Sort, page_of

SUBJECT = "distribution"


@dataclass(frozen=True)
class Sent:
    """A distribution as lists show it."""

    row: Distribution
    customer: Customer
    office: str | None
    acknowledged_by: str | None
    is_late: bool


def distribute(
    session: Session, customer: Customer, event: str, what: Mapping[str, Any], now: datetime, *, is_new: bool = False
) -> None:
    """Send it to finance and to every resident office in force, in the transaction that causes it.

    `is_new`: a customer that no office knows yet.
    """
    on = local_day(now)
    policy = policy_on(session, on)
    days = policy.integer("distribution.acknowledge_working_days")
    due = working_calendar(session).deadline_at(now, days, policy.time("office.closes_at")).at
    offices = sorted(session.scalars(_OFFICES, {"on_day": on}))
    known = set() if is_new else set(session.scalars(_KNOWN, {"customer_id": customer.id}))
    told = [
        {"customer_id": customer.id, "office_id": office_id, "since": now}
        for office_id in offices
        if office_id not in known
    ]
    insert_rows(session, CustomerOffice, told)
    sent = {"customer_id": customer.id, "event": event, "what": dict(what), "sent_at": now, "due_at": due}
    rows = [
        {**sent, "recipient": "finance" if office_id is None else "office", "office_id": office_id}
        for office_id in (None, *offices)
    ]
    insert_rows(session, Distribution, rows)


_OFFICES = select(Office.__table__.c.id).where(
    in_force(Office.__table__.c.from_on, Office.__table__.c.to_on, bindparam("on_day", type_=Date()))
)
_KNOWN = select(CustomerOffice.__table__.c.office_id).where(
    CustomerOffice.__table__.c.customer_id == bindparam("customer_id")
)


def mine(actor: Actor) -> Any:
    """SQL condition: the distributions the actor is to acknowledge."""
    conditions = []
    if Role.FINANCE_REVIEWER in actor.roles:
        conditions.append(Distribution.recipient == "finance")
    if offices := actor.scopes(Role.RESIDENT_OFFICE):
        conditions.append((Distribution.recipient == "office") & Distribution.office_id.in_(offices))
    return or_(*conditions) if conditions else Distribution.id.is_(None)


def acknowledge(session: Session, actor: Actor, distribution_id: int, now: datetime) -> Distribution:
    """The receipt, by name. Raises `Conflict` when a colleague was faster."""
    require(actor, "distribution.write")
    row = session.scalar(
        select(Distribution)
        .join(Customer, Customer.id == Distribution.customer_id)
        .where(Distribution.id == distribution_id, visible(actor), mine(actor))
    )
    if row is None:  # what was sent to another office is theirs alone
        raise NotFound
    query = (
        update(Distribution)
        .where(Distribution.id == row.id, Distribution.acknowledged_at.is_(None))
        .values(acknowledged_at=now, acknowledged_by_id=actor.user_id)
        .returning(Distribution.id)
    )
    if session.execute(query, execution_options={"synchronize_session": False}).scalar_one_or_none() is None:
        raise Conflict(Refusal("conflict", text("A colleague acknowledged it already.")))
    session.refresh(row)
    after = {"distribution": row.id, "event": row.event, "recipient": row.recipient}
    audit.record(session, actor, "distribution.acknowledge", "customer", row.customer_id, now, after=after)
    return row


def listing(
    session: Session,
    actor: Actor,
    now: datetime,
    *,
    state: str | None = None,
    customer_id: int | None = None,
    cursor: str | None = None,
    size: int = 30,
) -> Page[Sent]:
    """Distributions of the customers the actor may see, newest first. `state`: "waiting", or "late" past its time."""
    require(actor, "distribution.read")
    query: Any = (
        select(Distribution, Customer, Office.name, User.name)
        .join(Customer, Customer.id == Distribution.customer_id)
        .outerjoin(Office, Office.id == Distribution.office_id)
        .outerjoin(User, User.id == Distribution.acknowledged_by_id)
        .where(visible(actor))
    )
    if state in ("waiting", "late"):
        query = query.where(Distribution.acknowledged_at.is_(None))
    if state == "late":
        query = query.where(Distribution.due_at < now)
    if customer_id is not None:
        query = query.where(Distribution.customer_id == customer_id)
    if actor.roles == {Role.RESIDENT_OFFICE}:  # an office sees what was sent to it, not its neighbours' receipts
        query = query.where(mine(actor))
    page = page_of(session, query, [Sort("id", Distribution.id, True)], cursor=cursor, size=size)
    rows = [
        Sent(row, customer, office, who, (row.acknowledged_at or now) > row.due_at)
        for row, customer, office, who in page.rows
    ]
    return Page(rows, page.after, page.before, page.size)
