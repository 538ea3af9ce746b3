"""What a duty is: a key, its timing, and one of four kinds of work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from jobs.setup import Setup
from jobs.timetable import Timing
from tierflow.kernel.months import AnyPeriod

Result = dict[str, Any]


@dataclass(frozen=True)
class Errand:
    """One run of a duty: the period it is for (None: none), the moment it is done, and where things are kept."""

    period: AnyPeriod | None
    now: datetime
    setup: Setup
    item: str = ""

    def on(self, item: str) -> Errand:
        """The same run, for one item."""
        return replace(self, item=item)


Items = Callable[[Session, Errand], Sequence[str]]
Each = Callable[[Session, Errand], Result]


@dataclass(frozen=True)
class Duty:
    """A row of the timetable. Exactly one of `each` (with `items`), `whole`, `apart` and `always` does the work.

    `items` names what is outstanding now and `each` does one of them, in a transaction of its own: one that fails
    keeps no other waiting. `whole` does everything in the transaction that marks the period. `apart` works outside
    it (files, programs) and must bear being done again. `always` keeps its truth in its own rows, not in the ledger.
    `count` says what a run would do at the errand's moment, which may lie ahead; without it a run counts as one.
    """

    key: str
    label: str
    timing: Timing | None = None
    items: Items | None = None
    each: Each | None = None
    whole: Each | None = None
    apart: Callable[[Errand], Result] | None = None
    always: Callable[[datetime, Setup], None] | None = None
    count: Callable[[Session, Errand], int] | None = None

    def __post_init__(self) -> None:
        work = [self.each, self.whole, self.apart, self.always]
        if sum(part is not None for part in work) != 1:
            raise ValueError(f"{self.key}: one kind of work")
        if (self.items is None) != (self.each is None) or (self.timing is None) != (self.always is not None):
            raise ValueError(f"{self.key}: items go with each, a timing with all but always")

    @property
    def every(self) -> str:
        """The kind of period: day, week, month …; "" for a duty that is never finished."""
        return self.timing.every.__name__.lower() if self.timing is not None else ""

    def outstanding(self, session: Session, errand: Errand) -> int:
        """How much a run would do at the errand's moment."""
        if self.items is not None:
            return len(self.items(session, errand))
        return self.count(session, errand) if self.count is not None else 1
