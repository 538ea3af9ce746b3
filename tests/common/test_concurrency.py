"""Rivals on real databases: no update lost, no number missing or given twice, one audit chain, one effect per key."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
from collections import Counter as Tally

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests import builders
from tests.conftest import NOW
from tests.web.probe import open_door
from tierflow.common import audit, files
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, transaction
from tierflow.common.files import FileContent, StoredFile
from tierflow.common.filters import SavedFilter
from tierflow.common.numbering import Counter
from tierflow.kernel.roles import Role

PROCESSES, THREADS, ACTS = 3, 12, 20


def outcome_of(seed: str) -> int:
    """How many acts of this rival do not change their mind."""
    chance = random.Random(seed)
    return sum(chance.random() >= 0.2 for _ in range(ACTS))


@pytest.mark.timeout(300)
def test_720_rivalling_acts_lose_nothing_skip_nothing_and_fork_nothing(both_app: Flask) -> None:
    url = both_app.config["SQLALCHEMY_DATABASE_URI"]
    is_sqlite = url.startswith("sqlite")
    with both_app.app_context(), transaction() as session:
        builders.user(session, "li")
        session.add(Counter(series="tally", last=0))
    command = [sys.executable, "-m", "tests.common.rivals", url, str(THREADS), str(ACTS)]
    crowd = [subprocess.Popen([*command, str(i)]) for i in range(PROCESSES)]
    assert [process.wait(timeout=240) for process in crowd] == [0] * PROCESSES
    kept = sum(outcome_of(f"{process}-{thread}") for process in range(PROCESSES) for thread in range(THREADS))
    assert 500 < kept < PROCESSES * THREADS * ACTS
    with both_app.app_context():
        session = db.session()
        numbers = [int(name) for name in session.scalars(select(SavedFilter.name).order_by(SavedFilter.name))]
        assert numbers == list(range(1, kept + 1)), "a number is missing, or was given twice"
        last = dict(session.execute(select(Counter.series, Counter.last)).all())
        assert last == {"series": kept, "tally": kept if is_sqlite else 0}, "an update was lost"
        assert session.scalar(select(func.count()).select_from(AuditEntry)) == kept
        assert list(audit.verify_chain(session)) == [], "the audit chain forked"


def test_one_key_sent_by_many_at_once_is_carried_out_once(own_app: Flask) -> None:
    open_door(own_app)
    with own_app.app_context(), transaction() as session:
        user_id = builders.user(session, "li", Role.ACCOUNT_MANAGER).id
    clients = [builders.sign_in(own_app, user_id) for _ in range(8)]
    answers: list[tuple[int, str]] = []
    gate = threading.Barrier(len(clients))

    def send(number: int) -> None:
        gate.wait()
        answer = clients[number].post("/api/probe/note", json={"name": "x"}, headers={"Idempotency-Key": "same"})
        answers.append((answer.status_code, answer.get_data(as_text=True)))

    crowd = [threading.Thread(target=send, args=(i,)) for i in range(len(clients))]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert [status for status, _ in answers] == [201] * len(clients)
    assert len(Tally(body for _, body in answers)) == 1, "everybody must be told the same"
    with own_app.app_context():
        assert db.session().scalar(select(func.count()).select_from(SavedFilter)) == 1


def test_the_same_bytes_uploaded_at_once_are_kept_once(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        user_id = builders.user(session, "li").id
    gate, failures = threading.Barrier(6), []

    def upload(number: int) -> None:
        try:
            with both_app.app_context():
                gate.wait()
                with transaction() as session:
                    files.store(session, b"%PDF-1.7", "a.pdf", "pdf", ("x", number), user_id, NOW)
                db.session.remove()
        except Exception as error:
            failures.append(error)

    crowd = [threading.Thread(target=upload, args=(i,)) for i in range(6)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    assert failures == []
    with both_app.app_context():
        assert db.session().scalar(select(func.count()).select_from(FileContent)) == 1
        assert db.session().scalar(select(func.count()).select_from(StoredFile)) == 6
