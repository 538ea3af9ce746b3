"""Triggers that make tables append-only on both engines, and the check that they are still there."""

from __future__ import annotations

from sqlalchemy import Connection
from sqlalchemy import text as sql

# No UPDATE, DELETE, REPLACE or TRUNCATE, for anybody.
APPEND_ONLY: set[str] = set()


def append_only(table: str) -> str:
    """Declare a table append-only; returns its name, for use as `__tablename__`."""
    APPEND_ONLY.add(table)
    return table


POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION tierflow_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$
"""


def trigger_ddl(dialect: str, table: str) -> list[str]:
    """Statements that guard a table. With recursive_triggers on, REPLACE fires the delete trigger too."""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER guard_{table}_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
    return [
        f"CREATE TRIGGER guard_{table}_row BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION tierflow_refuse()",
        f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION tierflow_refuse()",
    ]


def missing_guards(connection: Connection, tables: dict[str, set[str]]) -> list[str]:
    """What the database lacks of what the product relies on: tables, indexes, triggers (names and text).

    `tables` maps each table to its index names, as the models declare them.
    """
    present = _tables_and_indexes(connection)
    wanted = {f"table {table}" for table in tables}
    wanted |= {f"index {name}" for indexes in tables.values() for name in indexes}
    found = sorted(wanted - present)
    return found + [f"trigger {name}" for name in sorted(_expected(connection) - _triggers(connection))]


def _tables_and_indexes(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        query = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'index')"
    else:
        query = (
            "SELECT CASE relkind WHEN 'i' THEN 'index' ELSE 'table' END, relname FROM pg_class "
            "WHERE relkind IN ('r', 'p', 'i') AND relnamespace = current_schema()::regnamespace"
        )
    return {f"{kind} {name}" for kind, name in connection.execute(sql(query))}


def _expected(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        return {_squash(ddl) for table in APPEND_ONLY for ddl in trigger_ddl("sqlite", table)}
    return {f"guard_{table}_{kind}" for table in APPEND_ONLY for kind in ("row", "truncate")} | {"tierflow_refuse"}


def _triggers(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        rows = connection.execute(sql("SELECT sql FROM sqlite_master WHERE type = 'trigger'"))
        return {_squash(row[0]) for row in rows}
    rows = connection.execute(
        sql(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' "
            "UNION SELECT proname FROM pg_proc WHERE proname = 'tierflow_refuse' AND prosrc LIKE '%RAISE EXCEPTION%'"
        )
    )
    return {row[0] for row in rows}


def _squash(sql_text: str) -> str:
    return " ".join(sql_text.split())
