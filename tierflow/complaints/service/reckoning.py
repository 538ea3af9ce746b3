"""How a due time was worked out, day by day; and whether stored ones still come out the same (CHEM-12.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.calendars import calendar_numbered
from tierflow.common.policies import policy_numbered
from tierflow.complaints.models import Clock, ClockEvent, Complaint
from tierflow.complaints.rules.clock import ClockFacts, ClockTerms, schedule
from tierflow.complaints.rules.redating import why_not_as_counted
from tierflow.complaints.rules.words import Event, Severity
from tierflow.complaints.service import scope
from tierflow.kernel.calendar import DayProof
from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text


@dataclass(frozen=True)
class Reckoning:
    """A due time with its proof: the day of receipt and every day after it, whether it counted and why.

    `cause`: what set the due time last. `closing`: why it is another than the days counted give, where it is.
    """

    complaint: Complaint
    received_at: datetime
    limit_days: int
    due_at: datetime
    is_provisional: bool
    calendar_version: int
    policy_version: int
    days: tuple[DayProof, ...]
    cause: Event
    closing: Text | None


def reckon(session: Session, actor: Actor, complaint_id: int) -> Reckoning:
    """The present clock's due time, explained with the calendar it was reckoned by."""
    require(actor, "complaint.read")
    complaint = scope.get(session, actor, complaint_id)
    clock = scope.present_clock(session, complaint)
    calendar = calendar_numbered(session, clock.calendar_version)
    days = calendar.explain(local_day(clock.received_at), clock.limit_days)
    terms = ClockTerms.of(policy_numbered(session, clock.policy_version))
    set_by = select(ClockEvent.kind).where(ClockEvent.clock_id == clock.id, ClockEvent.due_at.is_not(None))
    cause = Event(session.scalars(set_by.order_by(ClockEvent.revision.desc()).limit(1)).one())
    counted_to = local_instant(days[-1].on, terms.closes_at)
    return Reckoning(
        complaint,
        clock.received_at,
        clock.limit_days,
        clock.due_at,
        clock.is_provisional,
        clock.calendar_version,
        clock.policy_version,
        days,
        cause,
        why_not_as_counted(clock.due_at, counted_to, cause, clock.not_before),
    )


def verify(session: Session, batch: int = 2000) -> Iterator[str]:
    """Work every stored due time out again, with its own policy and calendar, and yield those that differ."""
    terms: dict[int, ClockTerms] = {}
    last = 0
    while True:
        rows = session.execute(
            select(ClockEvent, Clock.received_at, Clock.policy_version)
            .join(Clock, Clock.id == ClockEvent.clock_id)
            .where(ClockEvent.id > last, ClockEvent.due_at.is_not(None), ClockEvent.kind != Event.KEPT.value)
            .order_by(ClockEvent.id)
            .limit(batch)
        ).all()
        for row in rows:
            event, last = row.ClockEvent, row.ClockEvent.id
            if row.policy_version not in terms:
                terms[row.policy_version] = ClockTerms.of(policy_numbered(session, row.policy_version))
            facts = ClockFacts(
                row.received_at,
                Severity(event.severity),
                event.extended_to,
                event.paused_days,
                event.is_paused,
                event.not_before,
            )
            again = schedule(facts, terms[row.policy_version], calendar_numbered(session, event.calendar_version))
            if (again.due_at, again.limit_days) != (event.due_at, event.limit_days):
                yield f"complaint event {event.id}: stored due {event.due_at}, reckoned {again.due_at}"
        session.expunge_all()
        if len(rows) < batch:
            return
