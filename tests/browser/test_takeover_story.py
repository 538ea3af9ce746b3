"""A company's 5,000 customers taken over, errors mended, one import taken back; and a departure with its handover."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from tests.browser.conftest import PHONE, Desk, Seat
from tests.conftest import StandingClock
from tests.onboarding import lists, scenes
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.imports import work
from tierflow.common.users import User

CUSTOMERS = 5_000
# Where the pictures of a look at the pages go; without it none are made.
PICTURES = os.environ.get("TIERFLOW_TEST_PICTURES")


@pytest.fixture
def place(app: Flask) -> scenes.Company:
    with app.app_context(), transaction() as session:
        return scenes.company(session)


@pytest.fixture
def scheduler(app: Flask, clock: StandingClock) -> Iterator[None]:
    """The imports' part of the scheduler, in a thread of its own."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.2):
            with app.app_context():
                work.work_off(clock, pause=0)

    thread = threading.Thread(target=run)
    thread.start()
    yield
    stop.set()
    thread.join()


def picture(desk: Desk, name: str) -> None:
    """Light and dark, both languages, as far as somebody wants to look."""
    if not PICTURES:
        return
    for theme in ("light", "dark"):
        desk.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        desk.page.screenshot(path=str(Path(PICTURES) / f"{name}-{theme}.png"), full_page=True)
    desk.page.emulate_media(color_scheme="light")


def upload(page: Page, server: str, name: str, content: bytes) -> None:
    page.goto(f"{server}/takeover")
    page.set_input_files("#f-file", {"name": name, "mimeType": "text/csv", "buffer": content})
    page.get_by_role("button", name="上传").click()
    page.wait_for_url(re.compile(r"/takeover/\d+$"))


def count(app: Flask) -> int:
    with app.app_context():
        return db.session().scalar(select(func.count()).select_from(Customer)) or 0


@pytest.mark.rule("CHEM-4")
@pytest.mark.timeout(280)
def test_five_thousand_customers_are_taken_over_mended_and_taken_back(
    app: Flask, server: str, seat: Seat, place: scenes.Company, scheduler: None
) -> None:
    rows = [
        lists.customer(number, account_manager="wang" if number % 2 else "li") for number in range(1, CUSTOMERS + 1)
    ]
    sound = dict(rows[1_233]), dict(rows[3_999])
    rows[1_233]["credit_code"] = "9.11E+17"
    rows[3_999]["account_manager"] = "nobody"

    sales = seat(place.id_of("sales"))
    sales.go("/takeover")
    picture(sales, "takeover-list")
    upload(sales.page, server, "客户清单.csv", lists.as_csv(rows, "gb18030"))
    expect(sales.page.locator("#f-mapping-name")).to_have_value("0")  # found by its head
    picture(sales, "takeover-mapping")
    sales.page.get_by_role("button", name="检查各行").click()
    expect(sales.page.get_by_text("只要有错误的行")).to_be_visible(timeout=120_000)
    picture(sales, "takeover-errors")
    assert "1235" in sales.page.inner_text("main")
    with sales.page.expect_download() as waiting:
        sales.page.get_by_role("button", name="待修改的行").click()
    assert waiting.value.suggested_filename.endswith(".xlsx")
    assert count(app) == 0

    rows[1_233], rows[3_999] = sound
    upload(sales.page, server, "客户清单-改.csv", lists.as_csv(rows))
    sales.page.get_by_role("button", name="检查各行").click()  # the mapping is remembered
    sales.page.get_by_role("button", name="提交审批").click(timeout=120_000)
    expect(sales.page.get_by_text("审批人可在待办中找到它").first).to_be_visible()
    address = sales.page.url

    manager = seat(place.id_of("gm"))
    manager.go("/")
    manager.page.get_by_role("link", name="客户清单-改.csv").first.click()
    picture(manager, "takeover-decide")
    manager.page.get_by_role("button", name="批准并导入").click()
    _confirm(manager.page)
    expect(manager.page.get_by_text("导入结果")).to_be_visible(timeout=120_000)
    picture(manager, "takeover-applied")
    assert count(app) == CUSTOMERS

    owner = seat(place.id_of("wang"), size=PHONE, touch=True)
    owner.go("/customers")
    expect(owner.page.get_by_text("老客户第1有限公司")).to_be_visible()
    expect(owner.page.get_by_text("老客户第2有限公司")).to_have_count(0)

    manager.page.goto(address)
    manager.page.fill("#f-reason", "名单版本有误")
    manager.page.get_by_role("button", name="撤销导入").click()
    _confirm(manager.page)
    expect(manager.page.get_by_text("全部内容已由")).to_be_visible(timeout=120_000)
    assert count(app) == 0


