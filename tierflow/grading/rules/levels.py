"""Monthly levels of a customer on a polyolefin line (CHEM-9.2 to 9.7): one step at a time, every reason said.

Offtake is in grams, indicators are in basis points (cooperation 0-100, breaches a count). A level is the
one *earned by* a month; it is in force from the 1st of the next (CHEM-9.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Literal

from tierflow.grading.terms import COUNTED_AGAINST, INDICATORS, parse_condition
from tierflow.kernel.approval import Chain, Step
from tierflow.kernel.decisions import Indicator
from tierflow.kernel.errors import Refusal
from tierflow.kernel.policy import Policy
from tierflow.kernel.roles import Role
from tierflow.kernel.text import Text, mark, text

CustomerClass = Literal["direct", "dealer"]
Move = Literal["up", "down", "held", "same"]
MOVES: tuple[Move, ...] = ("up", "down", "held", "same")


class Level(StrEnum):
    """The five levels, lowest first (CHEM-9.2)."""

    AUCTION = "auction"
    ORDINARY = "ordinary"
    ONE_STAR = "one_star"
    TWO_STAR = "two_star"
    THREE_STAR = "three_star"

    @property
    def rank(self) -> int:
        """0 for auction to 4 for three-star."""
        return _RANKS[self]


LADDER = tuple(Level)
_RANKS = {level: rank for rank, level in enumerate(LADDER)}

LEVEL_LABELS = {
    Level.AUCTION: mark("auction"),
    Level.ORDINARY: mark("ordinary"),
    Level.ONE_STAR: mark("one-star"),
    Level.TWO_STAR: mark("two-star"),
    Level.THREE_STAR: mark("three-star"),
}


@dataclass(frozen=True)
class Month:
    """What is known of one closed month: grams lifted, and the indicators that have a value."""

    grams: int
    indicators: Mapping[str, int]


@dataclass(frozen=True)
class LevelPolicy:
    """The numbers of one policy version."""

    version: int
    one_star: int
    two_star: int
    three_star: int
    idle_months: int
    gates: Mapping[str, int]
    forces: Mapping[str, int]


@dataclass(frozen=True)
class LevelDecision:
    """The level a month earned. `idle` is the run of months without offtake that ends with it."""

    level: Level
    target: Level
    move: Move
    clauses: tuple[str, ...]
    indicators: tuple[Indicator, ...]
    idle: int


def level_policy(policy: Policy) -> LevelPolicy:
    """The level rule's numbers out of a policy version."""
    return LevelPolicy(
        version=policy.version,
        one_star=policy.integer("grading.one_star_grams"),
        two_star=policy.integer("grading.two_star_grams"),
        three_star=policy.integer("grading.three_star_grams"),
        idle_months=policy.integer("grading.idle_months"),
        gates=dict(parse_condition(word) for word in policy.words("grading.gates")),
        forces=dict(parse_condition(word) for word in policy.words("grading.forces")),
    )


def level_for(grams: int, policy: LevelPolicy) -> Level:
    """The level one month's offtake stands for, by itself (CHEM-9.4); at least ordinary."""
    if grams >= policy.three_star:
        return Level.THREE_STAR
    if grams >= policy.two_star:
        return Level.TWO_STAR
    if grams >= policy.one_star:
        return Level.ONE_STAR
    return Level.ORDINARY


def target_level(held: Level, grams: int, idle: int, policy: LevelPolicy) -> tuple[Level, str]:
    """Where a month's offtake points, and the clause: by tonnes, or back to auction when idle too long.

    `idle` counts this month. Nothing lifted leaves an auction customer at auction (CHEM-9.4).
    """
    if grams == 0 and idle >= policy.idle_months:
        return Level.AUCTION, "CHEM-9.7"
    if grams == 0 and held is Level.AUCTION:
        return Level.AUCTION, "CHEM-9.4"
    return level_for(grams, policy), "CHEM-9.4"


@dataclass(frozen=True)
class Outcome:
    """What a month's facts come to, with the words and clauses as they are stored."""

    level: Level
    target: Level
    move: Move
    clauses: tuple[str, ...]
    stored: tuple[str, str, str, str]
    """Level, target, move and clauses as plain words of the table."""


def _outcome(level: Level, target: Level, move: Move, clauses: tuple[str, ...]) -> Outcome:
    return Outcome(level, target, move, clauses, (level.value, target.value, move, " ".join(clauses)))


@lru_cache(maxsize=4096)
def outcome(held: Level, target: Level, clause: str, *, gated: bool, forced: bool) -> Outcome:
    """One step at most from the level held towards the target; a gate holds a rise, a force takes one step down.

    There are a few hundred cases in all, so a run over a million customers makes each of them once (CHEM-9.5, 9.6).
    """
    clauses = [clause]
    rank = held.rank
    if target.rank > held.rank:
        if gated:
            clauses.append("CHEM-9.6")
        else:
            rank += 1
            clauses.append("CHEM-9.5")
    elif target.rank < held.rank:
        rank -= 1
        clauses.append("CHEM-9.5")
    # A forced step never adds to a fall by tonnes and never leads below ordinary.
    if forced and rank >= held.rank and held.rank > Level.ORDINARY.rank:
        rank = held.rank - 1
        clauses.append("CHEM-9.6")
    level = LADDER[rank]
    return _outcome(level, target, _move(held, level, target), tuple(dict.fromkeys(clauses)))


