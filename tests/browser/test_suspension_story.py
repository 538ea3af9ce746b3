"""A licence runs out, the renewal comes from the customer's phone, business goes on; no scheduler runs (CHEM-15)."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from tests import builders
from tests.browser.axe import serious
from tests.browser.conftest import PHONE, Desk, Seat
from tests.browser.papers import png
from tests.conftest import StandingClock
from tests.onboarding import keeping
from tierflow.common.db import db, transaction
from tierflow.common.reference import Product
from tierflow.common.runs import Run
from tierflow.kernel.roles import Role
from tierflow.lifting.models import LiftingOrder

SHOTS = os.environ.get("TIERFLOW_SHOTS")  # a folder: every screen of the story is kept there as a picture


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def examine(desk: Desk, customer: int) -> None:
    """From the inbox: one click to the paper, one to accept it."""
    page = desk.go("/")
    page.locator("a[href*='/paper-renewals/']").first.click()
    expect(page.get_by_text("客户手机上传")).to_be_visible()
    expect(page.get_by_role("cell", name="2036-11-30")).to_be_visible()
    page.get_by_role("button", name=re.compile("通过")).first.click()
    page.wait_for_url(re.compile(r"/$"))


def goods(file: keeping.File) -> tuple[int, int]:
    """A product of the customer's line and the warehouse it is lifted from."""
    with file.app.app_context(), transaction() as session:
        store = builders.warehouse(session).id
        product = session.scalars(select(Product.id).where(Product.product_line_id == file.place.polyolefin)).first()
        assert product is not None
        return product, store


def placed(file: keeping.File) -> int:
    with file.app.app_context():
        return db.session().scalar(select(func.count()).select_from(LiftingOrder)) or 0


def order(page: Page, sold: tuple[int, int]) -> None:
    """Fill the order in and place it, as the account manager does."""
    page.fill("#f-customer", "C000001")
    page.select_option("#f-product_id", str(sold[0]))
    page.select_option("#f-warehouse_id", str(sold[1]))
    page.locator("[name=form_of_sale][value=auction]").check(force=True)  # a customer without a level buys at auction
    page.fill("#f-tonnes", "30")
    page.fill("#f-price", "8,200.00")
    page.get_by_role("button", name="下达订单").click()


@pytest.mark.rule("CHEM-2", "CHEM-3.3", "CHEM-15")
def test_a_licence_runs_out_and_comes_back_by_phone(app: Flask, clock: StandingClock, seat: Seat) -> None:
    file = keeping.opened(app)
    place, path, sold = file.place, f"/customers/{file.customer}", goods(file)
    clock.forward(days=7)  # the last valid day
    li = seat(place.id_of("li"))
    page = li.go(path)
    expect(page.get_by_text("暂停业务")).to_have_count(0)

    clock.forward(days=1)
    li = seat(place.id_of("li"))  # a new day, a new session
    page = li.go(path)
    expect(page.get_by_text("自 2026-12-01 起暂停业务")).to_be_visible()
    assert serious(page) == []
    shot(page, "1-suspended")
    page = li.go("/orders/new")
    order(page, sold)
    refusal = page.get_by_role("alert")
    expect(refusal).to_contain_text("营业执照")
    expect(refusal).to_contain_text("CHEM-15")
    assert page.url.endswith("/orders/new")
    assert page.input_value("#f-tonnes") == "30", "what was typed is kept"
    assert serious(page) == []
    shot(page, "1-order-refused")
    assert placed(file) == 0
    page = li.go("/customers")
    expect(page.locator("main").get_by_text("暂停业务", exact=True).last).to_be_visible()
    page = li.go("/customers/expiring")
    expect(page.get_by_role("link", name="续期")).to_be_visible()
    assert serious(page) == []
    shot(page, "2-wall")

    page.get_by_role("link", name="续期").click()
    assert serious(page) == []
    shot(page, "3-renew")
    page.get_by_role("button", name="生成链接").click()
    address = page.locator("[data-copy]").get_attribute("data-copy")
    assert address
    shot(page, "4-link")

    phone = seat(size=PHONE, touch=True)
    page = phone.page
    page.goto(address)
    expect(page.get_by_text("华东塑料第1有限公司")).to_be_visible()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"], "nothing to scroll sideways"
    assert serious(page) == []
    shot(page, "5-phone")
    page.fill("#f-issuer", "上海市市场监督管理局")
    page.fill("#f-valid_from", "2020-01-01")
    page.fill("#f-valid_to", "2026-11-30")
    page.set_input_files("#f-file", files=[{"name": "营业执照.png", "mimeType": "image/png", "buffer": png()}])
    page.get_by_role("button", name="提交").last.click()
    expect(page.locator("#f-valid_to-error")).to_be_visible()
    shot(page, "6-phone-refused")
    page.fill("#f-valid_to", "2036-11-30")
    page.set_input_files("#f-file", files=[{"name": "营业执照.png", "mimeType": "image/png", "buffer": png()}])
    page.get_by_role("button", name="提交").last.click()
    expect(page.get_by_text("已收到，谢谢")).to_be_visible()
    shot(page, "7-phone-done")
    page.goto(address)
    expect(page.get_by_text("链接已失效")).to_be_visible()
    phone.complaints.clear()  # the browser writes the 404 of a used link to its console

    page = li.go(path)
    expect(page.get_by_text("自 2026-12-01 起暂停业务")).to_be_visible()
    examine(seat(place.id_of("sales")), file.customer)
    finance = seat(place.id_of("finance"))
    shot(finance.go("/paper-renewals/1"), "8-examine")
    examine(finance, file.customer)
    page = li.go(path)
    expect(page.get_by_text("起暂停业务")).to_have_count(0)
    expect(page.locator("main").get_by_text("2036-11-30").first).to_be_visible()
    shot(page, "9-restored")
    page = li.go("/orders/new")
    order(page, sold)
    page.wait_for_url(re.compile(r"/orders/[0-9]+$"))
    expect(page.get_by_text("等待付款").first).to_be_visible()
    shot(page, "9-order-accepted")
    assert placed(file) == 1
    with app.app_context():
        assert db.session().scalar(select(func.count()).select_from(Run)) == 0, "no scheduler ran"
    assert not file.is_suspended(clock.at + timedelta(days=365))


