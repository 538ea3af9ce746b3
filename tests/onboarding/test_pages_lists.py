"""Lists, search, the customer's page, saved filters, exports."""

from __future__ import annotations

import re
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import event, select

from tests.conftest import NOW
from tests.onboarding import scenes
from tests.onboarding.test_pages import House, opened
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.sessions import SecurityEvent
from tierflow.common.suspension import PaperCover
from tierflow.web import exports


@pytest.fixture
def house(app: Flask) -> House:
    return opened(app)


@pytest.fixture
def both(both_app: Flask) -> House:
    return opened(both_app)


def admitted(session: Any, place: scenes.Company, number: int = 1, **changed: Any) -> Any:
    application = scenes.submitted(session, place, number, **changed)
    for who in ("sales", "finance", "gm"):
        scenes.approve(session, place, application, who, reason=f"{who}同意")
    return application


# Who looks, at which tab, and what is there; one database for all of them.
TABS = [
    ("li", "mine", {"草稿公司"}),
    ("li", "in_approval", {"审批公司"}),
    ("li", "ended", {"客户公司"}),
    ("li", "all", {"草稿公司", "审批公司", "客户公司"}),
    ("sales", "mine", {"审批公司"}),
    ("sales", "drafts", {"草稿公司"}),
    ("finance", "mine", set()),
    ("wang", "all", set()),
    ("sales_west", "all", set()),
]


def test_each_tab_shows_what_its_reader_may_see(house: House) -> None:
    house.made(scenes.drafted, 1, name="草稿公司")
    house.made(scenes.submitted, 2, name="审批公司")
    house.made(admitted, 3, name="客户公司")
    for who, tab, seen in TABS:
        page = house.screen(who).get(f"/applications?tab={tab}")
        assert {name for name in ("草稿公司", "审批公司", "客户公司") if name in page} == seen, (who, tab)


def test_the_list_is_searched_by_pinyin_and_bad_addresses_are_told(house: House) -> None:
    house.made(scenes.drafted, 1, name="宁波海曙化工有限公司")
    screen = house.screen("li")
    assert "宁波海曙化工有限公司" in screen.get("/applications?tab=all&q=nbhs")
    assert "宁波海曙化工有限公司" not in screen.get("/applications?tab=all&q=tzht")
    for wrong in ("tab=x", "region=x", "cursor=x", "manager=99999999999999999999"):
        assert screen.client.get(f"/applications?{wrong}").status_code == 422


@pytest.mark.groundwork("CHEM-8.1")
def test_a_customer_is_found_and_shown_whole(both: House) -> None:
    both.made(admitted, 1, name="宁波海曙化工有限公司")
    screen = both.screen("li")
    for query in ("nbhs", "海曙", "haishu", scenes.credit_code(1)[-6:], "C000001"):
        assert 'href="/customers/1"' in screen.get(f"/search?q={query}")
    page = screen.get("/customers/1")
    for words in ("宁波海曙化工有限公司", "聚烯烃", "人li", "华东", "长期"):
        assert words in page
    assert 'href="/customers/1/history"' in page
    past = screen.get("/customers/1/history")
    for words in ("宁波海曙化工有限公司", "sales同意", "finance同意", "gm同意", 'href="/applications/1"'):
        assert words in past
    assert screen.client.get("/customers/1/of/nothing").status_code == 404
    scan = re.search(r'href="(/customers/1/files/\d+)', page)
    assert scan is not None
    assert screen.client.get(scan[1]).headers["Content-Security-Policy"].startswith("sandbox")
    stranger = both.screen("wang")
    for tab in ("", "/history", "/of/complaints"):
        assert stranger.client.get(f"/customers/1{tab}").status_code == 404
    assert stranger.client.get(scan[1]).status_code == 404
    assert 'href="/customers/1"' not in stranger.get("/search?q=nbhs")
    assert "宁波海曙化工有限公司" in screen.get("/customers/1/print")


QUESTIONS = [
    ("", {"甲公司", "乙公司"}),
    ("class=direct", {"乙公司"}),
    ("class=dealer", {"甲公司"}),
    ("q=yi", {"乙公司"}),
    ("papers=expiring", {"甲公司"}),
    ("papers=expired", set()),
    ("region=1", {"甲公司", "乙公司"}),
    ("region=2", set()),
    ("manager=1", {"甲公司", "乙公司"}),
    ("manager=2", set()),
    ("line=1", {"甲公司", "乙公司"}),
    ("line=2", set()),
    ("sort=-number", {"甲公司", "乙公司"}),
]


def test_customers_are_filtered_by_their_address(house: House) -> None:
    house.made(admitted, 1, name="甲公司")
    house.made(admitted, 2, name="乙公司", lines=scenes.lines((house.place.polyolefin, "direct")))
    with house.app.app_context(), transaction() as session:
        session.scalars(select(PaperCover).where(PaperCover.customer_id == 1)).one().valid_to = date(2026, 12, 10)
    screen = house.screen("gm")
    for question, seen in QUESTIONS:
        page = screen.get(f"/customers?{question}")
        assert {name for name in ("甲公司", "乙公司") if name in page} == seen, question
        assert ("没有符合筛选条件的客户" in page) == (not seen), question


