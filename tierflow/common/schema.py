"""Bringing a database to the present schema, and refusing one whose guards are gone."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from tierflow.common.db import Base, write_access
from tierflow.common.guards import missing_guards


def migrations_dir() -> Path:
    """Beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def alembic_config() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(migrations_dir()))
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database up to a revision."""
    config = alembic_config()
    with write_access(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to a revision (`base`: to nothing)."""
    config = alembic_config()
    with write_access(), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, revision)


def defects(engine: Engine) -> list[str]:
    """Why this database must not be served: another revision, or a table, index or trigger gone."""
    with engine.connect() as connection:
        head = ScriptDirectory.from_config(alembic_config()).get_current_head()
        current = MigrationContext.configure(connection).get_current_revision()
        if current != head:
            return [f"the database is at revision {current}, the program wants {head}: run `tierflow upgrade`"]
        return [f"gone from the database: {guard}" for guard in missing_guards(connection, Base.metadata)]
