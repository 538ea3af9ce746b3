"""A company of any size: a few rows made by the services, then copied inside the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from tests.conftest import NOW
from tests.onboarding import scenes
from tierflow.common import lookup
from tierflow.common.customers import Customer
from tierflow.common.db import Base, is_sqlite
from tierflow.onboarding.service.access import case_of

# Copies begin here, clear of what the services made.
FIRST_COPY = 1_000_000
SQLITE_BLOCK = 20_000
DECIDERS = ("sales", "finance", "gm")  # in the order of the chain
PAPER_DAYS = 1_800  # papers end on some day of the next five years


def _copy(session: Session, table: str, where: str, count: int, **own: str) -> None:
    """Copy the rows `where` names `count` times; `own` gives columns that differ, as SQL over n = 1 … count."""
    columns = [column.name for column in Base.metadata.tables[table].columns]
    chosen = ", ".join(own.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    for low in range(0, count, SQLITE_BLOCK):
        high = min(low + SQLITE_BLOCK, count)
        session.execute(
            text(
                f"WITH RECURSIVE numbers(n) AS (SELECT {low + 1} UNION ALL SELECT n + 1 FROM numbers WHERE n < {high}) "
                f"INSERT INTO {table} ({names}) SELECT {chosen} FROM {table}, numbers WHERE {where}"
            )
        )


def _day_after(session: Session, days: str) -> str:
    if is_sqlite(session):
        return f"date('{NOW.date()}', '+' || ({days}) || ' days')"
    return f"date '{NOW.date()}' + ({days})"


@dataclass(frozen=True)
class World:
    """The ids a reader needs. `to_approve` were made by the services, so that every check of an approval is real."""

    approvers: dict[str, int]
    customer: int
    application: int
    to_approve: list[int]


def grow(session: Session, customers: int, applications: int, to_approve: int) -> World:
    """Fill a seeded database with copies of one customer and one open application."""
    place = scenes.company(session)
    admitted = scenes.submitted(session, place, 1)
    for who in DECIDERS:
        scenes.approve(session, place, admitted, who)
    waiting = scenes.submitted(session, place, 2)
    case = case_of(session, waiting.id)
    customer = session.get_one(Customer, admitted.customer_id)
    session.flush()

    there = f"{FIRST_COPY} + n"
    _copy(
        session,
        "customer",
        f"id = {customer.id}",
        customers,
        id=there,
        number="'C9' || n",
        credit_code="'B' || n",
        name="'浦东塑料第' || n || '有限公司'",
        name_key="'浦东塑料第' || n",
        phone_key="'p' || n",
        account_key="'a' || n",
    )
    _copy(session, "customer_line", f"customer_id = {customer.id}", customers, id=there, customer_id=there)
    _copy(
        session,
        "paper",
        f"customer_id = {customer.id} AND kind = 'merged_licence'",
        customers,
        id=there,
        customer_id=there,
        application_id="NULL",
    )
    _copy(
        session,
        "paper_cover",
        f"customer_id = {customer.id}",
        customers,
        id=there,
        customer_id=there,
        source_id=there,
        valid_to=_day_after(session, f"n % {PAPER_DAYS}"),
    )
    _copy(
        session,
        "application",
        f"id = {waiting.id}",
        applications,
        id=there,
        number="'KH-9-' || n",
        credit_code="'A' || n",
        name="'华南化工第' || n || '有限公司'",
        name_key="'华南化工第' || n",
        phone_key="'q' || n",
        account_key="'b' || n",
    )
    _copy(session, "application_line", f"application_id = {waiting.id}", applications, id=there, application_id=there)
    spread = f"{FIRST_COPY} + (n * 100) + id % 100"
    _copy(session, "entry_check", f"application_id = {waiting.id}", applications, id=spread, application_id=there)
    spread = f"{FIRST_COPY * 10} + (n * 100) + id % 100"
    _copy(session, "paper", f"application_id = {waiting.id}", applications, id=spread, application_id=there)
    _copy(
        session,
        "approval_case",
        f"id = {case.id}",
        applications,
        id=there,
        subject_id=there,
        title="'KH-9-' || n || ' 华南化工第' || n || '有限公司'",
    )
    _copy(session, "approval_round", f"case_id = {case.id}", applications, id=there, case_id=there)
    _copy(session, "approval_seat", f"case_id = {case.id}", applications, case_id=there)
    lookup.index(session, ("customer", customer.id), [customer.name], [customer.number])
    session.flush()
    _settle(session.connection())
    real = [scenes.submitted(session, place, 100 + i).id for i in range(to_approve)]
    approvers = {name: place.id_of(name) for name in DECIDERS}
    return World(approvers, FIRST_COPY + customers // 2, FIRST_COPY + 1, real)


def _settle(connection: Connection) -> None:
    """Fresh statistics, and counters beyond the copies."""
    if connection.dialect.name == "sqlite":
        connection.execute(text("ANALYZE"))
        return
    for table in (
        "customer",
        "customer_line",
        "paper",
        "paper_cover",
        "application",
        "approval_case",
        "approval_round",
    ):
        connection.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))")
        )
    connection.execute(text("ANALYZE"))


def counted(session: Session, table: str) -> Any:
    """How many rows a table has."""
    return session.scalar(text(f"SELECT count(*) FROM {table}"))
