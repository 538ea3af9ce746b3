"""Triggers that keep tables, or their rows of one state, as they are, on both engines.

And the check that every guard is still there.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from sqlalchemy import CheckConstraint, Connection, MetaData
from sqlalchemy import text as sql

# No UPDATE, DELETE, REPLACE or TRUNCATE, for anybody.
APPEND_ONLY: set[str] = set()


def append_only(table: str) -> str:
    """Declare a table append-only; returns its name, for use as `__tablename__`."""
    APPEND_ONLY.add(table)
    return table


def one_of(column: str, words: Iterable[str]) -> str:
    """The text of a check that a column holds one of some words, for a table that is written by the hundred thousand.

    Said one by one: SQLite builds the list of an IN anew for every row, which costs as much as the row.
    """
    return " OR ".join(f"{column} = '{word}'" for word in words)


# Tables of which the rows in one state are kept as they are, and that state.
FROZEN: dict[str, str] = {}


def frozen(table: str, state: str) -> str:
    """Declare that a row whose `state` is this one never changes again; returns the table's name."""
    FROZEN[table] = state
    return table


# What a table's checks cannot say, because it takes other rows: triggers, and PostgreSQL's functions by name.
_OWN_TRIGGERS: dict[str, dict[str, str]] = {"sqlite": {}, "postgresql": {}}
_OWN_FUNCTIONS: dict[str, str] = {}


def row_guard(
    table: str,
    name: str,
    *,
    sqlite: list[str],
    postgres: str,
    on: str = "BEFORE INSERT",
    each: str = "FOR EACH ROW",
) -> dict[str, list[str]]:
    """Declare a guard on every row put into a table; returns the statements that make it, by dialect.

    `sqlite` are whole `CREATE TRIGGER` statements; `postgres` is the body of a function called before each insert, or
    `on` another event, as PostgreSQL prints it; `each` another occasion, as all rows of a statement at once.
    """
    function = f"tierflow_{name}"
    trigger = f"CREATE TRIGGER guard_{name} {on} ON {table} {each} EXECUTE FUNCTION {function}()"
    for number, ddl in enumerate(sqlite):
        _OWN_TRIGGERS["sqlite"][f"{name}_{number}"] = ddl
    _OWN_TRIGGERS["postgresql"][name] = trigger
    _OWN_FUNCTIONS[function] = postgres
    made = f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $${postgres}$$"
    return {"sqlite": sqlite, "postgresql": [made, trigger]}


_REFUSE_BODY = """
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END """

POSTGRES_FUNCTION = f"""
CREATE OR REPLACE FUNCTION tierflow_refuse() RETURNS trigger LANGUAGE plpgsql AS $${_REFUSE_BODY}$$
"""


def trigger_ddl(dialect: str, table: str, state: str | None = None) -> list[str]:
    """Statements that guard a table, or its rows of one state.

    With recursive_triggers on, SQLite's REPLACE fires the delete trigger too.
    """
    # As PostgreSQL prints it, for the comparison at the start.
    on_lite = f"WHEN old.state = '{state}' " if state else ""
    on_postgres = f"WHEN (old.state::text = '{state}'::text) " if state else ""
    if dialect == "sqlite":
        return [
            f"CREATE TRIGGER guard_{table}_{verb} BEFORE {verb.upper()} ON {table} "
            f"{on_lite}BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
    return [
        f"CREATE TRIGGER guard_{table}_row BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW {on_postgres}EXECUTE FUNCTION tierflow_refuse()",
        f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION tierflow_refuse()",
    ]


def missing_guards(connection: Connection, metadata: MetaData) -> list[str]:
    """What the database lacks of what the models declare: tables, constraints, indexes, triggers with their text."""
    if connection.dialect.name == "sqlite":
        wanted, present = _declared(metadata) | _wanted_triggers("sqlite"), _present_sqlite(connection)
    else:
        wanted, present = _declared(metadata) | _wanted_triggers("postgresql"), _present_postgres(connection)
    return sorted(wanted - present)


def _declared(metadata: MetaData) -> set[str]:
    found = set()
    for table in metadata.sorted_tables:
        found.add(f"table {table.name}")
        found |= {f"{'unique index' if index.unique else 'index'} {index.name}" for index in table.indexes}
        found |= {
            f"constraint {_conventional(table.name, constraint)}"
            for constraint in table.constraints
            if constraint.name is not None
        }
    return found


def _conventional(table: str, constraint: object) -> str:
    name = str(getattr(constraint, "name", ""))
    is_short = isinstance(constraint, CheckConstraint) and not name.startswith("ck_")
    return f"ck_{table}_{name}" if is_short else name


def _wanted_triggers(dialect: str) -> set[str]:
    guarded: list[tuple[str, str | None]] = [*((table, None) for table in APPEND_ONLY), *FROZEN.items()]
    found = {f"trigger {_squash(ddl)}" for table, state in guarded for ddl in trigger_ddl(dialect, table, state)}
    found |= {f"trigger {_squash(ddl)}" for ddl in _OWN_TRIGGERS[dialect].values()}
    if dialect == "sqlite":
        return found
    functions = {"tierflow_refuse": _REFUSE_BODY, **_OWN_FUNCTIONS}
    return found | {f"function {name} {_squash(body)}" for name, body in functions.items()}


def _present_sqlite(connection: Connection) -> set[str]:
    found = set()
    for kind, name, ddl in connection.execute(sql("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")):
        if kind == "index":
            found.add(f"{'unique index' if ddl.upper().startswith('CREATE UNIQUE') else 'index'} {name}")
        elif kind == "trigger":
            found.add(f"trigger {_squash(ddl)}")
        else:
            found.add(f"table {name}")
            words = _squash(ddl).replace('"', "").split()
            found |= {f"constraint {after}" for word, after in pairwise(words) if word == "CONSTRAINT"}
    return found


_POSTGRES = """
SELECT 'table ' || relname FROM pg_class
 WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
UNION SELECT CASE WHEN indisunique THEN 'unique index ' ELSE 'index ' END || indexrelid::regclass::text FROM pg_index
 WHERE indisvalid
UNION SELECT 'constraint ' || conname FROM pg_constraint
 WHERE connamespace = current_schema()::regnamespace AND convalidated
UNION SELECT 'trigger ' || pg_get_triggerdef(oid, true) FROM pg_trigger
 WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')
UNION SELECT 'function ' || proname || ' ' || prosrc FROM pg_proc
 WHERE pronamespace = current_schema()::regnamespace
"""


def _present_postgres(connection: Connection) -> set[str]:
    # PostgreSQL prints the events of a trigger in its own order.
    return {
        _squash(row[0]).replace("BEFORE DELETE OR UPDATE ON", "BEFORE UPDATE OR DELETE ON")
        for row in connection.execute(sql(_POSTGRES))
    }


def _squash(statement: str) -> str:
    return " ".join(statement.split())