NAMES = ("浙江化工有限公司", "安徽塑料有限公司", "重庆石化有限公司", "北京橡胶有限公司", "ABC 化工有限公司")
BY_SOUND = ["ABC 化工有限公司", "安徽塑料有限公司", "北京橡胶有限公司", "重庆石化有限公司", "浙江化工有限公司"]


@pytest.mark.parametrize("door", ["page", "api"])
def test_customers_are_sorted_by_name_as_it_sounds_and_by_number(both: House, door: str) -> None:
    for number, name in enumerate(NAMES, start=1):
        both.made(admitted, number, name=name, contact_name=f"联系人{number}")
    screen = both.screen("gm")

    def shown(sort: str) -> list[str]:
        """Every name in the order of the list; the API's through pages of two."""
        if door == "page":
            return re.findall(r'class="row-link"[^>]*>([^<]+)<', screen.get(f"/customers?sort={sort}"))
        names, cursor = [], ""
        while cursor is not None:
            page = screen.client.get(f"/api/v1/customers?sort={sort}&size=2&cursor={cursor}").json
            names += [row["name"] for row in page["rows"]]
            cursor = page["after"]
        return names

    assert shown("number") == list(NAMES)
    assert shown("-number") == list(reversed(NAMES))
    assert shown("name") == BY_SOUND
    assert shown("-name") == list(reversed(BY_SOUND))
    address = "/customers" if door == "page" else "/api/v1/customers"
    assert screen.client.get(f"{address}?sort=bank").status_code == 422
    with both.app.app_context(), transaction() as session:
        session.scalars(select(Customer).where(Customer.name == NAMES[0])).one().name = "阿克苏化工有限公司"
    assert shown("name") == ["阿克苏化工有限公司", *(name for name in BY_SOUND if name != NAMES[0])], "it moves"


def test_the_api_narrows_applications_as_the_page_does(house: House) -> None:
    house.made(scenes.drafted, 1, name="草稿公司")
    house.made(scenes.submitted, 2, name="审批公司")
    house.made(admitted, 3, name="客户公司")
    client = house.screen("li").client

    def names(question: str) -> set[str]:
        return {row["name"] for row in client.get(f"/api/v1/applications?{question}").json["rows"]}

    assert names("states=draft&states=approved") == {"草稿公司", "客户公司"}
    assert names("states=in_approval") == {"审批公司"}
    assert names("mine=true") == {"草稿公司"}
    assert client.get("/api/v1/applications?states=draft&states=nowhere").status_code == 422


def test_what_one_must_go_on_with_comes_oldest_first(house: House) -> None:
    for number, name in enumerate(("先来公司", "后到公司"), start=1):
        house.made(scenes.submitted, number, name=name, contact_name=f"联系人{number}")
    client = house.screen("sales").client

    def names(question: str) -> list[str]:
        return [row["name"] for row in client.get(f"/api/v1/applications?{question}").json["rows"]]

    assert names("") == ["后到公司", "先来公司"]
    assert names("mine=true") == ["先来公司", "后到公司"]
    first = client.get("/api/v1/applications?mine=true&size=1").json
    assert names(f"mine=true&size=1&cursor={first['after']}") == ["后到公司"]


def test_a_filter_is_kept_used_and_removed_by_its_owner_alone(house: House) -> None:
    screen = house.screen("gm")
    kept = screen.post("/customers/filters", {"name": "华东经销", "query": "?region=1&class=dealer&cursor=x&evil=1"})
    assert kept.headers["Location"] == "/customers?region=1&class=dealer"
    page = screen.get("/customers?region=1&class=dealer")
    assert re.search(r'chip is-active"[^>]*>(<i[^>]*></i>)?华东经销', page)
    assert screen.post("/customers/filters", {"name": "华东经销", "query": "region=2"}).status_code == 409
    assert house.screen("finance").post("/customers/filters/1/forget").status_code == 404
    assert screen.post("/customers/filters/1/forget").status_code == 302
    assert "华东经销" not in screen.get("/customers")


@pytest.mark.parametrize("what", ["customers", "applications"])
def test_an_export_holds_what_its_reader_may_see_and_is_logged(house: House, what: str) -> None:
    house.made(admitted, 1, name="=1+1公司")
    for who, rows in (("li", 1), ("wang", 0), ("gm", 1)):
        answer = house.screen(who).post(f"/{what}/export", {"tab": "all"})
        assert answer.status_code == 200
        sheet = load_workbook(BytesIO(answer.data)).active
        assert sheet.max_row == rows + 1
        if rows:
            assert all(cell.data_type != "f" for cell in sheet[2])
            assert scenes.credit_code(1) in [cell.value for cell in sheet[2]]
    text = house.screen("gm").post(f"/{what}/export", {"tab": "all", "form": "csv"}).data.decode("utf-8-sig")
    assert "'=1+1公司" in text
    with house.app.app_context():
        events = db.session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "export")).all()
        assert [row.detail for row in events] == [f"{what}.xlsx: {n} rows" for n in (1, 0, 1)] + [f"{what}.csv: 1 rows"]
    assert house.screen("gm").client.get(f"/{what}/export").status_code in (404, 405)


