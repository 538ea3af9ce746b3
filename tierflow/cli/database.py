"""Commands for the schema."""

from __future__ import annotations

import warnings

import click
from alembic import command
from alembic.script import ScriptDirectory

from tierflow.cli.shared import application, engine
from tierflow.common import schema, seeds
from tierflow.common.db import Base, db, transaction, write_access


@click.command()
@click.argument("revision", default="head")
def upgrade(revision: str) -> None:
    """Bring the database up to a revision (default: the program's), and add what a new release brings."""
    live = engine()
    schema.upgrade(live, revision)
    live.dispose()
    if revision == "head":
        app = application()
        with app.app_context():
            with transaction() as session:
                seeds.plant(session, app.config["CLOCK"]())
            db.engine.dispose()
    click.echo(f"The database is at {revision}.")


@click.command()
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask. What the newer tables hold is lost.")
def downgrade(revision: str, yes: bool) -> None:
    """Take the database back to a revision; `base` empties it."""
    if not yes:
        click.confirm("What the newer tables hold is lost. Have you made a backup?", abort=True)
    live = engine()
    schema.downgrade(live, revision)
    live.dispose()
    click.echo(f"The database is at {revision}.")


@click.command()
def check() -> None:
    """Say what keeps this database from being served: another revision, a table, index or trigger gone."""
    application(check_schema=False)  # so that every table is known
    live = engine()
    found = schema.defects(live)
    live.dispose()
    for defect in found:
        click.echo(defect)
    if found:
        raise SystemExit(1)
    click.echo("The schema is sound.")


@click.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a migration from what the models say and the database has (for developers). Read it before you keep it."""
    application(check_schema=False)
    config = schema.alembic_config()
    head = ScriptDirectory.from_config(config).get_current_head()
    number = f"{int(head or 0) + 1:04d}"
    live = engine()
    with write_access(), live.begin() as connection, warnings.catch_warnings():
        # SQLite does not tell the expression of an index; `tierflow check` compares those by name.
        warnings.filterwarnings("ignore", message=".*expression-based index")
        config.attributes["connection"] = connection
        command.revision(config, message=message, rev_id=number, autogenerate=bool(Base.metadata.tables))
    live.dispose()
