"""What the present month would earn if it closed now, and the tonnes to go to keep or gain a level (CHEM-9.4-9.7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tierflow.grading.rules.levels import LADDER, Level, LevelPolicy, Outcome, earned, fails, grams_to
from tierflow.kernel.decisions import Indicator


@dataclass(frozen=True)
class Outlook:
    """A month under way. Grams are None where there is nothing to keep or to gain.

    `keep_grams` still to lift, or the level is lost; `gain_grams` still to lift for the next level; `held_back_by`: the
    indicators that hold a rise or force a step down whatever the tonnes.
    """

    held: Level
    would: Outcome
    grams: int
    keep_grams: int | None
    gain: Level | None
    gain_grams: int | None
    held_back_by: tuple[Indicator, ...]

    @property
    def is_at_risk(self) -> bool:
        """Whether the level would be lost if the month closed now."""
        return self.would.level.rank < self.held.rank


def outlook(
    customer_class: str, held: Level, grams: int, idle_before: int, indicators: Mapping[str, int], policy: LevelPolicy
) -> Outlook:
    """Where a month under way leads, by the rule that will close it."""
    would, _idle = earned(customer_class, held, grams, indicators, idle_before, policy)
    if customer_class == "direct":
        return Outlook(Level.ORDINARY, would, grams, None, None, None, ())
    gain = LADDER[held.rank + 1] if held.rank + 1 < len(LADDER) else None
    gain_grams = None if gain is None else lacking(gain, grams, policy)
    keep_grams = None if held is Level.AUCTION else lacking_to_keep(held, grams, idle_before, policy)
    back = [
        Indicator(name, indicators[name], threshold, "fail", "CHEM-9.6")
        for conditions in (policy.gates, policy.forces)
        for name, threshold in conditions.items()
        if name in indicators and fails(name, indicators[name], threshold)
    ]
    return Outlook(held, would, grams, keep_grams, gain, gain_grams, tuple(back))


def lacking(level: Level, grams: int, policy: LevelPolicy) -> int:
    """Grams to lift for a month to stand for a level; the first gram makes an auction customer ordinary."""
    if level is Level.ORDINARY:
        return 0 if grams > 0 else 1
    return grams_to(level, grams, policy)


def lacking_to_keep(held: Level, grams: int, idle_before: int, policy: LevelPolicy) -> int:
    """Grams to lift for the level not to fall; one gram where the idle months are about to count out (CHEM-9.7)."""
    if held is Level.ORDINARY:
        return 1 if grams == 0 and idle_before + 1 >= policy.idle_months else 0
    return grams_to(held, grams, policy)
