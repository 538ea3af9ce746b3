"""An approver's morning on a telephone: ask, copy in, stock reasons, decide and next, approve together (CHEM-7.2)."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy import select

from tests.browser.conftest import PHONE, Seat
from tests.onboarding import scenes
from tierflow.common.approvals import ApprovalDecision, AskedOpinion
from tierflow.common.db import transaction


def fits(page: Page) -> bool:
    width = page.evaluate("document.documentElement.scrollWidth")
    return bool(width <= PHONE["width"])


@pytest.mark.rule("CHEM-7.2")
def test_the_queue_is_worked_through_on_a_telephone(app: Flask, seat: Seat) -> None:
    with app.app_context(), transaction() as session:
        place = scenes.company(session)
        first, *_rest = [scenes.submitted(session, place, number).id for number in (1, 2, 3, 4)]
    page = seat(place.id_of("sales"), size=PHONE, touch=True).go(f"/applications/{first}")

    # A colleague is asked, another copied in: the case stays where it is.
    for kind, who in (("ask", "人finance"), ("copy", "人gm")):
        page.locator("main").get_by_role("button", name="更多").tap()
        page.locator(f'a.dropdown-item[href="#{kind}"]').tap()
        sheet = page.locator(f"#{kind}")
        expect(sheet).to_be_visible()
        assert fits(page)
        option = sheet.locator("option", has_text=who)
        sheet.locator("select").select_option(value=option.first.get_attribute("value"))
        if kind == "ask":
            sheet.locator(".stock .chip").first.tap()
        sheet.locator("button[type=submit]").tap()
        expect(page.locator(".notice-ok").first).to_be_visible()
        expect(page.locator("#decide")).to_be_visible()

    # Stock reason, every item met, decide and go on to the next.
    page.get_by_role("button", name="全部符合").tap()
    page.locator("#decide .stock .chip").first.tap()
    assert page.input_value("#decide [name=reason]") != ""
    page.locator("#go-on").check()
    page.locator(".action-bar").get_by_role("button", name="批准").tap()
    expect(page.locator("#decide")).to_be_visible()
    assert not page.url.endswith(f"/applications/{first}"), "the next one is open"
    assert fits(page)

    # The rest, whose checks are all green, together.
    page.goto(page.url.partition("/applications")[0] + "/applications/bulk")
    boxes = page.locator("input[name=ids]")
    expect(boxes).to_have_count(3)
    for box in boxes.all():
        box.check()
    assert fits(page)
    page.locator(".bulk-reason").fill("同意。")
    page.get_by_role("button", name="批准所选").tap()
    page.locator("#confirm-dialog button[value=yes]").tap()
    expect(page.locator(".notice-ok").first).to_be_visible()
    with app.app_context(), transaction() as session:
        assert [row.user_id for row in session.scalars(select(ApprovalDecision))] == [place.id_of("sales")] * 4
        asked = {row.kind: row.asked_id for row in session.scalars(select(AskedOpinion))}
    assert asked == {"ask": place.id_of("finance"), "copy": place.id_of("gm")}
