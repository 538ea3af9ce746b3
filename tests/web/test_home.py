"""The inbox, opinions asked, notices and the search box."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.builders import actor as actor_for
from tests.builders import csrf_of, delegation, region, sign_in, user
from tests.conftest import NOW, StandingClock
from tierflow.common import approvals, notices
from tierflow.common.approvals import ApprovalCase, AskedOpinion
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.users import User
from tierflow.kernel.approval import Chain, Step
from tierflow.kernel.roles import Role
from tierflow.kernel.text import text
from tierflow.web.inbox import Kind

CHAIN = Chain(
    "home_test", "CHEM-7.2", "test", (Step("sales", "sales", Role.SALES_MANAGER, frozenset({"all"}), scoped=True),)
)


@dataclass
class House:
    app: Flask
    manager: int
    boss: int
    finance: int
    case: int


@pytest.fixture
def house(both_app: Flask) -> House:
    approvals.CHAINS.pop(CHAIN.key, None)
    approvals.register(CHAIN)
    both_app.extensions["inbox_kinds"]["thing"] = Kind("Account opening", "person-vcard", "home.search", "q")
    with both_app.app_context(), transaction() as session:
        east = region(session)
        manager = user(session, "li", Role.ACCOUNT_MANAGER, name="李明")
        boss = user(session, "wang", (Role.SALES_MANAGER, east.id), name="王海")
        finance = user(session, "sun", Role.FINANCE_REVIEWER, name="孙丽")
        li = actor_for(session, manager)
        case = approvals.open_case(session, CHAIN, ("thing", 7), "宁波海曙化工", east.id, li, NOW)
        approvals.submit(session, case, {"all": 1}, li, NOW, seen_version=0)
        found = House(both_app, manager.id, boss.id, finance.id, case.id)
    yield found
    approvals.CHAINS.pop(CHAIN.key, None)


def page(house: House, who: int, path: str) -> str:
    answer = sign_in(house.app, who).get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def test_the_inbox_says_what_whose_where_and_by_when(house: House) -> None:
    shown = page(house, house.boss, "/")
    for words in ("宁波海曙化工", "华东", "还剩 3 个工作日", "bi-person-vcard", "2026-11-26 17:30"):
        assert words in shown
    assert "宁波海曙化工" not in page(house, house.finance, "/")


def test_what_is_late_is_marked_late(house: House, clock: StandingClock) -> None:
    clock.forward(days=7)
    shown = page(house, house.boss, "/")
    assert "is-urgent" in shown
    assert "已超 2 个工作日" in shown


def ask(house: House, kind: str) -> int:
    with house.app.app_context(), transaction() as session:
        boss = actor_for(session, session.get_one(User, house.boss))
        case = session.get_one(ApprovalCase, house.case)
        return approvals.ask(
            session, case, house.finance, "账号属实吗？", kind, boss, NOW, reading="application.read"
        ).id


def test_an_opinion_is_given_once_and_is_never_overdue(house: House, clock: StandingClock) -> None:
    opinion = ask(house, "ask")
    clock.forward(days=1)
    assert "is-urgent" not in page(house, house.finance, "/")
    assert "账号属实吗？" in page(house, house.finance, f"/opinions/{opinion}")
    client = sign_in(house.app, house.finance)
    token = csrf_of(client)
    empty = client.post(f"/opinions/{opinion}", data={"csrf_token": token, "answer": ""})
    assert empty.status_code == 422
    given = client.post(f"/opinions/{opinion}", data={"csrf_token": token, "answer": "属实"})
    assert given.status_code == 302
    again = client.post(f"/opinions/{opinion}", data={"csrf_token": token, "answer": "不属实"})
    assert again.status_code == 409
    with house.app.app_context():
        assert db.session.get_one(AskedOpinion, opinion).answer == "属实"


def test_a_copy_is_read_without_words(house: House) -> None:
    opinion = ask(house, "copy")
    client = sign_in(house.app, house.finance)
    assert client.post(f"/opinions/{opinion}", data={"csrf_token": csrf_of(client)}).status_code == 302
    with house.app.app_context():
        assert db.session.get_one(AskedOpinion, opinion).answered_at is not None


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.parametrize("kind", ["ask", "copy"])
@pytest.mark.parametrize("through", ["page", "api"])
def test_an_opinion_given_for_an_absent_colleague_names_both(house: House, kind: str, through: str) -> None:
    opinion, path = ask(house, kind), "/opinions/{}"
    with house.app.app_context(), transaction() as session:
        absent, stand_in = (session.get_one(User, one) for one in (house.finance, house.manager))
        delegation(session, absent, stand_in, NOW.date(), NOW.date() + timedelta(days=5))
        names = stand_in.name, absent.name
    assert f"您正代 {names[1]} 答复" in page(house, house.manager, path.format(opinion))
    assert f"您正代 {names[1]} 答复" not in page(house, house.finance, path.format(opinion))
    if through == "page":
        client = sign_in(house.app, house.manager)
        given = {"csrf_token": csrf_of(client), "answer": "属实"}
        assert client.post(path.format(opinion), data=given).status_code == 302
    else:
        told = api(house, house.manager, "POST", f"{path.format(opinion)}/answer", json={"answer": "属实"}).json
        assert (told["answered_by"], told["on_behalf_of"]) == names
    for reader in (house.finance, house.manager):
        assert f"{names[0]} 代 {names[1]} 答复" in page(house, reader, path.format(opinion))
        shown = api(house, reader, "GET", path.format(opinion)).json
        assert (shown["asked_id"], shown["answered_by"], shown["on_behalf_of"]) == (house.finance, *names)
    with house.app.app_context():
        row = db.session.get_one(AskedOpinion, opinion)
        assert (row.asked_id, row.answered_by_id) == (house.finance, house.manager)


def test_an_opinion_of_ones_own_names_nobody_else(house: House) -> None:
    opinion = ask(house, "ask")
    api(house, house.finance, "POST", f"/opinions/{opinion}/answer", json={"answer": "属实"})
    shown = api(house, house.finance, "GET", f"/opinions/{opinion}").json
    with house.app.app_context():
        name = db.session.get_one(User, house.finance).name
    assert (shown["answered_by"], shown["on_behalf_of"]) == (name, None)
    assert "您的答复" in page(house, house.finance, f"/opinions/{opinion}")


def test_anothers_opinion_does_not_exist(house: House) -> None:
    opinion = ask(house, "ask")
    assert sign_in(house.app, house.manager).get(f"/opinions/{opinion}").status_code == 404


def test_notices_page_by_key_and_are_marked_read(house: House) -> None:
    with house.app.app_context(), transaction() as session:
        for number in range(45):
            sentence = text("This key was already used for something else.")
            notices.notify(
                session,
                [house.finance],
                "test",
                sentence,
                ("thing", 7),
                NOW + timedelta(minutes=number),
                dedupe_key=f"k{number}",
            )
    client = sign_in(house.app, house.finance)
    first = client.get("/notices").get_data(as_text=True)
    assert first.count("notice-item") == 40
    assert "/search?q=7" in first, "a notice leads to what it is about"
    cursor = first.split("cursor=")[1].split('"')[0]
    assert client.get(f"/notices?cursor={cursor}").get_data(as_text=True).count("notice-item") == 5
    assert client.post("/notices/read", data={"csrf_token": csrf_of(client)}).status_code == 302
    with house.app.app_context():
        assert db.session.scalars(select(Notice).where(Notice.read_at.is_(None))).all() == []


def test_search_shows_what_the_finders_find(house: House) -> None:
    def find(session: object, actor: object, query: str) -> list[dict[str, str]]:
        return [{"title": "海曙", "subtitle": query, "url": "/x", "icon": "building", "module": "客户"}]

    house.app.extensions["finders"] = [find]
    shown = page(house, house.boss, "/search?q=nbhs")
    assert 'href="/x"' in shown
    assert page(house, house.boss, "/search").count('href="/x"') == 0


def api(house: House, who: int, method: str, path: str, **kwargs: Any) -> TestResponse:
    client = sign_in(house.app, who)
    return client.open(f"/api/v1{path}", method=method, headers={"X-CSRFToken": csrf_of(client)}, **kwargs)


def test_a_program_reads_the_inbox_as_the_page_shows_it(house: House) -> None:
    ask(house, "ask")
    found = api(house, house.boss, "GET", "/inbox").json
    assert [(item["kind"], item["subject_id"], item["title"], item["region"]) for item in found["items"]] == [
        ("thing", 7, "宁波海曙化工", "华东")
    ]
    assert found["items"][0]["due"] == "2026-11-26T17:30:00+08:00"
    assert (found["next"], found["count"]) == (None, 1)
    asked = api(house, house.finance, "GET", "/inbox").json["items"]
    assert [(item["kind"], item["due"]) for item in asked] == [("opinion", None)]
    assert api(house, house.manager, "GET", "/inbox").json["items"] == []


def test_a_program_pages_the_inbox(house: House) -> None:
    given = [ask(house, "ask") for _ in range(5)]
    seen: list[int] = []
    address = "/inbox?size=2"
    while address:
        found = api(house, house.finance, "GET", address).json
        assert found["count"] == 5
        seen += [item["subject_id"] for item in found["items"]]
        address = f"/inbox?size=2&cursor={found['next']}" if found["next"] else ""
    assert seen == given
    assert "cursor" in api(house, house.finance, "GET", "/inbox?cursor=xx").json["errors"]


def test_a_program_learns_that_it_is_asked_and_answers(house: House) -> None:
    opinion = ask(house, "ask")
    waiting = api(house, house.finance, "GET", "/opinions").json["rows"]
    assert [(row["id"], row["kind"], row["question"], row["asked_by"], row["title"]) for row in waiting] == [
        (opinion, "ask", "账号属实吗？", "王海", "宁波海曙化工")
    ]
    shown = api(house, house.finance, "GET", f"/opinions/{opinion}").json
    assert (shown["subject_type"], shown["subject_id"], shown["content"]) == ("thing", 7, [])
    for nothing in ({}, {"answer": ""}):
        wordless = api(house, house.finance, "POST", f"/opinions/{opinion}/answer", json=nothing)
        assert (wordless.status_code, list(wordless.json["errors"])) == (422, ["answer"])
    given = api(house, house.finance, "POST", f"/opinions/{opinion}/answer", json={"answer": "属实"})
    assert (given.status_code, given.json["answer"]) == (200, "属实")
    assert api(house, house.finance, "POST", f"/opinions/{opinion}/answer", json={"answer": "不"}).status_code == 409
    assert api(house, house.finance, "GET", "/opinions").json["rows"] == []


def test_a_program_reads_a_copy_without_words(house: House) -> None:
    opinion = ask(house, "copy")
    read = api(house, house.finance, "POST", f"/opinions/{opinion}/answer", json={})
    assert read.status_code == 200
    assert read.json["answered_at"] is not None
    for method, path in (("GET", ""), ("POST", "/answer")):
        sent = {"json": {}} if method == "POST" else {}
        assert api(house, house.manager, method, f"/opinions/{opinion}{path}", **sent).status_code == 404


def test_a_program_reads_its_notices_one_by_one_or_all(house: House) -> None:
    sentence = text("This key was already used for something else.")
    with house.app.app_context(), transaction() as session:
        for number in range(3):
            notices.notify(session, [house.finance], "test", sentence, ("thing", 7), NOW, dedupe_key=f"k{number}")
    first = api(house, house.finance, "GET", "/notices?size=2").json
    assert (len(first["rows"]), first["unread"]) == (2, 3)
    assert first["rows"][0]["url"] == "/search?q=7"
    assert first["rows"][0]["text"]
    one = first["rows"][0]["id"]
    read = api(house, house.finance, "POST", f"/notices/{one}/read")
    assert read.json["read_at"] is not None
    assert api(house, house.finance, "POST", f"/notices/{one}/read").json["read_at"] == read.json["read_at"]
    assert api(house, house.manager, "POST", f"/notices/{one}/read").status_code == 404
    last = api(house, house.finance, "GET", f"/notices?size=2&cursor={first['after']}").json
    assert ([row["read_at"] for row in last["rows"]], last["unread"]) == ([None], 2)
    assert api(house, house.finance, "POST", "/notices/read").status_code == 204
    assert api(house, house.finance, "GET", "/notices").json["unread"] == 0
