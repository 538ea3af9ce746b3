"""Telling the customer, carrying the measures out, closing, reopening, breaches by the customer (CHEM-12.1, 12.3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.notices import notify
from tierflow.common.reference import Product
from tierflow.common.uploads import Upload
from tierflow.common.users import User
from tierflow.complaints.models import Complaint, Consultation, CustomerAnswer, CustomerBreach, Measure, Telling
from tierflow.complaints.rules import acts
from tierflow.complaints.rules.words import State
from tierflow.complaints.service import clocks, extensions, papers, scope
from tierflow.complaints.service.intake import SUBJECT, announce, check_said_at
from tierflow.complaints.service.recipients import Recipients
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, for_owner, require
from tierflow.kernel.text import text


def tell(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Record that the customer was told: who, how, when, and what the customer said. The clock stops.

    In time is judged by when the customer was told; both that and the recording are kept.
    """
    require(actor, "complaint.write")
    complaint, clock, actor = scope.lock_to_work(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    told_at = command["told_at"]
    refuse_if_any(acts.why_not_tell(clocks.standing_of(session, complaint, clock), told_at, now))
    session.add(
        Telling(
            complaint_id=complaint.id,
            clock_id=clock.id,
            channel=command["channel"],
            told_at=told_at,
            told_to=command["told_to"],
            reply=command["reply"],
            customer_said=command.get("customer_said") or "",
            is_accepted=command.get("is_accepted"),
            told_by_id=actor.user_id,
            recorded_at=now,
        )
    )
    extensions.void_pending(session, clock, actor, now, "answered")
    clocks.stop(session, clock, told_at, actor, now, command["told_to"])
    session.execute(
        update(Consultation)
        .where(Consultation.complaint_id == complaint.id, Consultation.answered_at.is_(None))
        .values(lapsed_at=now)
    )
    complaint.state = State.ANSWERED.value
    complaint.needs_meeting = False
    after = {"told_at": told_at.isoformat(), "told_to": command["told_to"], "in_time": clock.in_time}
    audit.record(session, actor, "complaint.tell", SUBJECT, complaint.id, now, after=after)
    session.flush()
    return complaint


def respond(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Record what the customer answered after it was told: who, when, in what words, and whether it accepts."""
    require(actor, "complaint.write")
    complaint, clock, actor = scope.lock_to_work(session, actor, complaint_id)
    refuse_if_any(acts.why_not_respond(clocks.standing_of(session, complaint, clock)))
    said_at = command["said_at"]
    if said_at > now:
        raise Invalid({"said_at": [text("This time is still to come.")]})
    if clock.told_at is not None and said_at < clock.told_at:
        raise Invalid({"said_at": [text("The customer was not told yet at that time.")]})
    row = CustomerAnswer(
        complaint_id=complaint.id,
        clock_id=clock.id,
        said_at=said_at,
        said_by=command["said_by"],
        words=command["words"],
        is_accepted=command.get("is_accepted"),
        recorded_by_id=actor.user_id,
        recorded_at=now,
    )
    session.add(row)
    after = {
        "said_at": said_at.isoformat(),
        "said_by": row.said_by,
        "words": row.words,
        "is_accepted": row.is_accepted,
    }
    audit.record(session, actor, "complaint.response", SUBJECT, complaint.id, now, after=after)
    session.flush()
    return complaint


def may_do_measure(actor: Actor) -> ColumnElement[bool]:
    """SQL condition: measures the actor owns, or that whom they stand in for owns; sales may report for its own."""
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    handled = select(Complaint.id).where(scope.workable(actor))
    return or_(Measure.owner_id.in_(mine), Measure.complaint_id.in_(handled))


def get_measure(session: Session, actor: Actor, measure_id: int) -> Measure:
    """A measure the actor may report on, locked; else `NotFound`."""
    query = select(Measure).where(Measure.id == measure_id, may_do_measure(actor))
    found = session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound
    return found


def complete(
    session: Session,
    actor: Actor,
    measure_id: int,
    command: Mapping[str, Any],
    now: datetime,
    *,
    uploads: Sequence[Upload] = (),
) -> Measure:
    """Report a measure as done, with the proof. The sales manager checks it."""
    require(actor, "measure.write")
    measure = get_measure(session, actor, measure_id)
    actor = for_owner(actor, measure.owner_id)
    if measure.agreed_at is None:
        raise Refused(Refusal("CHEM-12.1", text("The opinion this measure belongs to is not approved.")))
    done = session.execute(
        update(Measure)
        .where(Measure.id == measure.id, Measure.done_at.is_(None))
        .values(done_at=now, done_by_id=actor.user_id, proof=command["proof"], remark="")
        .returning(Measure.id)
    ).scalar_one_or_none()
    if done is None:
        raise Conflict(Refusal("conflict", text("This measure is reported as done already.")))
    session.refresh(measure)
    papers.keep(session, uploads, measure.complaint_id, actor, now, "papers")
    after = {"measure": measure.what, "proof": measure.proof}
    audit.record(session, actor, "complaint.measure_done", SUBJECT, measure.complaint_id, now, after=after)
    complaint = session.get_one(Complaint, measure.complaint_id)
    message = text("Complaint %(number)s: a measure is done and waits for your check.", number=complaint.number)
    ids = set(Recipients(session, now).sales_managers(complaint.region_id)) - {actor.user_id}
    key = f"complaint.measure.{measure.id}.{now.isoformat()}"
    notify(session, ids, "complaint.measure", message, (SUBJECT, complaint.id), now, dedupe_key=key)
    return measure


def check(session: Session, actor: Actor, measure_id: int, command: Mapping[str, Any], now: datetime) -> Measure:
    """The sales manager's check: passed, or sent back with a remark. Nobody checks what they did themselves."""
    require(actor, "complaint.direct")
    measure = session.get(Measure, measure_id)
    if measure is None:
        raise NotFound
    complaint, _clock, actor = scope.lock_to_direct(session, actor, measure.complaint_id)
    session.refresh(measure)
    if measure.done_at is None or measure.checked_at is not None:
        raise Conflict(Refusal("conflict", text("This measure does not wait for a check.")))
    if session.get_one(User, measure.done_by_id).person_id == actor.person_id:
        raise Refused(Refusal("CHEM-12.1", text("Nobody checks a measure they carried out themselves.")))
    passed = command["verdict"] == "pass"
    if not passed and not command.get("remark"):
        raise Invalid({"remark": [text("Say what is missing.")]})
    measure.remark = command.get("remark") or ""
    if passed:
        measure.checked_at, measure.checked_by_id = now, actor.user_id
    else:
        measure.done_at = measure.done_by_id = None
        measure.proof = ""
        message = text("Complaint %(number)s: a measure was sent back to you.", number=complaint.number)
        key = f"complaint.measure_back.{measure.id}.{now.isoformat()}"
        subject = ("complaint_measure", measure.id)
        notify(session, [measure.owner_id], "complaint.measure", message, subject, now, dedupe_key=key)
    after = {"measure": measure.what, "verdict": command["verdict"]}
    reason = measure.remark
    audit.record(session, actor, "complaint.check", SUBJECT, complaint.id, now, after=after, reason=reason)
    session.flush()
    return measure


def unchecked(session: Session, complaint_id: int) -> int:
    """Measures that bind and are not checked yet."""
    query = select(func.count()).where(
        Measure.complaint_id == complaint_id, Measure.agreed_at.is_not(None), Measure.checked_at.is_(None)
    )
    return session.scalar(query) or 0


def close(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Close a complaint whose measures are all done and checked, with the customer's satisfaction."""
    require(actor, "complaint.write")
    complaint, clock, actor = scope.lock_to_work(session, actor, complaint_id)
    refuse_if_any(acts.why_not_close(clocks.standing_of(session, complaint, clock), unchecked(session, complaint.id)))
    complaint.state = State.CLOSED.value
    complaint.closed_at, complaint.closed_by_id = now, actor.user_id
    complaint.satisfaction = command["satisfaction"]
    complaint.satisfaction_note = command.get("note") or ""
    after = {"satisfaction": complaint.satisfaction, "note": complaint.satisfaction_note}
    audit.record(session, actor, "complaint.close", SUBJECT, complaint.id, now, after=after)
    session.flush()
    return complaint


def reopen(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """It recurs: a new clock from the new receipt, linked to the old one (CHEM-12.3)."""
    require(actor, "complaint.write")
    complaint, clock, actor = scope.lock_to_work(session, actor, complaint_id)
    refuse_if_any(acts.why_not_reopen(clocks.standing_of(session, complaint, clock)))
    check_said_at(command["said_at"], now)
    if command["said_at"] < clock.received_at:
        raise Invalid({"said_at": [text("This is before the complaint was first received.")]})
    before = {"state": complaint.state, "satisfaction": complaint.satisfaction}
    complaint.state = State.HANDLING.value
    complaint.closed_at = complaint.closed_by_id = complaint.satisfaction = None
    complaint.satisfaction_note = ""
    complaint.opinion_decided_at = None
    session.flush()
    new = clocks.start(session, complaint, command["said_at"], actor, now, note=command["facts"])
    after = {"said_at": command["said_at"].isoformat(), "due_at": new.due_at.isoformat(), "facts": command["facts"]}
    reason = command["facts"]
    audit.record(
        session, actor, "complaint.reopen", SUBJECT, complaint.id, now, before=before, after=after, reason=reason
    )
    announce(session, complaint, new, actor, now)
    session.flush()
    return complaint


def uphold_breach(
    session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime
) -> CustomerBreach:
    """The complaint shows a breach *by* the customer: an indicator for grading (CHEM-9.6)."""
    require(actor, "complaint.direct")
    complaint, _clock, actor = scope.lock_to_direct(session, actor, complaint_id)
    if complaint.customer_id is None:
        raise Refused(Refusal("CHEM-9.6", text("The customer is not known; say first who it is.")))
    if session.scalar(select(CustomerBreach.id).where(CustomerBreach.complaint_id == complaint.id)) is not None:
        raise Refused(Refusal("CHEM-9.6", text("A breach by the customer is on record for this complaint.")))
    row = CustomerBreach(
        complaint_id=complaint.id,
        customer_id=complaint.customer_id,
        product_line_id=session.get_one(Product, complaint.product_id).product_line_id,
        on=local_day(now),
        what=command["what"],
        upheld_by_id=actor.user_id,
        upheld_at=now,
    )
    session.add(row)
    audit.record(session, actor, "complaint.breach", SUBJECT, complaint.id, now, after={"what": row.what})
    session.flush()
    return row
