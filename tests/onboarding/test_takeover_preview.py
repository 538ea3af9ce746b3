"""What an import will bring is seen before anybody says yes to it: sample cells beside the heads, then every row."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event

from tests.conftest import StandingClock
from tests.onboarding import lists, scenes
from tests.onboarding.test_takeover_doors import SEEN, Door, _work, people
from tierflow.common.db import db

__all__ = ["people"]

ROWS = [
    lists.customer(number, **({"merged_licence.valid_to": "2026-11-22"} if number == 2 else {}))
    for number in range(1, 71)
]


class Reader:
    """Somebody who reads a page of rows by one of the two doors: rows as (number, name), and the neighbours."""

    def __init__(self, app: Flask, user_id: int, kind: str) -> None:
        self.door = Door(app, user_id, kind)

    def page(self, cursor: str | None = None) -> tuple[list[tuple[int, str]], str | None, str | None]:
        if self.door.kind == "api":
            query = {"cursor": cursor} if cursor else {}
            found = self.door.client.get("/api/v1/takeover/1/rows", query_string=query).get_json()
            rows = [(row["number"], row["values"]["name"]) for row in found["rows"]]
            return rows, found["after"], found["before"]
        shown = self.text(cursor)
        found = re.findall(r'data-label="行号">(\d+)[^\n]*?</td><td data-label="单位名称">([^<]+)</td>', shown)
        ways = {rel: re.search(rf'rel="{rel}" href="[^"]*rows=(\w+)"', shown) for rel in ("next", "prev")}
        after, before = (way[1] if way else None for way in (ways["next"], ways["prev"]))
        return [(int(number), name) for number, name in found], after, before

    def text(self, cursor: str | None = None, language: str = "zh") -> str:
        query = {"rows": cursor} if cursor else {}
        headers = {"Accept-Language": language}
        return self.door.client.get("/takeover/1", query_string=query, headers=headers).get_data(as_text=True)


def prepared(app: Flask, clock: StandingClock, people: scenes.Company) -> Door:
    """Checked and handed in."""
    sales = Door(app, people.id_of("sales"), "page")
    sales.upload(lists.as_csv(ROWS))
    sales.map(1)
    _work(app, clock)
    return sales


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize("kind", ["page", "api"])
def test_the_general_manager_sees_every_customer_he_admits(
    app: Flask, clock: StandingClock, people: scenes.Company, kind: str
) -> None:
    sales = prepared(app, clock, people)
    gm, preparer = (Reader(app, people.id_of(who), kind) for who in ("gm", "sales"))
    assert preparer.page()[0][0] == (2, "老客户第1有限公司")
    assert sales.post("/1/hand-in", {"doubts_seen": "on"}).status_code == 302
    seen: list[tuple[int, str]] = []
    pages, cursor = [], None
    while True:
        rows, cursor, before = gm.page(cursor)
        pages.append((rows, before))
        seen += rows
        if cursor is None:
            break
    assert seen == [(number + 1, f"老客户第{number}有限公司") for number in range(1, 71)]
    assert [len(rows) for rows, _before in pages] == [30, 30, 10]
    assert pages[0][1] is None
    back = gm.page(pages[2][1])
    assert back[0] == pages[1][0]
    assert gm.page(back[2])[0] == pages[0][0]
    assert gm.door.post("/1/apply", SEEN).status_code in (200, 302)
    _work(app, clock)
    assert gm.page() == ([], None, None), "what it brought stands with the customers now"


def test_a_row_is_told_as_it_was_understood(app: Flask, clock: StandingClock, people: scenes.Company) -> None:
    prepared(app, clock, people)
    gm = Reader(app, people.id_of("gm"), "api")
    first, second = gm.door.client.get("/api/v1/takeover/1/rows?size=2").get_json()["rows"]
    assert (first["is_doubtful"], second["is_doubtful"]) == (False, True)
    values = first["values"]
    assert {key: values[key] for key in ("credit_code", "region", "account_manager", "lines", "since")} == {
        "credit_code": ROWS[0]["credit_code"],
        "region": "华东",
        "account_manager": "人li",
        "lines": "PO=经销商",
        "since": "2019-05-20",
    }
    assert values["merged_licence.valid_from"] == "2016-03-01"
    assert values["merged_licence.valid_to"] == "长期"
    assert second["values"]["merged_licence.valid_to"] == "2026-11-22"
    shown = gm.text()
    assert "将导入的行" in shown
    assert re.search(r'data-label="行号">3 <[^\n]+?需再核对[^\n]+?</td><td data-label="单位名称">老客户第2', shown)
    english = gm.door.client.get("/api/v1/takeover/1/rows?size=1", headers={"Accept-Language": "en"}).get_json()
    assert english["rows"][0]["values"]["merged_licence.valid_to"] == "long-term"
    assert english["rows"][0]["values"]["lines"] == "PO=dealer"


def test_a_forged_place_and_a_strangers_import_are_refused(
    app: Flask, clock: StandingClock, people: scenes.Company
) -> None:
    prepared(app, clock, people)
    gm, stranger = (Reader(app, people.id_of(who), "api").door.client for who in ("gm", "sales_west"))
    for cursor in ("x", "a", "a-1", "a9999999999", "b1.5"):
        assert gm.get("/api/v1/takeover/1/rows", query_string={"cursor": cursor}).status_code == 422, cursor
        assert gm.get("/takeover/1", query_string={"rows": cursor}).status_code == 422, cursor
    assert stranger.get("/api/v1/takeover/1/rows").status_code == 404


def test_sample_cells_stand_beside_the_heads(app: Flask, people: scenes.Company) -> None:
    sales = Door(app, people.id_of("sales"), "page")
    sales.upload(lists.as_csv([lists.customer(1, address="上海市浦东新区世纪大道" * 9), *ROWS[1:4]]))
    shown = html.unescape(sales.client.get("/takeover/1").get_data(as_text=True))
    assert "A · 客户名称: 老客户第1有限公司 / 老客户第2有限公司" in shown
    assert "第3有限公司" not in shown
    assert "L · 银行账号: 2002000000000001 / 2002000000000002" in shown
    assert "上海市浦东新区世纪大道上海市浦东新区… / " in shown
    whole: dict[str, Any] = sales.client.get("/api/v1/takeover/1").get_json()
    assert [row[0] for row in whole["samples"]] == ["老客户第1有限公司", "老客户第2有限公司"]
    assert max(len(cell) for row in whole["samples"] for cell in row if cell) == 60


def test_a_page_of_rows_asks_no_more_as_the_file_grows(
    app: Flask, clock: StandingClock, people: scenes.Company
) -> None:
    prepared(app, clock, people)
    gm = Reader(app, people.id_of("gm"), "api").door.client
    asked: list[str] = []
    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    gm.get("/api/v1/takeover/1/rows?size=2")
    few = len(asked)
    gm.get("/api/v1/takeover/1/rows?size=60")
    assert len(asked) == 2 * few
