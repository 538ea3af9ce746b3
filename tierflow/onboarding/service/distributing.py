"""Customer information to finance and the resident offices it concerns, with a receipt by name (CHEM-8.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from tierflow.common import audit, offices
from tierflow.common.calendars import working_calendar
from tierflow.common.counted import Counted
from tierflow.common.customers import Customer, CustomerOffice, visible
from tierflow.common.db import insert_rows
from tierflow.common.desks import Count, Desk, Vacancy
from tierflow.common.policies import policy_on
from tierflow.common.portfolios import count_rows
from tierflow.common.reference import Office
from tierflow.common.users import User
from tierflow.kernel.errors import Conflict, NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, in_office_of, require
from tierflow.kernel.text import mark, text
from tierflow.onboarding.models import Distribution, TakenOver
from tierflow.web.paging import Page, Sort, page_of

SUBJECT = "distribution"
ACKNOWLEDGE_DAYS = "distribution.acknowledge_working_days"
OFFICES = {"finance": Role.FINANCE_REVIEWER, "office": Role.RESIDENT_OFFICE}  # who acknowledges, by recipient
AT_ONCE = 500  # customers sent in one transaction, where there are many to catch up with


@dataclass(frozen=True)
class Sent:
    """A distribution as lists show it. `is_visible`: the customer is the reader's to see; `is_mine`: to acknowledge."""

    row: Distribution
    customer: Customer
    office: str | None
    acknowledged_by: str | None
    is_late: bool
    is_visible: bool
    is_mine: bool


def distribute(
    session: Session, customer: Customer, event: str, what: Mapping[str, Any], now: datetime, *, is_new: bool = False
) -> None:
    """Send it to finance and to the offices it concerns, in the transaction that causes it.

    An office that it concerned until yesterday is sent this last change: it must know that it is out.
    `is_new`: a customer that no office was ever sent.
    """
    on = local_day(now)
    concerned = offices.offices_of(session, customer.id, on)
    held = {} if is_new else {row.office_id: row for row in _held(session, customer.id)}
    dropped = held.keys() - concerned
    last = dropped & offices.offices_of(session, customer.id, on - timedelta(days=1)) if dropped else set()
    reached = [{"customer_id": customer.id, "office_id": each, "since": now} for each in concerned - held.keys()]
    insert_rows(session, CustomerOffice, reached)
    for office_id in dropped:
        session.delete(held[office_id])
    due = _due(session, now)
    recipients = (None, *sorted(concerned | last))
    insert_rows(session, Distribution, [_sent(customer.id, event, dict(what), each, now, due) for each in recipients])
    session.flush()


def _held(session: Session, customer_id: int) -> Sequence[CustomerOffice]:
    return session.scalars(select(CustomerOffice).where(CustomerOffice.customer_id == customer_id)).all()


def _due(session: Session, now: datetime) -> datetime:
    policy = policy_on(session, local_day(now))
    days = policy.integer(ACKNOWLEDGE_DAYS)
    return working_calendar(session).deadline_at(now, days, policy.time("office.closes_at")).at


def _sent(
    customer_id: int, event: str, what: dict[str, Any], office_id: int | None, now: datetime, due: datetime
) -> dict[str, Any]:
    return {
        "customer_id": customer_id,
        "event": event,
        "what": what,
        "recipient": "finance" if office_id is None else "office",
        "office_id": office_id,
        "sent_at": now,
        "due_at": due,
    }


# Customers that finance was never sent, because they were taken over, or an office, because it was tied to their line
# or region later.


def untold(session: Session, now: datetime) -> list[str]:
    """What has not been sent yet, as "finance.first-last" or "office id.first-last" customer, so many each."""
    found = _spans("finance", _untold_to_finance(session))
    for office_id, pairs in groupby(offices.untold(session, local_day(now)), key=itemgetter(0)):
        found += _spans(str(office_id), [customer_id for _office_id, customer_id in pairs])
    return found


def _spans(recipient: str, ids: Sequence[int]) -> list[str]:
    chunks = (ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE))
    return [f"{recipient}.{chunk[0]}-{chunk[-1]}" for chunk in chunks]


