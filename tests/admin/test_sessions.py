"""Sessions die at logout, password change, role change and disabling; the throttle and the second factor hold."""

from __future__ import annotations

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from tests import builders
from tests.admin.conftest import DONE, TODAY, Company, Door
from tests.builders import PASSWORD, csrf_of
from tests.conftest import NOW, StandingClock
from tierflow import create_app
from tierflow.admin.service import granting, people
from tierflow.common.db import db
from tierflow.common.policies import PolicyVersion
from tierflow.common.sessions import LoginAttempt, SecurityEvent, UserSession
from tierflow.common.users import RoleGrant, User
from tierflow.web.context import COOKIE

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def sign_in(app: Flask, login: str, password: str = PASSWORD) -> FlaskClient:
    """With the password, as people do."""
    client = app.test_client()
    client.post("/login", data={"name": login, "password": password, "csrf_token": csrf_of(client)})
    return client


def attempt(client: FlaskClient, login: str, password: str) -> int:
    return client.post("/login", data={"name": login, "password": password, "csrf_token": csrf_of(client)}).status_code


def logout(company: Company, client: FlaskClient) -> None:
    client.post("/logout", data={"csrf_token": csrf_of(client)})


def change_password(company: Company, client: FlaskClient) -> None:
    other = sign_in(company.app, "fin")
    data = {"old": PASSWORD, "new": "another long sentence", "csrf_token": csrf_of(other)}
    assert other.post("/password", data=data).status_code == 302
    assert other.get("/").status_code == 200, "the browser in which it was changed goes on"


def change_role(company: Company, client: FlaskClient) -> None:
    with company.reading() as session:
        grant_id = session.scalar(select(RoleGrant.id).where(RoleGrant.user_id == company.fin))
    company.call(granting.revoke, "ann", grant_id, "moved")


def gain_role(company: Company, client: FlaskClient) -> None:
    wanted = {"user_id": company.fin, "role": "general_manager", "from_on": TODAY, "to_on": None}
    grant = company.call(granting.propose, "ann", wanted)
    seen = granting.Seen(1, "second")
    company.call(granting.decide, "bob", grant.id, seen, granting.Verdict.APPROVE, "")


def disable(company: Company, client: FlaskClient) -> None:
    company.call(people.disable, "ann", company.fin, "left")


def reset(company: Company, client: FlaskClient) -> None:
    company.call(people.reset_password, "ann", company.fin)


@pytest.mark.parametrize("act", [logout, change_password, change_role, gain_role, disable, reset])
def test_a_session_dies(both: Company, act) -> None:
    client = sign_in(both.app, "fin")
    cookie = client.get_cookie(COOKIE)
    assert client.get("/").status_code == 200
    act(both, client)
    thief = both.app.test_client()
    thief.set_cookie(COOKIE, cookie.value)
    assert thief.get("/").status_code == 302, "the cookie alone opens nothing"
    assert thief.get("/api/v1/me").status_code == 401


def test_a_session_ends_by_itself(company: Company, clock: StandingClock) -> None:
    client = sign_in(company.app, "fin")
    clock.forward(hours=11, minutes=59)
    assert client.get("/").status_code == 200
    clock.forward(minutes=1)
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("kind", ["page", "api"])
def test_i_end_my_other_sessions(company: Company, kind: str) -> None:
    door = Door(company.app, company.fin, kind)
    other = sign_in(company.app, "fin")
    assert door.post("/me/sessions/end", "/me/sessions/end", {}).status_code in DONE
    assert other.get("/").status_code == 302
    assert door.client.get("/me").status_code == 200
    strangers = builders.sign_in(company.app, company.gm)
    with company.reading() as session:
        theirs = session.scalar(select(UserSession.id).where(UserSession.user_id == company.gm))
    answer = door.post("/me/sessions/end", "/me/sessions/end", {"session_id": theirs})
    assert answer.status_code == 404
    assert strangers.get("/me").status_code == 200


# --- throttle ---


def test_the_throttle_is_kept_in_the_database(both: Company, clock: StandingClock) -> None:
    client = both.app.test_client()
    assert [attempt(client, "fin", "x" * 12) for _ in range(5)] == [422] * 5
    assert attempt(client, "fin", PASSWORD) == 429
    settings = {key: both.app.config[key] for key in ("SQLALCHEMY_DATABASE_URI", "SECRET_KEY", "CLOCK", "TESTING")}
    worker = create_app(settings)
    assert attempt(worker.test_client(), "fin", PASSWORD) == 429, "another worker sees the same failures"
    with worker.app_context():
        db.engine.dispose()
    answer = client.post("/login", data={"name": "fin", "password": PASSWORD, "csrf_token": csrf_of(client)})
    assert int(answer.headers["Retry-After"]) == 15 * 60
    assert attempt(client, "gm", PASSWORD) == 302, "somebody else behind the same address may sign in"
    with both.reading() as session:
        assert session.scalar(select(func.count()).where(LoginAttempt.login == "fin")) == 5
        failed = session.scalar(select(func.count()).where(SecurityEvent.kind == "login.failed"))
        assert failed == 5
    clock.forward(minutes=15)
    assert attempt(both.app.test_client(), "fin", PASSWORD) == 302


