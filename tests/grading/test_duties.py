"""The scheduler's duties ask for a state: proposed once, late or twice alike; managers warned once a month."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from jobs.duty import Errand
from jobs.grading import propose, watch, work
from jobs.setup import Setup
from tests import builders
from tests.conftest import StandingClock
from tests.grading.scenes import APR, FEB, JAN, MAR, Scene, after, at
from tests.grading.test_derived import order
from tests.grading.test_doors import Door
from tierflow.common.db import transaction
from tierflow.common.notices import Notice
from tierflow.common.users import User
from tierflow.grading.models import GradingRun
from tierflow.grading.service import runs, watching
from tierflow.kernel.roles import SYSTEM


def _runs(scene: Scene) -> list[tuple[str, str]]:
    query = select(GradingRun).order_by(GradingRun.id)
    return [(str(run.month)[:7], run.state) for run in scene.ask(lambda session: session.scalars(query).all())]


def _setup(now: datetime) -> Setup:
    return Setup(Path("backups"), 1, Path("anchors.jsonl"), "", clock=lambda: now)


def _do(scene: Scene, duty: object, when: str) -> dict[str, int]:
    now = at(when)
    setup = _setup(now)
    with scene.app.app_context(), transaction() as session:
        found: dict[str, int] = duty(session, Errand(None, now, setup))  # type: ignore[operator]
        return found


@pytest.mark.rule("CHEM-9.5")
def test_a_month_is_proposed_on_the_first_working_day_after_it(both_app: Flask) -> None:
    scene = Scene(both_app)
    scene.close(JAN)
    assert _do(scene, propose, "2026-03-01 07:00") == {"proposed": 0}  # a Sunday
    assert _do(scene, propose, "2026-03-02 07:00") == {"proposed": 1}
    assert _do(scene, propose, "2026-03-02 07:01") == {"proposed": 0}
    assert _runs(scene) == [("2026-01", "confirmed"), ("2026-02", "proposed")]


@pytest.mark.rule("CHEM-9.5")
def test_missed_months_are_proposed_oldest_first_each_after_its_predecessor(app: Flask) -> None:
    scene = Scene(app)
    scene.close(JAN)
    assert _do(scene, propose, "2026-05-06 07:00") == {"proposed": 1}
    assert _do(scene, propose, "2026-05-07 07:00") == {"proposed": 0}
    scene.confirm(2, at("2026-05-07 09:00"))
    assert _do(scene, propose, "2026-05-08 07:00") == {"proposed": 1}
    assert _runs(scene)[1:] == [("2026-02", "confirmed"), ("2026-03", "proposed")]


def test_large_runs_are_worked_out_by_the_scheduler(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(app)
    monkeypatch.setattr(runs, "AT_ONCE", 1)
    scene.propose(JAN)
    assert _runs(scene) == [("2026-01", "computing")]
    with app.app_context():
        work(after(JAN), _setup(after(JAN)))
    assert _runs(scene) == [("2026-01", "proposed")]


def test_the_account_manager_is_warned_once_before_stars_are_lost(both_app: Flask) -> None:
    scene = Scene(both_app)
    for month in (JAN, FEB, MAR):
        scene.lift("a", month, "2500")
        scene.lift("b", month, "10")
    scene.close(JAN, FEB, MAR)
    scene.lift("a", APR, "1999")
    assert _do(scene, watch, "2026-04-20 09:00")["warned"] == 0  # eleven days left
    assert _do(scene, watch, "2026-04-21 09:00")["warned"] == 1
    assert _do(scene, watch, "2026-04-22 09:00")["warned"] == 0
    told = select(Notice).where(Notice.kind == "grading.risk")
    found = scene.ask(lambda session: session.scalars(told).all())
    assert [(row.user_id, row.params["number"]) for row in found] == [(scene.people["am"], 1)]


def test_nobody_is_warned_of_a_level_that_is_safe(app: Flask) -> None:
    scene = Scene(app)
    scene.lift("a", JAN, "10")
    scene.close(JAN, FEB, MAR)
    scene.lift("a", APR, "10")
    assert _do(scene, watch, "2026-04-25 09:00")["warned"] == 0


@pytest.mark.rule("CHEM-9.5", "CHEM-9.6")
def test_the_account_manager_is_warned_of_stars_an_indicator_takes(both_app: Flask) -> None:
    scene = Scene(both_app, "abcd")
    for month in (JAN, FEB, MAR):
        for letter in "ab":
            scene.lift(letter, month, "2500")
        scene.lift("c", month, "10")
    scene.close(JAN, FEB, MAR)
    for letter in "ab":
        scene.lift(letter, APR, "2500")
    scene.lift("c", APR, "10")
    with both_app.app_context(), transaction() as session:
        builders.adopt(session, {"grading.forces": ["cooperation:60", "breaches:1", "payment_discipline:9000"]})
    for letter in "ac":  # an ordinary customer has no star to lose
        scene.know(letter, APR, cooperation=59)
    scene.know("b", APR, cooperation=60, breaches=1)
    assert _do(scene, watch, "2026-04-20 09:00")["warned"] == 0
    assert _do(scene, watch, "2026-04-21 09:00")["warned"] == 1
    assert _do(scene, watch, "2026-04-22 09:00")["warned"] == 0
    told = select(Notice).where(Notice.kind == "grading.risk")
    found = scene.ask(lambda session: session.scalars(told).all())
    assert [(row.user_id, row.params["number"]) for row in found] == [(scene.people["am"], 1)]
    assert found[0].msgid == watching.AT_STAKE["force"]
    order(scene, "b", "2026-04-20", None, "placed")  # due today, late tomorrow
    for day, letters in ((date(2026, 4, 20), "a"), (date(2026, 4, 21), "ab")):
        rows = scene.ask(
            lambda session, day=day: session.execute(
                watching.ways(session, SYSTEM, scene.line, day, {"only": "force"})[0]
            ).all()
        )
        assert sorted(row[0].id for row in rows) == [scene.customers[letter] for letter in letters]


@pytest.mark.rule("CHEM-9.6")
def test_a_breach_upheld_this_month_is_warned_of_before_the_month_is_run(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(app)
    for month in (JAN, FEB, MAR, APR):
        scene.lift("a", month, "2500")
    scene.close(JAN, FEB, MAR)
    with app.app_context(), transaction() as session:
        builders.adopt(session, {"grading.forces": ["breaches:1"]})
    assert _do(scene, watch, "2026-04-21 09:00")["warned"] == 0
    monkeypatch.setattr(runs, "BREACHES", [lambda *_about: {scene.customers["a"]: 2}])
    assert _do(scene, watch, "2026-04-22 09:00")["warned"] == 1


@pytest.mark.parametrize(("language", "words"), [("zh", "指标未达标"), ("en", "an indicator is missed")])
def test_who_loses_a_star_by_an_indicator_is_listed_through_either_door(
    app: Flask, clock: StandingClock, language: str, words: str
) -> None:
    clock.at = at("2026-04-21 10:00")
    scene = Scene(app)
    for month in (JAN, FEB, MAR, APR):
        scene.lift("a", month, "2500")
    scene.close(JAN, FEB, MAR)
    scene.know("a", APR, cooperation=59)
    page = Door(scene, "page").client("am")[0]
    path = "/levels/customers?only=force"
    with app.app_context(), transaction() as session:
        session.get_one(User, scene.people["am"]).locale = language
    assert words not in page.get(path).text
    with app.app_context(), transaction() as session:
        builders.adopt(session, {"grading.forces": ["cooperation:60"]})
    assert words in page.get(path).text
    rows = Door(scene, "api").client("am")[0].get("/api/v1/grading/ways?only=force").json["rows"]
    assert [(row["name"], row["keep_tonnes"]) for row in rows] == [("客户a有限公司", "0")]
