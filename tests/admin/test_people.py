"""People and accounts: made, edited, closed, reset; through the page and through the API."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select

from tests import builders
from tests.admin.conftest import DONE, Company, Door
from tests.conftest import NOW
from tierflow.admin.service import people, tokens
from tierflow.admin.service.shared import lock_administrators
from tierflow.common.audit import AuditEntry
from tierflow.common.idempotency import IdempotencyKey
from tierflow.common.notices import Notice
from tierflow.common.sessions import ApiToken, SecurityEvent, UserSession
from tierflow.common.users import Person, User
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.roles import SYSTEM, Role

NEW = {"login": "Wang.Fang", "name": "王芳", "email": "wang@example.com", "locale": "zh"}


@pytest.mark.parametrize("kind", ["page", "api"])
def test_an_account_is_made_with_a_password_shown_once(both: Company, kind: str) -> None:
    door = Door(both.app, both.ann, kind)
    answer = door.post("/people/new", "/people", NEW)
    assert answer.status_code in DONE, answer.text
    if kind == "page":
        shown = door.client.get(answer.location).text
        password = re.search(r'data-copy="([^"]+)"', shown)
        assert password
        secret = password[1]
        assert secret not in door.client.get(answer.location).text, "shown once"
    else:
        secret = answer.json["one_time_password"]
    with both.reading() as session:
        user = session.scalar(select(User).where(User.login == "wang.fang"))
        assert user is not None
        assert user.must_change_password
        assert secret not in user.password_hash
        entry = session.scalar(select(AuditEntry).where(AuditEntry.action == "user.create"))
        assert entry is not None
        assert secret not in repr(entry.after)
    signed = both.app.test_client()
    token = builders.csrf_of(signed)
    signed.post("/login", data={"name": "wang.fang", "password": secret, "csrf_token": token})
    assert signed.get("/").location == "/password", "nothing opens before the password is changed"
    assert signed.get("/me").location == "/password"
    assert signed.get("/api/v1/me").status_code == 403


def test_a_secret_is_not_kept_for_a_repeated_request(company: Company) -> None:
    door = Door(company.app, company.ann, "api")
    headers = {"X-CSRFToken": door.token, "Idempotency-Key": "once"}
    first = door.client.post("/api/v1/people", json=NEW, headers=headers)
    again = door.client.post("/api/v1/people", json=NEW, headers=headers)
    assert (first.status_code, again.status_code) == (201, 409)
    with company.reading() as session:
        kept = session.get(IdempotencyKey, (company.ann, "once"))
        assert kept is not None
        assert first.json["one_time_password"] not in repr(kept.answer)


@pytest.mark.parametrize("kind", ["page", "api"])
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"login": "li"}, "login"),  # taken
        ({"login": "LI"}, "login"),  # the same, folded
        ({"login": "王芳"}, "login"),
        ({"login": "a b"}, "login"),
        ({"login": "x"}, "login"),
        ({"name": ""}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"email": "nobody"}, "email"),
        ({"locale": "fr"}, "locale"),
        ({"department_id": 99}, "department_id"),
        ({"person_id": 999}, "person_id"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(company: Company, kind: str, change: dict, field: str) -> None:
    door = Door(company.app, company.ann, kind)
    answer = door.post("/people/new", "/people", {**NEW, **change})
    assert answer.status_code == 422, answer.text
    if kind == "api":
        assert set(answer.json["errors"]) == {field}
    else:
        assert f'id="f-{field}-error"' in answer.text
        assert "wang@example.com" in answer.text or field == "email", "what was typed is kept"
    with company.reading() as session:
        assert session.scalar(select(User.id).where(User.login == "wang.fang")) is None


def test_a_person_may_have_several_accounts(company: Company) -> None:
    with company.reading() as session:
        person_id = session.get_one(User, company.li).person_id
    user, _password = company.call(people.create, "ann", {"login": "li2", "name": "李明二", "person_id": person_id})
    with company.reading() as session:
        assert session.get_one(User, user.id).person_id == person_id
        listed = people.accounts_of(session, company.actor(session, "ann"), person_id)
        assert [one.login for one in listed] == ["li", "li2"]
    # the person keeps their name while they have two accounts
    company.call(people.edit, "ann", user.id, {"name": "李二"})
    with company.reading() as session:
        assert session.get_one(Person, person_id).name == "李明"


@pytest.mark.parametrize("kind", ["page", "api"])
def test_disabling_ends_sessions_and_tokens_at_once(both: Company, kind: str) -> None:
    li = builders.sign_in(both.app, both.li)
    _row, secret = both.call(tokens.issue, "li", {"label": "x", "scopes": ["self:read"], "days": 3})
    bearer = {"Authorization": f"Bearer {secret}"}
    assert li.get("/me").status_code == 200
    assert both.app.test_client().get("/api/v1/me", headers=bearer).status_code == 200
    door = Door(both.app, both.ann, kind)
    answer = door.post(f"/people/{both.li}/disable", f"/people/{both.li}/disable", {"reason": "离职"})
    assert answer.status_code in DONE, answer.text
    assert li.get("/me").status_code == 302
    assert both.app.test_client().get("/api/v1/me", headers=bearer).status_code == 401
    with both.reading() as session:
        assert session.get(User, both.li) is not None, "never deleted"
        assert session.scalar(select(UserSession.id).where(UserSession.user_id == both.li)) is None
        assert session.scalar(select(ApiToken.revoked_at).where(ApiToken.user_id == both.li)) is not None
        told = session.scalars(select(Notice.user_id).where(Notice.kind == "account")).all()
        assert told == [both.bob], "the other administrators are told"
    again = door.post(f"/people/{both.li}/disable", f"/people/{both.li}/disable", {"reason": "离职"})
    assert again.status_code == 409
    door.post(f"/people/{both.li}/enable", f"/people/{both.li}/enable", {"reason": "返聘"})
    assert both.app.test_client().get("/api/v1/me", headers=bearer).status_code == 401, "tokens stay revoked"
    assert builders.sign_in(both.app, both.li).get("/me").status_code == 200


def test_nobody_disables_themselves(company: Company) -> None:
    with pytest.raises(Refused):
        company.call(people.disable, "ann", company.ann, "x")


def test_the_last_administrator_stays(both: Company) -> None:
    both.call(people.disable, "ann", both.bob, "x")
    # ann has a second account with the role: she stays an administrator when one of them is disabled
    with both.writing() as session:
        ann = session.get_one(User, both.ann)
        second = builders.user(session, "ann2", person_id=ann.person_id)
        builders.grant(session, second, Role.ADMINISTRATOR)
        cleo = builders.user(session, "cleo", Role.ADMINISTRATOR)
        both.ids["cleo"] = cleo.id
    both.call(people.disable, "cleo", both.ann, "one of her two accounts")
    both.call(people.disable, "cleo", second.id, "the other: cleo is left")
    with both.writing() as session:
        assert lock_administrators(session, NOW.date()) == {cleo.person_id}
        # whoever acts without being one (a command, a job) cannot disable her either
        with pytest.raises(Refused, match="last administrator"):
            people.disable(session, SYSTEM, cleo.id, "x", NOW)


def test_who_is_no_administrator_sees_nothing(company: Company) -> None:
    for verb, args in ((people.disable, (company.bob, "x")), (people.reset_password, (company.bob,))):
        with pytest.raises(Forbidden):
            company.call(verb, "gm", *args)
    client = builders.sign_in(company.app, company.gm)
    for path in ("/people", f"/people/{company.li}", "/role-grants", "/logs/audit", "/reference/region", "/channels"):
        assert client.get(path).status_code == 403, path


def test_a_reset_password_must_be_changed_and_ends_every_session(both: Company) -> None:
    li = builders.sign_in(both.app, both.li)
    _user, password = both.call(people.reset_password, "ann", both.li)
    assert li.get("/me").status_code == 302
    client = both.app.test_client()
    data = {"name": "li", "csrf_token": builders.csrf_of(client)}
    assert client.post("/login", data={**data, "password": builders.PASSWORD}).status_code == 422
    assert client.post("/login", data={**data, "password": password}).status_code == 302
    assert client.get("/").location == "/password"
    change = {"old": password, "new": "a sentence of my own", "csrf_token": builders.csrf_of(client)}
    assert client.post("/password", data=change).status_code == 302
    assert client.get("/").status_code == 200
    with both.reading() as session:
        assert session.scalar(select(SecurityEvent.id).where(SecurityEvent.kind == "password.reset")) is not None
        told = session.scalars(select(Notice.user_id).where(Notice.kind == "account")).all()
        assert set(told) == {both.bob, both.li}


def test_one_s_own_password_is_not_reset_by_oneself(company: Company) -> None:
    with pytest.raises(Refused):
        company.call(people.reset_password, "ann", company.ann)


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_session_is_ended_by_an_administrator(company: Company, kind: str) -> None:
    one, two = builders.sign_in(company.app, company.li), builders.sign_in(company.app, company.li)
    with company.reading() as session:
        first = session.scalars(select(UserSession.id).where(UserSession.user_id == company.li)).first()
    door = Door(company.app, company.ann, kind)
    address = f"/people/{company.li}/sessions/end"
    assert door.post(address, address, {"session_id": first}).status_code in DONE
    assert [client.get("/me").status_code for client in (one, two)] == [302, 200]
    elsewhere = f"/people/{company.gm}/sessions/end"
    with company.reading() as session:
        second = session.scalar(select(UserSession.id).where(UserSession.user_id == company.li))
    assert door.post(elsewhere, elsewhere, {"session_id": second}).status_code == 404, "somebody else's session"
    assert door.post(address, address, {}).status_code in DONE
    assert two.get("/me").status_code == 302


def test_a_stale_form_is_refused(company: Company) -> None:
    with company.reading() as session:
        seen = people.get(session, company.actor(session, "ann"), company.li, NOW).stamp
    company.call(people.edit, "ann", company.li, {"phone": "1", "seen": seen})
    with pytest.raises(Conflict):
        company.call(people.edit, "bob", company.li, {"phone": "2", "seen": seen})
    with company.reading() as session:
        assert session.get_one(User, company.li).phone == "1"


def test_the_list_is_searched_filtered_and_paged_by_key(both: Company) -> None:
    with both.writing() as session:
        for i in range(70):
            builders.user(session, f"u{i:02}", Role.ACCOUNT_MANAGER, name=f"员工{i:02}")
    with both.reading() as session:
        ann = both.actor(session, "ann")

        def logins(**filters: object) -> list[str]:
            return [row.user.login for row in people.list_accounts(session, ann, filters, NOW).rows]

        assert logins(q="员工07") == ["u07"]
        assert logins(q="ANN@EX") == ["ann"]
        assert logins(q="%") == []
        assert logins(role="administrator") == ["ann", "bob"]
        assert logins(state="disabled") == []
        seen: list[str] = []
        cursor = None
        while True:
            page = people.list_accounts(session, ann, {}, NOW, cursor=cursor)
            seen += [row.user.login for row in page.rows]
            cursor = page.after
            if cursor is None:
                break
        assert seen == sorted(seen)
        assert len(seen) == len(set(seen)) == 77


def test_what_does_not_exist_is_not_found(company: Company) -> None:
    with company.reading() as session, pytest.raises(NotFound):
        people.get(session, company.actor(session, "ann"), 10**6, NOW)
    door = Door(company.app, company.ann, "page")
    assert door.post("/people/999999/disable", "", {"reason": "x"}).status_code == 404
    assert door.client.get("/people/99999999999999999999").status_code == 404


def test_passwords_are_long_and_never_alike() -> None:
    made = {people.one_time_password() for _ in range(200)}
    assert len(made) == 200
    assert all(len(one) == 19 for one in made)


def test_a_department_must_exist(company: Company) -> None:
    with pytest.raises(Invalid):
        company.call(people.edit, "ann", company.li, {"department_id": 12345})


def test_a_session_that_ran_out_is_not_listed(app: Flask, company: Company) -> None:
    builders.sign_in(app, company.li)
    with company.reading() as session:
        ann = company.actor(session, "ann")
        assert len(people.sessions_of(session, ann, company.li, NOW)) == 1
        assert people.sessions_of(session, ann, company.li, NOW + timedelta(hours=12)) == []
