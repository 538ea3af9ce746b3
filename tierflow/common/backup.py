"""Copies of the whole database (files are in it), and putting one back.

SQLite: `VACUUM INTO` on a connection of its own gives a consistent copy while others write; copying the live file
does not. PostgreSQL: `pg_dump` and `pg_restore`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import uuid
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Engine, inspect
from sqlalchemy import text as sql

from tierflow.common.db import write_access


class BackupError(Exception):
    """The copy could not be made or put back; says what to do."""


def backup(engine: Engine, target: Path, *, replace: bool = False) -> int:
    """Write a consistent copy to `target`; returns its size in bytes. Raises `BackupError`.

    The file appears under its name only when it is whole; an existing one is replaced only when told to.
    """
    if target.exists() and not replace:
        raise BackupError(f"{target} is there already")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")
    try:
        part.touch(mode=0o600)
        if engine.dialect.name == "sqlite":
            _vacuum_into(_sqlite_file(engine), part)
        else:
            _pg("pg_dump", engine.url, "--format=custom", "--no-owner", f"--file={part}")
        _flush(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target.stat().st_size


def keep_newest(folder: Path, pattern: str, keep: int) -> list[Path]:
    """Delete all but the `keep` newest copies (their names sort by day); returns the deleted ones."""
    old = sorted(folder.glob(pattern))[:-keep] if keep > 0 else []
    for path in old:
        path.unlink(missing_ok=True)
    return old


def restore(engine: Engine, source: Path, *, force: bool = False) -> None:
    """Put a copy in the place of the database. Raises `BackupError`, also when there is content and no `force`.

    Web server and scheduler must be stopped. The engine's connections are closed.
    """
    if not source.is_file():
        raise BackupError(f"{source} is not there")
    if has_content(engine) and not force:
        raise BackupError("this database has content; --force puts the copy in its place")
    engine.dispose()
    if engine.dialect.name == "sqlite":
        _check_copy(source)
        _swap(source, _sqlite_file(engine))
    else:
        _pg("pg_restore", None, "--list", str(source))  # is it a dump at all? asked before anything is dropped
        _empty_postgres(engine)
        arguments = ("--no-owner", "--exit-on-error", "--single-transaction", f"--dbname={_address(engine.url)}")
        _pg("pg_restore", engine.url, *arguments, str(source))
    engine.dispose()


def has_content(engine: Engine) -> bool:
    """Whether the database holds people: an empty or freshly migrated one may be overwritten."""
    if engine.dialect.name == "sqlite" and not _sqlite_file(engine).exists():
        return False
    with engine.connect() as connection:
        if not inspect(connection).has_table("user_account"):
            return False
        return connection.execute(sql("SELECT 1 FROM user_account LIMIT 1")).first() is not None


def _sqlite_file(engine: Engine) -> Path:
    if not engine.url.database or engine.url.database == ":memory:":
        raise BackupError("a database in memory cannot be copied")
    return Path(engine.url.database)


def _vacuum_into(live: Path, target: Path) -> None:
    if not live.exists():
        raise BackupError(f"{live} is not there")
    try:
        with closing(sqlite3.connect(live, timeout=60, isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:  # no room, damaged
        raise BackupError(f"{live} could not be copied: {error}") from error
    _check_copy(target)


def _check_copy(copy: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as connection:
            told = connection.execute("PRAGMA integrity_check").fetchone()[0]
            known = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{copy} is not a database: {error}") from error
    if told != "ok":
        raise BackupError(f"{copy} is damaged: {told}")
    if known is None:
        raise BackupError(f"{copy} is not a copy of tierflow's database")


def _swap(source: Path, live: Path) -> None:
    live.parent.mkdir(parents=True, exist_ok=True)
    if live.exists():
        # Leaving WAL mode needs the file for oneself: it fails while anybody else is connected.
        with closing(sqlite3.connect(live, timeout=1, isolation_level=None)) as connection:
            try:
                connection.execute("PRAGMA journal_mode=DELETE")
            except sqlite3.OperationalError as error:
                raise BackupError("the database is in use: stop the web server and the scheduler first") from error
    part = live.with_name(f".{live.name}.{uuid.uuid4().hex[:8]}")
    try:
        shutil.copyfile(source, part)
        part.chmod(0o600)
        _flush(part)
        for leftover in (live.with_name(f"{live.name}-wal"), live.with_name(f"{live.name}-shm")):
            leftover.unlink(missing_ok=True)
        part.replace(live)
    finally:
        part.unlink(missing_ok=True)


def _empty_postgres(engine: Engine) -> None:
    with write_access(), engine.begin() as connection:
        others = connection.execute(
            sql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        ).scalar_one()
        if others:
            raise BackupError("the database is in use: stop the web server and the scheduler first")
        connection.execute(sql("DROP SCHEMA public CASCADE"))
        connection.execute(sql("CREATE SCHEMA public"))


def _pg(program: str, url: URL | None, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupError(f"{program} is not installed: install PostgreSQL's client programs of the server's version")
    environment = dict(os.environ)
    if url is not None and url.password:
        environment["PGPASSWORD"] = str(url.password)  # the command line would show it to everybody
    if url is not None and program == "pg_dump":
        arguments = (*arguments, f"--dbname={_address(url)}")
    done = subprocess.run([found, *arguments], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupError(f"{program}: {done.stderr.strip()[:500]}")


def _address(url: URL) -> str:
    return url.set(drivername="postgresql", password=None).render_as_string(hide_password=False)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
