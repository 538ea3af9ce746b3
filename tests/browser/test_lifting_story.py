"""An order in a real browser: placed, paid by statement, released, weighed on a phone, settled (CHEM-2, CHEM-5)."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from sqlalchemy import select

from tests.browser.conftest import PHONE, Seat
from tests.complaints.facts import at
from tests.conftest import StandingClock
from tests.lifting.scenes import Scene
from tierflow.common.db import db
from tierflow.lifting.models import LiftingOrder, Slip

STATEMENT = "交易日期,对方户名,对方账号,贷方金额,附言\n2026-11-23,宁波海曙化工有限公司,397172638814,246015.00,货款\n"


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-11-23 10:00")
    return Scene(app)


@pytest.mark.rule("CHEM-2", "CHEM-5")
def test_an_order_from_the_desk_to_the_gate_and_back(scene: Scene, seat: Seat) -> None:
    sales = seat(scene.company["am"])
    page = sales.go("/orders/new")
    page.fill("#f-customer", "C-000001")
    page.select_option("#f-product_id", str(scene.company.product))
    page.select_option("#f-warehouse_id", str(scene.company.warehouse))
    page.fill("#f-tonnes", "30")
    page.fill("#f-price", "8,200.50")
    page.get_by_role("button", name="下达订单").click()
    page.wait_for_url(re.compile(r"/orders/[0-9]+$"))
    order = page.url
    page.get_by_text("等待付款").wait_for()

    finance = seat(scene.company["finance"])
    desk = finance.go("/bank")
    content = {"name": "对账单.csv", "mimeType": "text/csv", "buffer": STATEMENT.encode("gb18030")}
    desk.set_input_files("#f-file", content)  # type: ignore[arg-type]
    desk.get_by_role("button", name="导入").click()
    desk.get_by_text("付款账号一致").wait_for()
    desk.keyboard.press("y")  # one key confirms
    desk.get_by_text("没有待匹配的到账").wait_for()

    page.goto(sales.server)
    page.get_by_role("link", name=re.compile("宁波海曙")).first.click()
    page.get_by_role("link", name="放货").first.click()
    assert page.input_value("#f-tonnes") == "30"
    page.fill("#f-vehicle", "浙B12345")
    page.get_by_role("button", name="放货").click()
    page.get_by_role("link", name="打印").first.click()
    code = page.locator(".slip-letters").inner_text()
    page.locator(".slip-picture svg").wait_for()

    keeper = seat(scene.company["keeper"], size=PHONE, touch=True)
    gate = keeper.go("/gate")
    gate.fill("#f-code", code.lower())
    gate.get_by_role("button", name="核查").click()
    gate.get_by_text("可放行 30 吨").wait_for()
    gate.fill("#f-tonnes", "31")
    gate.get_by_role("button", name="登记过磅").click()
    gate.get_by_text("该提货单仅剩 30 吨").wait_for()
    gate.fill("#f-tonnes", "29.5")
    gate.get_by_role("button", name="登记过磅").click()
    gate.get_by_text("可放行 0.5 吨").wait_for()
    assert gate.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

    page.goto(order)
    page.get_by_role("link", name="撤回").click()
    page.fill("#f-reason", "余量不提")
    page.get_by_role("button", name="撤回放货").click()
    page.wait_for_url(order)

    desk.goto(order)
    desk.get_by_role("link", name="结算订单").click()
    desk.get_by_role("button", name="结算订单").click()
    desk.get_by_text("应退").first.wait_for()
    desk.get_by_role("link", name="退款").first.click()
    assert desk.input_value("#f-amount") == "4,100.25"
    desk.get_by_role("button", name="退款").click()
    desk.wait_for_url(order)
    with scene.app.app_context():
        row = db.session().scalars(select(LiftingOrder)).one()
        slip = db.session().scalars(select(Slip)).one()
    assert (row.state, row.settled_fen, row.owes_fen) == ("settled", 24_191_475, 0)
    assert (slip.lifted_grams, slip.withdrawn_grams) == (29_500_000, 500_000)
