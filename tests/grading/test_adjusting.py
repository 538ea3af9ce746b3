"""Adjustments: looked for before anybody is kept waiting, decided by the statement of every run, by the rule."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import StandingClock
from tests.grading.scenes import FEB, JAN, MAR, Scene, after, at
from tests.grading.test_doors import Door, newest
from tests.grading.test_runs import lies
from tierflow.common.customers import CustomerLine
from tierflow.common.db import _writing, transaction
from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import monthly
from tierflow.common.policies import policy_numbered
from tierflow.common.reference import Product
from tierflow.grading.rules.levels import Level, LevelPolicy, earned, level_policy
from tierflow.grading.service import derived, facts, late
from tierflow.kernel.errors import Refused
from tierflow.kernel.months import Month

T = 1_000_000  # grams of a tonne


@pytest.mark.parametrize("kind", ["page", "api"])
@pytest.mark.rule("CHEM-9.5")
def test_late_facts_are_looked_for_before_the_transaction_begins(
    app: Flask, clock: StandingClock, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Comparing a year of everybody takes seconds, which no clerk's save may wait for."""
    clock.at = after(JAN)
    scene = Scene(app)
    door = Door(scene, kind)
    scene.close(JAN)
    scene.lift("a", JAN, "10")  # recorded, says its moment, before the month was run
    asked: list[bool] = []
    found = late._drifted

    def noted(session: Session, line_id: int) -> Iterator[tuple[int, Month]]:
        asked.append(_writing.get())
        return found(session, line_id)

    monkeypatch.setattr(late, "_drifted", noted)
    adjust = ("/levels/adjustments", "/grading/adjustments")
    assert door.send("am", *adjust, product_line_id=scene.line) == "forbidden"
    assert asked == [], "not for whoever may not adjust"
    assert door.send("sm", *adjust, product_line_id="x") == "invalid"
    assert door.send("sm", *adjust, product_line_id=scene.line) == "ok"
    assert asked == [False]
    assert set(scene.decisions(newest(scene).id)) == {"a"}


FACT = st.fixed_dictionaries(
    {},
    optional={
        "tonnes": st.sampled_from(["0.000001", "999.999999", "1000", "1999", "2000", "3000.5"]),
        "planned_grams": st.sampled_from([0, 1, 1_000 * T, 4_000 * T]),
        "breaches": st.integers(0, 3),
        "cooperation": st.sampled_from([0, 59, 60, 100]),
    },
)
LETTERS, MONTHS = "abcd", (JAN, FEB, MAR)
YEAR = st.fixed_dictionaries({(letter, month): FACT for letter in LETTERS for month in MONTHS})


@pytest.mark.rule("CHEM-9.5")
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(known=YEAR, late_facts=YEAR, later=YEAR)
def test_an_adjustment_comes_to_what_the_rule_makes_of_the_facts_month_after_month(
    graded: tuple[Scene, LevelPolicy], known: dict[Any, Any], late_facts: dict[Any, Any], later: dict[Any, Any]
) -> None:
    scene, policy = graded
    begin_anew(scene)
    lay(scene, known, at("2026-01-02 09:00"))
    scene.close(*MONTHS)
    assert decided(scene) == by_rule(scene, policy)
    for facts_, day in ((late_facts, 10), (later, 20)):
        now = at(f"2026-04-{day} 10:00")
        lay(scene, facts_, now)
        before = decided(scene)
        try:
            scene.confirm(scene.act(late.adjust, "sm", now, scene.line), now)
        except Refused:
            assert decided(scene) == before
        assert decided(scene) == by_rule(scene, policy)
    assert lies(scene) == []


@pytest.fixture
def graded(both_app: Flask) -> tuple[Scene, LevelPolicy]:
    scene = Scene(both_app, LETTERS)
    with both_app.app_context(), transaction() as session:
        conditions = {"grading.gates": ["plan_completion:8000", "cooperation:60"], "grading.forces": ["breaches:1"]}
        return scene, level_policy(policy_numbered(session, builders.adopt(session, conditions).version))


def begin_anew(scene: Scene) -> None:
    """A product line of its own, which the same customers hold: nothing of it was ever closed."""
    with scene.app.app_context(), transaction() as session:
        made = builders.line(session, f"PO-{scene.line}")
        scene.line = made.id
        scene.product = session.scalars(select(Product.id).where(Product.product_line_id == made.id)).one()
        for letter, customer_id in scene.customers.items():
            kind = "direct" if letter == "d" else "dealer"
            session.add(
                CustomerLine(
                    customer_id=customer_id,
                    product_line_id=made.id,
                    customer_class=kind,
                    from_on=date(2025, 12, 1),
                    to_on=None,
                )
            )


def lay(scene: Scene, facts_: dict[tuple[str, Month], dict[str, Any]], now: datetime) -> None:
    for (letter, month), values in facts_.items():
        if tonnes := values.get("tonnes"):
            scene.lift(letter, month, tonnes, now)
        if keyed := {name: value for name, value in values.items() if name != "tonnes"}:
            scene.know(letter, month, now, **keyed)


Decided = dict[tuple[int, Month], tuple[Any, ...]]


def decided(scene: Scene) -> Decided:
    """What holds of each month: the newest confirmed decision."""

    def ask(session: Session) -> Decided:
        stood = facts.effective(session, scene.line, list(scene.customers.values()), JAN, MAR)
        return {
            (customer_id, month): (row.held, row.idle_before, row.grams, row.level, row.move, row.code, row.idle)
            for customer_id, months in stood.items()
            for month, row in months.items()
        }

    found: Decided = scene.ask(ask)
    return found


def by_rule(scene: Scene, policy: LevelPolicy) -> Decided:
    """The same by the pure rule, from the ledger's sums and what was keyed in."""

    def ask(session: Session) -> Decided:
        found: Decided = {}
        over = {month: derived.span(session, scene.line, [month]) for month in MONTHS}
        for letter, customer_id in scene.customers.items():
            held, idle = (Level.ORDINARY if letter == "d" else Level.AUCTION), 0
            for month in MONTHS:
                grams = monthly(session, [customer_id], scene.line, month, month).get(customer_id, {}).get(month, 0)
                keyed = session.get(MonthFacts, (scene.line, month.start, customer_id))
                even = derived.inputs(session, over[month], [customer_id])[customer_id].evenness
                seen = facts.known(
                    grams,
                    keyed.planned_grams if keyed else None,
                    even,
                    None,
                    keyed.breaches if keyed else None,
                    keyed.cooperation if keyed else None,
                )
                out, idle_now = earned("direct" if letter == "d" else "dealer", held, grams, seen, idle, policy)
                said = (out.level.value, out.move, " ".join(out.clauses), idle_now)
                found[customer_id, month] = (held.value, idle, grams, *said)
                held, idle = out.level, idle_now
        return found

    made: Decided = scene.ask(ask)
    return made
