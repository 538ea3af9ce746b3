"""An errand has somebody who does it and a time: a measure, an inquiry, a department's answer. Who hears when it slips.

Its owner on the morning of the due day, the sales manager once it is overdue, the general manager later still: the
ladder of the complaint itself (CHEM-12.3), its rungs by policy. Overdue is `now > due`, whatever anybody was told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import NamedTuple

from tierflow.complaints.rules.clock import LATE_BY
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.policy import Policy
from tierflow.kernel.text import mark


class ErrandKind(StrEnum):
    """What an errand is; the word is also its subject in inbox, notices and events."""

    MEASURE = "complaint_measure"
    CONSULTATION = "complaint_consultation"
    INQUIRY = "inquiry"


ERRAND_LABELS: Mapping[ErrandKind, str] = {
    ErrandKind.MEASURE: mark("Measure"),
    ErrandKind.CONSULTATION: mark("Department's answer"),
    ErrandKind.INQUIRY: mark("Inquiry"),
}


class Level(StrEnum):
    """Who hears of it, from the bottom up."""

    OWNER = "owner"
    SALES_MANAGER = "sales_manager"
    GENERAL_MANAGER = "general_manager"


LEVELS = tuple(Level)
RAISED = (Level.SALES_MANAGER, Level.GENERAL_MANAGER)  # told to somebody above the owner

TOLD_LABELS: Mapping[Level, str] = {
    Level.OWNER: mark("Reminder: due today"),
    Level.SALES_MANAGER: mark("Overdue; sales manager told"),
    Level.GENERAL_MANAGER: mark("Still not done; general manager told"),
}


@dataclass(frozen=True)
class ErrandTerms:
    """The numbers of the ladder, from one policy version. Counts are working days after the due day; 0: at once."""

    warn_at: time
    closes_at: time
    manager_after: int
    general_after: int

    @classmethod
    def of(cls, policy: Policy) -> ErrandTerms:
        """Read them from a policy version."""
        return cls(
            warn_at=policy.time("complaint.warn_at"),
            closes_at=policy.time("office.closes_at"),
            manager_after=policy.integer("complaint.errand_manager_days"),
            general_after=policy.integer("complaint.errand_general_days"),
        )


class Rung(NamedTuple):
    """The next level to tell, and from which instant on."""

    level: Level
    at: datetime


def told_at(level: Level, due_at: datetime, terms: ErrandTerms, calendar: WorkingCalendar) -> datetime:
    """When a level is to hear of an errand that is due then."""
    due_on = local_day(due_at)
    if level is Level.OWNER:
        return min(local_instant(due_on, terms.warn_at), due_at)
    days = terms.manager_after if level is Level.SALES_MANAGER else terms.general_after
    close = due_at if not days else local_instant(calendar.nth_working_day(due_on, days).on, terms.closes_at)
    return max(close, due_at) + LATE_BY


def next_rung(told: Level | None, due_at: datetime, terms: ErrandTerms, calendar: WorkingCalendar) -> Rung | None:
    """Who hears next, and when; None once the general manager has."""
    above = LEVELS[0 if told is None else LEVELS.index(told) + 1 :]
    return Rung(above[0], told_at(above[0], due_at, terms, calendar)) if above else None


def first_rung(
    due_at: datetime, terms: ErrandTerms, calendar: WorkingCalendar, now: datetime
) -> tuple[Level | None, Rung]:
    """Whom an errand given now has told already, and who is next: who gets it on its own day needs no reminder."""
    reminder = Rung(Level.OWNER, told_at(Level.OWNER, due_at, terms, calendar))
    if reminder.at > now:
        return None, reminder
    return Level.OWNER, Rung(Level.SALES_MANAGER, told_at(Level.SALES_MANAGER, due_at, terms, calendar))
