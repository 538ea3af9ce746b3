"""Numbers without gaps: one statement, with RETURNING, in the transaction that uses the number."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, is_sqlite


class Counter(Model):
    """The last number given, per series (`application/2026`, `customer` …)."""

    __tablename__ = "counter"

    series: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


def next_number(session: Session, series: str, *, count: int = 1) -> int:
    """The next number of a series, the last of `count`; given back when the transaction is rolled back."""
    number: int = session.execute(_COUNT_ON[is_sqlite(session)], {"series": series, "by": count}).scalar_one()
    return number


_COUNTERS: Any = Counter.__table__


def _count_on(insert: Any) -> Any:
    """Begin the series, or count it on: one statement, and the lock on the row with it."""
    by = bindparam("by", type_=_COUNTERS.c.last.type)
    begun = insert(_COUNTERS).values(series=bindparam("series"), last=by)
    counted = begun.on_conflict_do_update(index_elements=["series"], set_={"last": _COUNTERS.c.last + by})
    return counted.returning(_COUNTERS.c.last)


_COUNT_ON = {True: _count_on(insert_sqlite), False: _count_on(insert_postgres)}
