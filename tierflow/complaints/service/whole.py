"""One complaint whole: everything its page and its paper (annex 3) show, in a fixed number of queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase, ApprovalDecision
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer
from tierflow.common.files import StoredFile
from tierflow.common.reference import Department, Region
from tierflow.common.users import User
from tierflow.complaints.models import (
    Clock,
    ClockEvent,
    Complaint,
    Consultation,
    CustomerAnswer,
    CustomerBreach,
    ErrandEvent,
    Extension,
    Inquiry,
    Measure,
    Meeting,
    Opinion,
    Telling,
)
from tierflow.complaints.rules.words import Event
from tierflow.complaints.service import extensions, opinions, scope
from tierflow.complaints.service.intake import SUBJECT
from tierflow.complaints.service.queries import Card, Cards, Countdown, cards_query
from tierflow.kernel.roles import Actor, require

Decisions = Sequence[tuple[ApprovalDecision, str, str | None]]
"""A case's decisions: the decision, who gave it, in whose name."""


@dataclass(frozen=True)
class OpinionSeen:
    """An opinion with its approval."""

    opinion: Opinion
    case: ApprovalCase
    drafted_by: str
    measures: Sequence[tuple[Measure, str]]
    decisions: Decisions


@dataclass(frozen=True)
class Closing:
    """One closing, also of a complaint that was reopened since; `satisfaction` from 1 to 5."""

    at: datetime
    by: str
    satisfaction: int | None
    note: str


@dataclass(frozen=True)
class Whole:
    """Everything a complaint's page and paper show."""

    card: Card
    customer: Customer | None
    region: Region
    taken_by: str
    inquiry: Inquiry | None
    clocks: Sequence[tuple[Clock, Countdown]]
    events: Sequence[tuple[ClockEvent, str | None, int]]
    consultations: Sequence[tuple[Consultation, Department, str, str | None]]
    opinions: Sequence[OpinionSeen]
    meetings: Sequence[tuple[Meeting, str]]
    extensions: Sequence[tuple[Extension, ApprovalCase, str, Decisions]]
    tellings: Sequence[tuple[Telling, str]]
    responses: Sequence[tuple[CustomerAnswer, str]]
    raised: Sequence[ErrandEvent]
    files: Sequence[StoredFile]
    breach: CustomerBreach | None
    closings: Sequence[Closing]
    names: Mapping[int, str] = field(default_factory=dict)

    @property
    def present_opinion(self) -> OpinionSeen | None:
        """The opinion on the present clock."""
        found = [seen for seen in self.opinions if seen.opinion.clock_id == self.card.clock.id]
        return found[-1] if found else None

    @property
    def recurrences(self) -> list[tuple[datetime, str]]:
        """When it recurred and what the customer said then, oldest first."""
        again = [event for event, _who, number in self.events if event.kind == Event.RECEIVED and number > 1]
        return [(event.at, event.note) for event in sorted(again, key=lambda event: event.at)]

    @property
    def present_meetings(self) -> list[tuple[Meeting, str]]:
        """Meetings held on the present clock."""
        return [row for row in self.meetings if row[0].clock_id == self.card.clock.id]


