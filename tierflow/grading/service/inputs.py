"""What a customer's evenness, payment discipline and papers of a period are worked out of: shown to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tierflow.common import suspension
from tierflow.common.customers import Customer, visible
from tierflow.common.reference import ProductLine
from tierflow.grading.rules.reviews import papers
from tierflow.grading.service import derived
from tierflow.grading.service.looking import whose
from tierflow.kernel.errors import NotFound
from tierflow.kernel.months import Month, Period, local_day
from tierflow.kernel.roles import Actor, require


@dataclass(frozen=True)
class Shown:
    """A period of a customer on a line. `papers` in basis points, of its `days` as a customer so far."""

    customer: Customer
    line: ProductLine
    inputs: derived.Inputs
    days: int
    suspended_days: int

    @property
    def papers(self) -> int | None:
        """The share of the days with valid papers."""
        return papers(self.suspended_days, self.days)


def shown(session: Session, actor: Actor, line_id: int, customer_id: int, period: Period, now: datetime) -> Shown:
    """The inputs as the ledger, the orders and the papers stand today. Raises `NotFound`."""
    require(actor, "grading.read")
    line = session.get(ProductLine, line_id)
    customer = session.scalar(select(Customer).where(Customer.id == customer_id, or_(whose(actor), visible(actor))))
    if line is None or customer is None:
        raise NotFound
    today = local_day(now)
    months = [month for month in period.months if month.start <= today]
    if not months:
        raise NotFound
    over = derived.span(session, line_id, months, until=today)
    found = derived.inputs(session, over, [customer_id], until=today - timedelta(days=1))[customer_id]
    first, last = max(period.start, customer.approved_on), min(Month.of(months[-1].start).last_day, today)
    days = max(0, (last - first).days + 1)
    stood_still = suspension.suspended_days(session, {customer_id: first}, last)[customer_id] if days else 0
    return Shown(customer, line, found, days, stood_still)
