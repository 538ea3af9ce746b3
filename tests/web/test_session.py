"""Signing in and out."""

from __future__ import annotations

import re
from html import unescape

import pytest
from flask import Flask
from sqlalchemy import select

from tests.builders import PASSWORD, csrf_of, sign_in, user
from tierflow.common.db import transaction
from tierflow.common.users import Delegation, User
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


OWN_PAGE = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}


def test_a_form_that_meets_a_session_that_has_ended_loses_nothing_that_was_typed(people: Flask) -> None:
    """Sent signed out, it is kept on a page; sent again after signing in, with a token of before, it is kept again."""
    with people.app_context(), transaction() as session:
        li = session.scalars(select(User.id).where(User.login == "li")).one()
        wang = user(session, "wang", Role.ACCOUNT_MANAGER, name="王芳").id
    client = people.test_client()
    typed = {"to_user_id": str(wang), "from_on": "2026-11-24", "last_on": "2026-11-25", "reason": " <探亲> 两日"}
    lost = client.post("/me/delegations", data={**typed, "csrf_token": "of before"}, headers=OWN_PAGE)
    assert lost.status_code == 401
    assert "没有丢失" in lost.text
    client = sign_in(people, li)
    again = client.post("/me/delegations", data={**sent_again(lost.text), "csrf_token": "of before"}, headers=OWN_PAGE)
    assert again.status_code == 400
    kept = sent_again(again.text)
    assert {name: kept[name] for name in typed} == {**typed, "reason": " <探亲> 两日"}
    assert client.post("/me/delegations", data=kept, headers=OWN_PAGE).status_code == 302
    with people.app_context(), transaction() as session:
        assert session.scalars(select(Delegation.reason)).one() == "<探亲> 两日"


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ({}, {"reason": "x"}),
        ({**OWN_PAGE, "Sec-Fetch-Site": "cross-site"}, {"reason": "x"}),
        ({**OWN_PAGE, "Sec-Fetch-Site": "same-site"}, {"reason": "x"}),
        ({**OWN_PAGE, "Sec-Fetch-Mode": "cors"}, {"reason": "x"}),
        (OWN_PAGE, {"old": "my old password", "new": "my new password"}),
        (OWN_PAGE, {}),
    ],
)
def test_nobody_elses_page_and_no_secret_is_kept_so(
    people: Flask, headers: dict[str, str], data: dict[str, str]
) -> None:
    answer = people.test_client().post("/me/delegations", data={**data, "csrf_token": "x"}, headers=headers)
    assert (answer.status_code, answer.location) == (302, "/login")


def sent_again(page: str) -> dict[str, str]:
    """What the form on the page sends, as a browser reads it."""
    form = page[page.index('action="/me/delegations"') :]
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form.partition("</form>")[0]))
    areas = re.findall(r'<textarea name="(\w+)" hidden>\n(.*?)</textarea>', form, re.DOTALL)
    return {**hidden, **{name: unescape(value) for name, value in areas}}
