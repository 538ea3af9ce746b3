"""Holes that were open once: sign-in, tokens, forms, forged addresses, broken input."""

from __future__ import annotations

import base64
import json
from typing import Any

import pyotp
import pytest
from flask import Flask
from sqlalchemy import insert

from tests import builders
from tests.conftest import NOW
from tests.guards.world import World
from tests.web.probe import open_door
from tierflow.common.approvals import ApprovalCase, ApprovalSeat
from tierflow.common.customers import digits_key
from tierflow.common.db import db, transaction
from tierflow.common.users import User
from tierflow.kernel.approval import SUBMIT_SEAT
from tierflow.kernel.errors import Invalid
from tierflow.kernel.roles import Role
from tierflow.web.schemas import Integer, Line, Schema, form_data, load


def test_a_right_password_buys_no_new_guesses_at_the_second_factor(both_app: Flask) -> None:
    both_app.config["WTF_CSRF_METHODS"] = frozenset()
    with both_app.app_context(), transaction() as session:
        user = builders.user(session, "li")
        user.totp_secret, user.totp_confirmed_at = pyotp.random_base32(), NOW
    client = both_app.test_client()
    answers = []
    for _ in range(12):
        half = client.post("/login", data={"name": "li", "password": builders.PASSWORD})
        answers.append(half.status_code)
        if half.status_code == 302:
            answers.append(client.post("/login/second-factor", data={"code": "000000"}).status_code)
    assert 429 in answers, "guessing must end"
    assert answers.count(422) <= 10


def test_a_complete_sign_in_forgets_the_failures(both_app: Flask) -> None:
    both_app.config["WTF_CSRF_METHODS"] = frozenset()
    with both_app.app_context(), transaction() as session:
        builders.user(session, "li")
    client = both_app.test_client()
    for _ in range(5):
        for _ in range(3):
            assert client.post("/login", data={"name": "li", "password": "wrong wrong"}).status_code == 422
        assert client.post("/login", data={"name": "li", "password": builders.PASSWORD}).status_code == 302
        client.post("/logout")


def test_a_token_opens_the_api_and_nothing_else(everywhere: World) -> None:
    client, headers = everywhere.app.test_client(), everywhere.token(["*:read"])
    assert client.get("/api/v1/customers", headers=headers).status_code == 200
    assert client.get("/customers", headers=headers).status_code == 302
    before = everywhere.dump()
    client.post("/language", data={"lang": "en"}, headers=headers)
    client.post("/theme", data={"theme": "dark"}, headers=headers)
    assert everywhere.dump() == before
    stale = {"Authorization": "Bearer nonsense"}
    signed_in = everywhere.client("general_manager")
    assert signed_in.get("/api/v1/customers", headers=stale).status_code == 401, "a bad token is not a cookie"


def test_reasons_are_told_in_the_readers_language(own_app: Flask) -> None:
    open_door(own_app)
    with own_app.app_context(), transaction() as session:
        account = builders.user(session, "li", Role.ACCOUNT_MANAGER).id
    client = builders.sign_in(own_app, account)
    page = client.post("/api/probe/fail/refused", headers={"X-Language": "zh"}).get_json()
    assert "This is not valid" not in json.dumps(page)
    with own_app.test_request_context("/"):
        from tierflow.kernel.text import text

        shown = own_app.jinja_env.from_string("{{ reason }}").render(reason=text("This is not valid."))
    assert shown != "This is not valid."


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"name": "\\u0000"}',
        b'{"name": "\\ud800"}',
        b'{"name": 1e400}',
        b"\xff\xfe{}",
        b"null",
        b"[]",
        b'"x"',
    ],
)
def test_unreadable_json_is_told_so(own_app: Flask, body: bytes) -> None:
    open_door(own_app)
    own_app.config["PROPAGATE_EXCEPTIONS"] = False
    with own_app.app_context(), transaction() as session:
        account = builders.user(
            session, "li", Role.ACCOUNT_MANAGER, Role.COMMITTEE_MEMBER, Role.ADMINISTRATOR, Role.GENERAL_MANAGER
        ).id
    client = builders.sign_in(own_app, account)
    for address in ("/api/v1/applications", "/api/v1/people", "/api/v1/role-grants", "/api/v1/applications/approvals"):
        answer = client.post(address, data=body, content_type="application/json")
        assert answer.status_code in (400, 409, 422), (address, answer.status_code)


def test_a_rival_is_a_conflict_and_not_a_failure(own_app: Flask) -> None:
    open_door(own_app)
    with own_app.app_context(), transaction() as session:
        account = builders.user(session, "li", Role.ACCOUNT_MANAGER).id
    client = builders.sign_in(own_app, account)
    assert client.post("/api/probe/rival").status_code == 409


CURSORS: list[Any] = [
    [],
    {},
    3,
    "a",
    ["a"],
    ["a", "2026-01-01T00:00:00", 1, "x"],
    ["0001-01-01T00:00:00+23:59", 1, "opinion"],
    ["9999-12-31T23:59:59-23:59", 1, "opinion"],
    ["2026-01-01T00:00:00+00:00", 2**70, "opinion"],
    ["2026-01-01T00:00:00+00:00", 1.5, "opinion"],
    ["2026-01-01T00:00:00+00:00", 1, "nothing"],
    ["2026-01-01T00:00:00+00:00", 1, ["opinion"]],
]


