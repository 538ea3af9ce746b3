"""A body that is no readable JSON is the sender's error, whatever makes it so."""

from __future__ import annotations

import pytest
from flask import Flask

from tests import builders
from tierflow.common.db import transaction
from tierflow.kernel.roles import Role


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", b'{"phone": ' + b"1" * 5000 + b"}", b'{"\\uD800": 1}', b'{"name": "\\udc00"}'],
    ids=["cut off", "not UTF-8", "too many digits", "half a character for a name", "half a character"],
)
def test_an_unreadable_body_is_answered_with_400(app: Flask, body: bytes) -> None:
    with app.app_context(), transaction() as session:
        user_id = builders.user(session, "li", Role.ACCOUNT_MANAGER).id
    client = builders.sign_in(app, user_id)
    headers = {"X-CSRFToken": builders.csrf_of(client), "Accept-Language": "en"}
    answer = client.post("/api/v1/applications/preview", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert answer.get_json()["errors"].keys() == {"json"}


def test_a_character_written_in_two_halves_is_one(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        user_id = builders.user(session, "li", Role.ACCOUNT_MANAGER).id
    client = builders.sign_in(app, user_id)
    headers = {"X-CSRFToken": builders.csrf_of(client)}
    body = b'{"address": "\\ud842\\udfb7\xe9\x87\x8e\xe5\xae\xb6"}'
    answer = client.post("/api/v1/applications", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 201
    assert answer.get_json()["application"]["address"] == "𠮷野家"


def test_what_is_not_sent_as_json_is_not_read_as_json(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        user_id = builders.user(session, "li", Role.ACCOUNT_MANAGER).id
    client = builders.sign_in(app, user_id)
    headers = {"X-CSRFToken": builders.csrf_of(client)}
    answer = client.post("/api/v1/applications/1/submit", data=b"\\ud800", content_type="text/plain", headers=headers)
    assert answer.status_code == 422
