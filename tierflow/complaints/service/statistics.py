"""Figures over months of receipt: in time, median working time, by product, severity and month (CHEM-12.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from tierflow.common.reference import Product
from tierflow.complaints.models import Clock, Complaint, CustomerBreach
from tierflow.complaints.rules.figures import Tally
from tierflow.complaints.rules.words import SEVERITY_LABELS, Severity
from tierflow.complaints.service import scope
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

LONGEST = 60


@dataclass(frozen=True)
class Figures:
    """The statistics of a stretch of months, both included."""

    first: Month
    last: Month
    total: Tally
    by_month: Sequence[Tally]
    by_severity: Sequence[Tally]
    by_product: Sequence[Tally]
    satisfaction: Mapping[int, int]


def months_between(first: Month, last: Month) -> list[Month]:
    """The months from first to last. Raises `Refused` when there are none or too many."""
    if not first <= last:
        raise Refused(Refusal("house", text("The first month comes after the last."), "last"))
    found = [first]
    while found[-1] < last:
        found.append(found[-1].next())
        if len(found) > LONGEST:
            raise Refused(Refusal("house", text("At most %(most)s months at once.", most=LONGEST), "first"))
    return found


def figures(
    session: Session, actor: Actor, first: Month, last: Month, filters: Mapping[str, Any], now: datetime
) -> Figures:
    """The statistics of what was received in these months. A clock that is open and past its due counts as late.

    Filters: severity, product_id, region_id. Six queries, whatever the number of complaints.
    """
    require(actor, "complaint.read")
    months = months_between(first, last)
    conditions = [
        Clock.received_month >= str(first),
        Clock.received_month <= str(last),
        *scope.seen_by(actor),
        *[
            getattr(Complaint, name) == filters[name]
            for name in ("product_id", "region_id")
            if filters.get(name) is not None
        ],
    ]
    if filters.get("severity"):
        conditions.append(Clock.severity == filters["severity"])
    labels = {product.id: product.name for product in session.scalars(select(Product))}
    severities = [(str(each), SEVERITY_LABELS[each]) for each in Severity]
    by_product = _tallies(session, Complaint.product_id, conditions, now)
    products = [(key, labels[int(key)]) for key in by_product]
    by_severity = _tallies(session, Clock.severity, conditions, now)
    by_month = _tallies(session, Clock.received_month, conditions, now)
    satisfied = session.execute(
        select(Complaint.satisfaction, func.count())
        .join(Clock, Clock.complaint_id == Complaint.id)
        .where(*conditions, Clock.number == Complaint.clock_number, Complaint.satisfaction.is_not(None))
        .group_by(Complaint.satisfaction)
    )
    return Figures(
        first=first,
        last=last,
        total=_labelled(_tallies(session, None, conditions, now), [("all", "")])[0],
        by_month=_labelled(by_month, [(str(month), str(month)) for month in months]),
        by_severity=_labelled(by_severity, severities),
        by_product=_labelled(by_product, sorted(products, key=lambda each: each[1])),
        satisfaction={score: number for score, number in satisfied if score is not None},
    )


_Counts = tuple[int, int, int, int | None]


def _labelled(found: Mapping[str, _Counts], keys: Sequence[tuple[str, str]]) -> list[Tally]:
    return [Tally(key, label, *found.get(key, (0, 0, 0, None))) for key, label in keys]


def _tallies(session: Session, key: Any, conditions: Sequence[Any], now: datetime) -> dict[str, _Counts]:
    """Received, in time, late and the median of working minutes, by key (None: over all). Two queries."""
    late = (Clock.in_time.is_(False)) | (
        Clock.told_at.is_(None) & ((Clock.due_at < now) | Clock.breached_at.is_not(None))
    )
    columns = [
        func.count().label("received"),
        func.sum(case((Clock.in_time.is_(True), 1), else_=0)).label("in_time"),
        func.sum(case((late, 1), else_=0)).label("late"),
    ]
    counted = select(*columns).select_from(Clock).join(Complaint, Complaint.id == Clock.complaint_id).where(*conditions)
    if key is not None:
        counted = counted.add_columns(key.label("key")).group_by(key)
    medians = _medians(session, key, conditions)
    return {
        str(row.key if key is not None else "all"): (
            int(row.received),
            int(row.in_time or 0),
            int(row.late or 0),
            medians.get(str(row.key if key is not None else "all")),
        )
        for row in session.execute(counted)
    }


def _medians(session: Session, key: Any, conditions: Sequence[Any]) -> dict[str, int]:
    """The median by window functions, so that nothing but the middles leaves the database."""
    group = [] if key is None else [key]
    over: dict[str, Any] = {"partition_by": group} if group else {}
    ranked = (
        select(
            *([key.label("key")] if group else []),
            Clock.worked_minutes.label("minutes"),
            func.row_number().over(**over, order_by=[Clock.worked_minutes, Clock.id]).label("place"),
            func.count().over(**over).label("n"),
        )
        .select_from(Clock)
        .join(Complaint, Complaint.id == Clock.complaint_id)
        .where(*conditions, Clock.told_at.is_not(None))
        .subquery()
    )
    middle = select(func.min(ranked.c.minutes).label("low"), func.max(ranked.c.minutes).label("high")).where(
        ranked.c.place.in_([(ranked.c.n + 1) // 2, (ranked.c.n + 2) // 2])
    )
    if group:
        middle = middle.add_columns(ranked.c.key).group_by(ranked.c.key)
    return {
        str(row.key if group else "all"): (int(row.low) + int(row.high)) // 2
        for row in session.execute(middle)
        if row.low is not None
    }


def upheld_breaches(session: Session, customer_id: int, product_line_id: int, month: Month) -> int:
    """Breaches by a customer upheld in a month on a product line: the indicator grading asks for (CHEM-9.6)."""
    query = select(func.count()).where(
        CustomerBreach.customer_id == customer_id,
        CustomerBreach.product_line_id == product_line_id,
        CustomerBreach.on >= month.start,
        CustomerBreach.on < month.end,
    )
    return session.scalar(query) or 0


def breaches_of_month(session: Session, product_line_id: int, month: Month) -> dict[int, int]:
    """Upheld breaches of a month on a product line, by customer: what grading's run gathers (CHEM-9.6)."""
    query = (
        select(CustomerBreach.customer_id, func.count())
        .where(
            CustomerBreach.product_line_id == product_line_id,
            CustomerBreach.on >= month.start,
            CustomerBreach.on < month.end,
        )
        .group_by(CustomerBreach.customer_id)
    )
    return dict(session.execute(query).all())
