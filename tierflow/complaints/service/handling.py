"""Between receipt and opinion: departments asked, the special meeting, severity, pauses (CHEM-12.2, CHEM-12.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.calendars import working_calendar
from tierflow.common.db import in_force, one_of
from tierflow.common.notices import notify
from tierflow.common.reference import Department
from tierflow.common.uploads import Upload
from tierflow.common.users import User
from tierflow.complaints.models import Complaint, Consultation, Meeting
from tierflow.complaints.rules import acts
from tierflow.complaints.rules.clock import department_due, paused_working_days
from tierflow.complaints.rules.words import Event, Severity
from tierflow.complaints.service import clocks, extensions, opinions, papers, raising, scope
from tierflow.complaints.service.intake import SUBJECT, call_meeting
from tierflow.complaints.service.recipients import Recipients
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, for_owner, require
from tierflow.kernel.text import text


def consult(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Ask a department, with a due time of its own, never after the complaint's."""
    require(actor, "complaint.write")
    complaint, clock, actor = scope.lock_to_work(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    refuse_if_any(acts.why_not_consult(clocks.standing_of(session, complaint, clock)))
    department = session.scalar(
        select(Department).where(
            Department.id == command["department_id"],
            in_force(Department.from_on, Department.to_on, local_day(now)),
        )
    )
    if department is None:
        raise Invalid({"department_id": [text("Choose one of the list.")]})
    mine = (User.department_id == department.id, User.disabled_at.is_(None))
    people = session.scalars(select(User.id).where(*mine)).all()
    if not people:
        raise Invalid({"department_id": [text("Nobody of this department could answer: it has no account in use.")]})
    wanted = command.get("due_at")
    if wanted is not None and wanted <= now:
        raise Invalid({"due_at": [text("This time has passed.")]})
    terms = clocks.terms_of(session, clock)
    due_at = department_due(now, wanted, clock.due_at, terms, working_calendar(session))
    consultation = Consultation(
        complaint_id=complaint.id,
        department_id=department.id,
        question=command["question"],
        **raising.begin(session, due_at, now),
        asked_by_id=actor.user_id,
        asked_at=now,
    )
    session.add(consultation)
    session.flush()
    after = {
        "department": department.name,
        "question": consultation.question,
        "due_at": consultation.due_at.isoformat(),
    }
    audit.record(session, actor, "complaint.consult", SUBJECT, complaint.id, now, after=after)
    message = text(
        "Complaint %(number)s: %(department)s is asked for its opinion.",
        number=complaint.number,
        department=department.name,
    )
    notify(
        session,
        people,
        "complaint.consulted",
        message,
        ("complaint_consultation", consultation.id),
        now,
        dedupe_key=f"complaint.consulted.{consultation.id}",
    )
    return complaint


def departments_of(actor: Actor) -> Any:
    """SELECT of the departments the actor speaks for: the own one, and those of whom they stand in for."""
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    return select(User.department_id).where(one_of(User.id, mine), User.department_id.is_not(None))


def consultation_visible(actor: Actor) -> ColumnElement[bool]:
    """SQL condition: consultations of the actor's department."""
    return Consultation.department_id.in_(departments_of(actor))


def answer(
    session: Session,
    actor: Actor,
    consultation_id: int,
    command: Mapping[str, Any],
    now: datetime,
    *,
    uploads: Sequence[Upload] = (),
) -> Consultation:
    """The department's answer, once. Anybody of the department can give it."""
    require(actor, "consultation.write")
    row = session.scalar(select(Consultation).where(Consultation.id == consultation_id, consultation_visible(actor)))
    if row is None:
        raise NotFound
    actor = _for_department(session, actor, row.department_id)
    done = session.execute(
        update(Consultation)
        .where(Consultation.id == row.id, Consultation.answered_at.is_(None), Consultation.lapsed_at.is_(None))
        .values(answer=command["answer"], answered_at=now, answered_by_id=actor.user_id)
        .returning(Consultation.id)
    ).scalar_one_or_none()
    if done is None:
        raise Conflict(Refusal("conflict", text("This was answered already, or is no longer asked.")))
    session.refresh(row)
    papers.keep(session, uploads, row.complaint_id, actor, now, "papers")
    audit.record(
        session, actor, "complaint.answer", SUBJECT, row.complaint_id, now, after={"answer": command["answer"]}
    )
    complaint = session.get_one(Complaint, row.complaint_id)
    message = text("Complaint %(number)s: a department has answered.", number=complaint.number)
    notify(
        session,
        {row.asked_by_id, complaint.account_manager_id} - {actor.user_id},
        "complaint.answered",
        message,
        (SUBJECT, complaint.id),
        now,
        dedupe_key=f"complaint.answered.{row.id}",
    )
    return row


def _for_department(session: Session, actor: Actor, department_id: int) -> Actor:
    """The actor, in the name of the absent colleague whose department is asked, unless it is the actor's own."""
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    query = select(User.id).where(User.id.in_(mine), User.department_id == department_id)
    speak = set(session.scalars(query))
    return for_owner(actor, actor.user_id if actor.user_id in speak else min(speak))


def record_meeting(
    session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime
) -> Complaint:
    """The general manager's special meeting: time, who was present, conclusion (CHEM-12.2)."""
    require(actor, "complaint.meeting")
    complaint, clock = scope.lock(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    refuse_if_any(acts.why_not_meet(clocks.standing_of(session, complaint, clock)))
    held_at = command["held_at"]
    if held_at > now:
        raise Invalid({"held_at": [text("This time is still to come.")]})
    if local_day(held_at) < local_day(clock.received_at):
        raise Invalid({"held_at": [text("The complaint was not received yet.")]})
    meeting = Meeting(
        complaint_id=complaint.id,
        clock_id=clock.id,
        held_at=held_at,
        place=command.get("place") or "",
        present=command["present"],
        conclusion=command["conclusion"],
        recorded_by_id=actor.user_id,
        recorded_at=now,
    )
    session.add(meeting)
    complaint.needs_meeting = False
    after = {"held_at": held_at.isoformat(), "present": meeting.present, "conclusion": meeting.conclusion}
    audit.record(session, actor, "complaint.meeting", SUBJECT, complaint.id, now, after=after)
    message = text(
        "Complaint %(number)s: the special meeting is on record; the opinion can be drafted.", number=complaint.number
    )
    key = f"complaint.met.{clock.id}.{now.isoformat()}"
    subject = (SUBJECT, complaint.id)
    notify(session, [complaint.account_manager_id], "complaint.met", message, subject, now, dedupe_key=key)
    session.flush()
    return complaint


def classify(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Change the severity, with a reason. The due time is recomputed from the receipt; a breach stays (CHEM-12.3).

    An opinion that another office approves for the new severity must be handed in again.
    """
    require(actor, "complaint.direct")
    complaint, clock, actor = scope.lock_to_direct(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    severity = Severity(command["severity"])
    standing = clocks.standing_of(session, complaint, clock)
    refuse_if_any(acts.why_not_classify(standing, severity))
    terms = clocks.terms_of(session, clock)
    before = {"severity": complaint.severity, "due_at": clock.due_at.isoformat()}
    complaint.severity = clock.severity = severity.value
    complaint.needs_meeting = severity in terms.meeting_for and not standing.has_meeting
    if severity not in terms.extendable:
        extensions.void_pending(session, clock, actor, now, "severity")
    opinions.void_unfit(session, complaint, clock, terms, actor, now)
    clocks.rebind(session, complaint, clock, Event.RECLASSIFIED, actor, now, command["reason"])
    after = {"severity": complaint.severity, "due_at": clock.due_at.isoformat()}
    audit.record(
        session,
        actor,
        "complaint.classify",
        SUBJECT,
        complaint.id,
        now,
        before=before,
        after=after,
        reason=command["reason"],
    )
    people = Recipients(session, now)
    if complaint.needs_meeting:
        call_meeting(session, complaint, clock, people, now)
    if clock.breached_at is not None:
        # The old limit's escalation has no due time any more; the breach itself must not get lost.
        message = text("Complaint %(number)s was re-classified after its limit had passed.", number=complaint.number)
        key = f"complaint.reclassified.{clock.id}.{clock.revision}"
        subject = (SUBJECT, complaint.id)
        notify(session, people.general_managers(), "complaint.reclassified", message, subject, now, dedupe_key=key)
    return complaint


def pause(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Stop the clock while the customer's sample is awaited, where policy allows it; never past day 7."""
    require(actor, "complaint.direct")
    complaint, clock, actor = scope.lock_to_direct(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    terms = clocks.terms_of(session, clock)
    refuse_if_any(acts.why_not_pause(clocks.standing_of(session, complaint, clock), terms))
    clock.paused_at = now
    clocks.rebind(session, complaint, clock, Event.PAUSED, actor, now, command["reason"])
    _audit_clock(session, actor, "complaint.pause", complaint, clock.due_at, now, command["reason"])
    return complaint


def resume(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Let the clock run on; the working days lost are added, never past day 7."""
    require(actor, "complaint.direct")
    complaint, clock, actor = scope.lock_to_direct(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    refuse_if_any(acts.why_not_resume(clocks.standing_of(session, complaint, clock)))
    terms = clocks.terms_of(session, clock)
    if clock.paused_at is not None:
        clock.paused_days += paused_working_days(working_calendar(session), terms, clock.paused_at, now)
        clock.paused_at = None
    note = command.get("reason") or ""
    clocks.rebind(session, complaint, clock, Event.RESUMED, actor, now, note)
    _audit_clock(session, actor, "complaint.resume", complaint, clock.due_at, now, note)
    return complaint


def _audit_clock(
    session: Session, actor: Actor, action: str, complaint: Complaint, due_at: datetime, now: datetime, reason: str
) -> None:
    after = {"due_at": due_at.isoformat()}
    audit.record(session, actor, action, SUBJECT, complaint.id, now, after=after, reason=reason)
