"""Triggers that make tables append-only on both engines, and the check that they are still there."""

from __future__ import annotations

from sqlalchemy import Connection, inspect, text

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
    found: list[str] = []
    inspector = inspect(connection)
    existing = set(inspector.get_table_names())
    for table, indexes in sorted(tables.items()):
        if table not in existing:
            found.append(f"table {table}")
            continue
        present = {str(index["name"]) for index in inspector.get_indexes(table)}
        found += [f"index {name}" for name in sorted(indexes - present)]
    found += [f"trigger {name}" for name in sorted(_expected(connection) - _triggers(connection))]
    return found


def _expected(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        return {_squash(ddl) for table in APPEND_ONLY for ddl in trigger_ddl("sqlite", table)}
    return {f"guard_{table}_{kind}" for table in APPEND_ONLY for kind in ("row", "truncate")} | {"tierflow_refuse"}


def _triggers(connection: Connection) -> set[str]:
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text("SELECT sql FROM sqlite_master WHERE type = 'trigger'"))
        return {_squash(row[0]) for row in rows}
    rows = connection.execute(
        text(
            "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D' "
            "UNION SELECT proname FROM pg_proc WHERE proname = 'tierflow_refuse' AND prosrc LIKE '%RAISE EXCEPTION%'"
        )
    )
    return {row[0] for row in rows}


def _squash(sql: str) -> str:
    return " ".join(sql.split())
