"""The handling opinion: drafted with its measures, approved by the leader, in a serious case by the GM (CHEM-12.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.reference import Product
from tierflow.common.users import User
from tierflow.complaints.models import Clock, Complaint, Measure, Meeting, Opinion
from tierflow.complaints.rules import acts, words
from tierflow.complaints.rules.clock import ClockTerms
from tierflow.complaints.rules.words import Severity, State
from tierflow.complaints.service import clocks, raising, scope
from tierflow.complaints.service.intake import SUBJECT
from tierflow.kernel import approval
from tierflow.kernel.approval import Chain, Step, Verdict
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import mark, text

KIND = words.OPINION
_EXAMINED = frozenset({"facts", "opinion", "measures"})

# General and major: the leader, which is the sales manager of the region.
LEADER = approvals.register(
    Chain(
        "complaint_opinion",
        "CHEM-12.2",
        mark("Handling opinion"),
        (Step("sales_manager", mark("Sales manager"), Role.SALES_MANAGER, _EXAMINED, scoped=True),),
    )
)
# Serious: decided at the general manager's special meeting, whose conclusion is part of what is approved.
AFTER_MEETING = approvals.register(
    Chain(
        "complaint_opinion_serious",
        "CHEM-12.2",
        mark("Handling opinion after a special meeting"),
        (Step("general_manager", mark("General manager"), Role.GENERAL_MANAGER, _EXAMINED | {"meeting"}),),
    )
)


def chain_for(severity: Severity, terms: ClockTerms) -> Chain:
    """Who approves the opinion on a complaint of this severity."""
    return AFTER_MEETING if severity in terms.meeting_for else LEADER


def save(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Opinion:
    """Keep the draft; with `submit`, hand it in for approval.

    A draft may be changed until it is handed in, and again after it was returned or withdrawn.
    """
    require(actor, "complaint.write")
    complaint, clock, actor = scope.lock_to_work(session, actor, complaint_id)
    clocks.catch_up(session, clock, now)
    terms = clocks.terms_of(session, clock)
    standing = clocks.standing_of(session, complaint, clock)
    refuse_if_any(acts.why_not_consult(standing))
    opinion, case = _editable(session, complaint, clock, terms, actor, now)
    opinion.cause = command["cause"]
    opinion.proposal = command["proposal"]
    opinion.updated_at = now
    _write_measures(session, complaint, opinion, command.get("measures") or [], terms, now)
    if command.get("submit"):
        refuse_if_any(acts.why_not_submit_opinion(standing, terms))
        content = content_of(session, complaint, opinion)
        approvals.submit(session, case, content, actor, now, seen_version=case.version, due_by=clock.due_at)
        complaint.state = State.IN_APPROVAL.value
    else:
        audit.record(session, actor, "complaint.draft", SUBJECT, complaint.id, now, after={"opinion": opinion.number})
    session.flush()
    return opinion


def withdraw(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Take the opinion back, to change it. Only who handed it in."""
    require(actor, "complaint.write")
    complaint, clock, actor = scope.lock_to_work(session, actor, complaint_id)
    opinion = present(session, clock)
    if opinion is None:
        raise NotFound
    case = case_of(session, opinion.id)
    approvals.withdraw(session, case, actor, now, seen_version=case.version, reason=command.get("reason") or "")
    complaint.state = State.HANDLING.value
    session.flush()
    return complaint


def get(session: Session, actor: Actor, opinion_id: int) -> tuple[Opinion, Complaint]:
    """An opinion and its complaint, when the actor may see them; else `NotFound`."""
    opinion = session.get(Opinion, opinion_id)
    if opinion is None:
        raise NotFound
    return opinion, scope.get(session, actor, opinion.complaint_id)


def decide(session: Session, actor: Actor, opinion_id: int, command: Mapping[str, Any], now: datetime) -> Opinion:
    """The leader's verdict. Approved: the customer can be told, the measures bind. Else: back to be drafted anew."""
    require(actor, "complaint.decide")
    opinion, complaint = get(session, actor, opinion_id)
    complaint, clock = scope.lock(session, actor, complaint.id)
    clocks.catch_up(session, clock, now)
    verdict = Verdict(command["verdict"])
    if verdict is Verdict.APPROVE:
        standing = clocks.standing_of(session, complaint, clock)
        refuse_if_any(acts.why_not_submit_opinion(standing, clocks.terms_of(session, clock)))
    case = case_of(session, opinion.id)
    today = local_day(now)
    approvals.decide(
        session,
        case,
        Seen(command["version"], command["step"]),
        verdict,
        actor,
        now,
        on=today,
        policy_version=policy_on(session, today).version,
        reason=command.get("reason") or "",
        due_by=clock.due_at,
    )
    if case.state == approval.State.APPROVED:
        complaint.state = State.APPROVED.value
        complaint.opinion_decided_at = now
        session.execute(update(Measure).where(Measure.opinion_id == opinion.id).values(agreed_at=now))
        message = text("Complaint %(number)s: the opinion is approved; tell the customer.", number=complaint.number)
    else:
        complaint.state = State.HANDLING.value
        message = text("Complaint %(number)s: the opinion was not approved.", number=complaint.number)
    ids = {opinion.drafted_by_id, complaint.account_manager_id} - {actor.user_id}
    key = f"{KIND}.{opinion.id}.{case.version}"
    notify(session, ids, "complaint.decided", message, (SUBJECT, complaint.id), now, dedupe_key=key)
    session.flush()
    return opinion


