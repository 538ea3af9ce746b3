"""Logs: JSON, one id a request, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from flask import Flask

from tests.builders import PASSWORD, csrf_of, user
from tierflow.common.db import transaction
from tierflow.kernel.roles import Role
from tierflow.web import logs


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the process writes as JSON; logging as it was afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("json")
    stream = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_request_is_one_line_with_its_id(app: Flask, written: io.StringIO) -> None:
    answer = app.test_client().get("/login?next=/secret-search", headers={"X-Request-ID": "abc-123"})
    assert answer.headers["X-Request-ID"] == "abc-123"
    [line] = [line for line in lines(written) if line["event"] == "request"]
    assert (line["method"], line["path"], line["status"], line["request_id"]) == ("GET", "/login", 200, "abc-123")
    assert line["level"] == "info"
    assert line["ms"] >= 0
    assert "secret-search" not in written.getvalue()


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "<script>", "a\tb"])
def test_a_request_id_from_outside_is_a_plain_word_or_ours(app: Flask, written: io.StringIO, given: str) -> None:
    answer = app.test_client().get("/login", headers={"X-Request-ID": given})
    assert len(answer.headers["X-Request-ID"]) == 32
    assert given == "" or given not in written.getvalue()


def test_what_a_request_causes_carries_its_id(app: Flask, written: io.StringIO) -> None:
    with app.test_request_context("/login", headers={"X-Request-ID": "abc-123"}):
        app.preprocess_request()
        logging.getLogger("sqlalchemy").warning("slow")
        structlog.get_logger("web").info("seen")
    assert {line["request_id"] for line in lines(written)} == {"abc-123"}


def test_signing_in_leaves_no_secret_in_the_log(app: Flask, written: io.StringIO) -> None:
    with app.app_context(), transaction() as session:
        user(session, "li", Role.ACCOUNT_MANAGER)
    client = app.test_client()
    client.post("/login", data={"name": "li", "password": PASSWORD, "csrf_token": csrf_of(client)})
    cookie = client.get_cookie("tierflow_session")
    assert cookie is not None
    client.get("/", headers={"Authorization": "Bearer 0123456789"})
    told = written.getvalue()
    assert told
    for secret in (PASSWORD, cookie.value, "0123456789", str(app.config["SECRET_KEY"])):
        assert secret not in told


def test_secrets_are_blanked_by_name_and_in_addresses(written: io.StringIO) -> None:
    structlog.get_logger("x").warning(
        "channel",
        password="hunter2",
        settings={"secret": "hunter2", "url": "https://robot.example.com/send?access_token=hunter2&a=1", "port": 25},
        targets=["https://robot.example.com/send?key=hunter2"],
        database="postgresql+psycopg://tierflow:hunter2@db.example.com/tierflow",
    )
    logging.getLogger("y").error("cannot reach postgresql://tierflow:hunter2@db.example.com/tierflow")
    assert "hunter2" not in written.getvalue()
    first, second = lines(written)
    assert first["settings"] == {
        "secret": "***",
        "url": "https://robot.example.com/send?access_token=***&a=1",
        "port": 25,
    }
    assert first["database"] == "postgresql+psycopg://tierflow:***@db.example.com/tierflow"
    assert second["event"] == "cannot reach postgresql://tierflow:***@db.example.com/tierflow"


def test_an_exception_is_one_line_too(written: io.StringIO) -> None:
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    [line] = lines(written)
    assert line["event"] == "failed"
    assert "ValueError: broken" in line["exception"]


def test_a_person_reads_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        logs.configure("console")
        structlog.get_logger("x").warning("hello", n=1)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    told = capsys.readouterr().err
    assert "hello" in told
    assert "n=1" in told
    assert not told.startswith("{")
