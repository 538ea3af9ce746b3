"""From the ERP's file to confirmed levels to the printed pack, in a real browser (CHEM-2, 9.4, 9.5, 16)."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from tests.browser.axe import serious
from tests.browser.conftest import PHONE, Seat
from tests.browser.test_suspension_story import shot
from tests.conftest import StandingClock
from tests.grading.scenes import FEB, JAN, Scene, at
from tierflow.common.db import db, transaction
from tierflow.common.imports import work
from tierflow.common.standing import StandingRow
from tierflow.grading import duties
from tierflow.grading.models import GradingRun, Review

MARCH = """单据编号,客户,物料,出库日期,净重,销售形式
CK-1,C-000001,PO-1,2026-03-03,1300.5,计划
CK-2,C-000001,PO-1,2026-03-17,799.5,计划
CK-3,客户b有限公司,PO-1,2026-03-24,80,网拍
"""
WRONG = "CK-4,C-009999,PO-1,2026-03-25,10,计划\n"


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    """January and February are closed: `a` has one star, `b` is ordinary, `d` is a direct customer."""
    clock.at = at("2026-04-01 09:00")
    made = Scene(app)
    made.lift("a", JAN, "1500")
    made.lift("b", JAN, "50")
    made.lift("a", FEB, "1500")
    made.close(JAN, FEB)
    return made


def upload(page: Page, rows: str) -> None:
    sent = {"name": "三月提货.csv", "mimeType": "text/csv", "buffer": rows.encode("gb18030")}
    page.set_input_files("#f-file", sent)  # type: ignore[arg-type]
    page.get_by_role("button", name="上传").click()
    page.wait_for_url(re.compile(r"/offtake/imports/[0-9]+$"))


def worked(scene: Scene, clock: StandingClock, page: Page) -> None:
    """What the scheduler does while the page waits."""
    with scene.app.app_context():
        work.work_off(clock, pause=0)
    page.reload()


@pytest.mark.rule("CHEM-2", "CHEM-9.4", "CHEM-9.5", "CHEM-16")
def test_from_the_erp_file_to_the_printed_pack(scene: Scene, clock: StandingClock, seat: Seat) -> None:
    manager = seat(scene.people["sm"])
    page = manager.go("/offtake/imports")
    upload(page, MARCH + WRONG)
    worked(scene, clock, page)
    shot(page, "levels-1-mapping")
    page.get_by_label("ERP 单据号").select_option(label="A · 单据编号: CK-1 / CK-2")
    page.get_by_label("产品").select_option(label="C · 物料: PO-1 / PO-1")
    expect(page.get_by_label("提货日期").locator("option:checked")).to_have_text(
        "D · 出库日期: 2026-03-03 / 2026-03-17"
    )  # known by its head
    page.get_by_role("button", name="检查各行").click()
    worked(scene, clock, page)
    expect(page.get_by_text("没有名为“C-009999”的客户")).to_be_visible()
    expect(page.get_by_role("button", name="导入", exact=True)).to_have_count(0)  # all or nothing
    assert serious(page) == []
    shot(page, "levels-2-wrong")

    page = manager.go("/offtake/imports")
    upload(page, MARCH)
    worked(scene, clock, page)
    assert page.get_by_label("产品").input_value() == "2"  # the columns are remembered
    page.get_by_role("button", name="检查各行").click()
    worked(scene, clock, page)
    page.get_by_role("button", name="导入", exact=True).click()
    worked(scene, clock, page)
    expect(page.get_by_text("已导入").first).to_be_visible()

    page = manager.go("/levels")
    page.get_by_role("button", name="提出 2026-03 星级方案").click()
    page.wait_for_url(re.compile(r"/levels/runs/[0-9]+$"))
    row = page.get_by_role("row", name=re.compile("客户a有限公司"))
    expect(row.get_by_text("2,100 吨")).to_be_visible()
    expect(row.get_by_text("二星").last).to_be_visible()
    expect(row.get_by_text("CHEM-9.4")).to_be_visible()
    assert serious(page) == []
    shot(page, "levels-3-proposed")
    page.locator(".next").get_by_role("button", name="确定").click()
    page.get_by_role("dialog").get_by_role("button", name="确定").click()
    expect(page.get_by_text("已确认，星级生效。")).to_be_visible()

    with scene.app.app_context(), transaction() as session:
        assert session.scalars(select(GradingRun.state).order_by(GradingRun.id)).all() == ["confirmed"] * 3
        levels = session.execute(select(StandingRow.customer_id, StandingRow.level, StandingRow.from_on)).all()
        assert (scene.customers["a"], "two_star", date(2026, 4, 1)) in [tuple(row) for row in levels]

    seller = seat(scene.people["am"], size=PHONE, touch=True)
    page = seller.go(f"/customers/{scene.customers['a']}")
    expect(page.get_by_role("heading", name="今日可否销售？")).to_be_visible()
    expect(page.locator(".selling-line.is-yes")).to_have_count(1)
    page.get_by_role("link", name="星级", exact=True).click()
    expect(page.get_by_text("二星").first).to_be_visible()
    expect(page.get_by_text("再提 2,000 吨 可保级")).to_be_visible()
    expect(page.get_by_text("再提 3,000 吨 可升至")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert serious(page) == []
    shot(page, "levels-4-customer")

    with scene.app.app_context(), transaction() as session:
        assert duties.open_reviews(session, clock()) == {"opened": 1, "frozen": 1}
        review_id = session.scalars(select(Review.id).where(Review.product_line_id == scene.line)).one()
    page = manager.go("/reviews")
    page.get_by_role("link", name=re.compile("2026-Q1")).first.click()
    page.wait_for_url(re.compile(rf"/reviews/{review_id}$"))
    shot(page, "levels-5-review")
    page.fill("#f-reason", "季度经营例会通过")
    page.get_by_role("button", name="确认全部未确认的").click()
    page.get_by_role("dialog").get_by_role("button", name="确定").click()
    expect(page.get_by_text("已结案").first).to_be_visible()
    assert serious(page) == []

    page.get_by_role("link", name="会议材料").click()
    page.wait_for_url(re.compile(r"/pack$"))
    expect(page.get_by_role("heading", name=re.compile("2026-Q1"))).to_be_visible()
    expect(page.get_by_text("季度经营例会通过").first).to_be_visible()
    page.emulate_media(media="print")
    sheet = page.pdf(format="A4")
    assert sheet.startswith(b"%PDF")
    shot(page, "levels-6-pack")
    with scene.app.app_context():
        assert db.session().get_one(Review, review_id).state == "closed"
