"""A database with months closed, put aside and waiting, taken back before levels were written ahead, and up again."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from tests.grading.scenes import FEB, JAN, MAR, Scene, after, at
from tests.grading.test_runs import level, lies
from tierflow.common import offtake
from tierflow.common.db import db, make_engine
from tierflow.common.offtake import OfftakeMonth
from tierflow.common.schema import defects, downgrade, upgrade
from tierflow.common.standing import StandingRow
from tierflow.grading import duties
from tierflow.grading.service import late


def _weeks(scene: Scene) -> list[tuple[object, ...]]:
    query = select(OfftakeMonth.__table__).order_by(OfftakeMonth.customer_id, OfftakeMonth.month)
    return [tuple(row) for row in scene.ask(lambda session: session.execute(query).all())]


def _back_and_up(scene: Scene) -> int:
    """How many levels were left before levels were written ahead."""
    with scene.app.app_context():
        db.engine.dispose()
    engine = make_engine(scene.app.config["SQLALCHEMY_DATABASE_URI"])
    downgrade(engine, "0070")
    with engine.connect() as connection:
        left = connection.execute(text("SELECT count(*) FROM standing")).scalar_one()
    upgrade(engine)
    assert defects(engine) == []
    engine.dispose()
    return int(left)


@pytest.mark.rule("CHEM-9.5")
def test_a_month_that_waits_is_put_aside_proposed_again_and_comes_into_force(both_app: Flask) -> None:
    scene = Scene(both_app)
    for month in (JAN, FEB):
        for letter in "ab":
            scene.lift(letter, month, "1500")
    scene.close(JAN)
    aside = scene.propose(FEB)
    scene.lift("b", FEB, "1", at("2026-03-06 11:00"))
    waiting = scene.propose_again(FEB, at("2026-03-06 12:00"))
    weeks = _weeks(scene)
    assert scene.ask(lambda session: session.scalar(select(func.count()).select_from(StandingRow))) == 6
    assert _back_and_up(scene) == 2, "only what was confirmed counts"
    assert [scene.run(run_id).state for run_id in (aside, waiting)] == ["withdrawn", "withdrawn"]
    assert _weeks(scene) == weeks
    assert scene.ask(lambda session: list(offtake.verify(session))) == []
    assert lies(scene) == []
    now = at("2026-03-06 13:00")
    assert scene.ask(duties.to_propose, now) == [(scene.line, FEB)]
    run_id = scene.propose(FEB, now)
    scene.confirm(run_id, now)
    assert [level(scene, letter, day) for letter in "ab" for day in (FEB.start, MAR.start)] == [
        *("ordinary", "one_star"),
        *("ordinary", "one_star"),
    ]
    assert lies(scene) == []


@pytest.mark.rule("CHEM-9.5")
def test_an_adjustment_that_waits_goes_on_waiting_and_comes_into_force(both_app: Flask) -> None:
    scene = Scene(both_app)
    scene.close(JAN)
    scene.lift("a", JAN, "10", at("2026-02-07 09:00"))
    adjusting = scene.act(late.adjust, "sm", "2026-02-08 10:00", scene.line)
    assert _back_and_up(scene) == 0
    scene.confirm(adjusting, after(JAN).replace(day=9))
    assert level(scene, "a", FEB.end) == "ordinary"
    assert lies(scene) == []
