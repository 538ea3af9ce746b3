"""The story of an account, in Chinese, as people tell it with mouse and keyboard (CHEM-7.1, 7.2)."""

from __future__ import annotations

import io
import re
import unicodedata
from dataclasses import dataclass

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from tests.browser.axe import serious
from tests.browser.conftest import PHONE, Desk, Seat
from tests.browser.papers import pdf, png
from tests.builders import PASSWORD
from tests.onboarding import scenes
from tierflow.common.db import db, transaction
from tierflow.onboarding.models import Application

NAME = "宁波海曙化工有限公司"


@dataclass
class House:
    app: Flask
    place: scenes.Company

    def id_of(self, who: str) -> int:
        return self.place.id_of(who)


@pytest.fixture
def house(app: Flask) -> House:
    with app.app_context(), transaction() as session:
        return House(app, scenes.company(session))


def fill_in(page: Page) -> None:
    page.fill("[name=name]", NAME)
    page.fill("[name=credit_code]", scenes.credit_code(1))
    page.fill("[name=legal_representative]", "钱海峰")
    page.fill("[name=address]", "宁波市海曙区中山西路1号")
    page.fill("[name=contact_name]", "钱海峰")
    page.fill("[name=phone]", "138 5740 1120")
    page.select_option("[name=region_id]", label="华东")
    page.fill("[name=bank_name]", "中国银行宁波分行")
    page.fill("[name=bank_account]", "3971 7263 8841 2")
    page.fill("[name=invoice_address]", "宁波市海曙区中山西路1号")
    page.fill("[name=invoice_phone]", "0574-87361120")
    page.get_by_role("group", name="聚烯烃").locator("input[value=dealer]").check()
    part = page.locator("[data-class-part=dealer]")
    expect(part).to_be_visible()
    for item in part.locator(".check").all():
        item.locator("input[value=yes]").check()
        item.locator("input.check-remark").fill("现场走访记录 2026-11-20")


def add_papers(page: Page) -> None:
    licence = page.locator("#f-papers-merged_licence")
    licence.locator("[name='papers.merged_licence.number']").fill(scenes.credit_code(1))
    licence.locator("[name='papers.merged_licence.issuer']").fill("宁波市海曙区市场监督管理局")
    licence.locator("[name='papers.merged_licence.valid_from']").fill("2018-05-02")
    licence.locator("[name='papers.merged_licence.is_long_term']").check()
    scan = {"name": "营业执照（副本）.png", "mimeType": "image/png", "buffer": png("BUSINESS LICENCE")}
    licence.locator("[name='papers.merged_licence.scan']").set_input_files(scan)
    expect(licence.locator(".filedrop-file img")).to_be_visible()
    licence.get_by_role("button", name="保存").click()
    expect(page.locator("#f-papers-merged_licence")).to_contain_text("长期")
    form = page.locator("#f-papers-annex1_signed")
    form.locator("summary").click()
    signed = {"name": "开户审批表.pdf", "mimeType": "application/pdf", "buffer": pdf()}
    form.locator("[name='papers.annex1_signed.scan']").set_input_files(signed)
    form.get_by_role("button", name="保存").click()
    expect(page.locator("#f-papers-annex1_signed")).to_contain_text("查看")


def open_first(desk: Desk) -> Page:
    page = desk.go("/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#decide")).to_be_visible()
    return page


def decide(page: Page, key: str, reason: str = "") -> None:
    page.keyboard.press("m")
    if reason:
        page.fill("[name=reason]", reason)
        page.keyboard.press("Escape")
    page.keyboard.press(key)
    expect(page.locator(".notice-ok").first).to_be_visible()


