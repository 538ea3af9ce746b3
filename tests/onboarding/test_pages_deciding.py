"""The approver's page and what follows: items, remarks, strikes, opinions, bulk approval, print, drawer."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests import builders
from tests.conftest import NOW
from tests.onboarding import scenes
from tests.onboarding.doors import Scene
from tests.onboarding.test_pages import House, Screen, opened
from tierflow.common.approvals import ApprovalCase, AskedOpinion
from tierflow.common.db import db, transaction
from tierflow.common.users import User
from tierflow.kernel.roles import Role
from tierflow.onboarding.models import ApplicationLine
from tierflow.onboarding.service.access import case_of


@pytest.fixture
def house(app: Flask) -> House:
    return opened(app)


@pytest.fixture
def both(both_app: Flask) -> House:
    return opened(both_app)


def decision_of(page: str) -> dict[str, str]:
    """The fields of the approver's form, no item answered yet."""
    form = page[page.index('id="decide"') :]
    form = form[: form.index("</form>")]
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: value for name, value in hidden if name not in ("csrf_token", "idempotency_key")}


def all_met(fields: dict[str, str]) -> dict[str, str]:
    return {name.replace(".key", ".verdict"): "pass" for name in fields if name.endswith(".key")}


def approve(screen: Screen, path: str, **more: str) -> Any:
    fields = decision_of(screen.get(path))
    return screen.post(f"{path}/decide", {**fields, **all_met(fields), "verdict": "approve", **more})


def strip(page: str) -> str:
    return re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", page))


@pytest.mark.rule("CHEM-7.2")
def test_from_the_inbox_to_a_customer_in_three_decisions(both: House) -> None:
    path = f"/applications/{both.made(scenes.submitted)}"
    for who in ("sales", "finance", "gm"):
        screen = both.screen(who)
        assert f'href="{path}"' in screen.get("/")
        answer = approve(screen, path, reason="同意。")
        assert answer.headers["Location"] == "/"
    page = both.screen("li").get(path)
    assert 'href="/customers/1"' in page


