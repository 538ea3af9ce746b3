"""Months closed on real databases: proposed, confirmed, in order, once; late facts; pins; everything replayed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text, update

from tests import builders
from tests.grading.scenes import APR, FEB, JAN, MAR, Scene, after, at
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.standing import standing_on
from tierflow.complaints.service import intake
from tierflow.complaints.service.answering import uphold_breach
from tierflow.grading.models import GradingRun, LevelDecisionRow
from tierflow.grading.service import closing, escalating, late, proving, runs
from tierflow.kernel.errors import Conflict, Forbidden, Refused
from tierflow.kernel.months import Month


@pytest.fixture
def scene(both_app: Flask) -> Scene:
    return Scene(both_app)


def level(scene: Scene, letter: str, on: date) -> str:
    answer = scene.ask(standing_on, [scene.customers[letter]], scene.line, on)
    found: str = answer[scene.customers[letter]].level
    return found


def lies(scene: Scene) -> list[str]:
    found: list[str] = scene.ask(lambda session: list(proving.verify(session)))
    return found


@pytest.mark.rule("CHEM-9.2", "CHEM-9.3", "CHEM-9.4", "CHEM-9.5")
def test_a_month_is_proposed_confirmed_and_in_force_from_the_first_of_the_next(scene: Scene) -> None:
    scene.lift("a", JAN, "3000")
    scene.lift("d", JAN, "5000")
    run_id = scene.propose(JAN)
    found = scene.decisions(run_id)
    assert {letter: (row.level, row.target, row.move) for letter, row in found.items()} == {
        "a": ("ordinary", "three_star", "up"),
        "b": ("auction", "auction", "same"),
        "d": ("ordinary", "ordinary", "same"),
    }
    assert found["a"].code == "CHEM-9.4 CHEM-9.5"
    run = scene.run(run_id)
    assert (run.state, run.up, run.down, run.held, run.done, run.total) == ("proposed", 1, 0, 0, 3, 3)
    assert level(scene, "a", FEB.start) == "auction"  # until confirmed the old level serves
    scene.confirm(run_id, after(JAN))
    assert [level(scene, "a", day) for day in (JAN.last_day, FEB.start)] == ["auction", "ordinary"]
    assert level(scene, "d", FEB.start) == "ordinary"
    early = scene.ask(standing_on, [scene.customers["a"]], scene.line, FEB.start, after(JAN) - timedelta(minutes=1))
    assert early[scene.customers["a"]].level == "auction"  # what was known then stays known
    assert lies(scene) == []


@pytest.mark.rule("CHEM-9.5")
def test_levels_climb_one_after_another_month_by_month(scene: Scene) -> None:
    for month in (JAN, FEB, MAR, APR):
        scene.lift("a", month, "3000")
    scene.lift("b", JAN, "0.000001")
    scene.close(JAN, FEB, MAR, APR)
    days = [month.end for month in (JAN, FEB, MAR, APR)]
    assert [level(scene, "a", day) for day in days] == ["ordinary", "one_star", "two_star", "three_star"]
    assert lies(scene) == []


@pytest.mark.rule("CHEM-9.7")
def test_three_idle_months_lead_back_to_auction_and_one_gram_resets_the_count(scene: Scene) -> None:
    scene.lift("a", JAN, "1")
    scene.lift("b", JAN, "1")
    scene.lift("b", MAR, "0.000001")
    last = scene.close(JAN, FEB, MAR, APR)
    may = Month.parse("2026-05")
    found = scene.decisions(scene.propose(may))
    assert (found["a"].level, found["a"].code, found["a"].idle) == ("auction", "CHEM-9.7", 4)
    assert scene.decisions(last)["a"].code == "CHEM-9.7 CHEM-9.5"
    assert (found["b"].level, found["b"].idle) == ("ordinary", 2)


@pytest.mark.rule("CHEM-9.5")
def test_months_close_strictly_in_order_once_and_only_when_over(scene: Scene) -> None:
    def refused(month: Month, when: str) -> str:
        with pytest.raises(Refused) as error:
            scene.act(runs.start, "sm", when, scene.line, month)
        return str(error.value.refusals[0].reason)

    assert refused(JAN, "2026-01-31 23:59") == "2026-01 is not over."
    run_id = scene.propose(JAN, at("2026-02-01 00:00"))
    assert refused(JAN, "2026-02-06 10:00") == "2026-01 is being closed; look at its run."
    assert refused(FEB, "2026-03-06 10:00") == "2026-01 comes first: confirm it."
    scene.confirm(run_id, after(JAN))
    assert refused(JAN, "2026-02-06 10:00") == "2026-01 is closed already."
    assert refused(MAR, "2026-04-06 10:00") == "2026-02 comes first."
    with pytest.raises(Conflict):
        scene.confirm(run_id, after(JAN))
    with pytest.raises(Refused) as error:
        scene.act(runs.start, "sm", "2026-04-06 10:00", scene.other_line, JAN)
    assert error.value.refusals[0].clause == "CHEM-9.1"


def test_of_two_who_close_a_month_one_does(scene: Scene) -> None:
    """The unique key decides, whatever both have read before."""
    scene.propose(JAN)
    now = after(JAN)
    with scene.app.app_context(), pytest.raises(Conflict), transaction() as session:
        runs._begin(session, scene.actor(session, "sm2", now), scene.line, JAN, now)
    count = select(func.count()).select_from(GradingRun)
    assert scene.ask(lambda session: session.scalar(count)) == 1


@pytest.mark.rule("CHEM-9.5")
def test_a_run_is_refused_when_its_facts_have_moved_and_run_again(scene: Scene) -> None:
    run_id = scene.propose(JAN)
    later = after(JAN) + timedelta(minutes=1)
    scene.lift("a", JAN, "1000", now=later)
    with pytest.raises(Refused, match="1 customers have changed"):
        scene.confirm(run_id, later)
    newer = scene.act(runs.again, "sm", later, run_id)
    assert scene.run(run_id).state == "withdrawn"
    assert scene.decisions(newer)["a"].level == "ordinary"
    scene.confirm(newer, later)
    assert lies(scene) == []


@pytest.mark.rule("CHEM-9.5")
def test_confirmed_by_the_sales_manager_and_by_the_gm_once_escalated(scene: Scene) -> None:
    run_id = scene.propose(JAN, at("2026-02-02 09:00"))
    due = scene.run(run_id).due_at
    assert due == at("2026-02-06 17:30")  # the 5th working day of February 2026
    with pytest.raises(Forbidden):
        scene.confirm(run_id, at("2026-02-03 09:00"), "am")
    with pytest.raises(Refused, match="sales manager until 2026-02-06"):
        scene.confirm(run_id, at("2026-02-03 09:00"), "gm")
    assert scene.ask(escalating.escalate, due) == 0
    assert scene.ask(escalating.escalate, due + timedelta(seconds=1)) == 1
    assert scene.ask(escalating.escalate, due + timedelta(seconds=2)) == 0
    told = select(Notice.user_id).where(Notice.kind == "grading.escalated")
    assert scene.ask(lambda session: session.scalars(told).all()) == [scene.people["gm"]]
    scene.confirm(run_id, due + timedelta(hours=1), "gm")
    assert scene.run(run_id).confirmed_by_id == scene.people["gm"]


@pytest.mark.rule("CHEM-9.5")
def test_late_facts_make_an_adjusting_run_and_rewrite_nothing(scene: Scene) -> None:
    for month in (JAN, FEB, MAR):
        scene.lift("a", month, "999.999999")
        scene.lift("b", month, "10")
    first = scene.close(JAN, FEB, MAR)
    before = scene.decisions(first)["a"].level
    scene.lift("a", FEB, "0.000001", now=at("2026-04-07 09:00"))
    scene.lift("a", MAR, "0.000001", now=at("2026-04-07 09:00"))
    adjusting = scene.act(late.adjust, "sm", "2026-04-08 10:00", scene.line)
    months = scene.ask(lambda session: [run.month for run in runs.batch(session, session.get(GradingRun, adjusting))])
    assert months == [FEB.start, MAR.start]
    assert set(scene.decisions(adjusting)) == {"a"}
    assert scene.decisions(adjusting)["a"].level == "one_star"
    assert level(scene, "a", date(2026, 4, 8)) == "ordinary"
    scene.confirm(adjusting, at("2026-04-09 10:00"))
    assert before == "ordinary"
    assert scene.decisions(first)["a"].level == "ordinary"  # the closed month's own decision stands as it was
    assert [level(scene, "a", date(2026, 4, day)) for day in (1, 8, 9)] == ["ordinary", "ordinary", "one_star"]
    assert scene.decisions(scene.propose(APR))["a"].held == "one_star"  # and the next month goes on from it
    assert lies(scene) == []


def test_nothing_late_is_nothing_to_adjust(scene: Scene) -> None:
    scene.lift("a", JAN, "10")
    scene.close(JAN)
    with pytest.raises(Refused, match="No late facts"):
        scene.act(late.adjust, "sm", "2026-02-08 10:00", scene.line)


@pytest.mark.rule("CHEM-9.6")
@pytest.mark.parametrize(
    ("planned", "level_", "move"), [(1875, "one_star", "up"), (1876, "ordinary", "held"), (None, "one_star", "up")]
)
def test_a_gate_of_the_policy_holds_a_rise(both_app: Flask, planned: int | None, level_: str, move: str) -> None:
    scene = Scene(both_app, "a")
    with both_app.app_context(), transaction() as session:
        builders.adopt(session, {"grading.gates": ["plan_completion:8000"]})
    scene.lift("a", JAN, "10")
    scene.lift("a", FEB, "1500")
    if planned is not None:
        scene.know("a", FEB, planned_grams=planned * 1_000_000)
    scene.close(JAN)
    found = scene.decisions(scene.propose(FEB))["a"]
    assert (found.level, found.move) == (level_, move)
    assert lies(scene) == []


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_a_run_in_stretches_decides_what_a_run_at_once_decides(both_app: Flask, size: int) -> None:
    scene = Scene(both_app, "abcdefg")
    for n, letter in enumerate("abcdefg"):
        scene.lift(letter, JAN, str(500 * n + 1))
    at_once = {letter: row.level for letter, row in scene.decisions(scene.close(JAN)).items()}
    scene.lift("a", FEB, "1")
    with both_app.app_context(), transaction() as session:
        limit, runs.AT_ONCE = runs.AT_ONCE, 0
        try:
            run = runs.start(session, scene.actor(session, "sm", after(FEB)), scene.line, FEB, after(FEB))
        finally:
            runs.AT_ONCE = limit
        run_id = run.id
    stops = iter([True, False])  # stopped after one stretch, as a killed process would be
    with both_app.app_context():
        done = closing.compute(db.session(), run_id, size=size, pause=0, go_on=lambda: next(stops))
        assert done is (size >= 8)
        assert closing.compute(db.session(), run_id, size=size, pause=0) is True
        assert closing.compute(db.session(), run_id, size=size, pause=0) is True
    run = scene.run(run_id)
    assert (run.state, run.done, run.total) == ("proposed", 7, 7)
    assert {letter: row.held for letter, row in scene.decisions(run_id).items()} == at_once
    assert lies(scene) == []


def test_account_managers_hear_of_their_customers_moves_once_a_run(scene: Scene) -> None:
    scene.lift("a", JAN, "10")
    scene.lift("b", JAN, "10")
    scene.close(JAN)
    told = scene.ask(lambda session: session.scalars(select(Notice).where(Notice.kind == "grading.levels")).all())
    assert [(notice.user_id, notice.params["number"]) for notice in told] == [(scene.people["am"], 2)]


@pytest.mark.parametrize(
    ("lie", "statement"),
    [
        ("replayed", "UPDATE level_decision SET grams = 0 WHERE grams > 0"),
        ("not those that were written", "UPDATE level_decision SET cooperation = 1"),
        ("never came into force", "DELETE FROM standing"),
        ("was never given this level", "UPDATE standing SET level = 'three_star'"),
    ],
)
def test_verify_finds_what_was_altered_behind_the_guards(scene: Scene, lie: str, statement: str) -> None:
    scene.lift("a", JAN, "10")
    scene.close(JAN)
    table = statement.split()[1] if statement.startswith("UPDATE") else statement.split()[2]
    with scene.app.app_context(), transaction() as session:
        if db.engine.dialect.name == "sqlite":
            session.execute(text(f"DROP TRIGGER guard_{table}_update"))
            session.execute(text(f"DROP TRIGGER guard_{table}_delete"))
        else:
            session.execute(text(f"DROP TRIGGER guard_{table}_row ON {table}"))
        session.execute(text(statement))
    assert any(lie in found for found in lies(scene))


def test_the_audit_chain_holds_the_hash_of_all_decisions(scene: Scene) -> None:
    scene.lift("a", JAN, "10")
    scene.close(JAN)
    entry = scene.ask(
        lambda session: session.scalars(select(AuditEntry).where(AuditEntry.action == "grading.confirm")).one()
    )
    assert len(entry.after["sha256"]) == 64
    assert entry.after["up"] == 1


def test_decisions_cannot_be_changed(scene: Scene) -> None:
    scene.close(JAN)
    with scene.app.app_context(), pytest.raises(Exception, match="append-only"), transaction() as session:
        session.execute(update(LevelDecisionRow).values(level="three_star"))


@pytest.mark.rule("CHEM-9.6")
def test_upheld_breaches_are_gathered_when_a_month_is_run(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def upheld(_session: object, line_id: int, month: Month) -> dict[int, int]:
        return {scene.customers["a"]: 2} if (line_id, month) == (scene.line, JAN) else {}

    monkeypatch.setattr(runs, "BREACHES", [upheld])
    scene.know("a", JAN, cooperation=80)
    scene.lift("a", JAN, "10")
    found = scene.decisions(scene.close(JAN))
    assert (found["a"].breaches, found["a"].cooperation, found["b"].breaches) == (2, 80, None)
    with pytest.raises(Refused, match="No late facts"):
        scene.act(late.adjust, "sm", "2026-02-08 10:00", scene.line)


@pytest.mark.rule("CHEM-9.6")
def test_a_breach_upheld_in_a_complaint_counts_in_the_month_as_the_app_is_wired(scene: Scene) -> None:
    taken = {
        "customer_id": scene.customers["a"],
        "product_id": scene.product,
        "severity": "general",
        "channel": "phone",
        "said_at": at("2026-01-12 10:00"),
        "facts": "熔指偏低。",
    }
    said = taken["said_at"]
    complaint = scene.act(lambda session, who, now: intake.take(session, who, taken, now), "am", said)
    scene.act(uphold_breach, "sm", "2026-01-20 10:00", complaint, {"what": "低价倾销"})
    found = scene.decisions(scene.close(JAN))
    assert (found["a"].breaches, found["b"].breaches) == (1, None)
    again = scene.decisions(scene.close(FEB))
    assert again["a"].breaches is None, "it counts in the month it was upheld"