@pytest.mark.rule("CHEM-7.1", "CHEM-7.2")
def test_an_account_is_opened_from_the_first_word_to_the_general_managers_approval(house: House, seat: Seat) -> None:
    # The account manager signs in and files the application.
    li = seat()
    page = li.go("/login")
    page.fill("[name=name]", "li")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="客户开户").click()
    page.keyboard.press("n")
    expect(page.locator("#draft")).to_be_visible()
    expect(page.locator(".missing li").first).to_be_visible()
    fill_in(page)
    expect(page.locator("[data-autosave-state]")).to_contain_text("已保存")
    expect(page.locator("#f-credit_code-check")).to_contain_text("校验码正确")
    expect(page.locator(".missing li")).to_have_count(2)
    add_papers(page)
    expect(page.locator(".missing-none")).to_be_visible()
    assert page.input_value("[name=name]") == NAME
    address = page.url.removesuffix("/edit").partition("#")[0].removesuffix("/edit")
    page.get_by_role("button", name="提交审批").click()
    page.locator("#confirm-dialog button[value=yes]").click()
    expect(page.locator(".badge-s").first).to_contain_text("待")

    # The sales manager approves.
    decide(open_first(seat(house.id_of("sales"))), "a", "现场走访属实，同意开户。")

    # Finance returns it for the bank account.
    finance = seat(house.id_of("finance"))
    page = open_first(finance)
    page.locator("[data-show-paper]").first.click()
    expect(page.locator("[data-viewer-stage] img")).to_be_visible()
    account = page.locator(".check", has_text="3971726388412")
    account.locator("input[value=fail]").check()
    account.locator("input.check-remark").fill("账号末四位与许可证不符")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.locator(".notice-ok").first).to_be_visible()

    # It is corrected and handed in again.
    page = li.go("/")
    page.get_by_role("link", name=NAME).click()
    expect(page.locator("#f-bank_account-error")).to_contain_text("账号末四位与许可证不符")
    page.fill("[name=bank_account]", "3971 7263 8814 2")
    page.get_by_role("button", name="提交审批").click()
    page.locator("#confirm-dialog button[value=yes]").click()
    expect(page.locator(".badge-s").first).to_contain_text("财务")

    # Finance sees what changed and approves; then the general manager.
    page = open_first(finance)
    expect(page.locator(".table-diff ins")).to_contain_text("3971726388142")
    decide(page, "a", "账号核对无误，同意。")
    decide(open_first(seat(house.id_of("gm"))), "a", "同意。")

    # The customer exists and is found by its pinyin.
    page = li.go("/")
    page.keyboard.press("/")
    page.keyboard.type("nbhs")
    page.keyboard.press("Enter")
    page.get_by_role("link", name=NAME).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(NAME)
    expect(page.locator("main")).to_contain_text("C000001")

    # Annex 1 prints on A4 with every opinion and name.
    page = li.go(address.removeprefix(li.server) + "/annex1")
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    assert [round(float(side)) for side in printed.pages[0].mediabox[2:]] == [595, 842]
    # Fonts map some characters to the radicals they look like; NFKC maps most of them back.
    words = unicodedata.normalize("NFKC", "".join(sheet.extract_text() for sheet in printed.pages))
    words = "".join(words.split()).replace("戶", "户")
    assert len(printed.pages) <= 2
    for expected in ("客户开户审批表", "现场走访属实", "账号核对无误", "人gm", "人finance", scenes.credit_code(1)):
        assert expected in words, expected


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_are_accessible_quiet_and_complete_in_both_themes(house: House, seat: Seat, scheme: str) -> None:
    with house.app.app_context(), transaction() as session:
        admitted = scenes.submitted(session, house.place, 1)
        for who in ("sales", "finance", "gm"):
            scenes.approve(session, house.place, admitted, who)
        waiting = scenes.submitted(session, house.place, 2).id
        draft = scenes.drafted(session, house.place, 3, phone="13800000001").id
    paths = {
        "sales": [
            "/",
            f"/applications/{waiting}",
            "/applications/bulk",
            "/applications?tab=mine",
            f"/applications/{waiting}#ask",
        ],
        "li": [f"/applications/{draft}/edit", "/applications?tab=all", "/search?q=hd", "/notices"],
        "gm": ["/customers", "/customers/1", "/customers/1/history", "/applications/1", "/applications/1/annex1"],
    }
    wrong = []
    for who, found in paths.items():
        desk = seat(house.id_of(who))
        desk.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        for path in found:
            page = desk.go(path)
            wrong += [f"{path} {fault}" for fault in serious(page)]
            assert page.evaluate("document.documentElement.scrollWidth") <= 1440, path
    assert wrong == []


