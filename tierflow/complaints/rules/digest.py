"""The general manager's morning digest: what breaches today, what waits, who was suspended, which meetings are due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tierflow.kernel.text import Text, mark, text

NAMED = 3  # of each part, in a message


@dataclass(frozen=True)
class Line:
    """One thing in the digest: what it is, whose it is, when it is due. `subject` leads to its page."""

    title: str
    note: Text | str
    due_at: datetime | None
    subject: tuple[str, int]


@dataclass(frozen=True)
class Part:
    """One heading and its lines; `total` counts also those not listed."""

    key: str
    heading: str
    lines: tuple[Line, ...]
    total: int


@dataclass(frozen=True)
class Digest:
    """The digest of a day."""

    on: date
    parts: tuple[Part, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing to report."""
        return not any(part.total for part in self.parts)

    def summary(self) -> Text:
        """The digest in one sentence, for robots and mail."""
        totals = {part.key: part.total for part in self.parts}
        return text(
            "%(day)s: due today %(today)s, overdue %(overdue)s, measures, inquiries and departments' answers overdue"
            " %(errands)s, waiting for approval %(waiting)s, special meetings to hold %(meetings)s, customers suspended"
            " %(suspended)s.",
            day=self.on.isoformat(),
            today=totals.get("today", 0),
            overdue=totals.get("overdue", 0),
            errands=totals.get("errands", 0),
            waiting=totals.get("waiting", 0),
            meetings=totals.get("meetings", 0),
            suspended=totals.get("suspended", 0),
        )

    def message(self) -> Text:
        """The summary and the first few of each part by number and name, for robots and mail."""
        told = self.summary()
        for part in self.parts:
            if part.lines:
                titles = "; ".join(line.title for line in part.lines[:NAMED])
                named: dict[str, str | Text] = {"before": told, "heading": Text(part.heading), "titles": titles}
                if part.total > NAMED:
                    told = text(
                        "%(before)s %(heading)s: %(titles)s and %(more)s more.", **named, more=part.total - NAMED
                    )
                else:
                    told = text("%(before)s %(heading)s: %(titles)s.", **named)
        return told


HEADINGS: Mapping[str, str] = {
    "overdue": mark("Overdue complaints"),
    "today": mark("Complaints due today"),
    "errands": mark("Overdue measures, inquiries and departments' answers"),
    "meetings": mark("Special meetings to hold"),
    "waiting": mark("Waiting for approval"),
    "suspended": mark("Customers suspended since yesterday"),
}


def build(on: date, found: Mapping[str, tuple[Sequence[Line], int]]) -> Digest:
    """The digest of a day from what was found by heading: (lines, how many there are in all)."""
    nothing: tuple[Sequence[Line], int] = ((), 0)
    parts = []
    for key, heading in HEADINGS.items():
        lines, total = found.get(key, nothing)
        parts.append(Part(key, heading, tuple(lines), total))
    return Digest(on, tuple(parts))
