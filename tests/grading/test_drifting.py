"""Facts that a run did not see, whatever moment they bear; runs begun side by side; what is proved of them."""

from __future__ import annotations

import threading
import time
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from tests.grading.scenes import FEB, JAN, Scene, after, at
from tests.grading.test_derived import order
from tests.grading.test_runs import level, lies
from tierflow.common.db import db, transaction
from tierflow.grading.models import GradingRun
from tierflow.grading.service import late, proving, runs
from tierflow.kernel.errors import Refused
from tierflow.lifting.models import LiftingOrder

EARLIER = "2026-02-06 09:59"  # before the month was run, at ten


@pytest.fixture
def scene(both_app: Flask) -> Scene:
    return Scene(both_app)


def unlock(table: str) -> None:
    session = db.session()
    if db.engine.dialect.name == "sqlite":
        session.execute(text(f"DROP TRIGGER guard_{table}_update"))
    else:
        session.execute(text(f"DROP TRIGGER guard_{table}_row ON {table}"))


@pytest.mark.rule("CHEM-9.5")
def test_what_was_written_after_a_run_by_one_who_began_before_it_keeps_it_from_being_confirmed(scene: Scene) -> None:
    run_id = scene.propose(JAN)
    scene.lift("a", JAN, "10", at(EARLIER))
    with pytest.raises(Refused, match="1 customers have changed"):
        scene.confirm(run_id, at("2026-02-06 11:00"))
    again = scene.propose_again(JAN, at("2026-02-06 11:00"))
    scene.know("b", JAN, at(EARLIER), cooperation=60)
    with pytest.raises(Refused, match="1 customers have changed"):
        scene.confirm(again, at("2026-02-06 12:00"))
    scene.confirm(scene.propose_again(JAN, at("2026-02-06 12:00")), at("2026-02-06 12:30"))
    assert level(scene, "a", FEB.start) == "ordinary"
    assert lies(scene) == []


@pytest.mark.rule("CHEM-9.5")
def test_what_was_written_after_the_confirmation_by_one_who_began_before_the_run_is_adjusted(scene: Scene) -> None:
    scene.close(JAN, FEB)
    scene.lift("a", JAN, "10", at(EARLIER))
    scene.know("b", FEB, at("2026-03-06 09:59"), cooperation=60)
    assert [lie.partition("): ")[2] for lie in lies(scene)] == [
        f"customer {scene.customers['a']}: decided by other tonnes than the month has; look for late facts"
    ]
    adjusting = scene.act(late.adjust, "sm", "2026-03-08 10:00", scene.line)
    assert set(scene.decisions(adjusting)) == {"a"}
    assert lies(scene) == [], "an adjustment waits: it is known"
    scene.confirm(adjusting, at("2026-03-08 11:00"))
    assert level(scene, "a", date(2026, 3, 8)) == "ordinary"
    assert lies(scene) == []
    with pytest.raises(Refused, match="No late facts"):
        scene.act(late.adjust, "sm", "2026-03-08 12:00", scene.line)
    scene.lift("a", JAN, "1", at("2026-03-09 09:00"))
    assert lies(scene) == [], "recorded later: it is there to be adjusted"


def receive(scene: Scene, number: str, on: str) -> None:
    with scene.app.app_context(), transaction() as session:
        paid = update(LiftingOrder).where(LiftingOrder.number == number)
        session.execute(paid.values(paid_on=date.fromisoformat(on), state="paid"))


@pytest.mark.rule("CHEM-9.5", "CHEM-9.6")
def test_money_that_counts_from_a_day_before_the_run_is_a_fact_of_its_month(scene: Scene) -> None:
    for letter in "ab":
        order(scene, letter, "2026-01-15", None, "placed")
    run_id = scene.propose(JAN)
    assert scene.decisions(run_id)["a"].payment_discipline == 0
    receive(scene, "TD-2", "2026-02-06")  # too late, and seen as unpaid: nothing changes
    receive(scene, "TD-1", "2026-01-15")
    with pytest.raises(Refused, match="1 customers have changed"):
        scene.confirm(run_id, at("2026-02-06 11:00"))
    scene.confirm(scene.propose_again(JAN, at("2026-02-06 11:00")), at("2026-02-06 11:00"))
    receive(scene, "TD-2", "2026-01-14")
    adjusting = scene.act(late.adjust, "sm", "2026-02-08 10:00", scene.line)
    assert {letter: row.payment_discipline for letter, row in scene.decisions(adjusting).items()} == {"b": 10_000}


