"""Sessions die at logout, password change, role change and disabling; the throttle and the second factor hold."""

from __future__ import annotations

from datetime import timedelta

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from tests import builders
from tests.admin.conftest import DONE, TODAY, Company, Door
from tests.builders import PASSWORD, csrf_of
from tests.conftest import NOW, StandingClock
from tierflow import create_app
from tierflow.admin.pages.shared import browser_name
from tierflow.admin.service import delegations, factors, granting, people
from tierflow.common.approvals import Seen
from tierflow.common.db import db
from tierflow.common.sessions import LoginAttempt, SecurityEvent, UserSession
from tierflow.common.users import RoleGrant, User
from tierflow.kernel.approval import Verdict
from tierflow.kernel.roles import Role
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


@pytest.mark.parametrize("door", ["/password", "/api/v1/me/password"])
def test_a_browser_left_open_is_no_place_to_guess_the_password(company: Company, door: str) -> None:
    client = sign_in(company.app, "fin")
    headers = {"X-CSRFToken": csrf_of(client)}

    def guess(old: str) -> int:
        given = {"old": old, "new": "a quite new password 7"}
        sent = {"json": given} if door.startswith("/api/") else {"data": given}
        return client.post(door, headers=headers, **sent).status_code

    assert [guess("x" * 12) for _ in range(5)] == [422] * 5
    assert guess(PASSWORD) == 429
    with company.reading() as session:
        assert session.scalar(select(func.count()).where(SecurityEvent.kind == "login.failed")) == 5


def test_nor_to_guess_at_the_proof_a_new_factor_asks_for(company: Company) -> None:
    with company.writing() as session:
        session.execute(update(User).where(User.id == company.fin).values(totp_secret=SECRET, totp_confirmed_at=NOW))
    client = builders.sign_in(company.app, company.fin)
    headers = {"X-CSRFToken": csrf_of(client)}

    def replace(password: str, present: str) -> int:
        secret = pyotp.random_base32()
        given = {"secret": secret, "code": pyotp.TOTP(secret).at(NOW), "password": password, "present_code": present}
        return client.post("/api/v1/me/second-factor", json=given, headers=headers).status_code

    assert [replace("x" * 12, "000000") for _ in range(3)] == [422] * 3
    assert [replace(PASSWORD, "000000") for _ in range(2)] == [422] * 2
    assert replace(PASSWORD, pyotp.TOTP(SECRET).at(NOW)) == 429


def want_factor(company: Company, *roles: str) -> None:
    with company.writing() as session:
        builders.adopt(session, {"second_factor.roles": list(roles)})


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


NEW_SECRET = "KRUGS4ZANFZSA5DIMUQG4ZLXEBXW4ZJB"


def replace(door: str, client: FlaskClient, clock: StandingClock, **given: str) -> tuple[int, dict[str, list[str]]]:
    """Set up a new device through the page or the API; what is wrong, by field."""
    token = csrf_of(client)
    if door == "page":
        with client.session_transaction() as browser:
            browser["totp_secret"] = NEW_SECRET
        answer = client.post("/second-factor", data={**given, "csrf_token": token})
        fields = {name: [""] for name in ("code", "password", "present_code") if f'id="f-{name}-error"' in answer.text}
        return answer.status_code, fields
    answer = client.post(
        "/api/v1/me/second-factor", json={"secret": NEW_SECRET, **given}, headers={"X-CSRFToken": token}
    )
    return answer.status_code, answer.json.get("errors", {})


@pytest.mark.parametrize("door", ["page", "api"])
def test_a_second_factor_is_replaced_by_whoever_knows_and_holds_the_present_one(
    with_factor: Company, clock: StandingClock, door: str
) -> None:
    client = sign_in(with_factor.app, "fin")
    assert code(client, pyotp.TOTP(SECRET).at(clock())) == 302
    clock.forward(seconds=30)
    new, present = pyotp.TOTP(NEW_SECRET).at(clock()), pyotp.TOTP(SECRET).at(clock())
    for given, wrong in (
        ({"code": new}, "password"),
        ({"code": new, "present_code": present}, "password"),
        ({"code": new, "password": "not the password", "present_code": present}, "password"),
        ({"code": new, "password": PASSWORD}, "present_code"),
        ({"code": new, "password": PASSWORD, "present_code": new}, "present_code"),
        ({"code": present, "password": PASSWORD, "present_code": present}, "code"),
    ):
        status, fields = replace(door, client, clock, **given)
        assert (status, list(fields)) == (422, [wrong]), given
        with with_factor.reading() as session:
            assert session.get_one(User, with_factor.fin).totp_secret == SECRET
    status, _none = replace(door, client, clock, code=new, password=PASSWORD, present_code=present)
    assert status in DONE
    assert code(sign_in(with_factor.app, "fin"), new) == 422, "the first code of the new device is used up"
    clock.forward(seconds=30)
    assert code(sign_in(with_factor.app, "fin"), pyotp.TOTP(SECRET).at(clock())) == 422
    assert code(sign_in(with_factor.app, "fin"), pyotp.TOTP(NEW_SECRET).at(clock())) == 302


