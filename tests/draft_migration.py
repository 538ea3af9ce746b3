"""Drafts a migration from the models: `python -m tests.draft_migration 0009 "Title"` writes it to migrations/versions.

The draft is compared with a fresh database at the present head. Read and edit it: triggers of append-only tables
(`common.guards.trigger_ddl`) and the order of the downgrade are yours.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command

import tierflow.app  # noqa: F401 - every table is known
from tierflow.common.db import make_engine, write_access
from tierflow.common.schema import alembic_config, upgrade


def draft(revision: str, title: str) -> None:
    """Write the draft of a migration that follows the present head."""
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(f"sqlite:///{Path(folder) / 'draft.db'}")
        upgrade(engine)
        config = alembic_config()
        with write_access(), engine.begin() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message=title, rev_id=revision, autogenerate=True)
        engine.dispose()


if __name__ == "__main__":
    draft(sys.argv[1], sys.argv[2])