@pytest.mark.rule("CHEM-7.2")
def test_an_item_without_verdict_keeps_the_page_and_all_that_was_typed(house: House) -> None:
    path = f"/applications/{house.made(scenes.submitted)}"
    screen = house.screen("sales")
    fields = decision_of(screen.get(path))
    met = all_met(fields)
    met.pop("items.3.verdict")
    answer = screen.post(f"{path}/decide", {**fields, **met, "verdict": "approve", "reason": "打了很长的意见"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert "打了很长的意见" in page
    assert 'id="f-items-3-error"' in page
    assert 'name="items.0.verdict" value="pass" checked' in page


@pytest.mark.rule("CHEM-7.2")
def test_a_return_names_its_items_to_the_submitter(house: House) -> None:
    path = f"/applications/{house.made(scenes.submitted)}"
    approve(house.screen("sales"), path)
    finance = house.screen("finance")
    fields = decision_of(finance.get(path))
    place = next(name.split(".")[1] for name, value in fields.items() if value == "bank_account")
    wrong = {f"items.{place}.verdict": "fail"}
    silent = finance.post(f"{path}/decide", {**fields, **wrong, "verdict": "return"})
    assert silent.status_code == 409, "a return without a remark says nothing"
    said = {**wrong, f"items.{place}.remark": "账号与许可证不符"}
    assert finance.post(f"{path}/decide", {**fields, **said, "verdict": "return"}).status_code == 302
    li = house.screen("li")
    assert f'href="{path}/edit"' in li.get("/")
    page = li.get(f"{path}/edit")
    assert "账号与许可证不符" in page
    assert 'id="f-bank_account-error"' in page


@pytest.mark.rule("CHEM-7.2")
def test_the_second_round_shows_what_changed_and_marks_what_is_mine(house: House) -> None:
    def corrected(session: Any, place: scenes.Company) -> Any:
        from tierflow.onboarding.service import drafts

        application = scenes.submitted(session, place)
        scenes.approve(session, place, application, "sales")
        scenes.send_back(session, place, application, "finance", "bank_account", "不符")
        li = place.actor(session, "li")
        changed = {"bank_account": "6222021001116245702", "contact_name": "钱三"}
        drafts.save_draft(session, li, application.id, changed, NOW, seen_version=application.version)
        scenes.hand_in(session, place, application)
        scenes.approve(session, place, application, "sales")
        return application

    path = f"/applications/{house.made(corrected)}"
    page = house.screen("finance").get(path)
    assert "<del>1001000000000001</del>" in page
    assert "<ins>6222021001116245702</ins>" in page
    assert page.count('class="is-examined"') == 1
    assert "本轮有改动" in page


@pytest.mark.parametrize("who", ["li", "wang", "sales_west", "finance", "gm", "committee"])
def test_only_the_office_it_waits_for_is_offered_a_decision(house: House, who: str) -> None:
    application = house.made(scenes.submitted)
    screen = house.screen(who)
    answer = screen.client.get(f"/applications/{application}")
    if who in ("wang", "sales_west"):
        assert answer.status_code == 404
        return
    assert 'name="verdict"' not in answer.get_data(as_text=True)
    forced = screen.post(f"/applications/{application}/decide", {"version": "1", "step": "sales", "verdict": "reject"})
    assert forced.status_code in (403, 409)
    with house.app.app_context():
        assert case_of(db.session(), application).step == "sales"


def test_a_stand_in_sees_for_whom_and_both_names_are_shown(house: House) -> None:
    from datetime import date

    application = house.made(scenes.submitted)
    with house.app.app_context(), transaction() as session:
        absent, stand_in = (session.get_one(User, house.place.id_of(who)) for who in ("sales", "wang"))
        builders.delegation(session, absent, stand_in, date(2026, 11, 1), date(2026, 12, 1))
    screen = house.screen("wang")
    path = f"/applications/{application}"
    assert "您正代 人sales 审批" in screen.get(path)
    assert approve(screen, path).status_code == 302
    assert "代 人sales" in house.screen("li").get(path)


@pytest.mark.rule("CHEM-7.2")
def test_a_line_is_struck_with_a_reason_and_the_rest_passes(house: House) -> None:
    def two_lines(session: Any, place: scenes.Company) -> Any:
        return scenes.submitted(
            session, place, lines=scenes.lines((place.polyolefin, "dealer"), (place.other_line, "dealer"))
        )

    path = f"/applications/{house.made(two_lines)}"
    screen = house.screen("sales")
    line = str(house.place.other_line)
    without = approve(screen, path, **{"struck.0.product_line_id": line, "struck.0.reason": ""})
    assert without.status_code == 422
    assert approve(screen, path, **{"struck.0.product_line_id": line, "struck.0.reason": "暂无资源"}).status_code == 302
    with house.app.app_context():
        rows = db.session.query(ApplicationLine).order_by(ApplicationLine.product_line_id)
        assert [row.struck_reason for row in rows] == ["", "暂无资源"]
    assert "暂无资源" in house.screen("finance").get(path)


def test_decide_and_next_goes_to_the_next_and_then_home(house: House) -> None:
    first, second = house.made(scenes.submitted, 1), house.made(scenes.submitted, 2)
    screen = house.screen("sales")
    assert approve(screen, f"/applications/{first}", go_on="1").headers["Location"] == f"/applications/{second}"
    said = screen.get(f"/applications/{second}")
    with house.app.app_context():
        title = db.session.scalars(select(ApprovalCase.title).where(ApprovalCase.subject_id == first)).one()
    assert f"已记录（{title}）" in said, "which one was approved, above the one that waits"
    assert approve(screen, f"/applications/{second}", go_on="1").headers["Location"] == "/"


def test_a_case_that_moved_on_says_so(house: House) -> None:
    path = f"/applications/{house.made(scenes.submitted)}"
    screen = house.screen("sales")
    fields = decision_of(screen.get(path))
    approve(screen, path)
    late = screen.post(f"{path}/decide", {**fields, **all_met(fields), "verdict": "approve"})
    assert late.status_code == 409
    assert "财务" in late.get_data(as_text=True) or "finance" in late.get_data(as_text=True)


def test_asking_moves_nothing_and_is_printed(house: House) -> None:
    application = house.made(scenes.submitted)
    path = f"/applications/{application}"
    sales = house.screen("sales")
    asked = {"asked_id": str(house.place.id_of("committee")), "kind": "ask", "question": "了解吗？"}
    assert sales.post(f"{path}/ask", asked).status_code == 302
    with house.app.app_context():
        opinion = db.session.query(AskedOpinion).one().id
        assert case_of(db.session(), application).step == "sales"
    colleague = house.screen("committee")
    page = colleague.get(f"/opinions/{opinion}")
    assert "华东塑料第1有限公司" in page
    assert "了解吗？" in page
    colleague.post(f"/opinions/{opinion}", {"answer": "往来多年，信誉良好"})
    copied = {"asked_id": str(house.place.id_of("gm")), "kind": "copy", "question": "请知悉此户"}
    assert sales.post(f"{path}/ask", copied).status_code == 302
    unread = strip(house.screen("finance").get(f"{path}/annex1"))
    assert "人sales抄送：人gm，阅于—" in unread
    assert house.screen("gm").post(f"/opinions/{opinion + 1}").status_code == 302
    approve(sales, path, reason="同意开户")
    printed = strip(house.screen("finance").get(f"{path}/annex1"))
    for words in ("客户开户审批表", "往来多年，信誉良好", "同意开户", "人sales", "人committee", "华东塑料第1有限公司"):
        assert words in printed
    assert "问题：了解吗？" in printed
    assert "问题：请知悉此户" in printed
    assert "人sales抄送：人gm，阅于2026-11-23" in printed


@pytest.mark.rule("CHEM-7.2")
def test_what_a_stand_in_answered_names_both_wherever_it_is_shown(both: House) -> None:
    place, application = both.place, both.made(scenes.submitted)
    path = f"/applications/{application}"
    sales = both.screen("sales")
    for kind in ("ask", "copy"):
        asked = {"asked_id": str(place.id_of("committee")), "kind": kind, "question": "了解吗？"}
        assert sales.post(f"{path}/ask", asked).status_code == 302
    awaited = Scene(both.app, place).door("sales").get(path).json["opinions"]
    assert [one["answered_by"] for one in awaited] == [None, None]
    with both.app.app_context(), transaction() as session:
        pair = (session.get_one(User, place.id_of(who)) for who in ("committee", "finance"))
        builders.delegation(session, *pair, NOW.date(), NOW.date() + timedelta(days=5))
        ids = session.scalars(select(AskedOpinion.id).order_by(AskedOpinion.id)).all()
    for opinion in ids:
        assert both.screen("finance").post(f"/opinions/{opinion}", {"answer": "往来多年"}).status_code == 302
    assert "人finance代人committee应人sales征询" in strip(sales.get(path))
    printed = strip(sales.get(f"{path}/annex1"))
    assert "征询人finance（代人committee）意见（人sales征询" in printed
    assert "人sales抄送：人finance（代人committee），阅于" in printed
    told = Scene(both.app, place).door("sales").get(path).json["opinions"]
    both_ids = (place.id_of("committee"), place.id_of("finance"))
    assert [(one["asked"]["id"], one["answered_by"]["id"]) for one in told] == [both_ids] * 2


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.WAREHOUSE_KEEPER, Role.RESIDENT_OFFICE, None])
@pytest.mark.parametrize("kind", ["ask", "copy"])
@pytest.mark.parametrize("through", ["page", "api"])
def test_only_who_sees_applications_by_office_is_asked(
    house: House, role: Role | None, kind: str, through: str
) -> None:
    application = house.made(scenes.submitted)
    path = f"/applications/{application}"
    with house.app.app_context(), transaction() as session:
        office = builders.office(session)
        scopes = {
            Role.WAREHOUSE_KEEPER: builders.warehouse(session, office_id=office.id).id,
            Role.RESIDENT_OFFICE: office.id,
        }
        grants: list[Any] = [(role, scopes[role]) if role in scopes else role] if role else []
        outsider = builders.user(session, "outsider", *grants, name="局外人").id
    sales = house.screen("sales")
    assert "局外人" not in sales.get(path), "is not offered"
    asked = {"asked_id": outsider, "kind": kind, "question": "了解吗？"}
    if through == "page":
        answer = sales.post(f"{path}/ask", {name: str(value) for name, value in asked.items()})
    else:
        answer = Scene(house.app, house.place).door("sales").post(f"{path}/opinions", asked)
        assert set(answer.json["errors"]) == {"asked_id"}
    assert answer.status_code == 422
    with house.app.app_context():
        assert db.session.query(AskedOpinion).count() == 0


