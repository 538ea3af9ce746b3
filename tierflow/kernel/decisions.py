"""The shape of every decision: what came out, under which clauses, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tierflow.kernel.errors import Refusal

Verdict = Literal["pass", "fail", "no data", "info"]


@dataclass(frozen=True)
class Indicator:
    """One thing a rule looked at: its value, the threshold it was held against, the verdict."""

    name: str
    value: str | int | None
    threshold: str | int | None
    verdict: Verdict
    clause: str = ""


@dataclass(frozen=True)
class Decision:
    """What a rule decided. `outcome` is a word of the rule's own table; `clauses` led to it."""

    outcome: str
    clauses: tuple[str, ...]
    indicators: tuple[Indicator, ...] = ()
    refusals: tuple[Refusal, ...] = ()
