"""transaction() is the one place that commits, and a GET cannot write: the engine itself refuses."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import NOW
from tests.web.probe import open_door
from tierflow.common import audit
from tierflow.common import db as database
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, make_engine, transaction
from tierflow.common.filters import SavedFilter
from tierflow.common.numbering import Counter
from tierflow.common.sessions import SecurityEvent
from tierflow.kernel.roles import SYSTEM, Role


def rows(model: type) -> int:
    return db.session().scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def door(own_app: Flask) -> FlaskClient:
    """A signed-in account manager at an app with the probe's routes."""
    open_door(own_app)
    with own_app.app_context(), transaction() as session:
        user_id = builders.user(session, "li", Role.ACCOUNT_MANAGER).id
    return builders.sign_in(own_app, user_id)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_every_exception_rolls_everything_back_the_noted_acts_too(both_app: Flask, error: type[BaseException]) -> None:
    with both_app.app_context():
        with pytest.raises(error):  # noqa: SIM117, PT012 - the transaction is what is on trial
            with transaction() as session:
                session.add(Counter(series="x", last=1))
                audit.record(session, SYSTEM, "act", "x", 1, NOW)
                raise error
        with transaction() as session:
            session.add(Counter(series="y", last=1))
        assert [row.series for row in db.session().scalars(select(Counter))] == ["y"]
        assert rows(AuditEntry) == 0, "an act that never was is in the audit chain"


def test_a_transaction_inside_a_transaction_is_a_mistake(both_app: Flask) -> None:
    with both_app.app_context():
        with pytest.raises(RuntimeError, match="inside"), transaction(), transaction():
            pass
        with transaction() as session:
            session.add(Counter(series="x", last=1))
        assert rows(Counter) == 1


def test_what_was_pending_before_does_not_slip_in(both_app: Flask) -> None:
    with both_app.app_context():
        db.session().add(Counter(series="stray", last=1))
        with transaction() as session:
            session.add(Counter(series="x", last=1))
        assert [row.series for row in db.session().scalars(select(Counter))] == ["x"]


def test_wake_up_calls_follow_a_commit_only_and_cannot_undo_it(
    both_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []

    def fails() -> None:
        woken.append("first")
        raise OSError

    monkeypatch.setattr(database, "after_commit", [fails, lambda: woken.append("second")])
    with both_app.app_context():
        with pytest.raises(ValueError, match="no"), transaction():
            raise ValueError("no")
        assert woken == []
        with transaction() as session:
            session.add(Counter(series="x", last=1))
        assert woken == ["first", "second"]
        assert rows(Counter) == 1


def test_outside_of_a_transaction_the_engine_refuses_to_write(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            session.add(Counter(series="x", last=1))
        db.session().add(Counter(series="y", last=1))
        with pytest.raises(DBAPIError, match=r"read.?only"):
            db.session().commit()
        db.session().rollback()
        assert rows(Counter) == 1


def test_a_read_after_a_write_cannot_write_either(both_app: Flask) -> None:
    """On the same connection, whose last transaction was a writing one; and the other way about."""
    with both_app.app_context():
        for series in "ab":
            with transaction() as session:
                session.add(Counter(series=series, last=1))
            db.session().add(Counter(series=f"{series}-beside", last=1))
            with pytest.raises(DBAPIError, match=r"read.?only"):
                db.session().flush()
            db.session().rollback()
        assert sorted(db.session().scalars(select(Counter.series))) == ["a", "b"]


def test_the_server_keeps_the_plans_of_reads(postgres_url: str) -> None:
    """The driver forgets them at a ROLLBACK: a page must not end with one."""
    kept = text("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%FROM counter%'")
    engine = make_engine(postgres_url)
    for _page in range(12):
        with Session(engine) as session:
            session.scalars(select(Counter)).all()
    with Session(engine) as session:
        assert session.scalar(kept) == 1
    engine.dispose()


@pytest.mark.parametrize("path", ["/api/probe/write", "/api/probe/sql"])
def test_a_get_cannot_write(door: FlaskClient, path: str) -> None:
    door.application.config["PROPAGATE_EXCEPTIONS"] = False
    with door.application.app_context(), transaction() as session:
        user_id = session.scalars(select(database.Base.metadata.tables["user_account"].c.id)).first()
        session.add(SavedFilter(user_id=user_id, page="probe", name="kept", query=""))
    assert door.get(path).status_code in (500, 503)
    with door.application.app_context():
        assert list(db.session().scalars(select(SavedFilter.name))) == ["kept"]


@pytest.mark.parametrize(
    ("how", "status"), [("answer", 422), ("invalid", 422), ("refused", 409), ("forbidden", 403), ("break", 500)]
)
def test_a_write_that_ends_badly_leaves_nothing_and_its_key_free(door: FlaskClient, how: str, status: int) -> None:
    app = door.application
    app.config["PROPAGATE_EXCEPTIONS"] = False
    key = {"Idempotency-Key": "again"}
    assert door.post(f"/api/probe/fail/{how}", headers=key).status_code == status
    with app.app_context():
        assert (rows(SavedFilter), rows(AuditEntry)) == (0, 0)
        assert rows(SecurityEvent) == (1 if status == 403 else 0)
    assert door.post("/api/probe/note", json={"name": "half"}, headers=key).status_code == 201


def test_the_same_key_is_carried_out_once_and_answers_the_same(door: FlaskClient) -> None:
    sent = [door.post("/api/probe/note", json={"name": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(3)]
    assert [answer.status_code for answer in sent] == [201, 201, 201]
    assert len({answer.get_data() for answer in sent}) == 1
    assert [answer.headers.get("Idempotent-Replay") for answer in sent] == [None, "true", "true"]
    with door.application.app_context():
        assert (rows(SavedFilter), rows(AuditEntry)) == (1, 1)


def test_a_key_belongs_to_one_request_of_one_person(door: FlaskClient) -> None:
    app, key = door.application, {"Idempotency-Key": "k"}
    assert door.post("/api/probe/note", json={"name": "x"}, headers=key).status_code == 201
    assert door.post("/api/probe/note", json={"name": "y"}, headers=key).status_code == 409
    assert door.post("/api/probe/fail/none", headers=key).status_code == 409
    with app.app_context(), transaction() as session:
        other = builders.user(session, "wang").id
    answer = builders.sign_in(app, other).post("/api/probe/note", json={"name": "x"}, headers=key)
    assert answer.status_code == 201
    assert "Idempotent-Replay" not in answer.headers
    assert door.post("/api/probe/note", json={"name": "z"}, headers={"Idempotency-Key": "k" * 121}).status_code == 422


def test_other_bytes_under_the_same_file_name_are_another_request(door: FlaskClient) -> None:
    from io import BytesIO

    def send(content: bytes) -> int:
        data = {"name": "n", "file": (BytesIO(content), "scan.pdf")}
        return door.post("/api/probe/fail/none", data=data, headers={"Idempotency-Key": "k"}).status_code

    assert [send(b"a"), send(b"a"), send(b"b")] == [200, 200, 409]


def test_a_file_is_made_again_rather_than_answered_empty(door: FlaskClient) -> None:
    key = {"Idempotency-Key": "k"}
    first = door.post("/api/probe/file", data={"name": "a"}, headers=key)
    assert first.get_data() == b"content"
    first.close()
    again = door.post("/api/probe/file", data={"name": "b"}, headers=key)
    assert (again.status_code, again.get_data()) == (200, b"content")
    again.close()