@pytest.mark.rule("CHEM-7.1")
def test_the_blank_form_has_every_particular_and_no_opinion(house: House) -> None:
    path = f"/applications/{house.made(scenes.submitted)}"
    approve(house.screen("sales"), path, reason="同意开户")
    page = strip(house.screen("li").get(f"{path}/annex1/blank"))
    data = scenes.particulars(house.place)
    for field in ("name", "credit_code", "legal_representative", "address", "bank_name", "bank_account"):
        assert data[field].replace(" ", "") in page
    assert "同意开户" not in page
    assert "法定代表人（签字盖章）" in page


@pytest.mark.rule("CHEM-7.2")
def test_only_what_is_all_green_is_approved_together(house: House) -> None:
    green = [house.made(scenes.submitted, number) for number in (1, 2)]
    odd = house.made(scenes.submitted, 3, bank_account="6222021001116245700")
    screen = house.screen("sales")
    page = screen.get("/applications/bulk")
    tokens = re.findall(r'name="ids" value="([^"]+)"', page)
    assert [int(token.split(".")[0]) for token in tokens] == green
    forced = screen.post("/applications/bulk", {"ids": [*tokens, f"{odd}.1.sales"], "reason": "同意"})
    assert forced.status_code == 409, "all or none"
    done = screen.post("/applications/bulk", {"ids": tokens, "reason": "同意"})
    assert done.status_code == 302
    with house.app.app_context():
        assert [case_of(db.session(), application).step for application in (*green, odd)] == [
            "finance",
            "finance",
            "sales",
        ]


