"""The pages the demo company has nothing to show on: as narrow, as readable and as quiet as every other."""

from __future__ import annotations

import re
from datetime import date

import pytest
from flask import Flask
from playwright.sync_api import expect

from tests import builders
from tests.browser.axe import serious
from tests.browser.conftest import DESKTOP, PHONE, SMALL_DESK, Seat
from tests.conftest import NOW, StandingClock
from tests.grading.scenes import JAN, Scene, at
from tests.onboarding import keeping, lists
from tests.onboarding.scenes import credit_code
from tierflow.admin.service import channels
from tierflow.common.db import transaction
from tierflow.common.imports import service, work
from tierflow.common.users import User
from tierflow.grading.rules.levels import Level
from tierflow.grading.service import pins
from tierflow.kernel.roles import Role
from tierflow.onboarding.service import blacklist
from tierflow.onboarding.service.older_list import OLDER_LIST
from tierflow.onboarding.service.takeover import CUSTOMERS

# Who opens which address, and there asks how a figure was worked out: the drawer fetches this.
Opened = tuple[str, str, str | None]
CHANNEL = {"kind": "dingtalk", "name": "销售群", "url": "https://oapi.example.com/robot", "secret": "no secret at all"}


def _channel(scene: Scene, _clock: StandingClock) -> Opened:
    with scene.app.app_context(), transaction() as session:
        admin = builders.user(session, "admin", Role.ADMINISTRATOR, name="管理员")
        scene.people["admin"] = admin.id
        made = channels.create(session, builders.actor(session, admin), CHANNEL, NOW)
        return "admin", f"/channels/{made.id}", None


def _inputs(scene: Scene, _clock: StandingClock) -> Opened:
    return "sm", "/levels/facts?month=2026-01", f"/levels/inputs/{scene.line}/{scene.customers['a']}"


def _listing(scene: Scene, clock: StandingClock) -> Opened:
    with scene.app.app_context(), transaction() as session:
        sales = scene.actor(session, "sm", clock())
        told = {
            "name": "旧案石油化工进出口贸易有限责任公司",
            "former_names": "旧案贸易有限公司；旧案石化有限公司",
            "credit_code": credit_code(77),
            "legal_representative": "钱某",
            "ground": "fraud",
            "facts": "2018年提供虚假营业执照，经核实属实。",
            "since": date(2018, 5, 1),
        }
        made = blacklist.enter(session, sales, told, keeping.scan(), clock())
        return "gm", f"/listings/{made.id}", None


def _older_list(scene: Scene, clock: StandingClock) -> Opened:
    heads = "客户名称,曾用名,信用代码,事由,情况说明,列入日期"
    rows = [f"旧名单第{n}有限公司,旧名{n},{credit_code(80 + n)},失信,合同欺诈,2019-03-01" for n in (1, 2)]
    content = "\n".join([heads, *rows, f"坏行公司,,{credit_code(81)},其他,,明天"]).encode()
    with scene.app.app_context():
        with transaction() as session:
            sales = scene.actor(session, "sm", clock())
            batch = service.receive(session, sales, OLDER_LIST, "黑名单.csv", content, clock(), spoken=str)
            batch_id = batch.id
            service.set_mapping(session, sales, OLDER_LIST, batch_id, batch.mapping, clock())
        work.work_off(clock, pause=0)
    return "sm", f"/disqualified/imports/{batch_id}", None


def _pin(scene: Scene, _clock: StandingClock) -> Opened:
    asked = {"level": Level.ORDINARY, "from_on": None, "to_on": date(2026, 5, 1), "reason": "新建装置"}
    command = {"product_line_id": scene.line, **asked}
    pin = scene.act(pins.ask, "sm", "2026-02-06 10:00", scene.customers["a"], command)
    return "gm", f"/levels/pins/{pin}", None


def _proof(scene: Scene, _clock: StandingClock) -> Opened:
    run = f"/levels/runs/{scene.run(1).id}"
    return "sm", f"{run}?move=all", f"{run}/customers/{scene.customers['a']}"


def _takeover(scene: Scene, clock: StandingClock) -> Opened:
    with scene.app.app_context():
        with transaction() as session:
            sales = scene.actor(session, "sm", clock())
            rows = [lists.customer(number, account_manager="nobody") for number in (1, 2)]
            batch = service.receive(session, sales, CUSTOMERS, "老客户.csv", lists.as_csv(rows), clock(), spoken=str)
            batch_id = batch.id
            service.set_mapping(session, sales, CUSTOMERS, batch_id, batch.mapping, clock())
        work.work_off(clock, pause=0)
    return "sm", f"/takeover/{batch_id}", None


# By the rule that it shows.
RARE = {
    "/channels/<channel_id>": _channel,
    "/disqualified/imports/<batch_id>": _older_list,
    "/levels/inputs/<product_line_id>/<customer_id>": _inputs,
    "/levels/pins/<pin_id>": _pin,
    "/listings/<listing_id>": _listing,
    "/levels/runs/<run_id>/customers/<customer_id>": _proof,
    "/takeover/<batch_id>": _takeover,
}


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    """January is closed, with one customer's offtake in it."""
    clock.at = at("2026-02-06 10:00")
    made = Scene(app)
    made.lift("a", JAN, "1500")
    made.close(JAN)
    return made


@pytest.mark.parametrize("rule", RARE)
def test_a_page_the_demo_has_nothing_for_fits_and_reads(
    scene: Scene, clock: StandingClock, seat: Seat, rule: str
) -> None:
    who, address, explained = RARE[rule](scene, clock)
    with scene.app.app_context(), transaction() as session:
        session.get_one(User, scene.people[who]).locale = "en"  # the longer words
    desk = seat(scene.people[who], size=PHONE, touch=True)
    for size in (PHONE, DESKTOP):
        desk.page.set_viewport_size(size)  # type: ignore[arg-type]
        page = desk.go(address)
        expect(page.locator("main h1")).to_be_visible()
        if explained:
            page.locator(f"[data-explain-url^='{explained}']").first.click()
            drawer = page.locator("#explain-drawer.show:not(.showing)")
            expect(drawer.locator("[data-explain-body]")).to_contain_text(re.compile("CHEM-"))
            assert drawer.evaluate("it => it.scrollWidth <= it.clientWidth"), "nothing sticks out of the drawer"
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert serious(page) == []


def test_the_button_that_ends_a_tie_stands_beside_its_day(app: Flask, seat: Seat) -> None:
    with app.app_context(), transaction() as session:
        office = builders.office(session).id
        admin = builders.user(session, "admin", Role.ADMINISTRATOR, name="管理员").id
    desk = seat(admin)
    for size in (DESKTOP, SMALL_DESK, PHONE):
        desk.page.set_viewport_size(size)  # type: ignore[arg-type]
        form = desk.go(f"/reference/office/{office}").locator("form[action$='/end']").first
        day, button = (form.locator(part).bounding_box() for part in ("input[type=date]", "button"))
        assert day is not None
        assert button is not None
        assert button["x"] >= day["x"] + day["width"]
        assert button["y"] < day["y"] + day["height"]
