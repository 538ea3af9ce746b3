"""What a newly loaded calendar does to open deadlines (CHEM-12.3).

A provisional due becomes firm: the recomputed one binds, yet never before the close of the next working day after
loading, so that nobody is late by a notice. One that passed before the loading, and has passed by the new calendar
too, stays: a loaded year excuses nobody. A due that was firm is never moved by itself, nor one that stays
provisional: a person is asked.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from tierflow.complaints.rules.clock import ClockFacts, ClockTerms, Schedule, schedule
from tierflow.complaints.rules.words import Event
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import SHANGHAI, local_day
from tierflow.kernel.text import Text, text


class Outcome(StrEnum):
    """What is to be done with a due time under a new calendar."""

    SAME = "same"  # nothing moves; the due is known to hold under the new calendar too
    MOVE = "move"  # it was provisional: the recomputed due binds
    ASK = "ask"  # it was firm, or would be provisional still: somebody decides


class Redated(NamedTuple):
    """The outcome, and the clock's instants under the new calendar."""

    outcome: Outcome
    planned: Schedule
    not_before: date | None


def redate(
    facts: ClockFacts,
    due_at: datetime,
    was_provisional: bool,
    terms: ClockTerms,
    calendar: WorkingCalendar,
    loaded_at: datetime,
) -> Redated:
    """What the calendar, loaded at `loaded_at`, makes of a due time."""
    planned = schedule(facts, terms, calendar)
    if planned.due_at == due_at:
        return Redated(Outcome.SAME, planned, facts.not_before)
    if was_provisional and max(due_at, planned.due_at) < loaded_at:
        return Redated(Outcome.SAME, planned._replace(due_at=due_at), facts.not_before)
    earliest = calendar.nth_working_day(local_day(loaded_at), 1).on
    held = facts.not_before
    if local_day(planned.due_at) < earliest:
        held = earliest if held is None else max(held, earliest)
        planned = schedule(replace(facts, not_before=held), terms, calendar)
    if planned.due_at == due_at:
        return Redated(Outcome.SAME, planned, held)
    becomes_firm = was_provisional and not planned.is_provisional
    return Redated(Outcome.MOVE if becomes_firm else Outcome.ASK, planned, held)


def why_not_as_counted(due_at: datetime, counted_to: datetime, cause: Event, not_before: date | None) -> Text | None:
    """Why a due time is another than the days counted by the calendar give; None when it is the same."""
    if due_at == counted_to:
        return None
    counted = counted_to.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    if cause is Event.KEPT:
        return text(
            "By the amended calendar it would be due %(counted)s; a person kept it where it was.", counted=counted
        )
    if not_before == local_day(due_at):
        return text(
            "By the days counted it would be due %(counted)s. The calendar was loaded later: never before the close of"
            " the next working day after loading.",
            counted=counted,
        )
    return text(
        "By the calendar loaded since, it would have been due %(counted)s; both had passed when it was loaded, so the"
        " due time and its breach stay.",
        counted=counted,
    )
