"""A connection to SQLite with two sides: what reads cannot write, and each goes on knowing its statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from tierflow.common import sqlite
from tierflow.common.db import make_engine, write_access
from tierflow.common.sqlite import TwoSided


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "two.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE t (a)")
    return path


@pytest.fixture
def engine(file: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{file}")
    yield engine
    engine.dispose()


def test_whoever_wrote_a_moment_ago_reads_only_again(engine: Engine) -> None:
    for ends in ("commit", "rollback"):
        with write_access(), engine.begin() as connection:
            connection.execute(text("INSERT INTO t VALUES (1)"))
            if ends == "rollback":
                connection.rollback()
        with engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
            connection.execute(text("INSERT INTO t VALUES (2)"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT a FROM t")).all() == [(1,)]


def test_one_that_writes_without_beginning_is_refused_loudly(engine: Engine) -> None:
    with write_access(), engine.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("INSERT INTO t VALUES (1)"))


def test_a_connection_never_written_with_opens_no_second_one_and_both_close(file: Path) -> None:
    connection = sqlite3.connect(file, factory=TwoSided)
    assert connection._writer is None
    connection.turn(writing=True)
    writer = connection._writer
    assert writer is not None
    writer.execute("BEGIN IMMEDIATE")
    connection.cursor().execute("INSERT INTO t VALUES (3)")
    connection.commit()
    assert connection.cursor().execute("SELECT a FROM t").fetchall() == [(3,)]
    connection.close()
    for side in (connection, writer):
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            side.execute("SELECT 1")


def test_a_writer_that_could_not_be_set_up_never_serves(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(file, factory=TwoSided)
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "SETTINGS", ("foreign_keys=ON", "no pragma at all ("))
        with pytest.raises(sqlite3.OperationalError):
            connection.turn(writing=True)
    assert connection._writer is None
    connection.turn(writing=True)
    assert connection.cursor().execute("PRAGMA recursive_triggers").fetchone() == (1,)
    connection.close()