@pytest.mark.rule("CHEM-9.5")
@pytest.mark.parametrize("adjusts_first", [True, False])
def test_of_a_month_and_an_adjustment_begun_at_once_one_waits_and_is_refused(scene: Scene, adjusts_first: bool) -> None:
    scene.close(JAN)
    scene.lift("a", JAN, "10", at("2026-02-07 09:00"))
    now = after(FEB)

    def begin(session: Any, adjusts: bool) -> None:
        who = scene.actor(session, "sm", now)
        if adjusts:
            late.adjust(session, who, scene.line, now)
        else:
            runs.start(session, who, scene.line, FEB, now)

    told: list[str] = []

    def rival() -> None:
        with scene.app.app_context():
            try:
                with transaction() as session:
                    begin(session, not adjusts_first)
            except Refused as refused:
                told.append(str(refused.refusals[0].reason))
            finally:
                db.session.remove()

    other = threading.Thread(target=rival)
    with scene.app.app_context(), transaction() as session:
        begin(session, adjusts_first)
        session.flush()
        other.start()
        time.sleep(0.5)
    other.join(30)
    assert [words.partition("wait")[1] for words in told] == ["wait"]
    kinds = scene.ask(lambda session: session.scalars(select(GradingRun.kind).where(GradingRun.state == "proposed")))
    assert len(kinds.all()) == 1


def test_liftings_go_on_while_a_month_is_begun(scene: Scene) -> None:
    """The line is kept from those who begin runs only. SQLite has one writer; there nothing is to be shown."""
    if db_is_sqlite(scene):
        scene.lift("a", JAN, "1")
        return
    with scene.app.app_context(), transaction() as session:
        runs.start(session, scene.actor(session, "sm", after(JAN)), scene.line, JAN, after(JAN))
        session.flush()
        begun = time.monotonic()
        other = threading.Thread(target=scene.lift, args=("a", FEB, "1"))
        other.start()
        other.join(10)
        assert time.monotonic() - begun < 5


def db_is_sqlite(scene: Scene) -> bool:
    return str(scene.app.config["SQLALCHEMY_DATABASE_URI"]).startswith("sqlite")


@pytest.mark.parametrize(
    ("table", "change", "lie"),
    [
        ("standing", "from_on = '2026-01-31' WHERE basis = 'run'", "not the line, the month or the day"),
        ("standing", "month = '2025-12-01' WHERE basis = 'run'", "not the line, the month or the day"),
        ("standing", "month = '2025-12-01' WHERE basis = 'adjusted'", "not the line, the month or the day"),
        ("standing", "from_on = '2026-02-01' WHERE basis = 'adjusted'", "not the line, the month or the day"),
        ("standing", "product_line_id = product_line_id + 1", "not the line, the month or the day"),
        # An adjusted customer goes on from the adjustment, nobody else does.
        ("level_decision", "idle_before = 7 WHERE run_id = {last} AND customer_id = {a}", "does not go on"),
        ("level_decision", "idle_before = 7 WHERE run_id = {last} AND customer_id = {b}", "does not go on"),
    ],
)
def test_verify_finds_what_does_not_follow_from_the_runs(scene: Scene, table: str, change: str, lie: str) -> None:
    scene.lift("b", JAN, "10")
    scene.close(JAN)
    scene.lift("a", JAN, "10", at("2026-02-07 09:00"))
    scene.confirm(scene.act(late.adjust, "sm", "2026-02-08 10:00", scene.line), at("2026-02-08 11:00"))
    last = scene.close(FEB)
    scene.lift("d", FEB, "10", at("2026-03-07 09:00"))
    scene.confirm(scene.act(late.adjust, "sm", "2026-03-08 10:00", scene.line), at("2026-03-08 11:00"))
    assert lies(scene) == []
    with scene.app.app_context(), transaction() as session:
        unlock(table)
        session.execute(text(f"UPDATE {table} SET {change.format(last=last, **scene.customers)}"))
    assert any(lie in found for found in lies(scene))


def test_decisions_that_name_nobody_are_sought_once_for_all(scene: Scene) -> None:
    """A plan with a subplan asks anew for every row: with a million it never ends."""
    scene.close(JAN)
    if db_is_sqlite(scene):
        assert scene.ask(lambda session: session.scalar(proving.strangers(1))) == 0
        return
    with scene.app.app_context(), transaction() as session:
        session.execute(text("SET LOCAL work_mem = '64kB'"))
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plain = str(proving.strangers(1).compile(db.engine, compile_kwargs={"literal_binds": True}))
        plan = "\n".join(session.scalars(text(f"EXPLAIN {plain}")))
    assert "Anti Join" in plan
    assert "SubPlan" not in plan


@pytest.mark.rule("CHEM-9.5")
def test_months_are_compared_before_the_transaction_begins_and_decided_by_the_facts_of_then(scene: Scene) -> None:
    scene.close(JAN)
    scene.lift("a", JAN, "10", at(EARLIER))
    now = at("2026-02-08 10:00")

    def adjust(meanwhile: str, tonnes: str) -> int:
        with scene.app.app_context(), late.looked_for(db.session(), [scene.line]):
            scene.lift(meanwhile, JAN, tonnes, at(EARLIER))
            with transaction() as session:
                return late.adjust(session, scene.actor(session, "sm", now), scene.line, now).id

    adjusting = adjust("a", "5")
    assert {letter: row.grams for letter, row in scene.decisions(adjusting).items()} == {"a": 15_000_000}
    scene.confirm(adjusting, now)
    with pytest.raises(Refused, match="No late facts"):
        adjust("b", "10")  # a straggler, after the months were compared
    assert set(scene.decisions(scene.act(late.adjust, "sm", now, scene.line))) == {"b"}
