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
from tierflow.common.calendars import CalendarNotice, Impact, Move, working_calendar
from tierflow.common.notices import notify
from tierflow.common.policies import policy_numbered
from tierflow.complaints.models import Clock, Complaint
from tierflow.complaints.rules.clock import LATE_BY, ClockTerms
from tierflow.complaints.rules.redating import Outcome, Redated, redate
from tierflow.complaints.rules.words import Event
from tierflow.complaints.service import clocks, scope
from tierflow.complaints.service.intake import SUBJECT
from tierflow.complaints.service.recipients import Recipients
from tierflow.kernel.calendar import WorkingCalendar
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


def is_behind(version: int) -> Any:
    """SQL condition: running clocks not yet compared with the calendar of this version."""
    unasked = Clock.asked_version.is_(None) | (Clock.asked_version < version)
    return Clock.told_at.is_(None) & (Clock.calendar_version < version) & unasked


def is_asked() -> Any:
    """SQL condition: running clocks whose due an amended calendar would move, and nobody has decided."""
    return Clock.told_at.is_(None) & (Clock.calendar_version < Clock.asked_version)


def anything_asked(session: Session, actor: Actor) -> bool:
    """Whether any complaint the actor may see waits for such a decision."""
    query = select(Clock.id).join(Complaint, Complaint.id == Clock.complaint_id)
    return session.scalar(query.where(is_asked(), *scope.seen_by(actor)).limit(1)) is not None


def behind(session: Session, limit: int = BATCH) -> list[tuple[Clock, Complaint]]:
    """Running clocks not yet compared with the calendar in force, those of the oldest calendar first."""
    rows = session.execute(
        select(Clock, Complaint)
        .join(Complaint, Complaint.id == Clock.complaint_id)
        .where(is_behind(working_calendar(session).version))
        .order_by(Clock.calendar_version, Clock.asked_version, Clock.id)
        .limit(limit)
    )
    return [(row.Clock, row.Complaint) for row in rows]


def run(session: Session, now: datetime, limit: int = BATCH) -> dict[str, int]:
    """Settle the due times the new calendar leaves alone or makes firm; about those it would move, ask a person.

    A batch at most; counts by outcome. Call again while it returns something.
    """
    counts: Counter[str] = Counter()
    unmoved: list[tuple[int, Redated]] = []
    asked: list[Complaint] = []
    version = working_calendar(session).version
    for clock, complaint in behind(session, limit):
        found = _redated(session, clock)
        counts[found.outcome.value] += 1
        if found.outcome is Outcome.MOVE:
            _move(session, complaint, clock, found, Event.PUBLISHED, SYSTEM, now, "")
        elif found.outcome is Outcome.SAME:
            unmoved.append((clock.id, found))
        else:
            clock.asked_version = version
            asked.append(complaint)
    _stamp(session, unmoved)
    _ask(session, asked, version, now)
    return dict(counts)


def foresee(session: Session, calendar: WorkingCalendar, now: datetime, limit: int = 2000) -> Impact:
    """What a calendar not loaded yet would do to open due times, by the rule the duty follows; nothing is stored.

    Numbers, never names: whoever loads a calendar sees no customers.
    """
    found = session.execute(
        select(Clock, Complaint.number)
        .join(Complaint, Complaint.id == Clock.complaint_id)
        .where(Clock.told_at.is_(None))
        .order_by(Clock.next_at, Clock.id)
        .limit(limit + 1)
    ).all()
    outcomes: Counter[Outcome] = Counter()
    moves = []
    for clock, number in found[:limit]:
        terms = _terms(session, clock.policy_version)
        would_be = redate(clocks.facts_of(clock), clock.due_at, clock.is_provisional, terms, calendar, now)
        if would_be.outcome is Outcome.SAME and clock.is_provisional and not would_be.planned.is_provisional:
            outcomes[Outcome.MOVE] += 1  # it stays where it is and becomes firm
        outcomes[would_be.outcome] += 1
        if would_be.outcome is not Outcome.SAME:
            moves.append(Move(clock.due_at, number, would_be.planned.due_at, would_be.outcome is Outcome.ASK))
    return Impact(outcomes[Outcome.MOVE], outcomes[Outcome.ASK], len(found) > limit, tuple(moves))


def _ask(session: Session, asked: list[Complaint], version: int, now: datetime) -> None:
    """One notice to the sales managers of each region concerned; the inbox names every complaint."""
    people = Recipients(session, now)
    for region_id in sorted({complaint.region_id for complaint in asked}):
        first = min((c for c in asked if c.region_id == region_id), key=lambda c: (c.due_at, c.id))
        message = text(
            "The working calendar was amended: open due times of complaints would move, %(number)s first. Decide each.",
            number=first.number,
        )
        key = f"complaint.redating.{version}.{region_id}"
        subject = (SUBJECT, first.id)
        notify(session, people.sales_managers(region_id), "complaint.redating", message, subject, now, dedupe_key=key)


def proposed(session: Session, actor: Actor, limit: int = 200) -> list[Proposed]:
    """Due times of the actor's complaints that an amended calendar would move and that nobody has decided."""
    version = working_calendar(session).version
    rows = session.execute(
        select(Clock, Complaint)
        .join(Complaint, Complaint.id == Clock.complaint_id)
        .where(
            Clock.told_at.is_(None),
            Clock.calendar_version < version,
            Clock.is_provisional.is_(False) | Clock.asked_version.is_not(None),
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
    complaint, clock, actor = scope.lock_to_direct(session, actor, complaint_id)
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
