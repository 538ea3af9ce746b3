"""A month's tonnes and those of its weeks: kept in the transaction that writes the lines, read instead of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Select, and_, case, cast, func, literal, or_, select, union_all
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tierflow.common.db import is_sqlite
from tierflow.common.offtake.tables import KEY, SUMS, WEEKS, Offtake, OfftakeMonth
from tierflow.common.sql import week_month, week_number
from tierflow.kernel.months import Month, Week

Sums = dict[tuple[int, int, date], list[int]]
"""By customer, line and month: the month's grams, then those of its weeks."""


def monthly(
    session: Session, customer_ids: Iterable[int], product_line_id: int, first: Month, last: Month
) -> dict[int, dict[Month, int]]:
    """Grams by customer and month, first and last month included; months without offtake are left out."""
    rows = session.execute(
        select(OfftakeMonth.customer_id, OfftakeMonth.month, OfftakeMonth.grams).where(
            OfftakeMonth.customer_id.in_(list(customer_ids)),
            OfftakeMonth.product_line_id == product_line_id,
            OfftakeMonth.month.between(first.start, last.start),
            OfftakeMonth.grams != 0,  # a week that a neighbour's days began has a row of its own
        )
    )
    found: dict[int, dict[Month, int]] = defaultdict(dict)
    for customer_id, month, grams in rows:
        found[customer_id][Month.of(month)] = grams
    return dict(found)


def sums_of(lines: Any) -> Select[Any]:
    """What ledger lines add up to: by customer, line and month, the month's grams and those of its weeks.

    `lines`: a table with customer_id, product_line_id, month, lifted_on, grams. A line of a week that belongs to the
    neighbour's counts there, beside its own month.
    """
    line = lines.c
    # The days of many lines are few: each is placed once, not for every line and week.
    placed = [week_month(line.lifted_on).label("belongs"), week_number(line.lifted_on).label("number")]
    days = select(line.lifted_on, *placed).group_by(line.lifted_on).subquery()
    day, none = days.c, literal(0, BigInteger)
    who = (line.customer_id, line.product_line_id)
    # Outer, though every line has its day: SQLite then looks the day up for each line, not all lines for each day.
    joined = lines.outerjoin(days, day.lifted_on == line.lifted_on)

    def weeks(*conditions: Any) -> list[Any]:
        return [
            case((and_(day.number == at, *conditions), line.grams), else_=none).label(name)
            for at, name in enumerate(WEEKS, 1)
        ]

    own = select(*who, line.month.label("month"), line.grams, *weeks(day.belongs == line.month))
    other = select(*who, day.belongs.label("month"), none.label("grams"), *weeks()).where(
        func.coalesce(day.belongs, line.month) != line.month
    )
    each = union_all(own.select_from(joined), other.select_from(joined)).subquery()
    key = [each.c[name] for name in KEY]
    return select(*key, *(cast(func.sum(each.c[name]), BigInteger).label(name) for name in SUMS)).group_by(*key)


def verify(session: Session) -> Iterator[str]:
    """Months and weeks whose sum is not what the ledger's lines add up to."""
    told, kept = sums_of(Offtake.__table__).subquery(), OfftakeMonth.__table__
    both = union_all(
        select(*(told.c[name] for name in KEY + SUMS)),
        select(*(kept.c[name] for name in KEY), *((-kept.c[name]).label(name) for name in SUMS)),
    ).subquery()
    key, sums = [both.c[name] for name in KEY], [func.sum(both.c[name]) for name in SUMS]
    off = select(*key, *sums).group_by(*key).having(or_(*(each != 0 for each in sums))).order_by(*key)
    for customer_id, line_id, month, grams, *weeks in session.execute(off):
        where = f"customer {customer_id}, line {line_id}, {Month.of(month)}"
        if grams:
            yield f"offtake: {where}: the month's sum is off by {-int(grams)} g"
        for number, week in enumerate(weeks, 1):
            if week:
                yield f"offtake: {where}: the sum of its week {number} is off by {-int(week)} g"


@lru_cache(maxsize=4096)
def _place(day: date) -> tuple[date, date, int]:
    """A day's month, the month its week belongs to, and which of that month's weeks it is."""
    week = Week.of(day)
    return day.replace(day=1), week.month.start, week.number


def count(sums: Sums, customer_id: int, line_id: int, day: date, grams: int) -> None:
    """Count a line's grams into its month and into its week's."""
    month, belongs, number = _place(day)
    sums[customer_id, line_id, month][0] += grams
    sums[customer_id, line_id, belongs][number] += grams


def add(session: Session, sums: Sums) -> None:
    """Add what was counted to the months."""
    # In one order everywhere, so that two writers never wait for each other in a ring.
    names = KEY + SUMS
    rows = [dict(zip(names, (*key, *values), strict=True)) for key, values in sorted(sums.items())]
    make = insert_sqlite if is_sqlite(session) else insert_postgres
    session.execute(_adding(make(OfftakeMonth)), rows)


def add_from(session: Session, sums: Select[*tuple[Any, ...]]) -> None:
    """Add what a query of sums finds to the months. One statement."""
    make = insert_sqlite if is_sqlite(session) else insert_postgres
    found = sums.subquery()
    key = [found.c[name] for name in KEY]
    # SQLite takes the ON of ON CONFLICT for a join's unless a WHERE stands before it.
    ordered = select(*key, *(found.c[name] for name in SUMS)).where(sql("1 = 1")).order_by(*key)
    session.execute(_adding(make(OfftakeMonth).from_select(list(KEY + SUMS), ordered)))


def _adding(statement: Any) -> Any:
    added = {name: getattr(OfftakeMonth, name) + statement.excluded[name] for name in SUMS}
    return statement.on_conflict_do_update(index_elements=KEY, set_=added)
