"""Taking a complaint: accepted at once, whoever the customer is, with number and receipt (CHEM-12.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import audit, lookup
from tierflow.common.customers import Customer, get_visible, in_name_of
from tierflow.common.db import in_force
from tierflow.common.notices import notify
from tierflow.common.numbering import next_number
from tierflow.common.reference import Product, Region
from tierflow.common.suspension import suspended
from tierflow.common.uploads import Upload
from tierflow.complaints.models import Clock, Complaint
from tierflow.complaints.rules.words import SEVERITY_LABELS, Severity, State
from tierflow.complaints.service import clocks, papers, scope
from tierflow.complaints.service.recipients import Recipients
from tierflow.kernel.errors import Invalid, Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import Text, text

SUBJECT = papers.SUBJECT

# Before the working calendar begins nothing can be reckoned.
FIRST_DAY = date(2005, 1, 1)


def take(
    session: Session,
    actor: Actor,
    command: Mapping[str, Any],
    now: datetime,
    *,
    photos: Sequence[Upload] = (),
    inquiry_id: int | None = None,
) -> Complaint:
    """Accept a complaint. Unknown and suspended customers are accepted all the same, and marked.

    Raises `Invalid` by field for times that cannot be, an unknown product or region, a customer neither chosen nor
    named; `NotFound` for a customer the actor may not see.
    """
    require(actor, "complaint.write")
    check_said_at(command["said_at"], now)
    today = local_day(now)
    product = _product(session, command["product_id"], today)
    customer = get_visible(session, actor, command["customer_id"]) if command.get("customer_id") else None
    if customer is not None:
        actor = in_name_of(actor, "complaint.write", customer)
    complaint = Complaint(
        number=f"TS-{today.year}-{next_number(session, f'complaint/{today.year}'):05d}",
        was_suspended=customer is not None and bool(suspended(session, [customer.id], today)),
        taken_by_id=actor.user_id,
        product_id=product.id,
        batch=command.get("batch") or "",
        lifting_order=command.get("lifting_order") or "",
        quantity_grams=command.get("quantity_grams"),
        severity=command["severity"],
        channel=command["channel"],
        said_at=command["said_at"],
        keyed_at=now,
        facts=command["facts"],
        demand=command.get("demand") or "",
        inquiry_id=inquiry_id,
        state=State.HANDLING.value,
        clock_number=0,
        due_at=now,
        needs_meeting=False,
        **whose(session, actor, command, customer, today),
    )
    session.add(complaint)
    session.flush()
    clock = clocks.start(session, complaint, command["said_at"], actor, now)
    papers.keep(session, photos, complaint.id, actor, now)
    lookup.index(session, (SUBJECT, complaint.id), [complaint.customer_name], [complaint.number, complaint.batch])
    audit.record(session, actor, "complaint.take", SUBJECT, complaint.id, now, after=_taken(complaint, clock))
    announce(session, complaint, clock, actor, now)
    session.flush()
    return complaint


def check_said_at(said_at: datetime, now: datetime, field: str = "said_at") -> None:
    """A receipt lies neither in the future nor before the working calendar. Raises `Invalid`."""
    if said_at > now:
        raise Invalid({field: [text("This time is still to come.")]})
    if local_day(said_at) < FIRST_DAY:
        raise Invalid({field: [text("This is too long ago.")]})


def whose(
    session: Session, actor: Actor, command: Mapping[str, Any], customer: Customer | None, today: date
) -> dict[str, Any]:
    """The columns that say whose complaint or inquiry it is; for an unknown customer, as far as was said."""
    contact = {"contact_name": command.get("contact_name") or "", "contact_phone": command.get("contact_phone") or ""}
    if customer is not None:
        return {
            "customer_id": customer.id,
            "customer_name": customer.name,
            "contact_name": contact["contact_name"] or customer.contact_name,
            "contact_phone": contact["contact_phone"] or customer.phone,
            "region_id": customer.region_id,
            "account_manager_id": customer.account_manager_id,
        }
    name = command.get("customer_name")
    region_id = command.get("region_id") or _only_region(actor)
    errors: dict[str, object] = {}
    if not name:
        errors["customer_name"] = [text("Choose the customer, or write the name as it was given.")]
    if region_id is None:
        errors["region_id"] = [text("Say which region is to look after it.")]
    elif session.scalar(select(Region.id).where(Region.id == region_id, _open(Region, today))) is None:
        errors["region_id"] = [text("Choose one of the list.")]
    if errors:
        raise Invalid(errors)
    return {
        "customer_id": None,
        "customer_name": name,
        **contact,
        "region_id": region_id,
        "account_manager_id": actor.user_id,
    }


def identify(session: Session, actor: Actor, complaint_id: int, command: Mapping[str, Any], now: datetime) -> Complaint:
    """Say which customer an unknown one is. The complaint goes over to that customer's account manager."""
    require(actor, "complaint.write")
    complaint, _clock, actor = scope.lock_to_work(session, actor, complaint_id)
    if complaint.customer_id is not None:
        raise Refused(Refusal("CHEM-12.1", text("The customer is known already."), "customer_id"))
    customer = get_visible(session, actor, command["customer_id"])
    before = {"customer_name": complaint.customer_name, "region_id": complaint.region_id}
    complaint.customer_id = customer.id
    complaint.was_suspended = bool(suspended(session, [customer.id], local_day(complaint.keyed_at)))
    complaint.customer_name = customer.name
    complaint.region_id = customer.region_id
    complaint.account_manager_id = customer.account_manager_id
    lookup.index(session, (SUBJECT, complaint.id), [complaint.customer_name], [complaint.number, complaint.batch])
    after = {"customer_id": customer.id, "customer_name": customer.name, "region_id": customer.region_id}
    audit.record(session, actor, "complaint.identify", SUBJECT, complaint.id, now, before=before, after=after)
    session.flush()
    return complaint