def _confirm(page: Page) -> None:
    """The page asks once more before an act that counts."""
    page.locator("#confirm-dialog button.btn-primary, #confirm-dialog button.btn-danger").first.click()


@pytest.mark.rule("CHEM-3.3")
def test_a_departure_with_its_handover(app: Flask, server: str, seat: Seat, place: scenes.Company) -> None:
    with app.app_context(), transaction() as session:
        approved = scenes.submitted(session, place, 1)
        for who in ("sales", "finance", "gm"):
            scenes.approve(session, place, approved, who)
        scenes.drafted(session, place, 2)
        admin_id = place.id_of("admin")

    admin = seat(admin_id)
    admin.go(f"/people/{place.id_of('li')}")
    _disable(admin.page)
    expect(admin.page.get_by_text("请先办理交接").first).to_be_visible()
    picture(admin, "departure-refused")

    sales = seat(place.id_of("sales"))
    sales.go("/handovers/new")
    sales.page.select_option("#f-giver_id", label="人li")
    sales.page.select_option("#f-taker_id", label="人wang")
    sales.page.fill("#f-reason", "离职")
    picture(sales, "handover-new")
    sales.page.get_by_role("button", name="提出").click()
    sales.page.wait_for_url(re.compile(r"/handovers/\d+$"))
    sales.page.fill("#f-absence", "已离岗，联系不上")
    picture(sales, "handover-sales")
    sales.page.get_by_role("button", name="代移交人签字").click()
    expect(sales.page.get_by_text("已签字").first).to_be_visible()

    taker = seat(place.id_of("wang"), size=PHONE, touch=True)
    taker.go("/")
    taker.page.get_by_role("link", name="人li").first.click()
    picture(taker, "handover-phone")
    taker.page.get_by_role("button", name="签字").click()
    expect(taker.page.get_by_text("已移交的内容")).to_be_visible()
    picture(taker, "handover-done-phone")
    taker.go("/customers")
    expect(taker.page.get_by_text("华东塑料第1有限公司")).to_be_visible()

    admin.go(f"/people/{place.id_of('li')}")
    _disable(admin.page)
    with app.app_context():
        assert db.session().get_one(User, place.id_of("li")).disabled_at is not None


def _disable(page: Page) -> None:
    form = page.locator("form[action$='/disable']")
    if not form.locator("[name=reason]").first.is_visible():
        page.locator("summary, [data-bs-toggle]").filter(has_text="停用").first.click()
    form.locator("[name=reason]").fill("离职")
    form.get_by_role("button").last.click()
    page.wait_for_load_state("load")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_pages_of_contracts_read_well(
    app: Flask, server: str, seat: Seat, place: scenes.Company, lang: str
) -> None:
    from datetime import date

    from tests.conftest import NOW
    from tierflow.common.uploads import Upload
    from tierflow.onboarding.service import contracts

    with app.app_context(), transaction() as session:
        approved = scenes.submitted(session, place, 1)
        for who in ("sales", "finance", "gm"):
            scenes.approve(session, place, approved, who)
        customer = session.scalars(select(Customer.id)).one()
        data: dict[str, Any] = {
            "number": "HT-2026-0017",
            "customer_id": customer,
            "title": "2026 年度化工品购销框架协议",
            "from_on": date(2026, 1, 1),
            "last_on": date(2026, 12, 31),
            "value": 12_345_678_90,
            "custodian_id": place.id_of("finance"),
            "place": "档案室 3 号柜",
        }
        contracts.enter(session, place.actor(session, "li"), data, Upload("合同.png", scenes.png((620, 877))), NOW)
        for name in ("li", "sales"):
            session.get_one(User, place.id_of(name)).locale = lang
    for size, name in ((None, "desk"), (PHONE, "phone")):
        desk = seat(place.id_of("li"), **({"size": size, "touch": True} if size else {}))
        for path, what in (
            ("/contracts", "list"),
            ("/contracts/1", "one"),
            ("/contracts/new", "new"),
            (f"/customers/{customer}/of/contracts", "customer"),
            ("/handovers", "handovers"),
        ):
            desk.go(path)
            picture(desk, f"contracts-{what}-{lang}-{name}")
            if path.startswith("/contracts") and what != "new":
                assert "HT-2026-0017" in desk.page.inner_text("main")
    sales = seat(place.id_of("sales"))
    sales.go("/takeover")
    picture(sales, f"takeover-list-{lang}")