# What the page's form asks and what a program asks, of the same rows.
SAME = [
    ("/applications/export", {"tab": "ended"}, {"states": ["approved", "rejected", "discarded"]}),
    ("/applications/export", {"tab": "mine"}, {"mine": True}),
    ("/customers/export", {"sort": "-name"}, {"sort": "-name"}),
    ("/customers/export", {"papers": "suspended"}, {"papers": "suspended"}),
    ("/customers/expiring/export", {"kind": "merged_licence"}, {"kind": "merged_licence"}),
    ("/customers/filing", {"papers": "suspended"}, {"papers": "suspended"}),
    ("/customers/filing", {"sort": "-name"}, {"sort": "-name"}),
    ("/customers/filing", {}, {}),
]


def test_a_program_gets_the_file_the_page_gives(house: House) -> None:
    for number in (1, 2):
        house.made(admitted, number)
    house.made(scenes.submitted, 3)
    gm = house.screen("gm")
    headers = {"X-CSRFToken": gm.token}
    for path, typed, asked in SAME:
        page = gm.post(path, {**typed, "form": "csv"})
        answer = gm.client.post(f"/api/v1{path}", json={**asked, "form": "csv"}, headers=headers)
        assert (answer.status_code, answer.mimetype) == (200, "text/csv"), answer.text
        assert answer.data == page.data, path
    assert answer.data.count(b"\r\n") == 3
    unknown = gm.client.post("/api/v1/customers/export", json={"form": "pdf", "cursor": "x"}, headers=headers)
    assert set(unknown.json["errors"]) == {"form", "cursor"}
    assert house.screen("gm").client.get("/api/v1/customers/export").status_code == 405


@pytest.mark.rule("CHEM-8.2")
def test_more_customers_than_a_file_takes_are_filed_region_by_region(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        house.made(admitted, number)
    with house.app.app_context(), transaction() as session:
        region = house.place.other_region
        session.scalars(select(Customer).order_by(Customer.id)).all()[0].region_id = region
    monkeypatch.setattr(exports, "MOST_ROWS", 2)
    gm = house.screen("gm")
    headers = {"X-CSRFToken": gm.token}
    assert gm.post("/customers/filing", {"form": "csv"}).status_code == 409
    shown = gm.get(f"/customers?region={region}")
    form = re.search(r'action="/customers/filing".*?</form>', shown, re.DOTALL)
    assert form
    assert f'name="region" value="{region}"' in form[0], "the list's filter goes along"
    for asked, rows in ((region, 1), (house.place.region, 2)):
        page = gm.post("/customers/filing", {"form": "csv", "region": asked})
        sent = {"form": "csv", "region_id": asked}
        answer = gm.client.post("/api/v1/customers/filing", json=sent, headers=headers)
        assert (answer.status_code, answer.data.count(b"\r\n")) == (200, rows + 1)
        assert answer.data == page.data


PATHS = (
    "/",
    "/applications?tab=all",
    "/customers",
    "/customers/1",
    "/customers/1/history",
    "/customers/1/of/complaints",
    "/applications/1",
)


def test_a_page_asks_no_more_as_there_is_more_to_show(house: House) -> None:
    """The number of queries does not grow with the rows."""
    for number in (1, 2):
        house.made(admitted, number)
    few = {path: queries(house, path) for path in PATHS}
    for number in range(3, 7):
        house.made(admitted, number)
        house.made(scenes.submitted, number + 20)
    many = {path: queries(house, path) for path in PATHS}
    assert {path: many[path] for path in PATHS if many[path] > few[path] + 1} == {}


def queries(house: House, path: str) -> int:
    screen = house.screen("gm")
    count = 0

    def counted(*_args: Any) -> None:
        nonlocal count
        count += 1

    with house.app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", counted)
    try:
        screen.get(path)
    finally:
        event.remove(engine, "before_cursor_execute", counted)
    return count


def test_pages_are_found_by_key_when_there_are_many(house: House) -> None:
    for number in range(1, 33):
        with house.app.app_context(), transaction() as session:
            from tierflow.onboarding.service import drafts

            drafts.create_draft(session, house.place.actor(session, "li"), NOW, {"name": f"第{number}号公司"})
    screen = house.screen("li")
    first = screen.get("/applications?tab=all")
    assert first.count("data-row-link") == 30
    cursor = re.search(r"cursor=([^\"&]+)", first)
    assert cursor is not None
    assert screen.get(f"/applications?tab=all&cursor={cursor[1]}").count("data-row-link") == 2