def add_photos(session: Session, actor: Actor, complaint_id: int, photos: Sequence[Upload], now: datetime) -> Complaint:
    """Photos and papers that come in later."""
    require(actor, "complaint.write")
    complaint, _clock, actor = scope.lock_to_work(session, actor, complaint_id)
    if not photos:
        raise Invalid({"photos": [text("Choose a file.")]})
    names = [kept.name for kept in papers.keep(session, photos, complaint.id, actor, now)]
    audit.record(session, actor, "complaint.photos", SUBJECT, complaint.id, now, after={"files": names})
    session.flush()
    return complaint


def announce(session: Session, complaint: Complaint, clock: Clock, actor: Actor, now: datetime) -> None:
    """Tell those who must act: the account manager, the sales manager, for a special meeting the general manager."""
    people = Recipients(session, now, [complaint.account_manager_id])
    ids = {*people.owner(complaint.account_manager_id), *people.sales_managers(complaint.region_id)} - {actor.user_id}
    key = f"complaint.taken.{clock.id}"
    notify(session, ids, "complaint.taken", _news(complaint), (SUBJECT, complaint.id), now, dedupe_key=key)
    if complaint.needs_meeting:
        call_meeting(session, complaint, clock, people, now)


def call_meeting(session: Session, complaint: Complaint, clock: Clock, people: Recipients, now: datetime) -> None:
    """Tell the general manager that a special meeting is to be held (CHEM-12.2)."""
    message = text(
        "Complaint %(number)s of %(customer)s needs your special meeting.",
        number=complaint.number,
        customer=complaint.customer_name,
    )
    key = f"complaint.meeting.{clock.id}"
    subject = (SUBJECT, complaint.id)
    notify(session, people.general_managers(), "complaint.meeting", message, subject, now, dedupe_key=key)


def _news(complaint: Complaint) -> Text:
    return text(
        "New complaint %(number)s of %(customer)s (%(severity)s).",
        number=complaint.number,
        customer=complaint.customer_name,
        severity=text(SEVERITY_LABELS[Severity(complaint.severity)]),
    )


def _only_region(actor: Actor) -> int | None:
    regions = actor.scopes(Role.SALES_MANAGER) - {None}
    return next(iter(regions)) if len(regions) == 1 else None


def _product(session: Session, product_id: int, today: date) -> Product:
    product = session.scalar(select(Product).where(Product.id == product_id, _open(Product, today)))
    if product is None:
        raise Invalid({"product_id": [text("Choose one of the list.")]})
    return product


def _open(table: type[Region] | type[Product], today: date) -> Any:
    return in_force(table.from_on, table.to_on, today)


def _taken(complaint: Complaint, clock: Clock) -> dict[str, Any]:
    return {
        "number": complaint.number,
        "customer_id": complaint.customer_id,
        "customer_name": complaint.customer_name,
        "severity": complaint.severity,
        "said_at": complaint.said_at.isoformat(),
        "due_at": clock.due_at.isoformat(),
    }
