"""Alembic's entry. Runs on the connection it is given (`tierflow.common.schema`), never on one of its own."""

from alembic import context

from tierflow.common.db import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
