"""API tokens: shown once, stored hashed, limited, ending; never reaching what guards them."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from tests import builders
from tests.admin.conftest import DONE, Company, Door
from tests.conftest import StandingClock
from tierflow.admin.service import tokens
from tierflow.common.audit import AuditEntry
from tierflow.common.idempotency import IdempotencyKey
from tierflow.common.sessions import ApiToken, hash_secret
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound
from tierflow.kernel.roles import TOKEN_SCOPES

WANTED = {"label": "ERP", "scopes": ["calendar:read", "self:read"], "days": 30}


def issue(company: Company, who: str = "li", **change: object) -> str:
    _row, secret = company.call(tokens.issue, who, {**WANTED, **change})
    return secret


def ask(company: Company, secret: str, path: str, method: str = "GET", **kwargs: object) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return company.app.test_client().open(f"/api/v1{path}", method=method, headers=headers, **kwargs).status_code


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_token_is_shown_once_and_stored_hashed(both: Company, kind: str) -> None:
    door = Door(both.app, both.li, kind)
    answer = door.post("/me/tokens", "/me/tokens", WANTED, idempotency_key="k")
    assert answer.status_code in DONE, answer.text
    if kind == "page":
        found = re.search(r'data-copy="(tf_[^"]+)"', door.client.get("/me").text)
        assert found
        secret = found[1]
    else:
        secret = answer.json["secret"]
    assert secret not in door.client.get("/me").text
    assert secret not in door.client.get("/api/v1/me/tokens").text
    assert ask(both, secret, "/me") == 200
    with both.reading() as session:
        row = session.scalars(select(ApiToken)).one()
        assert row.token_hash == hash_secret(secret)
        everything = repr([row.label, row.scopes, row.token_hash])
        everything += repr([entry.after for entry in session.scalars(select(AuditEntry))])
        everything += repr([key.answer for key in session.scalars(select(IdempotencyKey))])
        assert secret not in everything


@pytest.mark.parametrize("kind", ["page", "api"])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"days": 365}, None),
        ({"days": 366}, "days"),
        ({"days": 0}, "days"),
        ({"days": "many"}, "days"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["people:write"]}, "scopes"),
        ({"scopes": ["self:write"]}, "scopes"),
        ({"label": ""}, "label"),
    ],
)
def test_limits_of_a_token(company: Company, kind: str, change: dict, field: str | None) -> None:
    answer = Door(company.app, company.li, kind).post("/me/tokens", "/me/tokens", {**WANTED, **change})
    if field is None:
        assert answer.status_code in DONE
        return
    assert answer.status_code == 422, answer.text
    if kind == "api":
        assert set(answer.json["errors"]) == {field}
    with company.reading() as session:
        assert session.scalar(select(ApiToken.id)) is None


def test_a_token_does_what_its_scopes_say_and_no_more(company: Company) -> None:
    secret = issue(company)
    assert ask(company, secret, "/me") == 200
    assert ask(company, secret, "/calendar/years/2026") == 200
    assert ask(company, secret, "/policy") == 403, "not in its scopes"
    assert ask(company, secret, "/people") == 403, "nor in its holder's roles"
    assert ask(company, secret, "/me", "PATCH", json={"theme": "dark"}) == 403
    everything = issue(company, "ann", scopes=list(TOKEN_SCOPES))
    assert ask(company, everything, "/people") == 200
    assert ask(company, everything, "/reference/region") == 200
    for path in (f"/people/{company.li}/reset-password", f"/people/{company.li}/disable", "/me/tokens"):
        assert ask(company, everything, path, "POST", json={"reason": "x"}) == 403, path
    decision = {"verdict": "approve", "version": 1}
    assert ask(company, everything, f"/role-grants/{company.grant}/decide", "POST", json=decision) == 403


def test_a_token_ends(company: Company, clock: StandingClock) -> None:
    secret = issue(company, days=30)
    clock.forward(days=30, seconds=-1)
    assert ask(company, secret, "/me") == 200
    clock.forward(seconds=1)
    assert ask(company, secret, "/me") == 401


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_token_is_revoked(company: Company, kind: str) -> None:
    secret = issue(company)
    with company.reading() as session:
        token_id = session.scalar(select(ApiToken.id))
    path = f"/me/tokens/{token_id}/revoke"
    stranger = Door(company.app, company.gm, kind)
    assert stranger.post(path, path, {}).status_code == 404
    assert ask(company, secret, "/me") == 200
    door = Door(company.app, company.li, kind)
    assert door.post(path, path, {}).status_code in DONE
    assert ask(company, secret, "/me") == 401
    assert door.post(path, path, {}).status_code == 409


def test_an_administrator_revokes_anybody_s(company: Company) -> None:
    secret = issue(company)
    with company.reading() as session:
        token_id = session.scalar(select(ApiToken.id))
    with pytest.raises(NotFound):
        company.call(tokens.revoke_of_account, "ann", company.gm, token_id)
    with pytest.raises(Forbidden):
        company.call(tokens.revoke_of_account, "gm", company.li, token_id)
    company.call(tokens.revoke_of_account, "ann", company.li, token_id)
    assert ask(company, secret, "/me") == 401
    with pytest.raises(Conflict):
        company.call(tokens.revoke_of_account, "ann", company.li, token_id)


def test_services_check_scopes_again(company: Company) -> None:
    with pytest.raises(Invalid):
        company.call(tokens.issue, "li", {**WANTED, "scopes": ["grant:write"]})


def test_a_wrong_token_is_nobody(company: Company) -> None:
    assert ask(company, "tf_wrong", "/me") == 401
    assert builders.sign_in(company.app, company.li).get("/api/v1/me").status_code == 200


@pytest.mark.parametrize("kind", ["page", "api"])
def test_language_and_theme_are_kept_with_the_account(company: Company, kind: str) -> None:
    door = Door(company.app, company.li, kind)
    if kind == "api":
        headers = {"X-CSRFToken": door.token}
        assert (
            door.client.patch("/api/v1/me", json={"locale": "en", "theme": "dark"}, headers=headers).status_code == 200
        )
    else:
        door.client.post("/language", data={"lang": "en", "csrf_token": door.token})
        door.client.post("/theme", data={"theme": "dark", "csrf_token": door.token})
    page = builders.sign_in(company.app, company.li).get("/me").text
    assert 'lang="en"' in page
    assert 'data-theme="dark"' in page
