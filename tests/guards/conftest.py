"""One world for all tests of a module; they must not depend on what the others changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StandingClock, app_settings
from tests.guards import world
from tierflow import create_app
from tierflow.common.db import db


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[world.World]:
    path = tmp_path_factory.mktemp("world") / "world.db"
    shutil.copy(sqlite_template, path)
    app = create_app(app_settings(f"sqlite:///{path}", StandingClock()))
    yield world.make(app)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