@pytest.mark.rule("CHEM-8.1", "CHEM-8.2", "CHEM-17")
def test_the_other_screens_of_the_customer_file_are_fit_to_work_on(app: Flask, seat: Seat) -> None:
    from tests.conftest import NOW
    from tierflow.common.db import transaction
    from tierflow.onboarding.service import changing, disqualifying, inspecting

    file = keeping.opened(app)
    place = file.place
    with app.app_context(), transaction() as session:
        inspecting.open_round(session, NOW, seed="seed")
        li = place.actor(session, "li")
        new = {"name": "华东新材料有限公司", "bank_account": "6222020200112233"}
        changing.propose(session, li, file.customer, new, NOW, reason="更名并变更开户行", upload=keeping.scan())
        sales = place.actor(session, "sales")
        facts = {"ground": "law", "facts": "因涉嫌合同诈骗被公安机关立案侦查。"}
        disqualifying.propose(session, sales, file.customer, facts, keeping.scan(), NOW)
        office = builders.office(session, name="镇海驻厂办")
        resident = builders.user(session, "resident", (Role.RESIDENT_OFFICE, office.id), name="罗刚")
        keeping.admitted(session, place, 2)  # sent to the office, too
        desks = {"office": resident.id, **{who: place.id_of(who) for who in ("sales", "finance", "gm", "li", "admin")}}
        address = f"/reference/office/{office.id}"
    screens = {
        "sales": ["/customers/1", "/customer-changes/1", "/inspections", "/inspections/1", "/disqualified"],
        "finance": ["/distributions?state=waiting", "/"],
        "gm": ["/disqualifications/1", "/customers/expiring"],
        "li": ["/customers/2/change", "/customers/2/papers/merged_licence/renew?proof=1"],
        "office": ["/distributions", "/customers/2"],
        "admin": [address],
    }
    for who, paths in screens.items():
        for size, word in ((None, "desk"), (PHONE, "phone")):
            desk = seat(desks[who], **({"size": size} if size else {}))
            for path in paths:
                page = desk.go(path)
                assert serious(page) == [], path
                if size:
                    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
                shot(page, f"{word}-{who}-{re.sub(r'[^a-z0-9]+', '-', path)}")
    page = seat(place.id_of("sales")).go("/customers/2/disqualify")
    assert serious(page) == []
    shot(page, "desk-disqualify")
