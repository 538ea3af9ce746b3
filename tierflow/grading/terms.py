"""Policy terms of grading: the thresholds of the levels, and what may hold or force a move."""

from __future__ import annotations

import re

from tierflow.kernel.errors import Refusal
from tierflow.kernel.policy import Policy, PolicyValue, Term, Terms
from tierflow.kernel.terms import DAYS, MONTHS, WORKING_DAYS
from tierflow.kernel.text import Text, mark, text

GRAMS = mark("grams")
CONDITIONS = mark("conditions, as plan_completion:8000")

INDICATORS = ("plan_completion", "evenness", "payment_discipline", "breaches", "cooperation")


def parse_condition(written: str) -> tuple[str, int]:
    """`plan_completion:8000` as (indicator, threshold). Raises `ValueError`."""
    name, colon, threshold = written.partition(":")
    if name not in INDICATORS or not colon or not threshold.isascii() or not threshold.isdigit():
        raise ValueError(written)
    return name, int(threshold)


def _conditions(value: PolicyValue) -> Text | None:
    names = []
    for written in value if isinstance(value, tuple) else ():
        try:
            names.append(parse_condition(str(written))[0])
        except ValueError:
            return text(
                "“%(written)s” is no condition; write an indicator, a colon and a number.", written=str(written)
            )
    return text("An indicator stands in the list twice.") if len(names) != len(set(names)) else None


REVIEWED = ("completion", "evenness", "payment_discipline", "breaches", "cooperation", "papers")
RECOMMENDED = ("keep", "raise", "lower", "end_class", "disqualify")
_BAND = re.compile(r"([0-9]{1,3})-([0-9]{1,3}):([a-z_]+)")


def parse_weight(written: str) -> tuple[str, int]:
    """`completion:30` as (indicator, per cent). Raises `ValueError`."""
    name, colon, weight = written.partition(":")
    if name not in REVIEWED or not colon or not weight.isascii() or not weight.isdigit():
        raise ValueError(written)
    return name, int(weight)


def parse_band(written: str) -> tuple[int, int, str]:
    """`60-85:keep` as (from, below, recommendation), in hundredths of a point. Raises `ValueError`."""
    found = _BAND.fullmatch(written)
    if found is None or found[3] not in RECOMMENDED or int(found[1]) >= int(found[2]):
        raise ValueError(written)
    return int(found[1]) * 100, int(found[2]) * 100, found[3]


def _weights(value: PolicyValue) -> Text | None:
    try:
        found = [parse_weight(str(written)) for written in (value if isinstance(value, tuple) else ())]
    except ValueError as error:
        return text("“%(written)s” is no weight; write an indicator, a colon and per cent.", written=str(error))
    if len({name for name, _weight in found}) != len(found):
        return text("An indicator stands in the list twice.")
    total = sum(weight for _name, weight in found)
    return None if total == 100 else text("The weights total %(total)s %%, not 100 %%.", total=total)


def _bands(value: PolicyValue) -> Text | None:
    try:
        found = [parse_band(str(written)) for written in (value if isinstance(value, tuple) else ())]
    except ValueError as error:
        return text("“%(written)s” is no band; write it as 60-85:keep.", written=str(error))
    edge = 0
    for low, high, _word in found:
        if low > edge:
            return text("No band holds the scores from %(low)s to %(high)s.", low=edge // 100, high=low // 100)
        if low < edge:
            return text("Two bands hold the scores from %(low)s to %(high)s.", low=low // 100, high=edge // 100)
        edge = high
    if edge != 10_000:
        return text("The bands must reach 100 exactly.")
    return None


def _thresholds_rise(draft: Policy) -> tuple[Refusal, ...]:
    one, two, three = (draft.integer(f"grading.{star}_grams") for star in ("one_star", "two_star", "three_star"))
    if 0 < one < two < three:
        return ()
    return (Refusal("CHEM-9.4", text("Each star must ask for more than the one before."), "grading.two_star_grams"),)


GRADING_TERMS = Terms(
    [
        Term("grading.one_star_grams", "integer", 1_000_000_000, "CHEM-9.4", mark("One star from"), GRAMS, minimum=1),
        Term("grading.two_star_grams", "integer", 2_000_000_000, "CHEM-9.4", mark("Two stars from"), GRAMS, minimum=1),
        Term(
            "grading.three_star_grams", "integer", 3_000_000_000, "CHEM-9.4", mark("Three stars from"), GRAMS, minimum=1
        ),
        Term(
            "grading.idle_months",
            "integer",
            3,
            "CHEM-9.7",
            mark("Months in a row without offtake that lead back to auction"),
            MONTHS,
            minimum=1,
            maximum=24,
        ),
        Term(
            "grading.gates",
            "words",
            (),
            "CHEM-9.6",
            mark("Indicators that hold a rise"),
            CONDITIONS,
            check=_conditions,
        ),
        Term(
            "grading.forces",
            "words",
            (),
            "CHEM-9.6",
            mark("Indicators that force one step down"),
            CONDITIONS,
            check=_conditions,
        ),
        Term(
            "grading.confirm_working_days",
            "integer",
            5,
            "CHEM-9.5",
            mark("A month's levels are confirmed by working day"),
            WORKING_DAYS,
            minimum=1,
            maximum=20,
        ),
        Term(
            "grading.pin_months",
            "integer",
            6,
            "house",
            mark("A level set by hand lasts at most"),
            MONTHS,
            minimum=1,
            maximum=24,
        ),
        Term(
            "grading.warn_days",
            "integer",
            10,
            "house",
            mark("Warn that a star is about to be lost, days before the month ends"),
            DAYS,
            minimum=1,
            maximum=27,
        ),
        Term(
            "review.weights",
            "words",
            (
                "completion:30",
                "evenness:15",
                "payment_discipline:20",
                "breaches:10",
                "cooperation:20",
                "papers:5",
            ),
            "CHEM-16",
            mark("Weights of a review, in per cent, 100 together"),
            mark("weights, as completion:30"),
            check=_weights,
        ),
        Term(
            "review.bands",
            "words",
            ("0-60:lower", "60-90:keep", "90-100:raise"),
            "CHEM-16",
            mark("What a review's score recommends"),
            mark("bands, as 60-90:keep"),
            check=_bands,
        ),
        Term(
            "review.breach_points",
            "integer",
            25,
            "CHEM-16",
            mark("A breach costs of its 100 points"),
            mark("points"),
            minimum=0,
            maximum=100,
        ),
    ],
    checks=[_thresholds_rise],
)
