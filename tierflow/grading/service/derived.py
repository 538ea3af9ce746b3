"""Evenness and payment discipline out of the month's weeks and the orders: by the pure rules, set-based.

The same two sums stand in SQL, so that a month or a year of everybody is one question; the tests hold them against
`rules.derived`. What is keyed in by hand counts only where neither knows anything (CHEM-9.6).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, case, cast, func, literal, null, select, true
from sqlalchemy.orm import Session

from tierflow.common.calendars import working_calendar
from tierflow.common.offtake import WEEKS, Offtake, OfftakeMonth
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
    """Whole months of a product line, and the weeks of them that count.

    `known_at`: what the ledger learnt later of the weeks that reach beyond the months does not count.
    """

    line_id: int
    first: date
    last: date
    weeks: tuple[Week, ...]
    known_at: datetime | None = None

    def months_of(self, number: int) -> list[date]:
        """The months whose week of this number counts."""
        return [week.month.start for week in self.weeks if week.number == number]


def span(
    session: Session, line_id: int, months: Sequence[Month], known_at: datetime | None = None, until: date | None = None
) -> Span:
    """The months' span; `until`: only weeks begun, and orders due before that day."""
    calendar = working_calendar(session)
    weeks = rules.working_weeks(months, lambda day: day.year not in calendar.years or calendar.is_working_day(day))
    if until is not None:
        weeks = tuple(week for week in weeks if week.days[0] <= until)
    return Span(line_id, months[0].start, months[-1].last_day, weeks, known_at)


def counted_of_month(over: Span, weeks: Mapping[int, Any]) -> tuple[list[Any], Any]:
    """One month's weeks that count, of a row's by number, and their sum."""
    counted = [weeks[week.number] for week in over.weeks]
    return counted, sum(counted[1:], counted[0]) if counted else literal(0)


def evenness_of_month(over: Span, weeks: Mapping[int, Any], total: Any = None) -> Any:
    """SQL of `rules.evenness` over one month's row of weeks, by number; None where nothing was lifted.

    `total`: where their sum stands already. SQLite would add them up anew at each of the eight places it is asked.
    """
    counted, added = counted_of_month(over, weeks)
    total = added if total is None else total
    return _even(len(counted), total, sum((func.abs(len(counted) * grams - total) for grams in counted), literal(0)))


def _even(number: int, total: Any, off: Any) -> Any:
    """`number` weeks with `total` grams in all, n times whose mean they are `off`."""
    if number < 2:
        return null()
    whole = 2 * (number - 1) * total
    return case((total > 0, (whole - off) * rules.FULL // whole))


def weeks_as_known(session: Session, over: Span) -> tuple[dict[int, Any], Any | None]:
    """A month's weeks as its run is to see them, by number, and what to join to them by customer, mostly nothing.

    A week cut by the month's edge goes on being lifted in after the run began: what was recorded since is taken off.
    """
    weeks = {number: getattr(OfftakeMonth, name) for number, name in enumerate(WEEKS, 1)}
    if over.known_at is None or not over.weeks:
        return weeks, None
    inside = (
        Offtake.recorded_at > over.known_at,
        Offtake.product_line_id == over.line_id,
        Offtake.month != over.first,
        Offtake.lifted_on.between(over.weeks[0].days[0], over.weeks[-1].days[-1]),
    )
    if session.scalar(select(Offtake.id).where(*inside).limit(1)) is None:
        return weeks, None
    sums = {
        week.number: func.coalesce(
            func.sum(Offtake.grams).filter(Offtake.lifted_on.between(week.days[0], week.days[-1])), 0
        )
        for week in over.weeks
    }
    columns = [cast(each, BigInteger).label(WEEKS[number - 1]) for number, each in sums.items()]
    since = select(Offtake.customer_id, *columns).where(*inside).group_by(Offtake.customer_id).subquery()
    taken = {number: func.coalesce(since.c[WEEKS[number - 1]], 0) for number in sums}
    return {number: week - taken.get(number, 0) for number, week in weeks.items()}, since


def evenness_of(over: Span, among: Among = everybody) -> Any | None:
    """A subquery with customer_id and evenness, for whoever lifted anything; None when there are no weeks to compare.

    SQL of `rules.evenness` over several months; months without a row are Σ's missing members, W a week.
    """
    number, row = len(over.weeks), OfftakeMonth
    if number < 2:
        return None
    counted = {each: over.months_of(each) for each in range(1, len(WEEKS) + 1)}

    def over_weeks(value: Callable[[Any], Any]) -> Any:
        parts = [
            case((row_month.in_(months), value(weeks[each])), else_=0) for each, months in counted.items() if months
        ]
        return sum(parts[1:], parts[0])

    row_month: Any = row.month
    weeks: dict[int, Any] = {each: getattr(row, name) for each, name in enumerate(WEEKS, 1)}
    total = func.sum(over_weeks(lambda grams: grams)).over(partition_by=row.customer_id)
    each = (
        select(row.customer_id, row.month, *weeks.values(), cast(total, BigInteger).label("total"))
        .where(row.product_line_id == over.line_id, row.month.between(over.first, over.last), among(row.customer_id))
        .subquery()
    )
    row_month, weeks = each.c.month, {at: each.c[name] for at, name in enumerate(WEEKS, 1)}
    whole = func.max(each.c.total)
    missing = number - func.sum(over_weeks(lambda _grams: 1))
    off = func.sum(over_weeks(lambda grams: func.abs(number * grams - each.c.total))) + missing * whole
    sums = select(each.c.customer_id, cast(whole, BigInteger).label("total"), cast(off, BigInteger).label("off"))
    found = sums.where(each.c.total > 0).group_by(each.c.customer_id).subquery()
    return select(found.c.customer_id, _even(number, found.c.total, found.c.off).label("evenness")).subquery()


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
    row = OfftakeMonth
    query = select(row).where(
        row.product_line_id == over.line_id, row.month.between(over.first, over.last), row.customer_id.in_(ids)
    )
    at = {(week.month.start, week.number): place for place, week in enumerate(over.weeks)}
    for found in session.scalars(query):
        for number, name in enumerate(WEEKS, 1):
            if (found.month, number) in at:
                grams[found.customer_id, at[found.month, number]] = getattr(found, name)
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
