"""Scores, bands, weights and recommendations, pure (CHEM-16)."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierflow.grading.rules.levels import LADDER, Level, LevelPolicy, may_pin
from tierflow.grading.rules.outlook import outlook
from tierflow.grading.rules.reviews import ReviewPolicy, Seen, band, breaches_known, papers, recommend, score
from tierflow.grading.terms import GRADING_TERMS
from tierflow.kernel.policy import check

POLICY = ReviewPolicy(
    1,
    {"completion": 50, "cooperation": 30, "breaches": 20},
    ((0, 6000, "lower"), (6000, 9000, "keep"), (9000, 10_000, "raise")),
    25,
)
PLAIN = Seen("dealer", True, 1, None, None, None, None, None, None, 90, None)


def seen(**values: object) -> Seen:
    return dataclasses.replace(PLAIN, **values)  # type: ignore[arg-type]


@pytest.mark.rule("CHEM-16")
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"completion": 10_000, "cooperation": 100, "breaches": 0}, 10_000),
        ({"completion": 0, "cooperation": 0, "breaches": 4}, 0),
        ({"completion": 8000, "cooperation": 90, "breaches": 1}, 8200),  # (50*80 + 30*90 + 20*75) / 100
        ({"completion": 8000}, 8000),  # no data = not scored: the others carry the whole
        ({"cooperation": 70, "breaches": 0}, 8200),  # (30*70 + 20*100) / 50
        ({}, None),
        ({"completion": 3333, "cooperation": 33}, 3320),  # rounded down
    ],
)
def test_a_score_is_weighted_and_no_data_is_not_scored(values: dict[str, int], expected: int | None) -> None:
    assert score(seen(**values), POLICY) == expected


@pytest.mark.rule("CHEM-16")
@pytest.mark.parametrize(
    ("values", "expected"), [({}, None), ({"breaches": 0}, 10_000), ({"completion": 0}, 588), ({"breaches": 4}, 2500)]
)
def test_valid_papers_alone_make_no_score(values: dict[str, int], expected: int | None) -> None:
    policy = dataclasses.replace(POLICY, weights={"completion": 80, "papers": 5, "breaches": 15})
    assert score(seen(suspended_days=0, **values), policy) == expected


@pytest.mark.rule("CHEM-16")
@pytest.mark.parametrize(
    ("recorded", "had_business", "expected"),
    [
        (None, False, None),  # nothing was lifted or ordered: there was nothing to breach
        (None, True, 0),
        (0, False, 0),  # somebody said so
        (2, False, 2),
        (2, True, 2),
    ],
)
def test_without_business_there_is_no_data_of_breaches(
    recorded: int | None, had_business: bool, expected: int | None
) -> None:
    assert breaches_known(recorded, had_business=had_business) == expected


@pytest.mark.rule("CHEM-16")
@pytest.mark.parametrize(
    ("scored", "word"),
    [
        (0, "lower"),
        (5999, "lower"),
        (6000, "keep"),
        (8999, "keep"),
        (9000, "raise"),
        (9999, "raise"),
        (10_000, "raise"),
    ],
)
def test_every_score_is_in_one_band_and_a_full_one_in_the_last(scored: int, word: str) -> None:
    assert band(scored, POLICY) == word


@pytest.mark.rule("CHEM-16")
@pytest.mark.parametrize(
    ("values", "scored", "word"),
    [
        ({}, 9500, "raise"),
        ({}, 100, "lower"),
        ({}, None, "keep"),
        ({"customer_class": "direct"}, 100, "keep"),  # nothing moves a direct customer
        ({"has_levels": False}, 9500, "keep"),
        ({"has_levels": False, "customer_class": "exclusive_agent"}, 100, "end_class"),
        ({"grams": 0, "is_suspended": True}, 9500, "disqualify"),
        ({"grams": 0, "is_suspended": False}, 9500, "raise"),
        ({"grams": 1, "is_suspended": True}, 9500, "raise"),
    ],
)
def test_what_a_score_recommends(values: dict[str, object], scored: int | None, word: str) -> None:
    assert recommend(seen(**values), scored, POLICY) == word


@pytest.mark.rule("CHEM-18")
@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("review.weights", ["completion:60", "evenness:40"], None),
        ("review.weights", ["completion:60", "evenness:39"], "total 99"),
        ("review.weights", ["completion:60", "completion:40"], "twice"),
        ("review.weights", ["wealth:100"], "no weight"),
        ("review.bands", ["0-60:lower", "60-100:keep"], None),
        ("review.bands", ["0-60:lower", "61-100:keep"], "No band holds the scores from 60 to 61"),
        ("review.bands", ["0-60:lower", "59-100:keep"], "Two bands hold the scores from 59 to 60"),
        ("review.bands", ["1-100:keep"], "No band holds the scores from 0 to 1"),
        ("review.bands", ["0-99:keep"], "reach 100"),
        ("review.bands", ["0-100:promote"], "no band"),
        ("grading.gates", ["plan_completion:8000"], None),
        ("grading.gates", ["plan_completion:x"], "no condition"),
    ],
)
def test_policies_are_checked_when_saved(key: str, value: list[str], reason: str | None) -> None:
    refused = GRADING_TERMS[key].refuses(value)
    assert (refused is None) == (reason is None)
    assert reason is None or reason in str(refused)


@pytest.mark.rule("CHEM-18")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"grading.two_star_grams": 1_000_000_000}, "Each star must ask for more"),
        ({"review.bands": ("0-60:lower", "60-100:raise")}, "A hundredth of a point decides"),
        ({"review.bands": ("0-60:disqualify", "60-100:raise")}, "A hundredth of a point decides"),
        ({"review.bands": ("0-60:keep", "60-100:lower")}, "A better score recommends less"),
        ({"review.bands": ("0-30:end_class", "30-60:lower", "60-100:keep")}, None),
        ({"review.breach_points": 0}, "cost nothing"),
        ({"review.breach_points": 0, "review.weights": ("completion:100",)}, None),
        ({"grading.gates": ("plan_completion:8000",), "grading.forces": ("plan_completion:8000",)}, None),
        ({"grading.gates": ("plan_completion:8000",), "grading.forces": ("plan_completion:8001",)}, "lies beyond"),
        ({"grading.gates": ("breaches:2",), "grading.forces": ("breaches:2",)}, None),
        ({"grading.gates": ("breaches:2",), "grading.forces": ("breaches:1",)}, "lies beyond"),
    ],
)
def test_values_are_checked_against_each_other_for_cliffs(changed: dict[str, object], reason: str | None) -> None:
    found = check({**GRADING_TERMS.defaults(), **changed}, GRADING_TERMS)
    assert [reason in str(refusal.reason) for refusal in found] == ([True] if reason else [])


@pytest.mark.rule("CHEM-18")
@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("grading.gates", ("plan_completion:8000",), ["Plan completion below 80 %"]),
        ("grading.gates", ("evenness:7950", "breaches:2"), ["Weekly evenness below 79.5 %", "Breaches upheld above 2"]),
        ("grading.forces", ("cooperation:60",), ["Cooperation below 60"]),
        ("review.weights", ("completion:30", "papers:70"), ["Plan completion 30 %", "Papers 70 %"]),
        (
            "review.bands",
            ("0-60:lower", "60-100:keep"),
            ["from 0 to below 60 points: lower the level", "from 60 to 100 points: keep as it is"],
        ),
    ],
)
def test_lists_say_in_words_what_they_mean(key: str, value: tuple[str, ...], words: list[str]) -> None:
    says = GRADING_TERMS[key].says
    assert says is not None
    assert [str(each) for each in says(value)] == words


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 100))
def test_doing_better_never_scores_less(completion: int, more: int, cooperation: int) -> None:
    first = score(seen(completion=completion, cooperation=cooperation), POLICY)
    better = score(seen(completion=min(10_000, completion + more), cooperation=cooperation), POLICY)
    assert first is not None
    assert better is not None
    assert better >= first


T = 1_000_000
LEVELS = LevelPolicy(1, 1000 * T, 2000 * T, 3000 * T, 3, {"plan_completion": 8000}, {})
A, O, S1, S2, S3 = LADDER  # noqa: E741


@pytest.mark.rule("CHEM-9.4", "CHEM-9.7")
@pytest.mark.parametrize(
    ("held", "grams", "idle", "keep", "gain", "at_risk"),
    [
        (A, 0, 0, None, 1, False),
        (A, 1, 0, None, 0, False),
        (O, 0, 0, 0, 1000 * T, False),
        (O, 0, 2, 1, 1000 * T, True),  # the third idle month would lead to auction
        (O, 1, 2, 0, 1000 * T - 1, False),
        (S1, 1000 * T - 1, 0, 1, 1000 * T + 1, True),
        (S1, 1000 * T, 0, 0, 1000 * T, False),
        (S3, 2999 * T, 0, T, None, True),
    ],
)
def test_tonnes_to_go_to_keep_and_to_gain(
    held: Level, grams: int, idle: int, keep: int | None, gain: int | None, at_risk: bool
) -> None:
    ahead = outlook("dealer", held, grams, idle, {}, LEVELS)
    assert (ahead.keep_grams, ahead.gain_grams, ahead.is_at_risk) == (keep, gain, at_risk)


@given(st.sampled_from(LADDER), st.integers(0, 4000 * T), st.integers(0, 5))
def test_lifting_what_is_told_keeps_and_gains_the_level(held: Level, grams: int, idle: int) -> None:
    ahead = outlook("dealer", held, grams, idle, {}, LEVELS)
    if ahead.keep_grams is not None:
        kept = outlook("dealer", held, grams + ahead.keep_grams, idle, {}, LEVELS)
        assert kept.would.level.rank >= held.rank
    if ahead.gain_grams is not None:
        assert outlook("dealer", held, grams + ahead.gain_grams, idle, {}, LEVELS).would.level is ahead.gain


@pytest.mark.rule("CHEM-9.6")
def test_what_holds_back_besides_tonnes_is_said() -> None:
    ahead = outlook("dealer", O, 1500 * T, 0, {"plan_completion": 7999}, LEVELS)
    assert [(row.name, row.value, row.threshold) for row in ahead.held_back_by] == [("plan_completion", 7999, 8000)]
    assert (ahead.gain_grams, ahead.would.move) == (0, "held")


@pytest.mark.rule("CHEM-9.5")
@pytest.mark.parametrize(
    ("computed", "wanted", "allowed"), [(O, S1, True), (O, A, True), (O, O, True), (O, S2, False), (S3, S1, False)]
)
def test_a_level_by_hand_is_one_step_from_the_computed_one(computed: Level, wanted: Level, allowed: bool) -> None:
    assert (may_pin(False, computed, wanted) == ()) is allowed
    assert may_pin(True, computed, wanted) != ()


@pytest.mark.rule("CHEM-15", "CHEM-16")
@pytest.mark.parametrize(
    ("suspended", "days", "expected"),
    [(0, 90, 10_000), (90, 90, 0), (1, 90, 9_888), (45, 90, 5_000), (0, 1, 10_000), (None, 90, None), (0, 0, None)],
)
def test_papers_score_the_share_of_days_with_valid_papers(
    suspended: int | None, days: int, expected: int | None
) -> None:
    assert papers(suspended, days) == expected
