"""Scores of a periodic review and what they recommend (CHEM-16). Scores are in hundredths of a point, 0 to 10000.

What has no data is not scored: its weight falls away and the others carry the whole. Where nothing but papers is known
there is nothing to review, and no score: valid papers alone say nothing of how business went. A recommendation takes no
effect by itself; a person confirms it and starts the procedure it names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tierflow.grading.terms import parse_band, parse_weight
from tierflow.kernel.decisions import Indicator
from tierflow.kernel.policy import Policy

FULL = 10_000


@dataclass(frozen=True)
class ReviewPolicy:
    """Weights in per cent that total 100, bands of score that leave no gap, points a breach costs."""

    version: int
    weights: Mapping[str, int]
    bands: tuple[tuple[int, int, str], ...]
    breach_points: int


@dataclass(frozen=True)
class Seen:
    """What a period showed of a customer. None: no data; of breaches there is none where there was no business.

    `suspended_days` of its `days` as a customer business stood still for want of papers (CHEM-15); `is_suspended`: on
    the period's last day.
    """

    customer_class: str
    has_levels: bool
    grams: int
    completion: int | None
    evenness: int | None
    payment_discipline: int | None
    breaches: int | None
    cooperation: int | None
    suspended_days: int | None
    days: int
    is_suspended: bool | None


def review_policy(policy: Policy) -> ReviewPolicy:
    """The review's numbers out of a policy version."""
    return ReviewPolicy(
        version=policy.version,
        weights=dict(parse_weight(word) for word in policy.words("review.weights")),
        bands=tuple(parse_band(word) for word in policy.words("review.bands")),
        breach_points=policy.integer("review.breach_points"),
    )


def parts(seen: Seen, policy: ReviewPolicy) -> dict[str, int | None]:
    """Each indicator's score in hundredths, None where there is no data."""
    breaches = None if seen.breaches is None else max(0, FULL - seen.breaches * policy.breach_points * 100)
    return {
        "completion": seen.completion,
        "evenness": seen.evenness,
        "payment_discipline": seen.payment_discipline,
        "breaches": breaches,
        "cooperation": None if seen.cooperation is None else seen.cooperation * 100,
        "papers": papers(seen.suspended_days, seen.days),
    }


def papers(suspended_days: int | None, days: int) -> int | None:
    """The share of the days on which valid papers were on file, in hundredths, rounded down."""
    return None if suspended_days is None or days <= 0 else FULL * (days - suspended_days) // days


def breaches_known(recorded: int | None, *, had_business: bool) -> int | None:
    """The breaches of a period: those on record; none, where there was business to breach; else no data."""
    return recorded if recorded is not None else 0 if had_business else None


def score(seen: Seen, policy: ReviewPolicy) -> int | None:
    """The weighted score in hundredths, rounded down; None when nothing, or nothing but papers, could be scored."""
    known = {name: value for name, value in parts(seen, policy).items() if value is not None}
    if known.keys() <= {"papers"}:
        return None
    found = [(policy.weights.get(name, 0), value) for name, value in known.items()]
    whole = sum(weight for weight, _value in found)
    return sum(weight * value for weight, value in found) // whole if whole else None


def recommend(seen: Seen, scored: int | None, policy: ReviewPolicy) -> str:
    """What a score recommends. Nothing scored: keep. Nothing lifted and papers run out: disqualify.

    Where there are no levels to raise or lower, a low score ends an exclusive agent's class and keeps everybody else.
    """
    if seen.grams == 0 and seen.is_suspended:
        return "disqualify"
    if scored is None:
        return "keep"
    found = band(scored, policy)
    if found == "lower" and seen.customer_class == "exclusive_agent":
        return "end_class"
    movable = seen.has_levels and seen.customer_class != "direct"
    return found if movable or found not in ("raise", "lower") else "keep"


def band(scored: int, policy: ReviewPolicy) -> str:
    """The band of a score: from its lower bound on, below its upper one; 100 itself is in the last."""
    for low, high, word in policy.bands:
        if low <= scored < high or (scored == FULL and high == FULL):
            return word
    raise ValueError(scored)


def shown(seen: Seen, policy: ReviewPolicy) -> tuple[Indicator, ...]:
    """Every indicator with its score and weight, for the explanation."""
    return tuple(
        Indicator(name, value, policy.weights.get(name, 0), "no data" if value is None else "info", "CHEM-16")
        for name, value in parts(seen, policy).items()
    )
