"""The half-yearly inspection of customer files: who is drawn for which day, and what is looked at (CHEM-8.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from tierflow.kernel.text import mark

CLAUSE = "CHEM-8.2"

ITEMS: Mapping[str, str] = {
    "papers": mark("The papers are complete, genuine and valid"),
    "particulars": mark("The particulars agree with the papers"),
    "annex1": mark("Annex 1 is on file, signed and sealed"),
    "changes": mark("Changes were recorded and examined in time"),
    "distribution": mark("Finance and the resident offices were told, and acknowledged it"),
    "contact": mark("The contact can be reached and confirms the file"),
}


def draw(seed: str, ids: Iterable[int]) -> list[int]:
    """The order of a draw: chance by the seed alone, the same on every machine and whatever order the ids come in."""
    return sorted(ids, key=lambda one: (hashlib.sha256(f"{seed}:{one}".encode()).digest(), one))


def planned_days(count: int, begins_on: date, ends_on: date) -> Sequence[date]:
    """The day of each place in the draw, spread evenly over [begins_on, ends_on), weekends moved to the Monday."""
    days = (ends_on - begins_on).days
    found = []
    for place in range(count):
        day = begins_on + timedelta(days=place * days // count)
        on = day + timedelta(days=(7 - day.weekday()) % 7 if day.weekday() > 4 else 0)
        found.append(min(on, ends_on - timedelta(days=1)))
    return found