def _untold_to_finance(session: Session, within: tuple[int, int] | None = None) -> Sequence[int]:
    """Customers taken over that finance was never sent, in order; every other was sent when it was admitted."""
    sent = exists().where(Distribution.customer_id == TakenOver.customer_id, Distribution.recipient == "finance")
    query = (
        select(TakenOver.customer_id)
        .join(Customer, Customer.id == TakenOver.customer_id)
        .where(Customer.disqualified_on.is_(None), ~sent)
    )
    if within is not None:
        query = query.where(TakenOver.customer_id.between(*within))
    return session.scalars(query.order_by(TakenOver.customer_id)).all()


def tell(session: Session, item: str, now: datetime) -> int:
    """Send the customers of one item that still were not sent. Returns how many."""
    recipient, _, span = item.partition(".")
    first, last = (int(one) for one in span.split("-"))
    office_id = None if recipient == "finance" else int(recipient)
    if office_id is None:
        ids = _untold_to_finance(session, (first, last))
    else:
        ids = [row[1] for row in offices.untold(session, local_day(now), (office_id, first, last))]
        reached = [{"customer_id": customer_id, "office_id": office_id, "since": now} for customer_id in ids]
        insert_rows(session, CustomerOffice, reached)
    due = _due(session, now)
    insert_rows(session, Distribution, [_sent(each, "approved", {}, office_id, now, due) for each in ids])
    return len(ids)


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
    row = session.scalar(select(Distribution).where(Distribution.id == distribution_id, mine(actor)))
    if row is None:  # what was sent to another office is theirs alone
        raise NotFound
    if not acknowledge_all(session, actor, [row.id], now):
        raise Conflict(Refusal("conflict", text("A colleague acknowledged it already.")))
    session.refresh(row)
    return row


def acknowledge_all(session: Session, actor: Actor, ids: Sequence[int], now: datetime) -> list[int]:
    """Receipts, by name, for those of them that are the actor's and wait still; which they were."""
    require(actor, "distribution.write")
    query = (
        update(Distribution)
        .where(Distribution.id.in_(ids), mine(actor), Distribution.acknowledged_at.is_(None))
        .values(acknowledged_at=now, acknowledged_by_id=actor.user_id)
        .returning(
            Distribution.id,
            Distribution.customer_id,
            Distribution.event,
            Distribution.recipient,
            Distribution.office_id,
        )
    )
    rows = session.execute(query, execution_options={"synchronize_session": False})
    done = sorted(rows, key=attrgetter("id"))
    for row in done:
        after = {"distribution": row.id, "event": row.event, "recipient": row.recipient}
        named = in_office_of(actor, OFFICES[row.recipient], row.office_id)
        audit.record(session, named, "distribution.acknowledge", "customer", row.customer_id, now, after=after)
    return [row.id for row in done]


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
        select(Distribution, Customer, Office.name, User.name, visible(actor), mine(actor))
        .join(Customer, Customer.id == Distribution.customer_id)
        .outerjoin(Office, Office.id == Distribution.office_id)
        .outerjoin(User, User.id == Distribution.acknowledged_by_id)
        .where(visible(actor) | mine(actor))  # an office has what it was sent, though the customer be no longer its own
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
        Sent(
            row,
            customer,
            office,
            who,
            is_late=(row.acknowledged_at or now) > row.due_at,
            is_visible=bool(seen),
            is_mine=bool(own) and row.acknowledged_at is None,
        )
        for row, customer, office, who, seen, own in page.rows
    ]
    return Page(rows, page.after, page.before, page.size)


def _waiting_for(recipient: str, scope: Any = None) -> Count:
    def count(session: Session, vacancy: Vacancy) -> int:
        return count_rows(session, Distribution, Distribution.recipient == recipient, _UNREAD, vacancy.left(scope))

    return count


_UNREAD = Distribution.acknowledged_at.is_(None)
RECEIPTS = Counted(Distribution, Distribution.sent_at, _UNREAD, ACKNOWLEDGE_DAYS)
_RECEIPTS = mark("Customer information to acknowledge")
DESKS = (
    Desk("receipts.finance", _RECEIPTS, frozenset({Role.FINANCE_REVIEWER}), _waiting_for("finance")),
    Desk(
        "receipts.office", _RECEIPTS, frozenset({Role.RESIDENT_OFFICE}), _waiting_for("office", Distribution.office_id)
    ),
)
