"""Starting, re-dating and judging the clock of a complaint; every change leaves its event (CHEM-12.3)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.calendars import working_calendar
from tierflow.common.policies import policy_numbered, policy_on
from tierflow.complaints.models import Clock, ClockEvent, Complaint, Extension, Meeting
from tierflow.complaints.rules import acts
from tierflow.complaints.rules import clock as rules
from tierflow.complaints.rules.acts import Standing
from tierflow.complaints.rules.clock import ClockFacts, ClockTerms, Due, Schedule, schedule
from tierflow.complaints.rules.hours import working_minutes
from tierflow.complaints.rules.words import Event, Severity, State
from tierflow.complaints.service import within
from tierflow.complaints.service.sweep import sweep
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor


def terms_of(session: Session, clock: Clock) -> ClockTerms:
    """The numbers a clock runs by: those in force on the day of its receipt."""
    return ClockTerms.of(policy_numbered(session, clock.policy_version))


def facts_of(clock: Clock) -> ClockFacts:
    """What the due time follows from."""
    return ClockFacts(
        received_at=clock.received_at,
        severity=Severity(clock.severity),
        extended_to=clock.extended_to,
        paused_days=clock.paused_days,
        is_paused=clock.paused_at is not None,
        not_before=clock.not_before,
    )


def standing_of(session: Session, complaint: Complaint, clock: Clock) -> Standing:
    """Where the complaint stands, as the rules see it. Two queries."""
    waits = select(Extension.id).where(Extension.clock_id == clock.id, Extension.outcome.is_(None))
    met = select(Meeting.id).where(Meeting.clock_id == clock.id).limit(1)
    return Standing(
        state=State(complaint.state),
        severity=Severity(complaint.severity),
        received_at=clock.received_at,
        base_due_at=clock.base_due_at,
        is_extended=clock.extended_to is not None,
        extension_waits=session.scalar(waits) is not None,
        is_paused=clock.paused_at is not None,
        has_meeting=session.scalar(met) is not None,
        opinion_decided_at=complaint.opinion_decided_at,
    )


def start(
    session: Session, complaint: Complaint, received_at: datetime, actor: Actor, now: datetime, note: str = ""
) -> Clock:
    """A new clock from this receipt, linked to the one before it; the first event is the receipt.

    `note`: what the customer said this time, where a complaint recurs.
    """
    policy = policy_on(session, local_day(received_at))
    before = session.scalar(select(Clock).where(Clock.complaint_id == complaint.id).order_by(Clock.number.desc()))
    complaint.clock_number = 1 if before is None else before.number + 1
    clock = Clock(
        complaint_id=complaint.id,
        number=complaint.clock_number,
        previous_id=None if before is None else before.id,
        received_at=received_at,
        received_month=local_day(received_at).isoformat()[:7],
        severity=complaint.severity,
        paused_days=0,
        policy_version=policy.version,
        revision=0,
    )
    terms = ClockTerms.of(policy)
    complaint.needs_meeting = Severity(complaint.severity) in terms.meeting_for
    _lay(clock, complaint, schedule(facts_of(clock), terms, working_calendar(session)), terms, session, now)
    session.add(clock)
    session.flush()
    _set_event(session, clock, Event.RECEIVED, received_at, actor, now, note)
    _judge(session, clock, now)
    _note_due(session, clock, now)
    return clock


def catch_up(session: Session, clock: Clock, now: datetime) -> None:
    """Note what is due on this clock before anything changes: a stopped scheduler hides nothing."""
    _note_due(session, clock, now)


def rebind(
    session: Session,
    complaint: Complaint,
    clock: Clock,
    cause: Event,
    actor: Actor,
    now: datetime,
    note: str,
    *,
    planned: Schedule | None = None,
) -> None:
    """A new revision of the due time after the clock's facts changed. The old ones stay in the events.

    Call `catch_up` before changing the facts.
    """
    terms = terms_of(session, clock)
    if planned is None:
        planned = schedule(facts_of(clock), terms, working_calendar(session))
    _lay(clock, complaint, planned, terms, session, now)
    session.flush()
    within.hold(session, clock, now)
    _set_event(session, clock, cause, now, actor, now, note)
    _judge(session, clock, now)
    _note_due(session, clock, now)


def stop(session: Session, clock: Clock, told_at: datetime, actor: Actor, now: datetime, note: str) -> None:
    """The customer was told: judge the clock once and for all."""
    terms = terms_of(session, clock)
    calendar = working_calendar(session)
    dues = dues_of(session, clock)
    clock.breached_at = rules.breached_at(dues, told_at, now)
    clock.told_at = told_at
    clock.recorded_at = now
    clock.in_time = rules.told_in_time(dues, told_at)
    clock.worked_minutes = working_minutes(calendar, terms.opens_at, terms.closes_at, clock.received_at, told_at)
    clock.next_kind = clock.next_at = None
    session.add(
        ClockEvent(
            clock_id=clock.id,
            revision=clock.revision,
            kind=Event.TOLD,
            at=told_at,
            recorded_at=now,
            user_id=actor.user_id or None,
            note=note,
        )
    )
    session.flush()


def dues_of(session: Session, clock: Clock) -> list[Due]:
    """Every due time of a clock and from when on it bound, oldest first."""
    rows = session.execute(
        select(ClockEvent.due_at, ClockEvent.at, ClockEvent.kind)
        .where(ClockEvent.clock_id == clock.id, ClockEvent.due_at.is_not(None))
        .order_by(ClockEvent.revision)
    )
    return [Due(due_at, at, Event(kind)) for due_at, at, kind in rows if due_at is not None]


def base_due(clock: Clock, terms: ClockTerms, session: Session) -> datetime:
    """The plain limit from receipt, without extension or pause: an extension must be decided before it passes."""
    if clock.extended_to is None and clock.paused_at is None and not clock.paused_days:
        return clock.due_at
    facts = facts_of(clock)
    plain = ClockFacts(facts.received_at, facts.severity, not_before=facts.not_before)
    return schedule(plain, terms, working_calendar(session)).due_at


def may_still_extend(standing: Standing, terms: ClockTerms, now: datetime) -> bool:
    """Whether an extension can be asked for at all: for showing the button."""
    return not acts.why_not_extend(standing, terms.longest, terms, now)


def _lay(
    clock: Clock, complaint: Complaint, planned: Schedule, terms: ClockTerms, session: Session, now: datetime
) -> None:
    moment = rules.first_moment(planned, now)
    clock.revision += 1
    clock.limit_days = planned.limit_days
    clock.due_at = complaint.due_at = planned.due_at
    clock.base_due_at = base_due(clock, terms, session)
    clock.is_provisional = planned.is_provisional
    clock.calendar_version = planned.calendar_version
    clock.warn_at = planned.warn_at
    clock.late_at = planned.late_at
    clock.escalate_at = planned.escalate_at + rules.LATE_BY
    clock.next_kind, clock.next_at = moment.kind, moment.at


def _note_due(session: Session, clock: Clock, now: datetime) -> None:
    session.flush()
    if clock.next_at is not None and clock.next_at <= now:
        sweep(session, now, clock_id=clock.id)
        session.refresh(clock)


def _judge(session: Session, clock: Clock, now: datetime) -> None:
    clock.breached_at = rules.breached_at(dues_of(session, clock), None, now)
    session.flush()


def _set_event(
    session: Session, clock: Clock, cause: Event, at: datetime, actor: Actor, now: datetime, note: str
) -> None:
    session.add(
        ClockEvent(
            clock_id=clock.id,
            revision=clock.revision,
            kind=cause,
            at=at,
            recorded_at=now,
            user_id=actor.user_id or None,
            note=note,
            due_at=clock.due_at,
            limit_days=clock.limit_days,
            severity=clock.severity,
            extended_to=clock.extended_to,
            paused_days=clock.paused_days,
            is_paused=clock.paused_at is not None,
            not_before=clock.not_before,
            is_provisional=clock.is_provisional,
            calendar_version=clock.calendar_version,
        )
    )
    session.flush()