@pytest.mark.parametrize("place", CURSORS, ids=str)
def test_a_forged_place_in_the_inbox_is_refused(everywhere: World, place: Any) -> None:
    client = everywhere.client("general_manager")
    forged = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
    assert client.get(f"/?after={forged}").status_code == 422


def test_paging_the_inbox_meets_everything_once_also_where_times_are_equal(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        user = builders.user(session, "gm", Role.GENERAL_MANAGER)
        author = builders.user(session, "li")
        rows = [
            {
                "chain": "account-opening",
                "subject_type": "application",
                "subject_id": number,
                "title": f"t{number}",
                "submitter_id": author.id,
                "state": "in_approval",
                "step": "management",
                "waiting_role": "general_manager",
                "waiting_since": NOW,
                "due_at": NOW,
                "opened_at": NOW,
                "round": 1,
                "version": 1,
                "content_hash": "",
                "all_green": False,
            }
            for number in range(1, 71)
        ]
        session.execute(insert(ApprovalCase), rows)
        # One of them is the reader's own application: four eyes hide it.
        own = session.query(ApprovalCase.id).filter_by(subject_id=5).scalar()
        session.add(ApprovalSeat(case_id=own, person_id=user.person_id, step=SUBMIT_SEAT))
        account = user.id
    client = builders.sign_in(both_app, account)
    seen: list[str] = []
    address: str | None = "/"
    while address is not None:
        page = client.get(address).get_data(as_text=True)
        seen += [f"t{number}" for number in range(1, 71) if f">t{number}<" in page]
        more = [part.split('"')[0] for part in page.split('href="') if "after=" in part.split('"')[0]]
        address = more[0].replace("&amp;", "&") if more else None
    assert sorted(seen) == sorted(f"t{number}" for number in range(1, 71) if number != 5)


class Numbers(Schema):
    n = Integer()


@pytest.mark.parametrize(
    ("given", "read"),
    [(5, 5), ("5", 5), ("+5", 5), (" 5 ", 5), ("５", 5), (5.0, 5), (-3, -3), (2**63 - 1, 2**63 - 1)],
)
def test_whole_numbers_are_read(app: Flask, given: object, read: int) -> None:
    with app.test_request_context():
        assert load(Numbers(), {"n": given})["n"] == read


@pytest.mark.parametrize(
    "given", [1.7, "1.7", True, "1_000", "1e3", "5.0", "x", [], {}, 2**63, 10**400, "9" * 5000, float("inf"), "0x10"]
)
def test_what_is_no_whole_number_is_refused(app: Flask, given: object) -> None:
    with app.test_request_context(), pytest.raises(Invalid):
        load(Numbers(), {"n": given})


class Words(Schema):
    line = Line(most=20)


@pytest.mark.parametrize("given", ["a\nb", "a\u2028b", "a\x00b", "\ud800", "a\u202eb", "\u2066x", "x" * 21])
def test_a_line_takes_no_breaks_controls_or_turned_writing(app: Flask, given: str) -> None:
    with app.test_request_context(), pytest.raises(Invalid):
        load(Words(), {"line": given})


@pytest.mark.parametrize(
    ("form", "nested"),
    [
        ({"a": "1"}, {"a": "1"}),
        ({"lines.0.class": "x", "lines.1.class": "y"}, {"lines": [{"class": "x"}, {"class": "y"}]}),
        ({"lines.10.c": "x", "lines.9.c": "y"}, {"lines": [{"c": "y"}, {"c": "x"}]}),
        ({"a.²": "x"}, {"a": {"²": "x"}}),
        ({"a." + "9" * 5000: "x"}, {"a": {"9" * 5000: "x"}}),
        ({".".join("a" * 5000): "x"}, {".".join("a" * 5000): "x"}),
        ({"csrf_token": "t", "idempotency_key": "k", "next": "/"}, {}),
    ],
)
def test_forms_are_read_whatever_their_fields_are_called(app: Flask, form: dict[str, str], nested: object) -> None:
    with app.test_request_context("/", method="POST", data=form):
        assert form_data() == nested


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("138 0013 8000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("（+86）13800138000", "13800138000"),
        ("0086 13800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("6222 0200 0000 8600", "6222020000008600"),
        ("8611 0000", "86110000"),
    ],
)
def test_telephones_and_accounts_are_compared_by_their_digits(typed: str, key: str) -> None:
    assert digits_key(typed) == key


def test_everybody_sees_the_customers_of_their_office_and_no_others(everywhere: World) -> None:
    seen = {}
    for role in Role:
        answer = everywhere.client(role.value).get(f"/api/v1/customers/{everywhere.arguments['customer_id']}")
        seen[role.value] = answer.status_code
    with everywhere.app.app_context():
        assert db.session.get(User, everywhere.accounts["nobody"]) is not None
    assert seen == {
        "account_manager": 404,  # another's
        "sales_manager": 200,
        "finance_reviewer": 200,
        "general_manager": 200,
        "resident_office": 200,
        "warehouse_keeper": 403,
        "distribution_company": 200,
        "committee_member": 200,
        "administrator": 403,
    }
