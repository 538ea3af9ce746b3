"""Fixtures: real databases (SQLite and PostgreSQL), real commits, a clock that stands still."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from sqlalchemy import Dialect, Engine, text

from tests import conformance
from tests.databases import migrated, postgres_database, serve_postgres
from tierflow import create_app, demo
from tierflow.common import seeds
from tierflow.common.db import db, make_engine, transaction
from tierflow.web import signing_in

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday 10:00 in Shanghai

# One cheap hash for all tests: the real cost is the library's to test.
signing_in.HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class StandingClock:
    """A clock that moves only when told to."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **delta: float) -> None:
        self.at += timedelta(**delta)


def app_settings(url: str, clock: StandingClock) -> dict[str, object]:
    return {
        "SQLALCHEMY_DATABASE_URI": url,
        "SECRET_KEY": "tests only",
        "CLOCK": clock,
        "TESTING": True,
    }


def _fill(url: str) -> None:
    migrated(url)
    app = create_app(app_settings(url, StandingClock()))
    with app.app_context(), transaction() as session:
        seeds.plant(session, NOW, policy={"second_factor.roles": []})
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, seeded SQLite file, copied for every test."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _fill(f"sqlite:///{path}")
    engine = make_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a real PostgreSQL. Copying and dropping databases is much of what a test costs."""
    with serve_postgres(outlives_power_cuts=False) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[tuple[str, str]]:
    """A migrated, seeded database to copy with CREATE DATABASE ... TEMPLATE."""
    with postgres_database(postgres_server) as url:
        _fill(url)
        yield postgres_server, url.partition("?")[0].rpartition("/")[2]


# What is dear to set up is set up by one worker: xdist 3.8's own mark does not reach its scheduler under pytest 9.
TOGETHER = ("tests/bench/", "tests/demo/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand tests out one by one, those of a folder of `TOGETHER` to one worker."""
    from xdist.scheduler import LoadGroupScheduling

    class Scheduling(LoadGroupScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)

    return Scheduling(config, log)


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    path = tmp_path / "test.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgres_url(postgres_template: tuple[str, str]) -> Iterator[str]:
    with postgres_database(*postgres_template) as url:
        yield url


@pytest.fixture(scope="session")
def planted_file(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo company in a SQLite file. Planting takes seconds: see `TOGETHER`."""
    path = tmp_path_factory.mktemp("demo") / "demo.db"
    shutil.copy(sqlite_template, path)
    app = create_app(app_settings(f"sqlite:///{path}", StandingClock()))
    with app.app_context():
        with transaction() as session:
            demo.plant(session, NOW)
        db.session.remove()
        db.engine.dispose()
    return path


@pytest.fixture
def planted(planted_file: Path, tmp_path: Path) -> Iterator[Flask]:
    """The application over a copy of the demo company."""
    path = tmp_path / "demo.db"
    shutil.copy(planted_file, path)
    app = create_app(app_settings(f"sqlite:///{path}", StandingClock()))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Both engines in turn: for what the database itself must guard."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


_COMPILED: dict[str, tuple[Dialect, dict[Any, Any]]] = {}


def engine_of(url: str) -> Engine:
    """An engine on a database of its own that knows the statements compiled for the tests before it.

    SQLAlchemy keeps them by engine and dialect; with a new one for every test, compiling is a third of the suite.
    """
    engine = make_engine(url)
    dialect, compiled = _COMPILED.setdefault(engine.dialect.name, (engine.dialect, {}))
    if dialect is not engine.dialect:
        engine.dialect = engine.pool._dialect = dialect
    engine.update_execution_options(compiled_cache=compiled)
    return engine


class SharedApp:
    """One application for all tests of a process: building it costs more than most tests do.

    Every test has a database, a clock, settings and extensions of its own; what it changes is put back.
    """

    def __init__(self, url: str) -> None:
        self.app = create_app(app_settings(url, StandingClock()))
        conformance.hold(self.app)
        self.config = dict(self.app.config)
        self.extensions = {key: copy.copy(value) for key, value in self._plain()}

    def _plain(self) -> list[tuple[str, Any]]:
        return [(key, value) for key, value in self.app.extensions.items() if isinstance(value, dict | list)]

    def put_back(self) -> None:
        self.app.config.clear()
        self.app.config.update(self.config)
        for key, value in self._plain():
            kept = self.extensions.get(key)
            value.clear()
            if isinstance(value, dict):
                value.update(kept or {})
            else:
                value.extend(kept or [])

    @contextmanager
    def on(self, url: str, clock: StandingClock) -> Iterator[Flask]:
        app = self.app
        app.config.update(app_settings(url, clock))
        with app.app_context():
            db.engine.dispose()
            db.engines[None] = engine_of(url)
        try:
            yield app
        finally:
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
            self.put_back()


_SHARED: list[SharedApp] = []


def _app(url: str, clock: StandingClock) -> Iterator[Flask]:
    if not _SHARED:
        _SHARED.append(SharedApp(url))
    with _SHARED[0].on(url, clock) as app:
        yield app


@pytest.fixture
def app(sqlite_url: str, clock: StandingClock) -> Iterator[Flask]:
    """The application on SQLite."""
    yield from _app(sqlite_url, clock)


@pytest.fixture
def own_app(database_url: str, clock: StandingClock) -> Iterator[Flask]:
    """An application nobody else has, on each engine in turn: for tests that add routes."""
    own = create_app(app_settings(database_url, clock))
    yield own
    with own.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def both_app(database_url: str, clock: StandingClock) -> Iterator[Flask]:
    """The application on each engine in turn."""
    yield from _app(database_url, clock)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, "executable_path": CHROMIUM, "args": QUIET}


@pytest.fixture(scope="module")
def browser(launch_browser: Callable[[], Browser]) -> Iterator[Browser]:
    """Chromium for a file of tests: one that waits for the next file takes time from those that run meanwhile."""
    launched = launch_browser()
    yield launched
    launched.close()
