"""Policy terms of grading: the thresholds of the levels, and what may hold or force a move."""

from __future__ import annotations

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
    ],
    checks=[_thresholds_rise],
)
