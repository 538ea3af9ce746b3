"""A file that takes long to open keeps nobody from saving: it is opened before the transaction begins."""

from __future__ import annotations

import io
import os
import signal
import threading
import time

import pytest
from flask import Flask
from sqlalchemy import text

from tests.builders import csrf_of, sign_in
from tests.drills.uploads import empty_draft
from tests.onboarding import scenes
from tests.onboarding.test_uploads import ONLY_PDF, POLICY, fault
from tierflow.common import uploads
from tierflow.common.db import make_engine, transaction, write_access
from tierflow.common.uploads import Upload, examine, looked_into


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
    answers: list[int] = []

    def send() -> None:
        data = {"kind": "annex1_signed", "file": (io.BytesIO(scenes.pdf(2)), "a.pdf")}
        answer = client.post(f"/api/v1/applications/{application_id}/papers", data=data, headers=headers)
        answers.append(answer.status_code)

    monkeypatch.setattr(uploads, "PATIENCE_SECONDS", 30.0)
    pid = opener_pid()
    os.kill(pid, signal.SIGSTOP)  # the hostile file: its opener does not come back
    try:
        sender = threading.Thread(target=send)
        sender.start()
        while not uploads._opener._lock.locked():
            time.sleep(0.01)
        engine = make_engine(app.config["SQLALCHEMY_DATABASE_URI"])
        with write_access(), engine.connect() as connection:
            connection.connection.cursor().execute("PRAGMA busy_timeout=100")  # type: ignore[no-untyped-call]
            connection.execute(text("SELECT 1"))  # begins as writing transactions do
            connection.rollback()
        engine.dispose()
        assert answers == [], "the upload is still being looked into"
    finally:
        os.kill(pid, signal.SIGCONT)
    sender.join()
    assert answers == [201]


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
