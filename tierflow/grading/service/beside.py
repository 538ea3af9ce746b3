"""Tables of a connection's own, for the length of a transaction: what a stretch's statement finds by customer.

On SQLite what was lifted, decided the month before and keyed in is laid down here first. It spares a statement that
writes decisions reading their table, for which SQLite would lay its whole answer down once more, and its rows are found
by their number. PostgreSQL joins the tables themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    Integer,
    MetaData,
    String,
    Table,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Session
from sqlalchemy.schema import CreateTable

from tierflow.common.db import Id, is_sqlite
from tierflow.common.offtake import SUMS

_tables = MetaData()


def _table(name: str, *columns: Column[Any]) -> Table:
    key = Column("customer_id", Id, primary_key=True, autoincrement=False)
    return Table(f"beside_{name}", _tables, key, *columns, prefixes=["TEMP"], postgresql_on_commit="DROP")


INDICATORS = ("planned_grams", "evenness", "payment_discipline", "breaches", "cooperation")

BEFORE = _table("before", Column("level", String), Column("idle", Integer))
LIFTED = _table("lifted", *(Column(name, Id) for name in (*SUMS, "total")))
KNOWN = _table("known", *(Column(name, Id) for name in INDICATORS))
TOUCHED = _table("touched", Column("month", Date))  # late facts', and the first month they touch


def empty(session: Session, *tables: Table) -> None:
    """Have these tables, without rows."""
    for table in tables:
        session.execute(CreateTable(table, if_not_exists=True))
        session.execute(delete(table))


def put(table: Table, query: Any) -> Any:
    """The statement that adds a query's rows; of a customer's the last put holds. SQLite only."""
    return insert(table).prefix_with("OR REPLACE").from_select(list(table.c.keys()), query)


def touch(session: Session, months: Mapping[int, date]) -> None:
    """Lay down whom late facts touch, with the first month."""
    empty(session, TOUCHED)
    ids: dict[date, list[int]] = {}
    for customer_id, month in months.items():
        ids.setdefault(month, []).append(customer_id)
    for month, some in ids.items():
        if is_sqlite(session):
            each: Any = func.json_each(json.dumps(some)).table_valued("value").c.value
        else:
            each = func.unnest(cast(some, ARRAY(BigInteger))).column_valued("each")
        rows = select(each, literal(month, Date))
        session.execute(insert(TOUCHED).from_select(["customer_id", "month"], rows))
    if not is_sqlite(session):
        session.execute(sql(f"ANALYZE {TOUCHED.name}"))
