"""Numbers without gaps: one UPDATE ... RETURNING in the transaction that uses the number."""

from __future__ import annotations

from sqlalchemy import update
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
    insert = insert_sqlite if is_sqlite(session) else insert_postgres
    session.execute(insert(Counter).values(series=series, last=0).on_conflict_do_nothing())
    return session.execute(
        update(Counter).where(Counter.series == series).values(last=Counter.last + count).returning(Counter.last)
    ).scalar_one()
