"""A month decided in short strokes: what is seen before it is confirmed, what it sees; drafts tried by its cases."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from time import monotonic

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tests.grading.scenes import FEB, JAN, MAR, Scene, after, at
from tests.grading.test_policy_drafts import draft
from tierflow.common.customers import CustomerLine
from tierflow.common.db import db, transaction
from tierflow.common.offtake import Lifting, record
from tierflow.common.policies import PolicyVersion
from tierflow.common.standing import StandingRow, history, standing_on
from tierflow.grading.models import BackTestMove, LevelDecisionRow
from tierflow.grading.rules.levels import Level, earned, level_policy
from tierflow.grading.service import closing, drafts, facts, late, proving, runs, seals, trials

T = 1_000_000


def _lift(scene: Scene, letter: str, day: date, tonnes: int, now: str) -> None:
    scene.numbers += 1
    number = f"N{scene.numbers}"
    line = Lifting(scene.customers[letter], scene.product, scene.line, day, tonnes * T, "planned", number)
    with scene.app.app_context(), transaction() as session:
        record(session, "erp", [line], at(now))


def _level(scene: Scene, letter: str, on: date) -> str:
    customer = scene.customers[letter]
    return str(scene.ask(lambda session: standing_on(session, [customer], scene.line, on)[customer].level))


@pytest.mark.rule("CHEM-9.5")
def test_nobody_sees_a_level_before_its_run_is_confirmed_and_all_see_all_of_it_then(both_app: Flask) -> None:
    scene = Scene(both_app, "ab")
    scene.lift("a", JAN, "10")
    scene.lift("b", JAN, "10")
    first = scene.propose(JAN)
    assert scene.ask(lambda session: session.scalar(select(func.count()).select_from(StandingRow))) == 2
    assert [_level(scene, letter, FEB.start) for letter in "ab"] == ["auction", "auction"]
    _lift(scene, "a", date(2026, 1, 12), 1, "2026-02-06 11:00")
    run_id = scene.propose_again(JAN, at("2026-02-06 12:00"))
    scene.confirm(run_id, at("2026-02-07 09:00"))
    assert [_level(scene, letter, FEB.start) for letter in "ab"] == ["ordinary", "ordinary"]
    told = scene.ask(lambda session: history(session, scene.customers["a"], scene.line))
    assert [(past.run_id, past.recorded_at) for past in told] == [(run_id, at("2026-02-07 09:00"))]
    assert scene.ask(lambda session: list(proving.verify(session))) == []
    assert first != run_id


@pytest.mark.parametrize(
    ("lie", "statement"),
    [
        ("nobody confirmed them", "INSERT INTO standing_run SELECT 99, recorded_at FROM standing_run"),
        ("do not count", "DELETE FROM standing_run"),
    ],
)
def test_verify_finds_levels_that_count_unconfirmed_or_not_at_all(both_app: Flask, lie: str, statement: str) -> None:
    scene = Scene(both_app, "a")
    scene.lift("a", JAN, "10")
    scene.close(JAN)
    with both_app.app_context(), transaction() as session:
        guard = "guard_standing_run_delete" if db.engine.dialect.name == "sqlite" else "guard_standing_run_row"
        table = "" if db.engine.dialect.name == "sqlite" else " ON standing_run"
        session.execute(text(f"DROP TRIGGER {guard}{table}"))
        session.execute(text(statement))
    assert any(lie in found for found in scene.ask(lambda session: list(proving.verify(session))))


@pytest.mark.rule("CHEM-9.6")
def test_a_run_sees_the_weeks_of_the_moment_it_began(both_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """1 February 2026 is a Sunday: its week is January's last, and February goes on being lifted in."""
    scene = Scene(both_app, "ab")
    for letter in "ab":
        for day in (6, 13, 20, 27):
            _lift(scene, letter, date(2026, 1, day), 50, "2026-01-28 09:00")
        _lift(scene, letter, date(2026, 2, 1), 50, "2026-02-02 08:00")
    monkeypatch.setattr(runs, "AT_ONCE", 0)
    run_id = scene.propose(JAN, at("2026-02-02 10:00"))
    with both_app.app_context():
        stops = iter([True, False])
        assert closing.compute(db.session(), run_id, size=1, pause=0, go_on=lambda: next(stops)) is False
    _lift(scene, "b", date(2026, 2, 1), 500, "2026-02-02 10:01")
    with both_app.app_context():
        assert closing.compute(db.session(), run_id, size=1, pause=0)
    found = scene.decisions(run_id)
    assert found["a"].evenness is not None
    assert found["a"].evenness == found["b"].evenness
    scene.confirm(run_id, at("2026-02-02 11:00"))


