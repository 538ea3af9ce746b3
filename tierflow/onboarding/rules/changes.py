"""What changed between two rounds, field by field and grouped as the steps examine it (CHEM-7.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tierflow.onboarding.rules.chain import ACCOUNT_OPENING, GROUPS


@dataclass(frozen=True)
class Change:
    """One field that differs. `field` is dotted below its group: `bank_name`, `merged_licence.valid_to`."""

    group: str
    field: str
    old: Any
    new: Any


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every field that differs between two contents, in the order of the form."""
    found: list[Change] = []
    for group in GROUPS:
        old, new = before.get(group) or {}, after.get(group) or {}
        for key in [*old, *(key for key in new if key not in old)]:
            found += _of_field(group, key, old.get(key), new.get(key))
    return tuple(found)


def _of_field(group: str, field: str, old: Any, new: Any) -> list[Change]:
    if old == new:
        return []
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        return [
            Change(group, f"{field}.{key}", old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)
        ]
    return [Change(group, field, old, new)]


def examined_by(step: str, found: tuple[Change, ...]) -> tuple[Change, ...]:
    """Those of the changes a step examines."""
    examines = ACCOUNT_OPENING.step(step).examines
    return tuple(change for change in found if change.group in examines)
