"""Alembic's entry. Runs on the connection it is given (`tierflow.common.schema`), never on one of its own."""

from typing import Any, Literal

from alembic import context

from tierflow.common.db import Base


def render_item(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Migrations name no type of ours: history must not change with the code."""
    if kind == "type" and type(item).__name__ == "UtcDateTime":
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True, render_item=render_item)
with context.begin_transaction():
    context.run_migrations()
