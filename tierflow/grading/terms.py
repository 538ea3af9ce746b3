"""Policy terms of grading: the thresholds of the levels, what may hold or force a move, what a review weighs.

Lists are checked entry by entry and among themselves, and say in words what they mean.
"""

from __future__ import annotations

import re
from itertools import pairwise

from tierflow.kernel.errors import Refusal
from tierflow.kernel.policy import Policy, PolicyValue, Term, Terms
from tierflow.kernel.terms import DAYS, MONTHS, WORKING_DAYS
from tierflow.kernel.text import Text, mark, text

GRAMS = mark("grams")
CONDITIONS = mark("conditions, as plan_completion:8000")

INDICATORS = ("plan_completion", "evenness", "payment_discipline", "breaches", "cooperation")
INDICATOR_LABELS = {
    "plan_completion": mark("Plan completion"),
    "completion": mark("Plan completion"),
    "evenness": mark("Weekly evenness"),
    "payment_discipline": mark("Payment discipline"),
    "breaches": mark("Breaches upheld"),
    "cooperation": mark("Cooperation"),
    "papers": mark("Papers"),
}
# Counted, or given in points; all others are basis points.
COUNTED = frozenset({"breaches", "cooperation"})
# More of these is worse; of all others, less is.
COUNTED_AGAINST = frozenset({"breaches"})


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


def say_conditions(value: PolicyValue) -> tuple[Text, ...]:
    """Conditions in words: Plan completion below 80 %."""
    return tuple(_condition_words(*parse_condition(str(written))) for written in _entries(value))


def _condition_words(name: str, threshold: int) -> Text:
    label = Text(INDICATOR_LABELS[name])
    limit = str(threshold) if name in COUNTED else percent(threshold)
    if name in COUNTED_AGAINST:
        return text("%(indicator)s above %(limit)s", indicator=label, limit=limit)
    return text("%(indicator)s below %(limit)s", indicator=label, limit=limit)


def percent(basis_points: int) -> str:
    """Basis points as per cent, without digits that say nothing."""
    whole, rest = divmod(basis_points, 100)
    digits = f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)
    return f"{digits} %"


def _entries(value: PolicyValue) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


REVIEWED = ("completion", "evenness", "payment_discipline", "breaches", "cooperation", "papers")
RECOMMENDED = ("keep", "raise", "lower", "end_class", "disqualify")
RECOMMENDATION_LABELS = {
    "keep": mark("keep as it is"),
    "raise": mark("raise the level"),
    "lower": mark("lower the level"),
    "end_class": mark("end the class"),
    "disqualify": mark("disqualify"),
}
# From the worst to the best, for a draft whose better scores recommend less.
BY_SCORE = ("disqualify", "end_class", "lower", "keep", "raise")
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


def say_weights(value: PolicyValue) -> tuple[Text, ...]:
    """Weights in words: Cooperation 20 %."""
    return tuple(
        text("%(indicator)s %(weight)s %%", indicator=Text(INDICATOR_LABELS[name]), weight=weight)
        for name, weight in (parse_weight(str(written)) for written in _entries(value))
    )


def say_bands(value: PolicyValue) -> tuple[Text, ...]:
    """Bands in words: from 60 to below 90 points: keep as it is."""
    return tuple(_band_words(*parse_band(str(written))) for written in _entries(value))


def _band_words(low: int, high: int, word: str) -> Text:
    label, first, end = Text(RECOMMENDATION_LABELS[word]), low // 100, high // 100
    if high == 10_000:
        return text("from %(low)s to %(high)s points: %(word)s", low=first, high=end, word=label)
    return text("from %(low)s to below %(high)s points: %(word)s", low=first, high=end, word=label)


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


def _bands_rise(draft: Policy) -> tuple[Refusal, ...]:
    """A better score never recommends less, and no hundredth of a point decides between falling and rising."""
    words = [parse_band(written)[2] for written in draft.words("review.bands")]
    found = []
    for worse, better in pairwise(words):
        labels = {"worse": Text(RECOMMENDATION_LABELS[worse]), "better": Text(RECOMMENDATION_LABELS[better])}
        if BY_SCORE.index(better) < BY_SCORE.index(worse):
            found.append(text("A better score recommends less: “%(better)s” stands above “%(worse)s”.", **labels))
        elif better == "raise" and worse != "keep":
            found.append(
                text("A hundredth of a point decides between “%(worse)s” and “%(better)s”: put keep between.", **labels)
            )
    return tuple(Refusal("CHEM-16", each, "review.bands") for each in found)


def _breaches_cost(draft: Policy) -> tuple[Refusal, ...]:
    weight = dict(parse_weight(written) for written in draft.words("review.weights")).get("breaches", 0)
    if not weight or draft.integer("review.breach_points"):
        return ()
    return (Refusal("CHEM-16", text("Breaches have a weight and cost nothing."), "review.breach_points"),)


def _forces_lie_beyond_gates(draft: Policy) -> tuple[Refusal, ...]:
    """What is good enough to rise cannot be bad enough to fall."""
    gates, forces = (
        dict(parse_condition(written) for written in draft.words(key)) for key in ("grading.gates", "grading.forces")
    )
    wrong = [
        name
        for name, limit in forces.items()
        if name in gates and (limit < gates[name] if name in COUNTED_AGAINST else limit > gates[name])
    ]
    return tuple(
        Refusal(
            "CHEM-9.6",
            text(
                "%(indicator)s: what forces a step down lies beyond what holds a rise.",
                indicator=Text(INDICATOR_LABELS[name]),
            ),
            "grading.forces",
        )
        for name in wrong
    )


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
            says=say_conditions,
        ),
        Term(
            "grading.forces",
            "words",
            (),
            "CHEM-9.6",
            mark("Indicators that force one step down"),
            CONDITIONS,
            check=_conditions,
            says=say_conditions,
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
            says=say_weights,
        ),
        Term(
            "review.bands",
            "words",
            ("0-60:lower", "60-90:keep", "90-100:raise"),
            "CHEM-16",
            mark("What a review's score recommends"),
            mark("bands, as 60-90:keep"),
            check=_bands,
            says=say_bands,
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
    checks=[_thresholds_rise, _forces_lie_beyond_gates, _bands_rise, _breaches_cost],
)
