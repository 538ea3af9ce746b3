"""Levels, to the gram."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierflow.grading.rules.levels import (
    LADDER,
    Level,
    LevelPolicy,
    Month,
    decide_level,
    decide_months,
    grams_to,
    level_for,
)

T = 1_000_000  # grams in a tonne
POLICY = LevelPolicy(1, 1000 * T, 2000 * T, 3000 * T, 3, {}, {})
GATED = LevelPolicy(2, 1000 * T, 2000 * T, 3000 * T, 3, {"plan_completion": 8000}, {})
FORCED = LevelPolicy(3, 1000 * T, 2000 * T, 3000 * T, 3, {}, {"breaches": 1})

A, O, S1, S2, S3 = LADDER  # noqa: E741


@pytest.mark.groundwork("CHEM-9.4")
@pytest.mark.parametrize(
    ("grams", "level"),
    [
        (0, O),
        (1, O),
        (1000 * T - 1, O),
        (1000 * T, S1),
        (2000 * T - 1, S1),
        (2000 * T, S2),
        (3000 * T - 1, S2),
        (3000 * T, S3),
        (90000 * T, S3),
    ],
)
def test_single_month_offtake_gives_the_level_exactly_to_the_gram(grams: int, level: Level) -> None:
    assert level_for(grams, POLICY) is level


@pytest.mark.groundwork("CHEM-9.5", "CHEM-9.2")
@pytest.mark.parametrize(
    ("held", "grams", "level", "move"),
    [
        (A, 1, O, "up"),  # a new customer's first offtake: ordinary at most
        (A, 5000 * T, O, "up"),
        (A, 0, A, "same"),
        (O, 3000 * T, S1, "up"),
        (S1, 3000 * T, S2, "up"),
        (S2, 3000 * T, S3, "up"),
        (S3, 3000 * T, S3, "same"),
        (S3, 3000 * T - 1, S2, "down"),
        (S3, 0, S2, "down"),
        (S1, 999 * T, O, "down"),
        (O, 0, O, "same"),
    ],
)
def test_level_moves_at_most_one_step_a_month(held: Level, grams: int, level: Level, move: str) -> None:
    decision = decide_level("dealer", held, Month(grams, {}), 0, POLICY)
    assert (decision.level, decision.move) == (level, move)


@pytest.mark.groundwork("CHEM-9.3")
@pytest.mark.parametrize("grams", [0, 1000 * T, 9000 * T])
def test_a_direct_customer_is_ordinary_whatever_its_volume(grams: int) -> None:
    months = [(Month(grams, {"breaches": 9}), FORCED)] * 5
    decisions = decide_months("direct", S3, months)
    assert {d.level for d in decisions} == {O}
    assert {d.move for d in decisions} == {"same"}
    assert {i.verdict for d in decisions for i in d.indicators} <= {"info", "no data"}


@pytest.mark.groundwork("CHEM-9.7")
def test_idle_months_lead_back_to_auction_step_by_step() -> None:
    months = [(Month(0, {}), POLICY)] * 5
    assert [d.level for d in decide_months("dealer", S3, months)] == [S2, S1, O, A, A]
    assert [d.target for d in decide_months("dealer", S3, months)] == [O, O, A, A, A]


@pytest.mark.groundwork("CHEM-9.7")
def test_one_gram_resets_the_count_of_idle_months() -> None:
    months = [(Month(grams, {}), POLICY) for grams in (0, 0, 1, 0, 0, 0)]
    assert [d.level for d in decide_months("dealer", O, months)] == [O, O, O, O, O, A]


@pytest.mark.groundwork("CHEM-9.6")
@pytest.mark.parametrize(
    ("completion", "level", "move"),
    [(7999, O, "held"), (8000, S1, "up"), (8001, S1, "up"), (None, S1, "up")],
)
def test_a_gate_holds_a_rise_and_no_data_holds_nothing(completion: int | None, level: Level, move: str) -> None:
    indicators = {} if completion is None else {"plan_completion": completion}
    decision = decide_level("dealer", O, Month(1500 * T, indicators), 0, GATED)
    assert (decision.level, decision.move) == (level, move)
    assert ("CHEM-9.6" in decision.clauses) == (move == "held")


@pytest.mark.groundwork("CHEM-9.6")
def test_a_gate_does_not_soften_a_fall() -> None:
    assert decide_level("dealer", S2, Month(0, {"plan_completion": 10_000}), 0, GATED).level is S1


@pytest.mark.groundwork("CHEM-9.6")
@pytest.mark.parametrize(
    ("held", "grams", "breaches", "level"),
    [
        (S2, 2000 * T, 1, S2),  # on the threshold: not more than it
        (S2, 2000 * T, 2, S1),
        (S2, 0, 2, S1),  # never two steps with a fall by tonnes
        (O, 0, 9, O),  # never below ordinary
        (A, 0, 9, A),
    ],
)
def test_a_force_is_one_step_down_and_no_more(held: Level, grams: int, breaches: int, level: Level) -> None:
    assert decide_level("dealer", held, Month(grams, {"breaches": breaches}), 0, FORCED).level is level


@pytest.mark.groundwork("CHEM-9.6")
def test_every_indicator_is_shown_with_value_threshold_and_verdict() -> None:
    shown = {i.name: i for i in decide_level("dealer", O, Month(1, {"plan_completion": 7000}), 0, GATED).indicators}
    assert (shown["plan_completion"].value, shown["plan_completion"].threshold) == (7000, 8000)
    assert shown["plan_completion"].verdict == "fail"
    assert shown["evenness"].verdict == "no data"


@given(st.sampled_from(LADDER), st.integers(0, 4000 * T), st.integers(0, 1000 * T), st.integers(0, 5))
def test_more_offtake_never_earns_less(held: Level, grams: int, more: int, idle: int) -> None:
    less = decide_level("dealer", held, Month(grams, {}), idle, POLICY)
    assert decide_level("dealer", held, Month(grams + more, {}), idle, POLICY).level.rank >= less.level.rank


@given(st.sampled_from(LADDER), st.integers(0, 4000 * T), st.integers(0, 10_000))
def test_a_gate_never_lifts(held: Level, grams: int, completion: int) -> None:
    month = Month(grams, {"plan_completion": completion})
    gated = decide_level("dealer", held, month, 0, GATED)
    assert gated.level.rank <= decide_level("dealer", held, month, 0, POLICY).level.rank


@pytest.mark.parametrize(
    ("level", "grams", "left"), [(S1, 999 * T, T), (S1, 1000 * T, 0), (S3, 0, 3000 * T), (O, 0, 0)]
)
def test_tonnes_to_go(level: Level, grams: int, left: int) -> None:
    assert grams_to(level, grams, POLICY) == left
