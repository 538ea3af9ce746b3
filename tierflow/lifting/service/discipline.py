"""Orders due, and those of them paid in time: what payment discipline is made of (CHEM-9.6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sqlalchemy import String, and_, cast, func, or_, select

from tierflow.common.sql import shanghai_minute
from tierflow.lifting.models import LiftingOrder
from tierflow.lifting.rules.orders import State


def orders_due(line_id: int, first: date, last: date, among: Callable[[Any], Any]) -> Any:
    """By customer: orders to be paid on a day from `first` to `last`, and those wholly paid by it.

    An order cancelled by its day was never due; one cancelled later was, and nobody had paid it.
    """
    row = LiftingOrder
    in_time = and_(row.paid_on.is_not(None), row.paid_on <= row.pay_by_on)
    closed_on = func.substr(shanghai_minute(row.closed_at), 1, 10)
    was_due = or_(row.state != State.CANCELLED.value, closed_on > cast(row.pay_by_on, String), in_time)
    # Day by day, so that the index finds a stretch of customers on each without walking the month for every stretch.
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return (
        select(row.customer_id, func.count().label("due"), func.count().filter(in_time).label("in_time"))
        .where(row.product_line_id == line_id, row.pay_by_on.in_(days), was_due, among(row.customer_id))
        .group_by(row.customer_id)
    )
