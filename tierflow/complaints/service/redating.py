"""After a calendar was loaded: provisional dues become firm by themselves, firm ones wait for a person (CHEM-12.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.calendars import CalendarNotice, working_calendar
from tierflow.common.policies import policy_numbered
from tierflow.complaints.models import Clock, Complaint
from tierflow.complaints.rules.clock import LATE_BY, ClockTerms
from tierflow.complaints.rules.redating import Outcome, Redated, redate
from tierflow.complaints.rules.words import Event
from tierflow.complaints.service import clocks, scope
from tierflow.complaints.service.intake import SUBJECT
from tierflow.kernel.errors import Conflict, Refusal
from tierflow.kernel.roles import SYSTEM, Actor, require
from tierflow.kernel.text import text

BATCH = 500


@dataclass(frozen=True)
class Proposed:
    """An open due time a newer calendar would move: where it stands, where it would go."""

    complaint: Complaint
    clock: Clock
    would_be: Redated


def behind(session: Session, limit: int = BATCH, after: int = 0) -> list[tuple[Clock, Complaint]]:
    """Running clocks reckoned with an older calendar than the one in force, by id."""
    version = working_calendar(session).version
    rows = session.execute(
        select(Clock, Complaint)
        .join(Complaint, Complaint.id == Clock.complaint_id)
        .where(Clock.told_at.is_(None), Clock.calendar_version < version, Clock.id > after)
        .order_by(Clock.id)
        .limit(limit)
    )
    return [(row.Clock, row.Complaint) for row in rows]


def run(session: Session, now: datetime) -> dict[str, int]:
    """Settle every due time the new calendar leaves alone or makes firm. What it would move waits: `proposed`."""
    counts: Counter[str] = Counter()
    last = 0
    while rows := behind(session, after=last):
        unmoved = []
        for clock, complaint in rows:
            last = clock.id
            found = _redated(session, clock)
            counts[found.outcome.value] += 1
            if found.outcome is Outcome.MOVE:
                _move(session, complaint, clock, found, Event.PUBLISHED, SYSTEM, now, "")
            elif found.outcome is Outcome.SAME:
                unmoved.append((clock.id, found))
        _stamp(session, unmoved)
    return dict(counts)


def proposed(session: Session, actor: Actor, limit: int = 200) -> list[Proposed]:
    """Firm due times of the actor's complaints that an amended calendar would move."""
    version = working_calendar(session).version
    rows = session.execute(
        select(Clock, Complaint)
        .join(Complaint, Complaint.id == Clock.complaint_id)
        .where(
            Clock.told_at.is_(None),
            Clock.calendar_version < version,
            Clock.is_provisional.is_(False),
            *scope.seen_by(actor),
        )
        .order_by(Clock.due_at, Clock.id)
        .limit(limit)
    )
    found = [Proposed(row.Complaint, row.Clock, _redated(session, row.Clock)) for row in rows]
    return [each for each in found if each.would_be.outcome is Outcome.ASK]


def settle(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """A person moves a firm due time as an amended calendar has it, or keeps it; both values stay on record."""
    require(actor, "complaint.direct")
    complaint, clock = scope.lock_to_direct(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    found = _redated(session, clock) if clock.told_at is None else None
    if found is None or clock.calendar_version >= working_calendar(session).version or found.outcome is Outcome.SAME:
        raise Conflict(Refusal("conflict", text("The calendar in force leaves this due time where it is.")))
    before = clock.due_at
    if command["move"]:
        _move(session, complaint, clock, found, Event.AMENDED, actor, now, command.get("note") or "")
    else:
        kept = _as_is(clock, found)
        _move(session, complaint, clock, kept, Event.KEPT, actor, now, command.get("note") or "")
    audit.record(
        session,
        actor,
        "complaint.redate",
        SUBJECT,
        complaint.id,
        now,
        before={"due_at": before.isoformat()},
        after={"due_at": clock.due_at.isoformat()},
        reason=command.get("note") or "",
    )
    return complaint


def _redated(session: Session, clock: Clock) -> Redated:
    terms = _terms(session, clock.policy_version)
    calendar = working_calendar(session)
    loaded_at = _loaded_at(session, calendar.version)
    return redate(clocks.facts_of(clock), clock.due_at, clock.is_provisional, terms, calendar, loaded_at)


def _loaded_at(session: Session, version: int) -> datetime:
    known: dict[int, datetime] = session.info.setdefault("calendar_loaded", {})
    if version not in known:
        query = select(CalendarNotice.loaded_at).where(CalendarNotice.id == version)
        known[version] = session.execute(query).scalar_one()
    return known[version]


def _terms(session: Session, version: int) -> ClockTerms:
    known: dict[int, ClockTerms] = session.info.setdefault("clock_terms", {})
    if version not in known:
        known[version] = ClockTerms.of(policy_numbered(session, version))
    return known[version]


def _move(
    session: Session,
    complaint: Complaint,
    clock: Clock,
    found: Redated,
    cause: Event,
    actor: Actor,
    now: datetime,
    note: str,
) -> None:
    clock.not_before = found.not_before
    clocks.rebind(session, complaint, clock, cause, actor, now, note, planned=found.planned)


def _as_is(clock: Clock, found: Redated) -> Redated:
    """The due time kept, though reckoned anew: the calendar in force is known and was set aside."""
    planned = found.planned._replace(
        limit_days=clock.limit_days,
        due_at=clock.due_at,
        warn_at=clock.warn_at,
        escalate_at=clock.escalate_at - LATE_BY,
    )
    return Redated(found.outcome, planned, clock.not_before)


def _stamp(session: Session, unmoved: list[tuple[int, Redated]]) -> None:
    if not unmoved:
        return
    values = [
        {
            "id": clock_id,
            "calendar_version": found.planned.calendar_version,
            "is_provisional": found.planned.is_provisional,
            "not_before": found.not_before,
        }
        for clock_id, found in unmoved
    ]
    session.execute(update(Clock), values)
    session.flush()