def test_an_approval_by_phone(house: House, seat: Seat) -> None:
    with house.app.app_context(), transaction() as session:
        waiting = scenes.submitted(session, house.place, 1).id
    desk = seat(house.id_of("sales"), size=PHONE, touch=True)
    page = desk.go("/")
    page.get_by_role("link", name="华东塑料第1有限公司").tap()
    expect(page.locator("#decide")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert serious(page) == []
    bar = page.locator(".action-bar")
    expect(bar).to_be_in_viewport()
    for item in page.locator(".checklist .check").all():
        item.locator("input[value=pass]").tap()
    bar.get_by_role("button", name="批准").tap()
    expect(page.locator(".notice-ok").first).to_be_visible()
    page = desk.go(f"/applications/{waiting}")
    expect(page.locator(".badge-s").first).to_contain_text("财务")
    for path in ("/applications", "/customers", "/search?q=x", "/notices", f"/applications/{waiting}"):
        page = desk.go(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path


def test_keys_drawer_and_unsaved_words(house: House, seat: Seat) -> None:
    with house.app.app_context(), transaction() as session:
        draft = scenes.drafted(session, house.place, 1).id
    page = seat(house.id_of("li")).go(f"/applications/{draft}/edit")
    page.locator("[data-explain-url]").first.click()
    expect(page.locator("[data-explain-body]")).to_contain_text("CHEM-7.1")
    expect(page.locator("#explain-drawer.show")).to_be_visible()  # it does not close while it still opens
    page.keyboard.press("Escape")
    expect(page.locator("#explain-drawer")).to_be_hidden()
    page.fill("[name=credit_code]", "91330203MA2AEQ7L5Y")
    expect(page.locator("#f-credit_code-error")).to_be_visible()
    expect(page.locator("[data-autosave-state]")).to_contain_text("已保存")
    assert page.input_value("[name=credit_code]") == "91330203MA2AEQ7L5Y"
    page.fill("[name=credit_code]", scenes.credit_code(1))
    expect(page.locator("#f-credit_code-error")).to_have_count(0)


def test_what_could_not_be_kept_stays_at_its_field_and_is_said_once(house: House, seat: Seat) -> None:
    page = seat(house.id_of("li")).go("/applications")
    page.get_by_role("button", name="新建申请").first.click()
    page.wait_for_url("**/edit")
    right = scenes.credit_code(1)
    wrong = right[:17] + ("B" if right[17] == "A" else "A")
    page.fill("#f-credit_code", wrong)
    page.fill("#f-phone", "12")
    for field in ("credit_code", "phone"):
        said = page.locator(f"[data-field={field}] :is(.field-error, .check-line)")
        expect(page.locator(f"#f-{field}-error")).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(said).to_have_count(1)
    page.fill("#f-papers-merged_licence-number", wrong)
    page.locator("form:has(#f-papers-merged_licence-number) button[type=submit]").click()
    expect(page.locator("[data-error-summary]")).to_be_visible()
    expect(page.locator("#f-credit_code")).to_have_value(wrong)
    expect(page.locator("#f-phone")).to_have_value("12")
    expect(page.locator("#f-phone-error")).to_be_visible()


def test_what_is_put_back_leaves_alone_what_a_colleague_changed_meanwhile(house: House, seat: Seat) -> None:
    with house.app.app_context(), transaction() as session:
        draft = scenes.drafted(session, house.place, 1).id
    page = seat(house.id_of("li")).go(f"/applications/{draft}/edit")
    with house.app.app_context(), transaction() as session:
        changed = session.get_one(Application, draft)
        changed.address, changed.version = "宁波市鄞州区新址8号", changed.version + 1
    page.fill("#f-contact_name", "孙静怡")
    expect(page.locator("[data-autosave-state]")).to_have_class(re.compile("is-bad|text-danger|bad"))
    page.locator("#f-papers-annex1_signed summary").first.click()
    with page.expect_navigation():
        page.locator("#f-papers-annex1_signed").get_by_role("button", name="保存").click()
    expect(page.locator("#f-address")).to_have_value("宁波市鄞州区新址8号")
    expect(page.locator("#f-contact_name")).to_have_value("孙静怡")
    expect(page.locator("[data-autosave-state]")).to_contain_text("已保存")
    with house.app.app_context():
        kept = db.session().get_one(Application, draft)
        assert (kept.address, kept.contact_name) == ("宁波市鄞州区新址8号", "孙静怡")
