"""A company for the month close: customers, a ledger of liftings, its monthly sums, orders and plans, by bare SQL.

As the floors' data: of 100 customers 78 ever lift in a year, ten liftings a customer, 3.7 months of the twelve; a few
lift every other day and make up the stars, most lift a handful of times. The same numbers on both engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from tests.builders import line, region, user, warehouse
from tierflow.common.db import is_sqlite
from tierflow.common.offtake import KEY, SUMS, Offtake, OfftakeMonth, sums_of
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Role
from tierflow.lifting.models import LiftingOrder

FIRST = Month.parse("2025-11")
MONTHS = 12
# Of 100 customers: up to this one, so many liftings a year of so many tonnes about each.
CLASSES = (
    (22, 0, 0),
    (42, 1, 10),
    (57, 2, 20),
    (70, 4, 20),
    (82, 8, 30),
    (92, 24, 30),
    (97, 48, 60),
    (100, 105, 150),
)
MOST = max(number for _upto, number, _tonnes in CLASSES)
PLANNED_OF_100, ORDERED_OF_100 = 20, 30  # customers with a monthly plan, customers who order on account

MIX = "(((i * 48271 + j * j * 69621 + j * 7919) % 2147483647) * 16807) % 2147483647"  # no seed


def bare(session: Session) -> Callable[[str], object]:
    """Sends a statement as it is; psycopg reads a single % as a place for a value."""
    send, double = session.connection().exec_driver_sql, not is_sqlite(session)
    return lambda statement: send(statement.replace("%", "%%") if double else statement)


def numbers(session: Session, name: str, most: int) -> str:
    """A WITH table `n(i)` of 1 … most."""
    if is_sqlite(session):
        return f"{name} AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM {name} WHERE i < {most})"
    return f"{name} AS (SELECT generate_series(1::bigint, {most}::bigint) AS i)"


@contextmanager
def unguarded(session: Session, table: str) -> Iterator[None]:
    """Fill a table without its indexes, and on SQLite its triggers, which are put back as they were."""
    execute = session.connection().exec_driver_sql
    if is_sqlite(session):
        query = f"SELECT type, name, sql FROM sqlite_master WHERE tbl_name = '{table}' AND sql IS NOT NULL"
        kept = [row for row in session.execute(text(query)) if row[0] in ("index", "trigger")]
    else:
        query = f"SELECT 'index', indexname, indexdef FROM pg_indexes WHERE tablename = '{table}'"
        kept = [row for row in session.execute(text(query)) if row[1].startswith("ix_")]
    for kind, name, _ddl in kept:
        execute(f"DROP {kind} {name}")
    yield
    for _kind, _name, ddl in kept:
        execute(ddl)


def fill(session: Session, customers: int) -> int:
    """The whole company; its product line's id. What is measured is the close, not the filling."""
    execute = bare(session)
    if not is_sqlite(session):
        execute("SET LOCAL statement_timeout = 0")
        execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        execute("SET LOCAL work_mem = '256MB'")
        execute("SET LOCAL maintenance_work_mem = '512MB'")
        execute("SET LOCAL session_replication_role = replica")  # triggers and foreign keys rest
    line_id = _customers(session, execute, customers)
    _ledger(session, execute, customers, line_id)
    execute("CREATE TABLE bench_tier (id BIGINT PRIMARY KEY, grams BIGINT, tier INTEGER)")
    execute("CREATE TABLE bench_save (words TEXT)")
    return line_id


def _customers(session: Session, execute: Callable[[str], object], customers: int) -> int:
    east = region(session).id
    manager = user(session, "am", Role.ACCOUNT_MANAGER).id
    user(session, "sm", (Role.SALES_MANAGER, east))
    line_id = line(session).id
    fields = (
        "number, name, name_key, credit_code, needs_credit_code, legal_representative, address, contact_name, phone,"
        " phone_key, bank_name, bank_account, account_key, invoice_address, invoice_phone, region_id,"
        " account_manager_id, approved_at, approved_on, version"
    )
    no = "false" if not is_sqlite(session) else "0"
    values = ", ".join(["'C-' || i", "'客户' || i", "'客户' || i", "'9' || i", no, *["'x'"] * 10])
    execute(
        f"INSERT INTO customer (id, {fields}) WITH RECURSIVE {numbers(session, 'n', customers)} SELECT i, {values},"
        f" {east}, {manager}, '2025-01-01 00:00:00', '2025-01-01', 1 FROM n"
    )
    execute(
        "INSERT INTO customer_line (customer_id, product_line_id, class, from_on)"
        f" SELECT id, {line_id}, 'dealer', '2025-01-01' FROM customer"
    )
    return line_id


