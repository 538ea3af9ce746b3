"""Signing in and out."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.builders import PASSWORD, csrf_of, user
from tierflow.common.db import transaction
from tierflow.kernel.roles import Role


@pytest.fixture
def people(both_app: Flask) -> Flask:
    with both_app.app_context(), transaction() as session:
        user(session, "li", Role.ACCOUNT_MANAGER, name="李明")
    return both_app


def test_signing_in_and_out(people: Flask) -> None:
    client = people.test_client()
    assert client.get("/").status_code == 302
    token = csrf_of(client)
    wrong = client.post("/login", data={"name": "li", "password": "x" * 12, "csrf_token": token})
    assert wrong.status_code == 422
    right = client.post("/login", data={"name": "li", "password": PASSWORD, "csrf_token": token})
    assert right.status_code == 302
    page = client.get("/")
    assert page.status_code == 200
    assert "李明" in page.get_data(as_text=True)
    cookie = client.get_cookie("tierflow_session")
    assert cookie is not None
    out = client.post("/logout", data={"csrf_token": csrf_of(client)})
    assert out.status_code == 302
    client.set_cookie("tierflow_session", cookie.value)
    assert client.get("/").status_code == 302, "the cookie must be worth nothing after logout"


def test_a_form_without_our_token_is_refused(people: Flask) -> None:
    answer = people.test_client().post("/login", data={"name": "li", "password": PASSWORD})
    assert answer.status_code == 400