DIRECT = _outcome(Level.ORDINARY, Level.ORDINARY, "same", ("CHEM-9.3",))


def earned(
    customer_class: str, held: Level, grams: int, indicators: Mapping[str, int], idle_before: int, policy: LevelPolicy
) -> tuple[Outcome, int]:
    """What a month earns, and the run of idle months that ends with it (CHEM-9.3 to 9.7): the rule of every run."""
    idle = idle_before + 1 if grams == 0 else 0
    if customer_class == "direct":
        return DIRECT, idle
    target, clause = target_level(held, grams, idle, policy)
    gated = bool(policy.gates) and _fails_any(indicators, policy.gates)
    forced = bool(policy.forces) and _fails_any(indicators, policy.forces)
    return outcome(held, target, clause, gated=gated, forced=forced), idle


def decide_level(
    customer_class: CustomerClass, held: Level, month: Month, idle_before: int, policy: LevelPolicy
) -> LevelDecision:
    """The level a closed month earns, from the level held at its end, with every indicator shown (CHEM-9.3 to 9.7)."""
    found, idle = earned(customer_class, held, month.grams, month.indicators, idle_before, policy)
    shown = indicators_of(month, policy, judged=customer_class != "direct")
    return LevelDecision(found.level, found.target, found.move, found.clauses, shown, idle)


def decide_months(
    customer_class: CustomerClass,
    starting_level: Level,
    months: Iterable[tuple[Month, LevelPolicy]],
    idle_before: int = 0,
) -> tuple[LevelDecision, ...]:
    """Month after month, each from the level the one before earned. Months before the first count for nothing."""
    held = Level.ORDINARY if customer_class == "direct" else starting_level
    idle = idle_before
    decisions = []
    for month, policy in months:
        decision = decide_level(customer_class, held, month, idle, policy)
        decisions.append(decision)
        held, idle = decision.level, decision.idle
    return tuple(decisions)


def grams_to(level: Level, grams: int, policy: LevelPolicy) -> int:
    """Grams still to lift this month until it stands for a level; 0 when it does."""
    needed = {
        Level.AUCTION: 0,
        Level.ORDINARY: 0,
        Level.ONE_STAR: policy.one_star,
        Level.TWO_STAR: policy.two_star,
        Level.THREE_STAR: policy.three_star,
    }[level]
    return max(0, needed - grams)


def _move(held: Level, level: Level, target: Level) -> Move:
    if level.rank > held.rank:
        return "up"
    if level.rank < held.rank:
        return "down"
    return "held" if target.rank > held.rank else "same"


def fails(name: str, value: int, threshold: int) -> bool:
    """Whether an indicator's value misses its threshold; a value exactly on it does not."""
    return value > threshold if name in COUNTED_AGAINST else value < threshold


def _fails_any(indicators: Mapping[str, int], conditions: Mapping[str, int]) -> bool:
    return any(
        (value := indicators.get(name)) is not None and fails(name, value, threshold)
        for name, threshold in conditions.items()
    )


def indicators_of(month: Month, policy: LevelPolicy, *, judged: bool) -> tuple[Indicator, ...]:
    """Every indicator with value, threshold and verdict; not judged where nothing can move (CHEM-9.6)."""
    rows = [Indicator("offtake_grams", month.grams, None, "info", "CHEM-9.4")]
    for name in INDICATORS:
        value = month.indicators.get(name)
        threshold = policy.gates.get(name, policy.forces.get(name))
        if value is None:
            rows.append(Indicator(name, None, threshold, "no data", "CHEM-9.6"))
        elif threshold is None or not judged:
            rows.append(Indicator(name, value, threshold, "info", "CHEM-9.6"))
        else:
            failed = any(
                name in conditions and fails(name, value, conditions[name])
                for conditions in (policy.gates, policy.forces)
            )
            rows.append(Indicator(name, value, threshold, "fail" if failed else "pass", "CHEM-9.6"))
    return tuple(rows)


PIN = Chain(
    key="level_pin",
    clause="CHEM-9.5",
    label=mark("level by hand"),
    steps=(Step("management", mark("general manager"), Role.GENERAL_MANAGER, frozenset({"pin"}), always=True),),
)


def may_pin(is_direct: bool, computed: Level, wanted: Level) -> tuple[Refusal, ...]:
    """Why a level may not be set by hand: one step from the computed one at most, never a direct customer's."""
    if is_direct:
        return (
            Refusal("CHEM-9.3", text("A direct customer is managed as planned ordinary; nothing moves it."), "level"),
        )
    if abs(wanted.rank - computed.rank) > 1:
        words = text("One step at most from the computed level, %(level)s.", level=Text(LEVEL_LABELS[computed]))
        return (Refusal("CHEM-9.5", words, "level"),)
    return ()