def whole(session: Session, actor: Actor, complaint_id: int, now: datetime) -> Whole:
    """One complaint with all that belongs to it; `NotFound` when the actor may not see it."""
    require(actor, "complaint.read")
    complaint = scope.get(session, actor, complaint_id)
    row = session.execute(cards_query().where(Complaint.id == complaint.id)).one()
    make = Cards(session, now)
    theirs = session.scalars(select(Clock).where(Clock.complaint_id == complaint.id).order_by(Clock.number)).all()
    number_of = {clock.id: clock.number for clock in theirs}
    events = session.scalars(
        select(ClockEvent).where(ClockEvent.clock_id.in_(number_of)).order_by(ClockEvent.at, ClockEvent.id)
    ).all()
    asked = session.execute(
        select(Consultation, Department)
        .join(Department, Department.id == Consultation.department_id)
        .where(Consultation.complaint_id == complaint.id)
        .order_by(Consultation.id)
    ).all()
    meetings = session.scalars(select(Meeting).where(Meeting.complaint_id == complaint.id).order_by(Meeting.id)).all()
    tellings = session.scalars(select(Telling).where(Telling.complaint_id == complaint.id).order_by(Telling.id)).all()
    responses = session.scalars(
        select(CustomerAnswer).where(CustomerAnswer.complaint_id == complaint.id).order_by(CustomerAnswer.id)
    ).all()
    measures = session.scalars(select(Measure).where(Measure.complaint_id == complaint.id).order_by(Measure.id)).all()
    drafted = session.execute(
        select(Opinion, ApprovalCase)
        .join(ApprovalCase, (ApprovalCase.subject_type == opinions.KIND) & (ApprovalCase.subject_id == Opinion.id))
        .where(Opinion.complaint_id == complaint.id)
        .order_by(Opinion.number)
    ).all()
    requested = session.execute(
        select(Extension, ApprovalCase)
        .join(ApprovalCase, (ApprovalCase.subject_type == extensions.KIND) & (ApprovalCase.subject_id == Extension.id))
        .where(Extension.complaint_id == complaint.id)
        .order_by(Extension.id)
    ).all()
    cases = [row_.ApprovalCase.id for row_ in (*drafted, *requested)]
    decisions = session.scalars(
        select(ApprovalDecision).where(ApprovalDecision.case_id.in_(cases)).order_by(ApprovalDecision.id)
    ).all()
    names = _names(
        session, complaint, events, asked, meetings, tellings, responses, measures, drafted, requested, decisions
    )
    by_case: dict[int, list[tuple[ApprovalDecision, str, str | None]]] = {}
    for decision in decisions:
        behalf = names[decision.on_behalf_of_id] if decision.on_behalf_of_id else None
        by_case.setdefault(decision.case_id, []).append((decision, names[decision.user_id], behalf))
    return Whole(
        card=make.of(row),
        customer=session.get(Customer, complaint.customer_id) if complaint.customer_id else None,
        region=session.get_one(Region, complaint.region_id),
        taken_by=names[complaint.taken_by_id],
        inquiry=session.get(Inquiry, complaint.inquiry_id) if complaint.inquiry_id else None,
        clocks=[(clock, make.countdown(clock)) for clock in theirs],
        events=[(event, names.get(event.user_id or 0), number_of[event.clock_id]) for event in events],
        consultations=[
            (
                each.Consultation,
                each.Department,
                names[each.Consultation.asked_by_id],
                names.get(each.Consultation.answered_by_id or 0),
            )
            for each in asked
        ],
        opinions=[
            OpinionSeen(
                each.Opinion,
                each.ApprovalCase,
                names[each.Opinion.drafted_by_id],
                [(measure, names[measure.owner_id]) for measure in measures if measure.opinion_id == each.Opinion.id],
                by_case.get(each.ApprovalCase.id, []),
            )
            for each in drafted
        ],
        meetings=[(meeting, names[meeting.recorded_by_id]) for meeting in meetings],
        extensions=[
            (
                each.Extension,
                each.ApprovalCase,
                names[each.Extension.requested_by_id],
                by_case.get(each.ApprovalCase.id, []),
            )
            for each in requested
        ],
        tellings=[(telling, names[telling.told_by_id]) for telling in tellings],
        responses=[(heard, names[heard.recorded_by_id]) for heard in responses],
        raised=session.scalars(
            select(ErrandEvent).where(ErrandEvent.complaint_id == complaint.id).order_by(ErrandEvent.id)
        ).all(),
        files=session.scalars(
            select(StoredFile)
            .where(StoredFile.subject_type == SUBJECT, StoredFile.subject_id == complaint.id)
            .order_by(StoredFile.id)
        ).all(),
        breach=session.scalar(select(CustomerBreach).where(CustomerBreach.complaint_id == complaint.id)),
        closings=_closings(session, complaint.id),
        names=names,
    )


def _closings(session: Session, complaint_id: int) -> list[Closing]:
    """Every closing, oldest first. The row keeps the present one only, the acts on record keep them all."""
    entries = session.scalars(
        select(AuditEntry)
        .where(
            AuditEntry.subject_type == SUBJECT,
            AuditEntry.subject_id == complaint_id,
            AuditEntry.action == "complaint.close",
        )
        .order_by(AuditEntry.seq)
    )
    return [
        Closing(entry.at, entry.actor_name, entry.after.get("satisfaction"), entry.after.get("note") or "")
        for entry in entries
    ]


_PEOPLE = (
    "user_id",
    "on_behalf_of_id",
    "asked_by_id",
    "answered_by_id",
    "recorded_by_id",
    "told_by_id",
    "owner_id",
    "done_by_id",
    "checked_by_id",
    "drafted_by_id",
    "requested_by_id",
)


def _names(session: Session, complaint: Complaint, *lists: Sequence[Any]) -> dict[int, str]:
    """Names of everybody mentioned, in one query."""
    ids = {complaint.taken_by_id, complaint.account_manager_id, complaint.closed_by_id}
    for rows in lists:
        for row in rows:
            parts = tuple(row) if hasattr(row, "_fields") else (row,)
            ids |= {getattr(part, name, None) for part in parts for name in _PEOPLE}
    found = session.execute(select(User.id, User.name).where(User.id.in_(ids - {None})))
    return {row.id: row.name for row in found}
