"""Databases with the schema and nothing else, on each engine in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import migrated, postgres_database


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield migrated(f"sqlite:///{tmp_path / 'bare.db'}")
        return
    with postgres_database(request.getfixturevalue("postgres_server")) as url:
        yield migrated(url)