@pytest.mark.groundwork("CMTE-2.1")
def test_a_trial_says_of_everybody_what_the_rule_says(both_app: Flask) -> None:
    scene = Scene(both_app, "abcdefgh")
    with both_app.app_context(), transaction() as session:  # h is away in February
        away = session.scalars(select(CustomerLine).where(CustomerLine.customer_id == scene.customers["h"])).one()
        away.to_on = FEB.start
        back = {"customer_class": "dealer", "from_on": MAR.start, "to_on": None}
        session.add(CustomerLine(customer_id=away.customer_id, product_line_id=scene.line, **back))
    for n, letter in enumerate("abcdefgh"):
        for at_, month in enumerate((JAN, FEB, MAR)):
            if (n + at_) % 3:
                scene.lift(letter, month, str(400 * (n + at_) + 1))
            planned = T if letter == "h" else (n + 1) * 500 * T
            scene.know(letter, month, planned_grams=planned, breaches=n % 3, cooperation=30 * (n % 4))
    scene.close(JAN, FEB, MAR)
    scene.lift("b", FEB, "2500", at("2026-04-08 09:00"))
    with both_app.app_context(), transaction() as session:
        run_id = late.adjust(session, scene.actor(session, "sm", at("2026-04-08 10:00")), scene.line, after(MAR)).id
    scene.confirm(run_id, at("2026-04-08 11:00"))
    version = draft(
        scene,
        grading__one_star_grams=900 * T,
        grading__gates=["plan_completion:8000"],
        grading__forces=["breaches:1", "cooperation:20"],
    )
    command = {"product_line_id": scene.line, "first": JAN, "last": MAR}
    scene.act(trials.start, "sm", at("2026-05-06 10:00"), version, command)

    def by_rule(session: Session) -> set[tuple[date, int, str, str]]:
        row = session.scalars(select(PolicyVersion).where(PolicyVersion.version == version)).one()
        policy = level_policy(drafts.as_draft(row, row.values))
        stood = facts.effective(session, scene.line, list(scene.customers.values()), JAN, MAR)
        moved = set()
        for customer_id, months in stood.items():
            level, idle = Level(months[JAN].held), months[JAN].idle_before
            for month, seen in sorted(months.items()):
                out, idle = earned(seen.customer_class, level, seen.grams, facts.indicators(seen), idle, policy)
                level = out.level
                if out.stored[0] != seen.level:
                    moved.add((month.start, customer_id, seen.level, out.stored[0]))
        return moved

    def tried(session: Session) -> set[tuple[date, int, str, str]]:
        move = BackTestMove
        return {
            tuple(row)
            for row in session.execute(select(move.month, move.customer_id, move.real_level, move.draft_level))
        }

    assert scene.ask(tried) == scene.ask(by_rule) != set()
    assert (MAR.start, scene.customers["h"], "auction", "ordinary") in scene.ask(tried), "from where its draft stood"


def test_a_rest_is_as_long_as_the_work() -> None:
    begun = monotonic() - 0.05
    closing.rest(0.001, begun)
    assert monotonic() - begun >= 0.1


def test_a_seal_is_that_of_pythons_own_tuples(both_app: Flask) -> None:
    """Seals made before the database spelled the rows hold good."""
    scene = Scene(both_app, "abcd")
    for n, letter in enumerate("abcd"):
        scene.lift(letter, JAN, str(400 * n + 1))
        scene.know(letter, JAN, breaches=n, cooperation=30 * n)
    run_id = scene.close(JAN)
    table = LevelDecisionRow.__table__
    query = select(table).where(table.c.run_id == run_id, table.c.level != table.c.held).order_by(table.c.customer_id)

    def sealed(session: Session) -> tuple[int, str]:
        found = seals.seal(session, run_id, 0, 1_000)
        return found.rows, found.sha256

    rows = scene.ask(lambda session: [tuple(row) for row in session.execute(query)])
    assert scene.ask(sealed) == (len(rows), sha256("".join(map(repr, rows)).encode()).hexdigest())
    assert len(rows) == 3, "a direct customer stands where it stood"
