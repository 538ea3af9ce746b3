"""The database: engine settings, column types, and the one place that commits.

Reads run in read-only transactions that the database itself enforces; writes run inside
`transaction()`, which on SQLite begins with BEGIN IMMEDIATE so that two writers queue instead of
losing each other's updates.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    ARRAY,
    JSON,
    BigInteger,
    DateTime,
    Engine,
    Integer,
    MetaData,
    Select,
    String,
    any_,
    cast,
    create_engine,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, registry
from sqlalchemy.types import TypeDecorator

from tierflow.common.sqlite import TwoSided

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}

# 64-bit everywhere; SQLite only auto-numbers a column declared INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")
# Text in the order of its bytes on both engines, whatever language a database was made in: for ranges and prefixes.
Exact = String().with_variant(String(collation="C"), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """An instant. Stored as UTC on both engines (SQLite has no zone), always aware in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuse naive times; hand UTC to the driver."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Give aware UTC back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Declarative base with named constraints and our column types."""

    registry = registry(
        metadata=MetaData(naming_convention=NAMING),
        type_annotation_map={
            int: BigInteger(),
            datetime: UtcDateTime(),
            dict[str, Any]: JSON(),
            list[Any]: JSON(),
            str: String(),
        },
    )


db = SQLAlchemy(model_class=Base, disable_autonaming=True)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def pk() -> Mapped[int]:
    """A numeric primary key."""
    return mapped_column(Id, primary_key=True)


def next_id(session: Session, model: Any) -> int:
    """The key a new row is to be given, for what must name the row before it is written. In a write transaction."""
    if is_sqlite(session):  # it has the only writer
        return (session.scalar(select(func.max(model.id))) or 0) + 1
    return int(
        session.execute(select(func.nextval(func.pg_get_serial_sequence(model.__tablename__, "id")))).scalar_one()
    )


_writing: ContextVar[bool] = ContextVar("tierflow_writing", default=False)


def engine_options(url: str, *, patient: bool = False) -> dict[str, Any]:
    """Options for `create_engine`, by the kind of database.

    A statement somebody waits for at a page ends after a minute. `patient`: nobody does; a proof or a migration over a
    million customers takes what it takes. Nor does a patient one wait longer for a lock, or keep one idly.
    """
    if url.startswith("sqlite"):
        # About as many statements as there are; by default it keeps 128 prepared.
        options = {"timeout": 15, "check_same_thread": False, "factory": TwoSided, "cached_statements": 500}
        return {"connect_args": options}
    settings = (
        f"-c statement_timeout={0 if patient else 60000} -c lock_timeout=15000"
        " -c idle_in_transaction_session_timeout=60000"
        " -c default_transaction_read_only=on"  # see _begin_on_postgresql
    )
    return {"pool_pre_ping": True, "pool_size": 5, "max_overflow": 5, "connect_args": {"options": settings}}


def make_engine(url: str) -> Engine:
    """An engine outside Flask (command line, migrations, drills), with the same guards but for the patience."""
    return create_engine(url, **engine_options(url, patient=True))


@event.listens_for(Engine, "begin")
def _on_begin(connection: Any) -> None:
    writing = _writing.get()
    if connection.dialect.name == "sqlite":
        connection.connection.dbapi_connection.turn(writing=writing)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
    elif connection.dialect.name == "postgresql":
        _begin_on_postgresql(connection, writing)


def _begin_on_postgresql(connection: Any, writing: bool) -> None:
    """Every statement of a read is a read-only transaction of its own; a write is one transaction.

    READ COMMITTED shows each statement what is committed by then either way. What it spares a page: three journeys, and
    a ROLLBACK at its end, at which the driver forgets the plans it had the server keep.
    """
    raw = connection.connection.dbapi_connection
    at_one_moment = connection.get_execution_options().get("isolation_level") is not None
    if raw.autocommit == writing and not at_one_moment:
        raw.autocommit = not writing
    if not raw.autocommit:
        raw.read_only = not writing


@contextmanager
def write_access() -> Iterator[None]:
    """Let transactions begun inside be writing ones. Only `transaction` and migrations use it."""
    token = _writing.set(True)
    try:
        yield
    finally:
        _writing.reset(token)


# Run just before the commit, in order: late work that takes a global lock (the audit chain).
BeforeCommit = Callable[[Session], None]
before_commit: list[BeforeCommit] = []
# Run after a commit that succeeded: wake-up calls, never work that may not be lost.
after_commit: list[Callable[[], None]] = []


@contextmanager
def transaction(session: Session | None = None) -> Iterator[Session]:
    """The one place that commits. Ends any read transaction first; rolls back on every exception.

    Not nestable: what belongs together is called inside one `transaction()`.
    """
    live: Session = session if session is not None else db.session()
    if _writing.get():
        raise RuntimeError("transaction() inside transaction()")
    live.rollback()
    live.info.clear()
    with write_access():
        try:
            yield live
            live.flush()
            for hook in before_commit:
                hook(live)
            live.commit()
        except BaseException:
            live.rollback()
            raise
    for wake in after_commit:
        try:
            wake()
        except Exception:  # what is committed is done, whoever could not be woken
            logging.getLogger(__name__).exception("a wake-up call after commit failed")


def is_sqlite(session: Session) -> bool:
    """Whether the session speaks to SQLite."""
    return session.get_bind().dialect.name == "sqlite"


def capped_count(session: Session, query: Select[Any], cap: int = 100) -> int:
    """How many rows a query has, counting no further than `cap`: flat as data grow."""
    return session.scalar(func.count().select().select_from(query.limit(cap).subquery())) or 0


def in_force(from_on: Any, to_on: Any, on: Any) -> Any:
    """SQL condition: the half-open period [from_on, to_on) holds the day; no end = open."""
    return (from_on <= on) & ((to_on.is_(None)) | (to_on > on))


def one_of(column: Any, ids: Collection[int | None]) -> Any:
    """SQL condition: the column holds one of a few ids; as a rule there is one, one's own.

    An IN is written out anew with each call, and most of what a page asks begins with whose it is.
    """
    if len(ids) == 1 and None not in ids:
        return column == next(iter(ids))
    return column.in_(ids)


def among(session: Session, column: Any, values: Collection[str]) -> Any:
    """SQL condition: the column holds one of many texts, sent as one value; an IN of a thousand is slow to write."""
    if is_sqlite(session):
        return column.in_(select(func.json_each(json.dumps(list(values))).table_valued("value").c.value))
    return column == any_(cast(list(values), ARRAY(String())))


def insert_rows(session: Session, model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Insert many rows by column name, through the table: an entity's bulk insert costs as much again."""
    table: Any = model.__table__
    if rows:
        session.execute(insert(table), rows)


def write_rows(session: Session, model: type[Base], names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert plain tuples past the ORM: executemany on SQLite, COPY on PostgreSQL; values as the driver takes them."""
    table, columns = model.__tablename__, ", ".join(names)
    connection = session.connection()
    if is_sqlite(session):
        if many := list(rows):
            places = ", ".join("?" * len(names))
            connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({places})", many)  # noqa: S608
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def data_dir() -> str:
    """Where the default database, backups and exports lie."""
    return os.environ.get("TIERFLOW_DATA_DIR", "var")
