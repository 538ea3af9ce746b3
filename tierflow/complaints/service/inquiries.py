"""The inquiry register (CHEM-4): question, owner, answer, time; closed with the customer's satisfaction.

One click turns an inquiry into a complaint, also one that is answered or closed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from tierflow.common import audit, lookup
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import SEES_ALL, get_visible
from tierflow.common.notices import notify
from tierflow.common.numbering import next_number
from tierflow.common.policies import policy_on
from tierflow.common.users import User, grants_of
from tierflow.complaints.models import Complaint, ErrandEvent, Inquiry, InquiryClosing
from tierflow.complaints.rules.clock import ClockTerms
from tierflow.complaints.rules.errands import ErrandKind
from tierflow.complaints.service import intake, raising, scope
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, for_owner, require
from tierflow.kernel.text import text

SUBJECT = "inquiry"
SALES = frozenset({Role.ACCOUNT_MANAGER, Role.SALES_MANAGER})


TO_CLOSE = Inquiry.answered_at.is_not(None) & Inquiry.closed_at.is_(None) & Inquiry.turned_at.is_(None)


def seen_by(actor: Actor) -> list[ColumnElement[bool]]:
    """Conditions: the inquiries an actor may see: asked of, taken or owned by them, or of their region."""
    if actor.is_system or actor.roles & SEES_ALL:
        return []
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    return [scope.handlers(actor, Inquiry.region_id, Inquiry.taken_by_id) | Inquiry.owner_id.in_(mine)]


def inquiries(actor: Actor, filters: Mapping[str, Any]) -> Any:
    """The register, to be paged by id."""
    query = select(Inquiry, User.name).join(User, User.id == Inquiry.owner_id).where(*seen_by(actor))
    if filters.get("state") == "open":
        query = query.where(raising.OPEN[ErrandKind.INQUIRY])
    elif filters.get("state") == "answered":
        query = query.where(TO_CLOSE)
    elif filters.get("state") == "closed":
        query = query.where(Inquiry.closed_at.is_not(None), Inquiry.turned_at.is_(None))
    elif filters.get("state") == "complaint":
        query = query.where(Inquiry.turned_at.is_not(None))
    if filters.get("q"):
        query = query.where(Inquiry.id.in_(lookup.matching(SUBJECT, filters["q"])))  # type: ignore[arg-type]
    return query


def get(session: Session, actor: Actor, inquiry_id: int) -> Inquiry:
    """The inquiry, when the actor may see it; else `NotFound`."""
    found = session.scalar(select(Inquiry).where(Inquiry.id == inquiry_id, *seen_by(actor)))
    if found is None:
        raise NotFound
    return found


def note(session: Session, actor: Actor, command: Mapping[str, Any], now: datetime) -> Inquiry:
    """Enter a question and who is to answer it; answered at once, and closed when the satisfaction is known too."""
    require(actor, "inquiry.write")
    intake.check_said_at(command["asked_at"], now, "asked_at")
    today = local_day(now)
    customer = get_visible(session, actor, command["customer_id"]) if command.get("customer_id") else None
    whose = intake.whose(session, actor, command, customer, today)
    manager = whose.pop("account_manager_id")
    owner_id = command.get("owner_id") or manager
    if not {grant.role for grant in grants_of(session, [owner_id], today)[owner_id]} & SALES:
        raise Invalid({"owner_id": [text("Choose one of the list.")]})
    answer, satisfaction = command.get("answer"), command.get("satisfaction")
    if satisfaction is not None and not answer:
        raise Invalid({"answer": [text("Satisfaction is asked about an answer: write what was answered.")]})
    terms = ClockTerms.of(policy_on(session, today))
    due_at = working_calendar(session).due_at(today, terms.consultation_days, terms.closes_at)
    inquiry = Inquiry(
        number=f"ZX-{today.year}-{next_number(session, f'inquiry/{today.year}'):05d}",
        product_id=command.get("product_id"),
        channel=command["channel"],
        question=command["question"],
        asked_at=command["asked_at"],
        keyed_at=now,
        **raising.begin(session, due_at, now),
        taken_by_id=actor.user_id,
        owner_id=owner_id,
        answer=answer or None,
        answered_by_id=actor.user_id if answer else None,
        answered_at=now if answer else None,
        **whose,
    )
    session.add(inquiry)
    session.flush()
    lookup.index(session, (SUBJECT, inquiry.id), [inquiry.customer_name], [inquiry.number])
    after = {"number": inquiry.number, "customer_name": inquiry.customer_name}
    audit.record(session, actor, "inquiry.note", SUBJECT, inquiry.id, now, after=after)
    if satisfaction is not None:
        _close(session, actor, inquiry, command, now)
    if not answer and owner_id != actor.user_id:
        message = text(
            "Inquiry %(number)s of %(customer)s is yours.", number=inquiry.number, customer=inquiry.customer_name
        )
        subject = (SUBJECT, inquiry.id)
        notify(session, [owner_id], "inquiry.noted", message, subject, now, dedupe_key=f"inquiry.noted.{inquiry.id}")
    return inquiry


def answer(session: Session, actor: Actor, inquiry_id: int, command: Mapping[str, Any], now: datetime) -> Inquiry:
    """Record the answer given, once; closed too when the customer's satisfaction is known already."""
    require(actor, "inquiry.write")
    inquiry = _open(session, actor, inquiry_id)
    actor = for_owner(actor, inquiry.owner_id)
    inquiry.answer, inquiry.answered_at, inquiry.answered_by_id = command["answer"], now, actor.user_id
    audit.record(session, actor, "inquiry.answer", SUBJECT, inquiry.id, now, after={"answer": inquiry.answer})
    if command.get("satisfaction") is not None:
        _close(session, actor, inquiry, command, now)
    session.flush()
    return inquiry