def case_of(session: Session, opinion_id: int) -> ApprovalCase:
    """The approval of an opinion."""
    query = select(ApprovalCase).where(ApprovalCase.subject_type == KIND, ApprovalCase.subject_id == opinion_id)
    return session.scalars(query).one()


def present(session: Session, clock: Clock) -> Opinion | None:
    """The newest opinion on a clock."""
    return session.scalars(
        select(Opinion).where(Opinion.clock_id == clock.id).order_by(Opinion.number.desc()).limit(1)
    ).one_or_none()


def measures_of(session: Session, opinion: Opinion) -> Sequence[Measure]:
    """The measures of an opinion, as listed."""
    return session.scalars(select(Measure).where(Measure.opinion_id == opinion.id).order_by(Measure.id)).all()


def void_unfit(
    session: Session, complaint: Complaint, clock: Clock, terms: ClockTerms, actor: Actor, now: datetime
) -> None:
    """After a change of severity: an opinion that was for another office to approve must be handed in again."""
    opinion = present(session, clock)
    if opinion is None:
        return
    case = case_of(session, opinion.id)
    if case.chain == chain_for(Severity(complaint.severity), terms).key:
        return
    if case.state == approval.State.APPROVED:
        undone = update(Measure).where(Measure.opinion_id == opinion.id, Measure.done_at.is_(None))
        session.execute(undone.values(agreed_at=None))
    approvals.void(session, case, actor, now, reason="severity")
    complaint.state = State.HANDLING.value
    complaint.opinion_decided_at = None
    session.flush()


def content_of(session: Session, complaint: Complaint, opinion: Opinion) -> dict[str, Any]:
    """What the approver examines, group by group, as JSON."""
    measures = measures_of(session, opinion)
    owners = {
        user.id: user.name for user in session.scalars(select(User).where(User.id.in_([m.owner_id for m in measures])))
    }
    meetings = session.scalars(select(Meeting).where(Meeting.clock_id == opinion.clock_id).order_by(Meeting.id)).all()
    return {
        "facts": {
            "number": complaint.number,
            "customer": complaint.customer_name,
            "product": session.get_one(Product, complaint.product_id).name,
            "batch": complaint.batch,
            "quantity_grams": complaint.quantity_grams,
            "severity": complaint.severity,
            "facts": complaint.facts,
            "demand": complaint.demand,
        },
        "opinion": {"cause": opinion.cause, "proposal": opinion.proposal},
        "measures": [
            {
                "kind": measure.kind,
                "what": measure.what,
                "quantity_grams": measure.quantity_grams,
                "amount_fen": measure.amount_fen,
                "owner": owners[measure.owner_id],
                "due_on": measure.due_on.isoformat(),
            }
            for measure in measures
        ],
        "meeting": [
            {"held_at": meeting.held_at.isoformat(), "present": meeting.present, "conclusion": meeting.conclusion}
            for meeting in meetings
        ],
    }


def _editable(
    session: Session, complaint: Complaint, clock: Clock, terms: ClockTerms, actor: Actor, now: datetime
) -> tuple[Opinion, ApprovalCase]:
    """The opinion that may be written on: the present draft, or a new one where the last has ended."""
    opinion = present(session, clock)
    chain = chain_for(Severity(complaint.severity), terms)
    if opinion is not None:
        case = case_of(session, opinion.id)
        if case.state in approval.EDITABLE and case.chain == chain.key:
            return opinion, case
        # An opinion approved before the severity changed no longer holds: the complaint is back in hand.
        if case.state == approval.State.IN_APPROVAL or complaint.state == State.APPROVED:
            reason = text("The opinion has been handed in; withdraw it to change it.")
            raise Conflict(Refusal("conflict", reason))
        if case.state not in approval.ENDED:  # a draft for another office, before the severity changed
            approvals.void(session, case, actor, now, reason="severity")
    number = session.scalar(select(func.max(Opinion.number)).where(Opinion.complaint_id == complaint.id)) or 0
    opinion = Opinion(
        complaint_id=complaint.id,
        clock_id=clock.id,
        number=number + 1,
        cause="",
        proposal="",
        drafted_by_id=actor.user_id,
        drafted_at=now,
        updated_at=now,
    )
    session.add(opinion)
    session.flush()
    title = f"{complaint.number} · {complaint.customer_name}"
    case = approvals.open_case(session, chain, (KIND, opinion.id), title, complaint.region_id, actor, now)
    return opinion, case


def _write_measures(
    session: Session,
    complaint: Complaint,
    opinion: Opinion,
    rows: Sequence[Mapping[str, Any]],
    terms: ClockTerms,
    now: datetime,
) -> None:
    """Replace the draft's measures. Raises `Invalid` by row and field."""
    owners = {row["owner_id"] for row in rows}
    known = set(session.scalars(select(User.id).where(User.id.in_(owners), User.disabled_at.is_(None))))
    errors: dict[str, object] = {}
    for at, row in enumerate(rows):
        if row["owner_id"] not in known:
            errors[f"measures.{at}.owner_id"] = [text("Choose one of the list.")]
        if row["due_on"] < local_day(now):
            errors[f"measures.{at}.due_on"] = [text("This day has passed.")]
    if errors:
        raise Invalid(errors)
    session.execute(delete(Measure).where(Measure.opinion_id == opinion.id))
    for row in rows:
        session.add(
            Measure(
                complaint_id=complaint.id,
                opinion_id=opinion.id,
                region_id=complaint.region_id,
                **raising.begin(session, local_instant(row["due_on"], terms.closes_at), now),
                **{key: row.get(key) for key in ("kind", "what", "quantity_grams", "amount_fen", "owner_id", "due_on")},
            )
        )
    session.flush()