def test_the_api_sets_up_a_second_factor_and_changes_the_password(both: Company, clock: StandingClock) -> None:
    client = sign_in(both.app, "fin")
    headers = {"X-CSRFToken": csrf_of(client)}

    def post(path: str, **body: str) -> TestResponse:
        return client.post(f"/api/v1/me/{path}", json=body, headers=headers)

    short = post("second-factor", secret="ABC", code="123456")
    assert (short.status_code, list(short.json["errors"])) == (422, ["secret"])
    made = post("second-factor", secret=NEW_SECRET, code=pyotp.TOTP(NEW_SECRET).at(clock()))
    assert made.json["second_factor_at"] is not None
    assert post("password", old="wrong", new="another long sentence").status_code == 422
    assert post("password", old=PASSWORD, new="another long sentence").status_code == 204
    assert attempt(both.app.test_client(), "fin", PASSWORD) == 422


def test_after_a_reset_the_factor_is_set_up_anew(company: Company) -> None:
    want_factor(company, "finance_reviewer")
    with company.writing() as session:
        session.execute(update(User).where(User.id == company.fin).values(totp_secret=SECRET, totp_confirmed_at=NOW))
    row = company.call(factors.ask, "ann", company.fin, "lost")
    company.call(factors.decide, "bob", row.id, Seen(1, "second"), Verdict.APPROVE, "")
    client = sign_in(company.app, "fin")
    assert client.get("/").location == "/second-factor"


@pytest.mark.parametrize("begins", ["before", "during"])
def test_a_lent_role_wants_the_factor_its_owner_needs(both: Company, clock: StandingClock, begins: str) -> None:
    """By sign-in, or in the middle of a session, on the day the delegation begins."""
    want_factor(both, "general_manager")
    wanted = {"from_user_id": both.gm, "to_user_id": both.fin, "from_on": TODAY, "to_on": TODAY + timedelta(days=5)}
    if begins == "before":
        both.call(delegations.set_delegation, "ann", wanted)
    client = sign_in(both.app, "fin")
    if begins == "during":
        assert client.get("/me").status_code == 200
        both.call(delegations.set_delegation, "ann", wanted)
    assert client.get("/").location == "/second-factor"
    assert client.get("/api/v1/me").status_code == 403
    assert client.get("/second-factor").status_code == 200
    with client.session_transaction() as browser:
        secret = browser["totp_secret"]
    right = {"code": pyotp.TOTP(secret).at(clock()), "csrf_token": csrf_of(client)}
    assert client.post("/second-factor", data=right).status_code == 302
    assert client.get("/").status_code == 200


def test_a_role_that_begins_overnight_wants_its_factor(both: Company, clock: StandingClock) -> None:
    want_factor(both, "general_manager")
    with both.writing() as session:
        grant = builders.grant(session, session.get_one(User, both.fin), Role.GENERAL_MANAGER)
        grant.from_on = TODAY + timedelta(days=1)
    clock.forward(hours=9)
    client = sign_in(both.app, "fin")
    assert client.get("/me").status_code == 200
    clock.forward(hours=6)
    assert client.get("/me").location == "/second-factor"


def test_a_lent_role_without_a_factor_asks_nothing_more(company: Company) -> None:
    want_factor(company, "general_manager")
    lent = {"from_user_id": company.li, "to_user_id": company.fin, "from_on": TODAY, "to_on": TODAY + timedelta(days=5)}
    client = sign_in(company.app, "fin")
    company.call(delegations.set_delegation, "ann", lent)
    assert client.get("/me").status_code == 200


@pytest.mark.parametrize("typed", ["fin", "Fin", "FIN", " fin "])
def test_capitals_of_a_user_name_do_not_matter(company: Company, typed: str) -> None:
    assert attempt(company.app.test_client(), typed, PASSWORD) == 302


def test_nor_do_they_buy_further_guesses(company: Company) -> None:
    client = company.app.test_client()
    assert [attempt(client, name, "wrong") for name in ("fin", "Fin", "FIN", "fIn", "fiN")] == [422] * 5
    assert attempt(client, "FiN", PASSWORD) == 429


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/131.0 Safari/537.36", "Chrome · Windows"),
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/131.0 Safari/537.36 Edg/131.0", "Edge · Windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/17.0 Safari/605.1.15", "Safari · macOS"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0 Safari", "WeChat · iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) wxwork/4.1 MicroMessenger/7.0 Chrome/120 Mobile", "WeCom · Android"),
        ("curl/8.5", "curl/8.5"),
        ("", ""),
    ],
)
def test_a_browser_is_called_by_its_name(agent: str, name: str) -> None:
    assert browser_name(agent) == name
