"""What waits for whom, as sources of the one inbox: complaints, departments' answers, meetings, measures, inquiries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import literal_column, or_, select
from sqlalchemy.orm import Session

from tierflow.common import lookup
from tierflow.common.db import one_of
from tierflow.complaints.models import Clock, Complaint, Consultation, Inquiry, Measure
from tierflow.complaints.rules.errands import RAISED, ErrandKind, Level
from tierflow.complaints.rules.words import STATE_LABELS, State
from tierflow.complaints.service import handling, inquiries, raising, redating, scope
from tierflow.complaints.service.intake import SUBJECT
from tierflow.kernel.roles import Actor, Role, is_allowed
from tierflow.kernel.text import mark
from tierflow.web.i18n import show
from tierflow.web.inbox import Kind, row

MOST = 20

KINDS = {
    "complaint": Kind(mark("Complaint"), "chat-square-dots", "complaints.detail", "complaint_id"),
    "complaint_opinion": Kind(
        mark("Complaint: handling opinion"), "chat-square-quote", "complaints.opinion", "opinion_id"
    ),
    "complaint_opinion.returned": Kind(
        mark("Complaint: opinion returned"), "arrow-return-left", "complaints.opinion", "opinion_id"
    ),
    "complaint_extension": Kind(
        mark("Complaint: extension"), "hourglass-split", "complaints.extension", "extension_id"
    ),
    "complaint_consultation": Kind(
        mark("Complaint: your department is asked"), "chat-left-text", "complaints.consultation", "consultation_id"
    ),
    "complaint_meeting": Kind(mark("Special meeting to hold"), "people", "complaints.meeting", "complaint_id"),
    "complaint_measure": Kind(mark("Complaint: measure to carry out"), "tools", "complaints.measure", "measure_id"),
    "complaint_check": Kind(mark("Complaint: measure to check"), "clipboard-check", "complaints.measure", "measure_id"),
    "complaint_redating": Kind(
        mark("Complaint: due time and the amended calendar"), "calendar-check", "complaints.redate", "complaint_id"
    ),
    "inquiry": Kind(mark("Inquiry to answer"), "question-circle", "complaints.inquiry", "inquiry_id"),
    "inquiry.to_close": Kind(
        mark("Inquiry: ask how satisfied the customer is"), "emoji-smile", "complaints.inquiry", "inquiry_id"
    ),
    "complaint_measure.raised": Kind(mark("Overdue measure"), "alarm-fill", "complaints.measure", "measure_id"),
    "complaint_consultation.raised": Kind(
        mark("Overdue answer of a department"), "alarm-fill", "complaints.consultation", "consultation_id"
    ),
    "inquiry.raised": Kind(mark("Overdue inquiry"), "alarm-fill", "complaints.inquiry", "inquiry_id"),
}


def source(actor: Actor) -> Iterable[Any]:
    """SELECTs of everything about complaints that waits for the actor; each is one ordered index walk."""
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    title = Complaint.number + " · " + Complaint.customer_name
    whole = (Complaint.id, title, Complaint.said_at, Complaint.due_at, Complaint.region_id)
    if managed := actor.user_ids_as(Role.ACCOUNT_MANAGER):
        yield row("complaint", *whole).where(
            one_of(Complaint.account_manager_id, managed),
            Complaint.state.in_([State.HANDLING.value, State.APPROVED.value]),
        )
    if Role.GENERAL_MANAGER in actor.roles:
        yield row("complaint_meeting", *whole).where(Complaint.needs_meeting)
    yield (
        row("complaint_consultation", Consultation.id, title, Consultation.asked_at, Consultation.due_at)
        .join(Complaint, Complaint.id == Consultation.complaint_id)
        .where(
            handling.consultation_visible(actor), Consultation.answered_at.is_(None), Consultation.lapsed_at.is_(None)
        )
    )
    measure = Complaint.number + " · " + Measure.what
    yield (
        row("complaint_measure", Measure.id, measure, Measure.agreed_at, Measure.due_at, Measure.region_id)
        .join(Complaint, Complaint.id == Measure.complaint_id)
        .where(one_of(Measure.owner_id, mine), Measure.agreed_at.is_not(None), Measure.done_at.is_(None))
    )
    if regions := actor.scopes(Role.SALES_MANAGER):
        yield (
            row("complaint_redating", *whole)
            .join(Clock, Clock.complaint_id == Complaint.id)
            .where(one_of(Complaint.region_id, regions), redating.is_asked())
        )
        yield (
            row("complaint_check", Measure.id, measure, Measure.done_at, Measure.due_at, Measure.region_id)
            .join(Complaint, Complaint.id == Measure.complaint_id)
            .where(one_of(Measure.region_id, regions), Measure.done_at.is_not(None), Measure.checked_at.is_(None))
        )
    if actor.roles & {Role.ACCOUNT_MANAGER, Role.SALES_MANAGER}:
        asked = Inquiry.number + " · " + Inquiry.customer_name
        yield row("inquiry", Inquiry.id, asked, Inquiry.asked_at, Inquiry.due_at, Inquiry.region_id).where(
            one_of(Inquiry.owner_id, mine), raising.OPEN[ErrandKind.INQUIRY]
        )
        yield row(
            "inquiry.to_close", Inquiry.id, asked, Inquiry.answered_at, Inquiry.answered_at, Inquiry.region_id
        ).where(one_of(Inquiry.owner_id, mine), inquiries.TO_CLOSE)
    yield from _raised(actor)


def _raised(actor: Actor) -> Iterable[Any]:
    """Others' errands that are overdue and were raised to the actor: sales manager of a region, or general manager."""
    regions, is_general = actor.scopes(Role.SALES_MANAGER), Role.GENERAL_MANAGER in actor.roles
    if not regions and not is_general:
        return
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}

    def to_me(kind: ErrandKind, region: Any) -> Any:
        told = raising.TABLES[kind].raised_to
        # Said in the words of the index: of a value sent beside the statement no planner knows that it fits.
        raised = told.in_([literal_column(f"'{level}'") for level in RAISED])
        ways = [told == Level.GENERAL_MANAGER.value] if is_general else []
        return raising.OPEN[kind] & raised & or_(*ways, *([one_of(region, regions)] if regions else []))

    kind = ErrandKind.MEASURE
    title = Complaint.number + " · " + Measure.what
    yield (
        row(f"{kind}.raised", Measure.id, title, Measure.agreed_at, Measure.due_at, Measure.region_id)
        .join(Complaint, Complaint.id == Measure.complaint_id)
        .where(to_me(kind, Measure.region_id), ~one_of(Measure.owner_id, mine))
    )
    kind = ErrandKind.CONSULTATION
    title = Complaint.number + " · " + Complaint.customer_name
    yield (
        row(f"{kind}.raised", Consultation.id, title, Consultation.asked_at, Consultation.due_at, Complaint.region_id)
        .join(Complaint, Complaint.id == Consultation.complaint_id)
        .where(to_me(kind, Complaint.region_id))
    )
    kind = ErrandKind.INQUIRY
    title = Inquiry.number + " · " + Inquiry.customer_name
    yield row(f"{kind}.raised", Inquiry.id, title, Inquiry.asked_at, Inquiry.due_at, Inquiry.region_id).where(
        to_me(kind, Inquiry.region_id), ~one_of(Inquiry.owner_id, mine)
    )


def find(session: Session, actor: Actor, query: str) -> list[dict[str, Any]]:
    """The search box: complaints by number, customer or batch; only what the actor may see."""
    if not is_allowed(actor, "complaint.read") or not lookup.fold(query):
        return []
    found: Any = lookup.matching(SUBJECT, query)
    rows = session.scalars(
        select(Complaint)
        .where(Complaint.id.in_(found), *scope.seen_by(actor))
        .order_by(Complaint.id.desc())
        .limit(MOST)
    )
    return [
        {
            "kind": "complaint",
            "id": complaint.id,
            "title": complaint.customer_name,
            "subtitle": f"{complaint.number} · {show(STATE_LABELS[State(complaint.state)])}",
            "module": _("Complaint"),
            "url": url_for("complaints.detail", complaint_id=complaint.id),
            "icon": "chat-square-dots",
        }
        for complaint in rows
    ]