def test_a_decision_explains_itself_to_whoever_may_read_it(house: House) -> None:
    application = house.made(scenes.submitted)
    path = f"/applications/{application}"
    drawer = re.search(rf'data-explain-url="({path}/decisions/\d+)"', house.screen("sales").get(path))
    assert drawer is not None
    shown = house.screen("finance").get(drawer[1])
    for words in ("管理办法版本", "CHEM-7.1", "华东塑料第1有限公司"):
        assert words in shown
    assert house.screen("sales_west").client.get(drawer[1]).status_code == 404
    assert house.screen("sales").client.get(f"{path}/decisions/999").status_code == 404


def test_withdrawing_brings_it_back_to_its_account_manager(house: House) -> None:
    path = f"/applications/{house.made(scenes.submitted)}"
    li = house.screen("li")
    assert li.post(f"{path}/withdraw", {"reason": ""}).status_code == 422
    assert li.post(f"{path}/withdraw", {"reason": "补材料"}).headers["Location"] == f"{path}/edit"
    assert "补材料" in li.get(path)


@pytest.mark.parametrize(
    "act", ["decide", "withdraw", "discard", "copy", "ask", "autosave", "papers/merged_licence", "edit"]
)
def test_a_link_changes_nothing(house: House, act: str) -> None:
    application = house.made(scenes.submitted)
    answer = house.screen("sales").client.get(f"/applications/{application}/{act}")
    assert answer.status_code in (302, 405)
