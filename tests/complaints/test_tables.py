"""The migration of complaints goes both ways on both engines, and leaves every guard in place."""

from __future__ import annotations

from alembic.script import ScriptDirectory
from flask import Flask

from tierflow.common.db import db
from tierflow.common.schema import alembic_config, defects, downgrade, upgrade


def test_the_migration_goes_down_and_up(both_app: Flask) -> None:
    before = ScriptDirectory.from_config(alembic_config()).get_revision("0010").down_revision
    with both_app.app_context():
        db.session.remove()
        downgrade(db.engine, str(before))
        upgrade(db.engine)
        assert defects(db.engine) == []
