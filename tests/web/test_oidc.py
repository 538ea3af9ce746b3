"""Signing in through the company's provider: who is vouched for gets in, nobody else, and no account is ever made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from joserfc.jwk import OctKey, RSAKey
from sqlalchemy import func, select

from tests import builders
from tests.conftest import NOW, StandingClock
from tests.web.identity_provider import CLIENT, SECRET, IdentityProvider, identity_provider
from tierflow.admin.service import identities as binding
from tierflow.common.db import db, transaction
from tierflow.common.identities import SignInIdentity
from tierflow.common.sessions import SecurityEvent, UserSession
from tierflow.common.users import User
from tierflow.kernel.errors import Invalid, Refused
from tierflow.kernel.roles import Role
from tierflow.web import oidc
from tierflow.web.oidc import Provider


@pytest.fixture
def provider(app: Flask) -> Iterator[IdentityProvider]:
    with identity_provider() as found:
        found.now = int(NOW.timestamp())
        app.config["OIDC"] = Provider(found.issuer, CLIENT, SECRET, "企业微信")
        oidc.forget()
        yield found


@pytest.fixture
def wang(app: Flask, provider: IdentityProvider) -> int:
    """An account manager whose identity an administrator has linked."""
    with app.app_context(), transaction() as session:
        user = builders.user(session, "wang", Role.ACCOUNT_MANAGER, email="wang@example.com")
        admin = builders.user(session, "admin", Role.ADMINISTRATOR)
        binding.bind(session, builders.actor(session, admin), user.id, provider.issuer, "wang-17", NOW)
        return user.id


def back(client: FlaskClient, provider: IdentityProvider) -> str:
    """Out to the provider and to the page one comes back to."""
    out = client.get("/login/oidc?next=/customers")
    assert out.status_code == 302
    return provider.authorize(out.headers["Location"])


def carry_on(client: FlaskClient, address: str, **changed: str) -> Any:
    page = client.get(address)
    assert page.status_code == 200
    sent = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    token = builders.csrf_of(client)
    return client.post("/login/oidc/back", data={**sent, **changed, "csrf_token": token})


def sessions_of(app: Flask) -> int:
    with app.app_context():
        return db.session().scalar(select(func.count()).select_from(UserSession)) or 0


def test_who_the_provider_vouches_for_signs_in(app: Flask, provider: IdentityProvider, wang: int) -> None:
    client = app.test_client()
    assert "企业微信" in client.get("/login").get_data(as_text=True)
    answer = carry_on(client, back(client, provider))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/customers")
    assert client.get("/customers").status_code == 200
    with app.app_context():
        assert db.session().scalars(select(UserSession.user_id)).one() == wang


def _at(seconds: int) -> dict[str, Any]:
    return {"iat": int(NOW.timestamp()) + seconds, "exp": int(NOW.timestamp()) + seconds + 300}


@pytest.mark.parametrize(
    "lie",
    [
        {"claims": {"nonce": "another"}},
        {"claims": {"aud": "another"}},
        {"claims": {"aud": [CLIENT, "another"]}},
        {"claims": {"aud": [CLIENT, "another"], "azp": "another"}},
        {"claims": {"iss": "https://elsewhere.example"}},
        {"claims": {"sub": ""}},
        {"claims": _at(-3600)},
        {"claims": _at(3600)},
        {"signed_by": RSAKey.generate_key(2048, {"kid": "a"}, private=True)},
        {"algorithm": "HS256", "signed_by": OctKey.import_key("0123456789abcdef0123456789abcdef")},
        {"subject": "nobody-here"},
    ],
)
def test_a_lie_opens_nothing(app: Flask, provider: IdentityProvider, wang: int, lie: dict[str, Any]) -> None:
    for name, value in lie.items():
        setattr(provider, name, value)
    client = app.test_client()
    assert carry_on(client, back(client, provider)).status_code == 422
    assert sessions_of(app) == 0
    with app.app_context():
        assert db.session().scalars(select(SecurityEvent.kind)).all().count("oidc.failed") == 1
        assert db.session().scalar(select(func.count()).select_from(User)) == 2  # no account is ever made


def test_a_code_serves_once_and_only_its_own_browser(app: Flask, provider: IdentityProvider, wang: int) -> None:
    client, thief = app.test_client(), app.test_client()
    address = back(client, provider)
    assert thief.get(address).status_code == 422  # a strange state
    token = builders.csrf_of(thief)
    sent = {key: values[0] for key, values in parse_qs(urlsplit(address).query).items()}
    assert thief.post("/login/oidc/back", data={**sent, "csrf_token": token}).status_code == 422
    assert carry_on(client, address).status_code == 302
    client.post("/logout", data={"csrf_token": builders.csrf_of(client)})
    assert client.get(address).status_code == 422
    assert sessions_of(app) == 0


def test_pkce_ties_the_code_to_who_asked(app: Flask, provider: IdentityProvider, wang: int) -> None:
    client = app.test_client()
    address = back(client, provider)
    for asked in provider.codes.values():
        asked["code_challenge"] = "another"
    assert carry_on(client, address).status_code == 422


@pytest.mark.parametrize(
    ("policy", "claims", "in_"),
    [
        (True, {"email": "LI@example.com", "email_verified": True}, True),
        (True, {"email": "li@example.com", "email_verified": False}, False),
        (True, {"email": "li@example.com"}, False),
        (True, {"email": "two@example.com", "email_verified": True}, False),
        (True, {"email": "wang@example.com", "email_verified": True}, False),  # bound to another subject
        (False, {"email": "li@example.com", "email_verified": True}, False),
    ],
)
def test_a_verified_address_matches_where_policy_says_so(
    app: Flask, provider: IdentityProvider, wang: int, policy: bool, claims: dict[str, Any], in_: bool
) -> None:
    with app.app_context(), transaction() as session:
        builders.user(session, "li", email="li@example.com")
        for login in ("two", "too"):
            builders.user(session, login, email="two@example.com")
        _policy(session, policy)
    provider.subject, provider.claims = "li-1", claims
    client = app.test_client()
    answer = carry_on(client, back(client, provider))
    assert (answer.status_code == 302) is in_
    assert sessions_of(app) == int(in_)


def _policy(session: Any, match: bool) -> None:
    builders.adopt(session, {"oidc.match_verified_email": match})


def test_a_second_factor_is_still_asked_for(app: Flask, provider: IdentityProvider, wang: int) -> None:
    secret = pyotp.random_base32()
    with app.app_context(), transaction() as session:
        user = session.get_one(User, wang)
        user.totp_secret, user.totp_confirmed_at = secret, NOW
    client = app.test_client()
    answer = carry_on(client, back(client, provider))
    assert "/login/second-factor" in answer.headers["Location"]
    assert sessions_of(app) == 0
    data = {"code": pyotp.TOTP(secret).at(NOW), "csrf_token": builders.csrf_of(client)}
    assert client.post(answer.headers["Location"], data=data).headers["Location"] == "/customers"


def test_roles_that_need_a_second_factor_must_set_one_up(app: Flask, provider: IdentityProvider, wang: int) -> None:
    with app.app_context(), transaction() as session:
        builders.adopt(session, {"second_factor.roles": ["account_manager"]})
    client = app.test_client()
    carry_on(client, back(client, provider))
    assert client.get("/customers").headers["Location"] == "/second-factor"


def test_a_disabled_account_stays_out(app: Flask, provider: IdentityProvider, wang: int) -> None:
    with app.app_context(), transaction() as session:
        session.get_one(User, wang).disabled_at = NOW
    client = app.test_client()
    assert carry_on(client, back(client, provider)).status_code == 422


def test_without_a_provider_there_is_no_such_door(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/login/oidc").status_code == 404
    assert client.get("/login/oidc/back?code=a&state=b").status_code == 404
    assert "oidc" not in client.get("/login").get_data(as_text=True)


def test_a_provider_that_is_away_leaves_passwords(app: Flask) -> None:
    app.config["OIDC"] = Provider("http://127.0.0.1:9", CLIENT, SECRET)
    oidc.forget()
    assert app.test_client().get("/login/oidc").status_code == 422


def test_a_provider_must_be_reached_safely() -> None:
    with pytest.raises(RuntimeError):
        Provider("http://provider.example", CLIENT, SECRET)


def test_an_identity_is_linked_once_and_never_by_its_own_holder(
    app: Flask, provider: IdentityProvider, wang: int
) -> None:
    with app.app_context():
        admin = db.session().scalars(select(User).where(User.login == "admin")).one()
        actor = builders.actor(db.session(), admin)
        for user_id, subject, error in ((wang, "other", Invalid), (admin.id, "admin-1", Refused)):
            with pytest.raises(error), transaction() as session:
                binding.bind(session, actor, user_id, provider.issuer, subject, NOW)
        row = db.session().scalars(select(SignInIdentity)).one().id
        with transaction() as session:
            binding.unbind(session, actor, wang, row, NOW)
    client = app.test_client()
    assert carry_on(client, back(client, provider)).status_code == 422


def test_the_administrator_links_at_both_doors(app: Flask, provider: IdentityProvider, clock: StandingClock) -> None:
    with app.app_context(), transaction() as session:
        ids = [builders.user(session, login).id for login in ("a", "b")]
        admin = builders.user(session, "admin", Role.ADMINISTRATOR).id
    client = builders.sign_in(app, admin)
    headers = {"X-CSRFToken": builders.csrf_of(client)}
    assert client.post(f"/people/{ids[0]}/identities", data={"subject": "s-1"}, headers=headers).status_code == 302
    assert client.post(f"/people/{ids[1]}/identities", data={"subject": "s-1"}, headers=headers).status_code == 422
    path = f"/api/v1/people/{ids[1]}/identities"
    assert client.post(path, json={"subject": "s-2"}, headers=headers).status_code == 201
    assert [row["subject"] for row in client.get(path).json] == ["s-2"]
    assert "s-1" in client.get(f"/people/{ids[0]}").get_data(as_text=True)
