"""A body that is no readable JSON is the sender's error, whatever makes it so."""

from __future__ import annotations

import pytest
from flask import Flask

from tests import builders
from tierflow.common.db import transaction
from tierflow.kernel.roles import Role


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff\xfe", b'{"phone": ' + b"1" * 5000 + b"}"],
    ids=["cut off", "not UTF-8", "a number of more digits than are read"],
)
def test_an_unreadable_body_is_answered_with_400(app: Flask, body: bytes) -> None:
    with app.app_context(), transaction() as session:
        user_id = builders.user(session, "li", Role.ACCOUNT_MANAGER).id
    client = builders.sign_in(app, user_id)
    headers = {"X-CSRFToken": builders.csrf_of(client), "Accept-Language": "en"}
    answer = client.post("/api/v1/applications/preview", data=body, content_type="application/json", headers=headers)
    assert answer.status_code == 400
    assert answer.get_json()["errors"].keys() == {"json"}
