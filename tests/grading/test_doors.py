"""Both doors, page and API: the same acts, the same refusals, and pages that say what they are about."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from tests.builders import csrf_of, delegation, sign_in
from tests.complaints.scenes import statements_of
from tests.conftest import StandingClock
from tests.grading.scenes import APR, FEB, JAN, MAR, Scene, after, at
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.indicators import MonthFacts
from tierflow.common.suspension import PaperCover
from tierflow.common.users import User
from tierflow.grading.models import GradingRun, LevelPin
from tierflow.kernel.months import Month

KINDS = {200: "ok", 201: "ok", 302: "ok", 422: "invalid", 409: "refused", 403: "forbidden", 404: "missing"}


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    clock.at = after(JAN)
    return Scene(app)


class Door:
    """One way in."""

    def __init__(self, scene: Scene, kind: str) -> None:
        self.scene, self.kind = scene, kind
        self.clients: dict[str, tuple[FlaskClient, str]] = {}

    def client(self, login: str) -> tuple[FlaskClient, str]:
        if login not in self.clients:
            client = sign_in(self.scene.app, self.scene.people[login])
            self.clients[login] = (client, csrf_of(client))
        return self.clients[login]

    def send(self, login: str, page: str, api: str, **data: Any) -> str:
        client, token = self.client(login)
        if self.kind == "api":
            answer = client.post(f"/api/v1{api}", json=data, headers={"X-CSRFToken": token})
        else:
            answer = client.post(page, data={**data, "csrf_token": token})
        return KINDS[answer.status_code]


@pytest.fixture(params=["page", "api"])
def door(request: pytest.FixtureRequest, scene: Scene) -> Door:
    return Door(scene, request.param)


def newest(scene: Scene) -> GradingRun:
    query = select(GradingRun).order_by(GradingRun.id.desc()).limit(1)
    run: GradingRun = scene.ask(lambda session: session.scalars(query).one())
    return run


@pytest.mark.rule("CHEM-9.5")
def test_a_month_is_closed_through_either_door(scene: Scene, door: Door) -> None:
    scene.lift("a", JAN, "1200")
    start = ("/levels/runs", "/grading/runs")
    asked = {"product_line_id": scene.line, "month": "2026-01"}
    assert door.send("am", *start, **asked) == "forbidden"
    assert door.send("sm", *start, **asked | {"month": "2026-13"}) == "invalid"
    assert door.send("sm", *start, **asked | {"month": "2026-02"}) == "refused"
    assert door.send("sm", *start, **asked | {"product_line_id": 987}) == "missing"
    assert door.send("sm", *start, **asked | {"product_line_id": scene.other_line}) == "refused"
    assert door.send("sm", *start, **asked) == "ok"
    assert door.send("sm", *start, **asked) == "refused"
    run = newest(scene)
    assert run.up == 1
    confirm = (f"/levels/runs/{run.id}/confirm", f"/grading/runs/{run.id}/confirm")
    assert door.send("am", *confirm) == "forbidden"
    assert door.send("gm", *confirm) == "refused"
    assert door.send("sm", *confirm, note="同意") == "ok"
    assert door.send("sm", *confirm) == "refused"
    assert newest(scene).note == "同意"
    assert door.send("sm", "/levels/adjustments", "/grading/adjustments", product_line_id=scene.line) == "refused"


def test_a_run_is_made_again_or_put_aside_through_either_door(scene: Scene, door: Door) -> None:
    run_id = scene.propose(JAN)
    assert door.send("sm", f"/levels/runs/{run_id}/again", f"/grading/runs/{run_id}/again") == "ok"
    other = newest(scene).id
    assert other != run_id
    assert door.send("sm", f"/levels/runs/{other}/withdraw", f"/grading/runs/{other}/withdraw") == "ok"
    assert newest(scene).state == "withdrawn"


def test_a_level_by_hand_is_asked_for_and_decided_through_either_door(scene: Scene, door: Door) -> None:
    scene.close(JAN)
    customer = scene.customers["a"]
    ask = (f"/levels/customers/{customer}/pin", f"/customers/{customer}/pins")
    asked = {"product_line_id": scene.line, "level": "ordinary", "to_on": "2026-05-01", "reason": "新建装置"}
    assert door.send("am", *ask, **asked) == "forbidden"
    assert door.send("sm2", *ask, **asked) == "missing"  # another region's
    assert door.send("sm", *ask, **asked | {"level": "gold"}) == "invalid"
    assert door.send("sm", *ask, **asked | {"level": "one_star"}) == "refused"
    assert door.send("sm", *ask, **asked) == "ok"
    pin: LevelPin = scene.ask(lambda session: session.scalars(select(LevelPin)).one())
    decide = (f"/levels/pins/{pin.id}/decision", f"/grading/pins/{pin.id}/decision")
    seen = {"version": 1, "step": "management"}
    assert door.send("sm", *decide, verdict="approve", **seen) == "forbidden"
    assert door.send("gm", *decide, verdict="reject", **seen) == "invalid"
    assert door.send("gm", *decide, verdict="approve") == "invalid"  # what was seen is not said
    assert door.send("gm", *decide, verdict="approve", **seen | {"version": 0}) == "refused"
    assert door.send("gm", *decide, verdict="approve", **seen) == "ok"
    assert door.send("gm", *decide, verdict="approve", **seen) == "refused"


def test_the_page_of_a_level_by_hand_carries_what_was_seen_and_names_who_stood_in(scene: Scene) -> None:
    scene.close(JAN)
    door = Door(scene, "page")
    customer = scene.customers["a"]
    asked = {"product_line_id": scene.line, "level": "ordinary", "to_on": "2026-05-01", "reason": "新建装置"}
    assert door.send("sm", f"/levels/customers/{customer}/pin", "", **asked) == "ok"
    pin_id = scene.ask(lambda session: session.scalars(select(LevelPin.id)).one())
    with scene.app.app_context(), transaction() as session:
        gm, finance = (session.get_one(User, scene.people[who]) for who in ("gm", "finance"))
        delegation(session, gm, finance, date(2026, 2, 1), date(2026, 3, 1))
    page = door.client("finance")[0].get(f"/levels/pins/{pin_id}").get_data(as_text=True)
    seen = {name: re.findall(f'name="{name}" value="([^"]+)"', page) for name in ("version", "step")}
    assert seen == {"version": ["1"], "step": ["management"]}
    assert 'name="verdict"' not in door.client("sm")[0].get(f"/levels/pins/{pin_id}").get_data(as_text=True)
    decision = {"verdict": "approve", "version": "1", "step": "management"}
    assert door.send("finance", f"/levels/pins/{pin_id}/decision", "", **decision) == "ok"
    page = door.client("sm")[0].get(f"/levels/pins/{pin_id}").get_data(as_text=True)
    assert "孙丽娟" in page
    assert "陈立" in page
    (row,) = door.client("gm")[0].get("/api/v1/grading/pins").get_json()["rows"]
    assert (row["state"], row["case"]["state"], row["decided_for"]) == ("approved", "approved", "陈立")


@pytest.mark.rule("CHEM-9.6")
def test_indicators_are_keyed_in_all_rows_or_none(scene: Scene, door: Door) -> None:
    for letter in "ab":  # ordinary from February on: a customer at auction has no plan
        scene.lift(letter, JAN, "1")
    scene.close(JAN)

    def key(login: str, *rows: str, month: str = "2026-02") -> str:
        cells = [row.split(",") for row in rows]
        names = ("number", "planned_tonnes", "cooperation")
        data: dict[str, Any] = {"product_line_id": scene.line, "month": month}
        if door.kind == "page":
            data["pasted"] = "\n".join("\t".join(row) for row in cells)
        else:
            data["rows"] = [{name: cell for name, cell in zip(names, row, strict=False) if cell} for row in cells]
        return door.send(login, "/levels/facts", "/grading/facts", **data)

    assert key("finance", "C-000001,1200,85") == "forbidden"
    assert key("am2", "C-000001,1200,85") == "invalid"  # not a customer of theirs
    assert key("am", "C-000001,1200,85", "C-999999,1,1") == "invalid"
    assert key("am", "C-000001,1200.1234567") == "invalid"
    assert key("am", "C-000001,-1") == "invalid"
    assert key("am", "C-000001,99999999999999999999") == "invalid"
    assert key("am", "C-000001,1200,101") == "invalid"
    assert key("am", "C-000001,1200", "C-000001,1300") == "invalid"
    assert key("am", "C-000001,1200", month="2026-03") == "refused"
    rows = select(MonthFacts)
    assert scene.ask(lambda session: session.scalars(rows).all()) == []
    assert key("am", "C-000001,1200.5,85", "C-000002,,70") == "ok"
    assert key("am", "C-000001,,90") == "ok"
    found = {row.customer_id: row for row in scene.ask(lambda session: session.scalars(rows).all())}
    a, b = found[scene.customers["a"]], found[scene.customers["b"]]
    assert (a.planned_grams, a.cooperation, b.planned_grams, b.cooperation) == (1_200_500_000, 90, None, 70)


@pytest.mark.rule("CHEM-9.1")
def test_a_customer_at_auction_has_no_plan(scene: Scene, door: Door) -> None:
    """Neither in the month that goes on nor in one that is over; ordinary and direct customers have one."""
    scene.lift("a", JAN, "1")

    def key(number: str, month: str, **values: str) -> str:
        row = {"number": number, **values}
        data: dict[str, Any] = {"product_line_id": scene.line, "month": month, "rows": [row]}
        if door.kind == "page":
            del data["rows"]
            data["pasted"] = f"{number}\t{values.get('planned_tonnes', '')}\t{values.get('cooperation', '')}"
        return door.send("am", "/levels/facts", "/grading/facts", **data)

    a, b, direct = "C-000001", "C-000002", "C-000003"
    plan = {"planned_tonnes": "1200"}
    assert key(a, "2026-02", **plan) == "invalid", "January is not closed: still at auction"
    scene.close(JAN)
    assert key(a, "2026-02", **plan) == "ok", "ordinary from 1 February"
    assert key(a, "2026-01", **plan) == "invalid", "in January it was at auction"
    assert key(b, "2026-02", **plan) == "invalid"
    assert key(b, "2026-02", cooperation="80") == "ok", "its cooperation is told all the same"
    assert key(direct, "2026-02", **plan) == "ok", "CHEM-9.3: managed as planned ordinary"
    planned = select(MonthFacts.customer_id).where(MonthFacts.planned_grams.is_not(None))
    found = set(scene.ask(lambda session: session.scalars(planned).all()))
    assert found == {scene.customers["a"], scene.customers["d"]}


@pytest.mark.rule("CHEM-15", "CHEM-17")
@pytest.mark.parametrize("stop", ["suspended", "disqualified"])
def test_no_plan_is_taken_while_business_stands_still(scene: Scene, door: Door, stop: str) -> None:
    """For the month that goes on; what was planned in a month that is over is a fact all the same."""
    scene.lift("a", JAN, "1")
    scene.close(JAN)
    with scene.app.app_context(), transaction() as session:
        if stop == "suspended":
            session.execute(update(PaperCover).values(valid_to=date(2026, 2, 1)))
        else:
            session.get_one(Customer, scene.customers["a"]).disqualified_on = date(2026, 2, 1)

    def key(**values: str) -> str:
        data: dict[str, Any] = {"product_line_id": scene.line, "month": "2026-02"}
        if door.kind == "page":
            data["pasted"] = f"C-000001\t{values.get('planned_tonnes', '')}\t{values.get('cooperation', '')}"
        else:
            data["rows"] = [{"number": "C-000001", **values}]
        return door.send("am", "/levels/facts", "/grading/facts", **data)

    assert key(planned_tonnes="1200") == "invalid"
    assert key(cooperation="80") == "ok"


def _open(scene: Scene, login: str, path: str) -> TestResponse:
    return sign_in(scene.app, scene.people[login]).get(path)


def test_every_page_opens_and_says_what_it_is_about(scene: Scene, clock: StandingClock) -> None:
    for month in (JAN, FEB, MAR):
        scene.lift("a", month, "1500")
    run_id = scene.close(JAN, FEB)
    clock.at = at("2026-04-07 10:00")
    proposed = scene.propose(MAR)
    customer = scene.customers["a"]
    pages = {
        "/levels": "2026-03",
        f"/levels/runs/{run_id}": "客户a有限公司",
        f"/levels/runs/{proposed}": "确认",
        f"/levels/runs/{proposed}?move=all": "客户d有限公司",
        f"/levels/runs/{proposed}/customers/{customer}": "CHEM-9.4",
        "/levels/customers": "吨",
        "/levels/customers?only=gain": "客户a有限公司",
        "/levels/facts?month=2026-01": "客户a有限公司",
        "/levels/pins": "手工",
        f"/levels/customers/{customer}/pin": "依次",
        f"/customers/{customer}/of/levels": "1,500",
    }
    client = sign_in(scene.app, scene.people["sm"])
    for path, words in pages.items():
        answer = client.get(path, headers={"Accept-Language": "zh"})
        assert answer.status_code == 200, path
        assert words in answer.text, path
    assert "2026-03" in client.get("/").text


def test_account_managers_see_their_own_and_sales_managers_the_whole_run(scene: Scene) -> None:
    scene.lift("a", JAN, "10")
    run_id = scene.propose(JAN)
    path = f"/api/v1/grading/runs/{run_id}/decisions?move=all"
    assert len(_open(scene, "am", path).json["rows"]) == 3
    assert _open(scene, "am2", path).json["rows"] == []
    assert len(_open(scene, "sm2", path).json["rows"]) == 3
    proof = f"/api/v1/grading/runs/{run_id}/decisions/{scene.customers['a']}"
    assert _open(scene, "am2", proof).status_code == 404
    told = _open(scene, "am", proof).json
    assert (told["level"], told["agrees"], told["tonnes"]) == ("ordinary", True, "10")
    assert {row["name"]: row["verdict"] for row in told["indicators"]}["plan_completion"] == "no data"


def test_a_run_shows_its_moves_first_and_everybody_when_asked(scene: Scene) -> None:
    scene.lift("a", JAN, "10")
    path = f"/levels/runs/{scene.propose(JAN)}"
    few, all_ = (_open(scene, "sm", path + query).text for query in ("", "?move=all"))
    assert few.count("<tr data-row>") < all_.count("<tr data-row>") == 3
    assert '<option value="">仅变动</option>' in few, "the filter says what it does"
    assert '<option value="all" selected>' in all_


@pytest.mark.rule("CHEM-9.4")
def test_tonnes_to_go_nearest_first(scene: Scene, clock: StandingClock) -> None:
    for letter in "ab":
        for month in (JAN, FEB, MAR):
            scene.lift(letter, month, "2500")
    scene.close(JAN, FEB, MAR)  # both two-star
    clock.at = at("2026-04-21 10:00")
    scene.lift("a", APR, "1999.999999")
    scene.lift("b", APR, "2000")
    client = sign_in(scene.app, scene.people["am"])
    lost = client.get("/api/v1/grading/ways").json
    assert lost["days_left"] == 10
    assert [(row["name"], row["keep_tonnes"]) for row in lost["rows"]] == [("客户a有限公司", "0.000001")]
    gained = client.get("/api/v1/grading/ways?only=gain").json["rows"]
    assert [(row["name"], row["gain_tonnes"]) for row in gained] == [
        ("客户b有限公司", "1000"),
        ("客户a有限公司", "1000.000001"),
    ]
    seen = client.get(f"/api/v1/customers/{scene.customers['a']}/levels").json["lines"][0]
    assert (seen["level"], seen["outlook"]["would"]) == ("two_star", "one_star")
    assert seen["outlook"]["keep_tonnes"] == "0.000001"
    assert [row["level"] for row in seen["months"]][-4:] == ["ordinary", "one_star", "two_star", None]


def test_lists_take_a_fixed_number_of_questions(scene: Scene) -> None:
    with scene.app.app_context():
        engine = db.engine

    def asked(path: str) -> int:
        client = sign_in(scene.app, scene.people["sm"])
        with statements_of(engine) as sent:
            assert client.get(path).status_code == 200
        return len(sent)

    run_id = scene.close(JAN)
    paths = [f"/levels/runs/{run_id}?move=all", "/levels/customers?only=gain", "/levels/facts?month=2026-01"]
    before = [asked(path) for path in paths]
    scene.act(lambda session, actor, now: _admit_more(scene, session), "sm", after(JAN))
    assert [asked(path) for path in paths] == before
    assert max(before) <= 20


def _admit_more(scene: Scene, session: Any) -> Any:
    for letter in "fghij":
        scene.admit(session, letter)
    return session.get(GradingRun, 1)


def test_a_run_is_exported_as_it_is_filtered(scene: Scene) -> None:
    scene.lift("a", JAN, "10")
    run_id = scene.propose(JAN)
    client = sign_in(scene.app, scene.people["sm"])
    token = csrf_of(client)
    for move, rows in (("", 1), ("all", 3), ("down", 0)):
        answer = client.post(f"/levels/runs/{run_id}/export", data={"csrf_token": token, "form": "csv", "move": move})
        assert answer.status_code == 200
        assert len(answer.get_data(as_text=True).strip().splitlines()) == rows + 1
        asked = {"form": "csv", **({"move": move} if move else {})}
        address, headers = f"/api/v1/grading/runs/{run_id}/export", {"X-CSRFToken": token}
        assert client.post(address, json=asked, headers=headers).data == answer.data


def test_a_program_lists_what_is_known_of_a_month(scene: Scene) -> None:
    scene.lift("a", JAN, "10")
    client = sign_in(scene.app, scene.people["sm"])
    found = client.get("/api/v1/grading/facts?month=2026-01&size=2").json
    assert (found["month"], found["product_line_id"], len(found["rows"])) == ("2026-01", scene.line, 2)
    assert found["rows"][0]["tonnes"] == "10"
    assert found["rows"][1]["cooperation"] is None
    rest = client.get(f"/api/v1/grading/facts?month=2026-01&size=2&cursor={found['after']}").json
    assert (len(rest["rows"]), rest["after"]) == (1, None)


def test_the_next_month_and_the_missed_ones_are_offered(scene: Scene, clock: StandingClock) -> None:
    scene.close(JAN)
    clock.at = at("2026-05-06 10:00")
    page = _open(scene, "sm", "/levels").text
    assert 'value="2026-02"' in page
    assert str(Month.parse("2026-03")) not in page.split('value="2026-02"')[0]
