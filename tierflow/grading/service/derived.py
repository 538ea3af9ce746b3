"""Evenness and payment discipline out of the offtake ledger and the orders: by the pure rules, set-based.

The same two sums stand in SQL, so that a month or a year of everybody is one question; the tests hold them against
`rules.derived`. What is keyed in by hand counts only where neither knows anything (CHEM-9.6).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, case, cast, func, or_, select, true
from sqlalchemy.orm import Session

from tierflow.common.calendars import working_calendar
from tierflow.common.offtake import Offtake
from tierflow.grading.rules import derived as rules
from tierflow.kernel.months import Month, Week

Among = Callable[[Any], Any]
"""A condition on a column of customer ids: whom a question is about."""

OrdersDue = Callable[[int, date, date, Any], Any]
"""Of a product line, between two days, about a condition's customers: columns customer_id, due, in_time (orders)."""
ORDERS_DUE: list[OrdersDue] = []
"""Who knows the orders; lifting does, `app.py` hands it over."""


def everybody(_customer_id: Any) -> Any:
    """All customers."""
    return true()


@dataclass(frozen=True)
class Span:
    """Whole months of a product line. `known_at`: the ledger as it was then, in weeks cut by the months' edges."""

    line_id: int
    first: date
    last: date
    weeks: tuple[Week, ...]
    known_at: datetime | None = None


def span(
    session: Session, line_id: int, months: Sequence[Month], known_at: datetime | None = None, until: date | None = None
) -> Span:
    """The months' span; `until`: only weeks begun, and orders due before that day."""
    calendar = working_calendar(session)
    weeks = rules.working_weeks(months, lambda day: day.year not in calendar.years or calendar.is_working_day(day))
    if until is not None:
        weeks = tuple(week for week in weeks if week.days[0] <= until)
    return Span(line_id, months[0].start, months[-1].last_day, weeks, known_at)


def _lines(over: Span, among: Among) -> Any:
    """Ledger lines of the weeks, each with its week's place."""
    at = case(
        *[(Offtake.lifted_on.between(week.days[0], week.days[-1]), number) for number, week in enumerate(over.weeks)]
    )
    first, last = over.weeks[0].days[0], over.weeks[-1].days[-1]
    inside = [
        Offtake.product_line_id == over.line_id,
        Offtake.month.between(first.replace(day=1), last.replace(day=1)),
        Offtake.lifted_on.between(first, last),
        among(Offtake.customer_id),
    ]
    if over.known_at is not None:
        # The months themselves are guarded by the run; their edges belong to neighbours that go on.
        whole = Offtake.month.between(over.first, over.last.replace(day=1))
        inside.append(or_(whole, Offtake.recorded_at <= over.known_at))
    return select(Offtake.customer_id, at.label("week"), Offtake.grams).where(*inside).subquery()


def _weekly(over: Span, among: Among) -> Any:
    raw = _lines(over, among)
    grams = cast(func.sum(raw.c.grams), BigInteger).label("grams")
    return select(raw.c.customer_id, raw.c.week, grams).where(raw.c.week.is_not(None)).group_by(*raw.c[:2])


def evenness_of(over: Span, among: Among = everybody) -> Any | None:
    """A subquery with customer_id and evenness, for whoever lifted anything; None when there are no weeks to compare.

    SQL of `rules.evenness`; weeks without a row are Σ's missing members, W each.
    """
    number = len(over.weeks)
    if number < 2:
        return None
    weekly = _weekly(over, among).subquery()
    total = cast(func.sum(weekly.c.grams).over(partition_by=weekly.c.customer_id), BigInteger)
    each = select(weekly.c.customer_id, weekly.c.grams, total.label("total")).subquery()
    whole = 2 * (number - 1) * func.max(each.c.total)
    off = func.sum(func.abs(number * each.c.grams - each.c.total)) + (number - func.count()) * func.max(each.c.total)
    sums = select(
        each.c.customer_id,
        cast(whole, BigInteger).label("whole"),
        cast(off, BigInteger).label("off"),
    ).where(each.c.total > 0)
    found = sums.group_by(each.c.customer_id).subquery()
    even = (found.c.whole - found.c.off) * rules.FULL // found.c.whole
    return select(found.c.customer_id, even.label("evenness")).subquery()


def discipline_of(over: Span, among: Among = everybody, until: date | None = None) -> Any | None:
    """A subquery with customer_id, due, in_time and payment_discipline, for whoever had orders due."""
    if not ORDERS_DUE:
        return None
    last = over.last if until is None else min(over.last, until)
    due = ORDERS_DUE[0](over.line_id, over.first, last, among).subquery()
    return select(
        due.c.customer_id,
        due.c.due,
        due.c.in_time,
        (due.c.in_time * rules.FULL // due.c.due).label("payment_discipline"),
    ).subquery()


@dataclass(frozen=True)
class Inputs:
    """What the two indicators of a customer are worked out of: grams by week, orders due and paid in time."""

    weeks: tuple[tuple[Week, int], ...]
    due: int
    in_time: int

    @property
    def evenness(self) -> int | None:
        """In basis points."""
        return rules.evenness([grams for _week, grams in self.weeks])

    @property
    def payment_discipline(self) -> int | None:
        """In basis points."""
        return rules.payment_discipline(self.due, self.in_time)


def inputs(session: Session, over: Span, customer_ids: Collection[int], until: date | None = None) -> dict[int, Inputs]:
    """The inputs of these customers (a page of them), shown beside the values. Two queries."""
    ids = list(customer_ids)
    grams: dict[tuple[int, int], int] = {}
    if over.weeks:
        for customer_id, week, number in session.execute(_weekly(over, lambda column: column.in_(ids))):
            grams[customer_id, week] = number
    orders: dict[int, tuple[int, int]] = {}
    due = discipline_of(over, lambda column: column.in_(ids), until)
    if due is not None:
        for customer_id, number, in_time in session.execute(select(due.c.customer_id, due.c.due, due.c.in_time)):
            orders[customer_id] = (number, in_time)
    return {
        each: Inputs(
            tuple((week, grams.get((each, at), 0)) for at, week in enumerate(over.weeks)), *orders.get(each, (0, 0))
        )
        for each in ids
    }