def _ledger(session: Session, execute: Callable[[str], object], customers: int, line_id: int) -> None:
    """Liftings in the order of their days, the months' sums, an order for each tenth lifting, plans of the regular."""
    product = session.scalar(text("SELECT min(id) FROM product"))
    execute("CREATE TABLE bench_day (d INTEGER PRIMARY KEY, day DATE, month DATE)")
    first = FIRST.start
    days = [first + timedelta(days=n) for n in range((FIRST.plus(MONTHS).start - first).days)]
    rows = ", ".join(f"({n}, '{day}', '{day.replace(day=1)}')" for n, day in enumerate(days))
    execute(f"INSERT INTO bench_day VALUES {rows}")
    place = "i * 37 % 100"
    many = " ".join(f"WHEN {place} < {upto} THEN {number}" for upto, number, _tonnes in CLASSES)
    much = " ".join(f"WHEN {place} < {upto} THEN {tonnes}" for upto, _number, tonnes in CLASSES)
    execute("CREATE TABLE bench_line (i BIGINT, d INTEGER, grams BIGINT)")
    execute(
        f"INSERT INTO bench_line WITH RECURSIVE {numbers(session, 'c', customers)}, {numbers(session, 'l', MOST)},"
        f" pairs AS (SELECT c.i AS i, l.i AS j FROM c JOIN l ON l.i <= (CASE {many.replace('i *', 'c.i *')} END)),"
        f" mixed AS (SELECT i, {MIX} AS h FROM pairs)"
        f" SELECT i, h % {len(days)}, (CASE {much} END) * (500000 + h % 1000003) + 1 FROM mixed"
    )
    shared = {
        "customer_id": "b.i",
        "product_id": str(product),
        "product_line_id": str(line_id),
        "lifted_on": "day",
        "month": "month",
        "grams": "grams",
        "form_of_sale": "'planned'",
        "source": "'bench'",
        "external_number": "CAST(1000000000 + row_number() OVER (ORDER BY b.d) AS VARCHAR)",
        "take": "1",
        "recorded_at": "'2025-10-01 00:00:00'",
    }
    with unguarded(session, Offtake.__tablename__):
        execute(
            f"INSERT INTO offtake ({', '.join(shared)}) SELECT {', '.join(shared.values())}"
            " FROM bench_line b JOIN bench_day x ON x.d = b.d ORDER BY b.d"
        )
    sums = sums_of(Offtake.__table__).subquery()
    ordered = select(*(sums.c[name] for name in KEY + SUMS)).order_by(*(sums.c[name] for name in KEY))
    session.execute(insert(OfftakeMonth).from_select(list(KEY + SUMS), ordered))
    _orders(session, execute, line_id, int(product or 0))
    execute("DROP TABLE bench_line")
    for n in range(MONTHS):
        execute(
            "INSERT INTO month_facts (product_line_id, month, customer_id, planned_grams, updated_at)"
            f" SELECT {line_id}, '{FIRST.plus(n).start}', id, (1 + id % 30) * 10000000, '2025-10-01 00:00:00'"
            f" FROM customer WHERE id * 37 % 100 >= {100 - PLANNED_OF_100}"
        )


def _orders(session: Session, execute: Callable[[str], object], line_id: int, product: int) -> None:
    given: dict[str, Any] = {
        "number": "'TD-' || row_number() OVER (ORDER BY b.d)",
        "customer_id": "b.i",
        "product_line_id": line_id,
        "product_id": product,
        "warehouse_id": warehouse(session).id,
        "form_of_sale": "'planned'",
        "quantity_grams": "1000000",
        "price_fen": "800000",
        "pay_by_on": "day",
        "remark": "''",
        "placed_by_id": "1",
        "placed_at": "'2025-10-01 00:00:00'",
        "state": "'paid'",
        **dict.fromkeys(("received_fen", "paid_out_fen", "released_grams", "lifted_grams", "owes_fen"), "0"),
        "paid_on": "CASE WHEN b.grams % 10 > 0 THEN day END",
    }
    with unguarded(session, LiftingOrder.__tablename__):
        execute(
            f"INSERT INTO lifting_order ({', '.join(given)}) SELECT {', '.join(map(str, given.values()))}"
            " FROM bench_line b JOIN bench_day x ON x.d = b.d"
            f" WHERE b.i * 37 % 100 >= {100 - ORDERED_OF_100} AND b.grams % 7 = 0 ORDER BY b.d"
        )
