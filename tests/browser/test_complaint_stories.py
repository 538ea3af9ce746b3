"""A complaint of each severity in a real browser, from receipt to the customer, the clock passed in (CHEM-12)."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from playwright.sync_api import Page

from tests.browser.conftest import PHONE, Seat
from tests.complaints.facts import at
from tests.complaints.scenes import Scene
from tests.conftest import StandingClock
from tierflow.common.db import transaction
from tierflow.complaints.service import raising
from tierflow.complaints.service.sweep import sweep


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-11-23 10:00")
    return Scene(app)


def take(page: Page, server: str, severity: str, facts: str) -> None:
    page.goto(f"{server}/complaints/new")
    page.fill("#f-customer", "C-000001")
    page.check(f"input[name=severity][value={severity}]")
    page.select_option("#f-product_id", index=1)
    page.fill("#f-tonnes", "25.5")
    page.fill("#f-facts", facts)
    page.get_by_role("button", name="受理").click()
    page.wait_for_url(re.compile(r"/complaints/[0-9]+$"))


def propose(page: Page) -> None:
    page.get_by_role("link", name="填写处理意见").click()
    page.fill("#f-cause", "批次波动")
    page.fill("#f-proposal", "同意换货")
    page.get_by_role("button", name="提交审批").click()
    page.get_by_text("意见待批").first.wait_for()


def decide(page: Page, server: str) -> None:
    """From the inbox: one click to the opinion, one to approve it."""
    page.goto(server)
    page.locator("a[href*='/complaint-opinions/']").first.click()
    page.get_by_role("button", name="批准").click()
    page.wait_for_url(f"{server}/")


def tell(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_role("link", name="登记已告知客户").click()
    page.fill("#f-told_to", "钱海峰")
    page.get_by_role("button", name="登记并停止计时").click()
    page.get_by_text("按时答复").first.wait_for()


@pytest.mark.rule("CHEM-12.1", "CHEM-12.2")
def test_a_general_complaint_taken_on_a_phone_and_answered_the_same_day(
    scene: Scene, server: str, seat: Seat, clock: StandingClock
) -> None:
    sales = seat(scene.company["am"], size=PHONE, touch=True).page
    take(sales, server, "general", "熔指偏低")
    assert "TS-2026-00001" in sales.inner_text("main")
    propose(sales)
    address = sales.url
    clock.at = at("2026-11-23 14:00")
    decide(seat(scene.company["sm"], size=PHONE, touch=True).page, server)
    clock.at = at("2026-11-23 15:00")
    tell(sales, address)
    assert scene.clock(1).in_time is True
    sales.goto(f"{server}/complaints/1/annex3")
    assert "客户投诉记录及处理意见表" in sales.inner_text("main")
    assert "林国强" in sales.inner_text("main")


@pytest.mark.rule("CHEM-12.3")
def test_a_major_complaint_is_extended_by_both_leaders_and_its_countdown_follows(
    scene: Scene, server: str, seat: Seat, clock: StandingClock
) -> None:
    sales = seat(scene.company["am"]).page
    take(sales, server, "major", "连续三批灰分偏高")
    address = sales.url
    sales.goto(f"{address}/extend")
    sales.select_option("#f-to_day", "6")
    sales.fill("#f-circumstance", "需送外检")
    sales.get_by_role("button", name="申请延期").click()
    sales.wait_for_url(address)
    for login in ("sm", "gm"):
        page = seat(scene.company[login]).page
        page.goto(server)
        page.locator("a[href*='/complaint-extensions/']").first.click()
        page.get_by_role("button", name="批准").click()
        page.wait_for_url(f"{server}/")
    assert scene.clock(1).due_at == at("2026-12-01 17:30")
    clock.at = at("2026-12-01 18:00")
    with scene.app.app_context(), transaction() as session:
        sweep(session, clock.at)
    board = seat(scene.company["sm"]).page
    board.goto(f"{server}/complaints")
    assert "17:30 起已超时" in board.inner_text(".board")
    board.goto(f"{server}/notices")
    assert "已超时" in board.inner_text("main")


@pytest.mark.rule("CHEM-12.2")
def test_a_serious_complaint_waits_for_the_general_managers_meeting(
    scene: Scene, server: str, seat: Seat, clock: StandingClock
) -> None:
    sales = seat(scene.company["am"]).page
    take(sales, server, "serious", "混入金属异物，螺杆损坏")
    address = sales.url
    assert "等待专题会议" in sales.inner_text("main")
    manager = seat(scene.company["gm"]).page
    manager.goto(server)
    manager.locator("a[href$='/meeting']").first.click()
    manager.fill("#f-present", "陈立、林国强")
    manager.fill("#f-conclusion", "同意退货并赔偿")
    manager.get_by_role("button", name="登记会议").click()
    manager.get_by_text("同意退货并赔偿").first.wait_for()
    clock.at = at("2026-11-23 16:00")
    sales.goto(address)
    propose(sales)
    decide(manager, server)
    tell(sales, address)
    assert scene.complaint(1).state == "answered"


@pytest.mark.groundwork("CHEM-4")
def test_an_inquiry_is_answered_with_a_template_and_closed_with_the_customers_word(
    scene: Scene, server: str, seat: Seat, clock: StandingClock
) -> None:
    manager = seat(scene.company["sm"]).page
    manager.goto(f"{server}/reply-templates/new")
    manager.fill("#f-name", "可供量")
    manager.check("input[name=purpose][value=inquiry]")
    manager.fill("#f-body", "尊敬的{customer}：{number}号咨询，现货充足。")
    manager.get_by_role("button", name="保存").click()
    manager.wait_for_url(f"{server}/reply-templates")
    sales = seat(scene.company["am"], size=PHONE, touch=True).page
    sales.goto(f"{server}/inquiries/new")
    sales.fill("#f-customer", "C-000001")
    sales.fill("#f-question", "十二月有货吗？")
    sales.get_by_role("button", name="登记").click()
    sales.wait_for_url(re.compile(r"/inquiries/[0-9]+$"))
    clock.at = at("2026-11-24 18:00")
    with scene.app.app_context(), transaction() as session:
        raising.run(session, clock.at)
    manager = seat(scene.company["sm"]).page  # another day, signed in anew
    manager.goto(server)
    assert "ZX-2026-00001" in manager.inner_text("main"), "overdue, it has risen to the sales manager"
    manager.goto(f"{server}/complaints/follow-ups?overdue=1")
    assert "已报销售经理" in manager.inner_text("main")
    sales = seat(scene.company["am"], size=PHONE, touch=True).page
    sales.goto(server)
    sales.locator("a[href*='/inquiries/']").first.click()
    sales.get_by_role("button", name="可供量").click()
    assert "ZX-2026-00001号咨询，现货充足。" in sales.input_value("#f-answer")
    sales.get_by_role("button", name="登记答复").click()
    sales.get_by_text("咨询结案").first.wait_for()
    sales.goto(server)
    sales.locator("a[href*='/inquiries/']").first.click()
    sales.check("input[name=satisfaction][value='4']")
    sales.get_by_role("button", name="登记满意度并结案").click()
    sales.get_by_text("已结案").first.wait_for()
    manager.goto(server)
    assert "ZX-2026-00001" not in manager.inner_text("main")
