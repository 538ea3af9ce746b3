"""A file that takes long to open keeps nobody from saving: it is opened before the transaction begins."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from tests.builders import csrf_of, sign_in
from tests.conftest import NOW
from tests.drills.uploads import empty_draft
from tests.onboarding import keeping, lists, scenes
from tests.onboarding.test_renewing_doors import PRINTED, scan
from tests.onboarding.test_uploads import ONLY_PDF, POLICY, fault
from tierflow.common import uploads
from tierflow.common.db import db, make_engine, transaction, write_access
from tierflow.common.imports import ImportBatch, reading
from tierflow.common.uploads import Upload, examine, looked_into
from tierflow.onboarding.service import links


def opener_pid() -> int:
    """The opener process of this process, awake."""
    with uploads._opener._lock:
        return uploads._opener._running().pid


@pytest.mark.timeout(60)
def test_nobody_waits_for_a_file_that_is_looked_into(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with app.app_context(), transaction() as session:
        place = scenes.company(session)
        application_id, li = empty_draft(session, place), place.id_of("li")
    client = sign_in(app, li)
    headers = {"X-CSRFToken": csrf_of(client)}

    def send() -> int:
        data = {"kind": "annex1_signed", "file": (io.BytesIO(scenes.pdf(2)), "a.pdf")}
        return client.post(f"/api/v1/applications/{application_id}/papers", data=data, headers=headers).status_code

    assert while_it_is_looked_into(app, monkeypatch, send) == 201


@pytest.mark.timeout(60)
def test_nobody_waits_for_a_file_from_a_customers_phone(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    file = keeping.opened(app)
    with app.app_context(), transaction() as session:
        li = file.place.actor(session, "li")
        _link, secret = links.make(session, li, file.customer, "merged_licence", NOW, is_proof=False, days=3)
    phone = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', phone.get(f"/upload/{secret}").get_data(as_text=True))
    assert token

    def send() -> int:
        return phone.post(f"/upload/{secret}", data={**PRINTED, "csrf_token": token[1], **scan()}).status_code

    assert while_it_is_looked_into(app, monkeypatch, send) == 200


def test_a_strangers_file_is_not_opened_for_a_link_that_does_not_hold(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = keeping.opened(app)
    with app.app_context(), transaction() as session:
        li = file.place.actor(session, "li")
        _link, secret = links.make(session, li, file.customer, "merged_licence", NOW, is_proof=False, days=3)
    phone = app.test_client()
    token = re.search(r'name="csrf_token" value="([^"]+)"', phone.get(f"/upload/{secret}").get_data(as_text=True))
    assert token
    uploads._opener.close()
    answer = phone.post("/upload/nothing", data={**PRINTED, "csrf_token": token[1], **scan()})
    assert answer.status_code == 404
    assert uploads._opener._process is None


def while_it_is_looked_into(app: Flask, monkeypatch: pytest.MonkeyPatch, send: Callable[[], int]) -> int:
    """What sending answers in the end; meanwhile somebody else writes, before its opener has come back."""
    answers: list[int] = []
    monkeypatch.setattr(uploads, "PATIENCE_SECONDS", 30.0)
    pid = opener_pid()
    os.kill(pid, signal.SIGSTOP)  # the hostile file: its opener does not come back
    try:
        sender = threading.Thread(target=lambda: answers.append(send()))
        sender.start()
        while not uploads._opener._lock.locked():
            time.sleep(0.01)
        somebody_writes(app)
        assert answers == [], "the upload is still being looked into"
    finally:
        os.kill(pid, signal.SIGCONT)
    sender.join()
    return answers[0]


def somebody_writes(app: Flask) -> None:
    """Raises when the database is held by another."""
    engine = make_engine(app.config["SQLALCHEMY_DATABASE_URI"])
    with write_access(), engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.turn(writing=True)
        raw.cursor().execute("PRAGMA busy_timeout=100")
        connection.begin()  # as writing transactions do
        connection.rollback()
    engine.dispose()


@pytest.mark.parametrize("base", ["/takeover", "/api/v1/takeover"])
def test_nobody_waits_for_a_list_that_is_opened(app: Flask, monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    with app.app_context(), transaction() as session:
        sales = scenes.company(session).id_of("sales")
    client = sign_in(app, sales)
    opened: list[int] = []
    really = reading.opened

    @contextlib.contextmanager
    def slowly(content: bytes, kind: str) -> Iterator[reading.Table]:
        somebody_writes(app)
        opened.append(len(content))
        with really(content, kind) as table:
            yield table

    monkeypatch.setattr(reading, "opened", slowly)
    data = {"file": (io.BytesIO(lists.as_csv([lists.customer(1)])), "a.csv")}
    answer = client.post(base, data=data, headers={"X-CSRFToken": csrf_of(client)})
    assert answer.status_code in (201, 302)
    assert len(opened) == 1
    with app.app_context():
        assert db.session().get_one(ImportBatch, 1).state == "mapping"
    broken = {"file": (io.BytesIO(b"PK\x03\x04 nothing"), "a.xlsx")}
    refused = client.post(base, data=broken, headers={"X-CSRFToken": csrf_of(client)})
    assert refused.status_code == 422
    assert len(opened) == 2, "what was found ahead is what is told"


def test_what_was_found_ahead_is_what_is_told() -> None:
    sound, broken = scenes.png(), scenes.png()[:60]
    with looked_into([sound, broken, b"neither"]):
        uploads._opener.close()
        before = uploads._opener._process
        assert examine(Upload("a.png", sound), POLICY).kind == "png"
        assert "damaged" in fault(broken)
        assert uploads._opener._process is before, "nothing was opened again"
        assert fault(sound, ONLY_PDF).startswith("Only PDF")
        assert examine(Upload("a.jpg", scenes.jpg()), POLICY).kind == "jpg", "another file is opened then"


def test_streams_that_never_end_are_read_once() -> None:
    content = b"%PDF-1.7\n" + b"stream\n" * 700_000 + b"%%EOF"
    began = time.monotonic()
    assert fault(content)
    assert time.monotonic() - began < 30
