"""Whether business with a customer stands still, and what that means for an order (CHEM-15, CHEM-17)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from sqlalchemy.orm import Session

from tierflow.common.suspension import disqualified, suspended
from tierflow.kernel.errors import Refusal
from tierflow.kernel.text import text
from tierflow.lifting.models import LiftingOrder


@dataclass(frozen=True)
class Stop:
    """Why nothing new is done with a customer, and since when (None: it never could be)."""

    refusal: Refusal
    since: date | None


def stops(session: Session, customer_ids: Collection[int], on: date) -> dict[int, list[Stop]]:
    """Whose business stands still on a day, and why. A fixed number of queries, however many customers."""
    found: dict[int, list[Stop]] = {}
    for customer_id, since in disqualified(session, customer_ids, on).items():
        reason = text("This customer was disqualified on %(day)s.", day=since.isoformat())
        found.setdefault(customer_id, []).append(Stop(Refusal("CHEM-17", reason, "customer"), since))
    for customer_id, suspension in suspended(session, customer_ids, on).items():
        stop = Stop(Refusal("CHEM-15", suspension.reason, "customer"), suspension.since)
        found.setdefault(customer_id, []).append(stop)
    return found


def why_not_serve(session: Session, order: LiftingOrder, on: date, *, at_the_gate: bool) -> list[Refusal]:
    """Why the order is held. At the gate the general manager's leave, given since the stop began, lets it pass."""
    found = stops(session, [order.customer_id], on).get(order.customer_id, [])
    if at_the_gate and order.let_out_on is not None:
        found = [stop for stop in found if stop.since is not None and stop.since > order.let_out_on]
    return [stop.refusal for stop in found]