def test_a_right_password_clears_the_throttle(company: Company) -> None:
    client = company.app.test_client()
    for _ in range(4):
        attempt(client, "fin", "x" * 12)
    assert attempt(client, "fin", PASSWORD) == 302
    other = company.app.test_client()
    assert [attempt(other, "fin", "x" * 12) for _ in range(5)] == [422] * 5
    assert attempt(other, "fin", PASSWORD) == 429


def test_unknown_names_are_throttled_and_answered_alike(company: Company) -> None:
    client = company.app.test_client()
    assert [attempt(client, "nobody", "x" * 12) for _ in range(6)] == [422] * 5 + [429]


# --- the second factor ---


@pytest.fixture
def with_factor(both: Company) -> Company:
    with both.writing() as session:
        session.execute(update(User).where(User.id == both.fin).values(totp_secret=SECRET, totp_confirmed_at=NOW))
    return both


def code(client: FlaskClient, digits: str) -> int:
    return client.post("/login/second-factor", data={"code": digits, "csrf_token": csrf_of(client)}).status_code


def test_the_password_alone_opens_nothing(with_factor: Company, clock: StandingClock) -> None:
    client = sign_in(with_factor.app, "fin")
    assert client.get_cookie(COOKIE) is None
    assert client.get("/").status_code == 302
    assert code(client, "000000") == 422
    assert code(client, pyotp.TOTP(SECRET).at(clock())) == 302
    assert client.get("/").status_code == 200


def test_a_code_works_once(with_factor: Company, clock: StandingClock) -> None:
    digits = pyotp.TOTP(SECRET).at(clock())
    assert code(sign_in(with_factor.app, "fin"), digits) == 302
    assert code(sign_in(with_factor.app, "fin"), digits) == 422, "seen over the shoulder, used again"
    clock.forward(seconds=30)
    assert code(sign_in(with_factor.app, "fin"), digits) == 422, "still in the window, used up all the same"
    assert code(sign_in(with_factor.app, "fin"), pyotp.TOTP(SECRET).at(clock())) == 302


@pytest.mark.parametrize(("offset", "status"), [(-60, 422), (-30, 302), (0, 302), (30, 302), (60, 422)])
def test_a_clock_may_be_half_a_minute_off(company: Company, clock: StandingClock, offset: int, status: int) -> None:
    with company.writing() as session:
        session.execute(update(User).where(User.id == company.fin).values(totp_secret=SECRET, totp_confirmed_at=NOW))
    assert code(sign_in(company.app, "fin"), pyotp.TOTP(SECRET).at(int(clock().timestamp()) + offset)) == status


def test_codes_are_throttled_too(company: Company) -> None:
    with company.writing() as session:
        session.execute(update(User).where(User.id == company.fin).values(totp_secret=SECRET, totp_confirmed_at=NOW))
    client = sign_in(company.app, "fin")
    assert [code(client, "000000") for _ in range(5)] == [422] * 5
    assert code(client, pyotp.TOTP(SECRET).at(NOW)) == 429


def want_factor(company: Company, *roles: str) -> None:
    with company.writing() as session:
        policy = session.scalars(select(PolicyVersion)).one()
        policy.values = {**policy.values, "second_factor.roles": list(roles)}


def test_a_required_factor_keeps_everything_closed_until_it_is_set_up(both: Company, clock: StandingClock) -> None:
    want_factor(both, "finance_reviewer")
    client = sign_in(both.app, "fin")
    for path in ("/", "/me", "/notices", "/search?q=x", "/policy", "/calendar"):
        assert client.get(path).location == "/second-factor", path
    headers = {"X-CSRFToken": csrf_of(client)}
    assert client.get("/api/v1/me").status_code == 403
    assert client.post("/api/v1/me/tokens", json={}, headers=headers).status_code == 403
    assert client.get("/second-factor").status_code == 200
    with client.session_transaction() as browser:
        secret = browser["totp_secret"]
    token = csrf_of(client)
    assert client.post("/second-factor", data={"code": "123456", "csrf_token": token}).status_code == 422
    assert client.get("/me").status_code == 302
    right = {"code": pyotp.TOTP(secret).at(clock()), "csrf_token": token}
    assert client.post("/second-factor", data=right).status_code == 302
    assert client.get("/me").status_code == 200
    again = sign_in(both.app, "fin")
    assert again.get_cookie(COOKIE) is None, "from now on every sign-in asks for it"


def test_other_roles_are_not_asked(company: Company) -> None:
    want_factor(company, "finance_reviewer")
    assert sign_in(company.app, "gm").get("/").status_code == 200


def test_after_a_reset_the_factor_is_set_up_anew(company: Company) -> None:
    want_factor(company, "finance_reviewer")
    with company.writing() as session:
        session.execute(update(User).where(User.id == company.fin).values(totp_secret=SECRET, totp_confirmed_at=NOW))
    company.call(people.reset_second_factor, "ann", company.fin, "lost")
    client = sign_in(company.app, "fin")
    assert client.get("/").location == "/second-factor"
