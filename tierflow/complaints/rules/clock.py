"""The clock of a complaint: when it is due, when to warn, when it is breached, who hears of it (CHEM-12.3).

Everything follows from the receipt, the severity, an extension and pauses. Receipt is when the customer spoke; its
day never counts; the due time is the close of business of the n-th working day after it. Late is `now > due`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from tierflow.complaints.rules.words import Event, Severity
from tierflow.kernel.calendar import WorkingCalendar
from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.policy import Policy

# The first instant that is late: the due time itself still counts (Civil Code 203).
LATE_BY = timedelta(microseconds=1)


@dataclass(frozen=True)
class ClockTerms:
    """The numbers the clock runs by, from one policy version. Limits and counts are in working days."""

    limits: Mapping[Severity, int]
    longest: int
    extendable: frozenset[Severity]
    meeting_for: frozenset[Severity]
    may_pause: bool
    opens_at: time
    closes_at: time
    warn_at: time
    halfway_from: int
    escalate_after: int
    consultation_days: int

    @classmethod
    def of(cls, policy: Policy) -> ClockTerms:
        """Read them from a policy version."""
        return cls(
            limits={severity: policy.integer(f"complaint.{severity}_days") for severity in Severity},
            longest=policy.integer("complaint.longest_days"),
            extendable=frozenset(map(Severity, policy.words("complaint.extendable"))),
            meeting_for=frozenset(map(Severity, policy.words("complaint.meeting_for"))),
            may_pause=policy.flag("complaint.may_pause"),
            opens_at=policy.time("office.opens_at"),
            closes_at=policy.time("office.closes_at"),
            warn_at=policy.time("complaint.warn_at"),
            halfway_from=policy.integer("complaint.halfway_from_days"),
            escalate_after=policy.integer("complaint.escalate_after_days"),
            consultation_days=policy.integer("complaint.consultation_days"),
        )


@dataclass(frozen=True)
class ClockFacts:
    """What a due time follows from.

    `extended_to`: the working day an extension was granted to. `paused_days`: working days lost to pauses that have
    ended. `not_before`: the earliest due day, set when a calendar was loaded late.
    """

    received_at: datetime
    severity: Severity
    extended_to: int | None = None
    paused_days: int = 0
    is_paused: bool = False
    not_before: date | None = None


class Schedule(NamedTuple):
    """Every instant of a clock, aware. `halfway_at` is None for short limits."""

    limit_days: int
    due_at: datetime
    is_provisional: bool
    calendar_version: int
    halfway_at: datetime | None
    warn_at: datetime
    escalate_at: datetime

    @property
    def late_at(self) -> datetime:
        """The first instant that is late."""
        return self.due_at + LATE_BY

    def moments(self) -> tuple[tuple[Event, datetime], ...]:
        """What is to be noted, in order of time."""
        halfway = ((Event.HALFWAY, self.halfway_at),) if self.halfway_at is not None else ()
        return (
            *halfway,
            (Event.DUE_DAY, self.warn_at),
            (Event.BREACHED, self.late_at),
            (Event.ESCALATED, self.escalate_at + LATE_BY),
        )


class Moment(NamedTuple):
    """The next thing to note about a clock, and from which instant on."""

    kind: Event
    at: datetime


def limit_days(facts: ClockFacts, terms: ClockTerms) -> int:
    """The working day, counted from receipt, on whose close the answer is due.

    An extension counts where the severity allows one; a pause adds the days lost, never past the longest time; while
    a pause lasts the longest time is the limit.
    """
    limit = terms.limits[facts.severity]
    if facts.extended_to is not None and facts.severity in terms.extendable:
        limit = max(limit, facts.extended_to)
    if facts.is_paused:
        return max(limit, terms.longest)
    return max(limit, min(terms.longest, limit + facts.paused_days))


def schedule(facts: ClockFacts, terms: ClockTerms, calendar: WorkingCalendar) -> Schedule:
    """Every instant of the clock (CHEM-12.3). A due day in an unpublished year is provisional."""
    received_on = local_day(facts.received_at)
    limit = limit_days(facts, terms)
    deadline = calendar.nth_working_day(received_on, limit)
    due_on = deadline.on if facts.not_before is None else max(deadline.on, facts.not_before)
    halfway_at = None
    if limit >= terms.halfway_from:
        halfway_at = local_instant(calendar.nth_working_day(received_on, -(-limit // 2)).on, terms.warn_at)
    escalate_on = calendar.nth_working_day(due_on, terms.escalate_after).on
    return Schedule(
        limit_days=limit,
        due_at=local_instant(due_on, terms.closes_at),
        is_provisional=deadline.provisional,
        calendar_version=deadline.calendar_version,
        halfway_at=halfway_at,
        warn_at=local_instant(due_on, terms.warn_at),
        escalate_at=local_instant(escalate_on, terms.closes_at),
    )


def first_moment(planned: Schedule, now: datetime) -> Moment:
    """The first thing to note about a due time that begins to bind now. Warnings already past are left out;
    a breach and its escalation never are."""
    for kind, at in planned.moments():
        if kind in (Event.BREACHED, Event.ESCALATED) or at > now:
            return Moment(kind, at)
    raise AssertionError("a breach is always to come")


def paused_working_days(calendar: WorkingCalendar, terms: ClockTerms, paused_at: datetime, resumed_at: datetime) -> int:
    """How many closes of business a pause covered: a pause never shortens what was left."""
    first, last = local_day(paused_at), local_day(resumed_at)
    closes = calendar.working_days_between(first, last)
    if calendar.is_working_day(first) and paused_at <= local_instant(first, terms.closes_at):
        closes += 1
    if calendar.is_working_day(last) and resumed_at <= local_instant(last, terms.closes_at):
        closes -= 1
    return max(closes, 0)


class Due(NamedTuple):
    """A due time and from when on it bound. `cause` is the event that set it."""

    due_at: datetime
    from_at: datetime
    cause: Event


def breached_at(dues: Sequence[Due], told_at: datetime | None, now: datetime) -> datetime | None:
    """When a due time first passed unanswered while it was in force; None when none did (CHEM-12.3).

    Changing the severity afterwards does not undo it. A provisional due that a published calendar moved binds nobody:
    the recomputed one stands in its place. One that had passed by both calendars was not moved, and stays breached.
    """
    end = told_at if told_at is not None else now
    carried = None  # since when a due stood that a published calendar has replaced
    for at, due in enumerate(dues):
        following = dues[at + 1] if at + 1 < len(dues) else None
        from_at, carried = carried or due.from_at, None
        if from_at > end:
            return None
        if following is not None and following.cause is Event.PUBLISHED and following.due_at != due.due_at:
            carried = from_at
            continue
        until = end if following is None else min(end, following.from_at)
        if due.due_at < until:
            return max(due.due_at, from_at)
    return None


def told_in_time(dues: Sequence[Due], told_at: datetime) -> bool:
    """Whether the customer was told no later than the due time then in force, none having passed before."""
    return breached_at(dues, told_at, told_at) is None


def department_due(
    asked_at: datetime, wanted: datetime | None, clock_due: datetime, terms: ClockTerms, calendar: WorkingCalendar
) -> datetime:
    """When a consulted department must answer: as wanted, else by policy; never after the complaint itself."""
    due = wanted or calendar.due_at(local_day(asked_at), terms.consultation_days, terms.closes_at)
    return min(due, clock_due)