def close(session: Session, actor: Actor, inquiry_id: int, command: Mapping[str, Any], now: datetime) -> Inquiry:
    """Close an answered inquiry with the customer's satisfaction. Once."""
    require(actor, "inquiry.write")
    inquiry = _held(session, actor, inquiry_id)
    if inquiry.answered_at is None:
        raise Conflict(Refusal("CHEM-4", text("An inquiry is answered before it is closed.")))
    if inquiry.closed_at is not None or inquiry.turned_at is not None:
        raise Conflict(Refusal("conflict", text("This inquiry is closed already, or became a complaint.")))
    actor = for_owner(actor, inquiry.owner_id)
    _close(session, actor, inquiry, command, now)
    return inquiry


def _close(session: Session, actor: Actor, inquiry: Inquiry, command: Mapping[str, Any], now: datetime) -> None:
    closing = InquiryClosing(
        inquiry_id=inquiry.id,
        at=now,
        closed_by_id=actor.user_id,
        satisfaction=command["satisfaction"],
        note=command.get("note") or "",
    )
    session.add(closing)
    inquiry.closed_at = now
    after = {"satisfaction": closing.satisfaction, "note": closing.note}
    audit.record(session, actor, "inquiry.close", SUBJECT, inquiry.id, now, after=after)
    session.flush()


def closing_of(session: Session, inquiry_id: int) -> InquiryClosing | None:
    """How an inquiry was closed; None while it is open, or when it was closed before that was asked."""
    return session.get(InquiryClosing, inquiry_id)


def raised(session: Session, inquiry_id: int) -> Sequence[ErrandEvent]:
    """Who heard that it is due or overdue, oldest first."""
    query = select(ErrandEvent).where(ErrandEvent.kind == ErrandKind.INQUIRY, ErrandEvent.subject_id == inquiry_id)
    return session.scalars(query.order_by(ErrandEvent.id)).all()


def turn(session: Session, actor: Actor, inquiry_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Make a complaint of it: the customer's question becomes the facts, the time it was asked the receipt.

    `command` may say severity and product; general and the inquiry's product where it does not.
    """
    require(actor, "complaint.write")
    inquiry = _held(session, actor, inquiry_id)
    if inquiry.turned_at is not None:
        raise Conflict(Refusal("conflict", text("This inquiry became a complaint already.")))
    product_id = command.get("product_id") or inquiry.product_id
    if product_id is None:
        raise Invalid({"product_id": [text("Say which product the complaint is about.")]})
    complaint = intake.take(
        session,
        actor,
        {
            "customer_id": inquiry.customer_id,
            "customer_name": inquiry.customer_name,
            "contact_name": inquiry.contact_name,
            "contact_phone": inquiry.contact_phone,
            "region_id": inquiry.region_id,
            "product_id": product_id,
            "severity": command.get("severity") or "general",
            "channel": inquiry.channel,
            "said_at": inquiry.asked_at,
            "facts": inquiry.question,
        },
        now,
        inquiry_id=inquiry.id,
    )
    inquiry.turned_at = now
    audit.record(session, actor, "inquiry.turn", SUBJECT, inquiry.id, now, after={"complaint": complaint.number})
    session.flush()
    return complaint


def complaint_of(session: Session, inquiry_id: int) -> Complaint | None:
    """The complaint an inquiry became."""
    return session.scalar(select(Complaint).where(Complaint.inquiry_id == inquiry_id))


def _held(session: Session, actor: Actor, inquiry_id: int) -> Inquiry:
    """An inquiry the actor may see, held until the transaction ends."""
    inquiry = session.scalar(select(Inquiry).where(Inquiry.id == inquiry_id, *seen_by(actor)).with_for_update())
    if inquiry is None:
        raise NotFound
    session.refresh(inquiry)
    return inquiry


def _open(session: Session, actor: Actor, inquiry_id: int) -> Inquiry:
    inquiry = _held(session, actor, inquiry_id)
    if inquiry.answered_at is not None or inquiry.turned_at is not None:
        raise Conflict(Refusal("conflict", text("This inquiry is answered already, or became a complaint.")))
    return inquiry
