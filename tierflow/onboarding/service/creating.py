"""What approval brings about: the customer, its lines, its papers (CHEM-7.2)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import audit, lookup, suspension
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.numbering import next_number
from tierflow.common.reference import Region
from tierflow.common.users import User
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application, Disqualified
from tierflow.onboarding.rules.examining import FIELD_GROUPS
from tierflow.onboarding.service.admitting import Admission
from tierflow.onboarding.service.distributing import distribute
from tierflow.onboarding.service.drafts import lines_of, papers_of

CUSTOMER = "customer"

_SAME = (
    "name",
    "name_key",
    "credit_code",
    "organisation_code",
    "legal_representative",
    "address",
    "contact_name",
    "phone",
    "phone_key",
    "bank_name",
    "bank_account",
    "account_key",
    "invoice_address",
    "invoice_phone",
    "account_manager_id",
)


def admit(session: Session, application: Application, found: Admission, actor: Actor, now: datetime) -> Customer:
    """Make the approved application a customer. Raises `Refused` when a rival with the same code was faster."""
    if application.supplements_id is not None:
        return _supplement(session, application, actor, now)
    customer, event, changed = _customer(session, application, now)
    old, new = set_lines(session, customer, application, local_day(now))
    application.customer_id = customer.id
    for paper in papers_of(session, application.id):
        paper.customer_id = customer.id
        days = (paper.valid_from, paper.valid_to)
        suspension.accept(session, customer.id, paper.kind, ("paper", paper.id), days, local_day(now), now)
    _readmit(session, application, found, now)
    code = customer.credit_code or customer.organisation_code or ""
    lookup.index(session, (CUSTOMER, customer.id), [customer.name], [customer.number, code, customer.phone_key])
    after = {"number": customer.number, "application": application.number}
    act = "customer.admit" if event == "approved" else "customer.readmit"
    audit.record(
        session,
        actor,
        act,
        CUSTOMER,
        customer.id,
        now,
        before={**changed[0], **old},
        after={**after, **changed[1], **new},
    )
    distribute(session, customer, event, new, now)
    session.flush()
    return customer


def _supplement(session: Session, application: Application, actor: Actor, now: datetime) -> Customer:
    """CHEM-8.1: lines and classes that went through the whole chain; nothing else of the customer changes."""
    customer = session.get_one(Customer, application.supplements_id)
    application.customer_id = customer.id
    old, new = set_lines(session, customer, application, local_day(now))
    customer.version += 1
    after = {"application": application.number, **new}
    audit.record(session, actor, "customer.supplement", CUSTOMER, customer.id, now, before=old, after=after)
    distribute(session, customer, "changed", new, now)
    session.flush()
    return customer


def set_lines(
    session: Session, customer: Customer, application: Application, on: date
) -> tuple[dict[str, str], dict[str, str]]:
    """Give the customer the lines and classes approved, from that day; lines not asked for end. What changed."""
    wanted = {
        line.product_line_id: line.customer_class
        for line in lines_of(session, application.id)
        if line.struck_at is None
    }
    held = session.scalars(
        select(CustomerLine).where(CustomerLine.customer_id == customer.id, CustomerLine.to_on.is_(None))
    ).all()
    before = {f"line.{row.product_line_id}": row.customer_class for row in held}
    for row in held:
        if wanted.get(row.product_line_id) == row.customer_class:
            continue
        if row.from_on < on:
            row.to_on = on
        else:  # begun today: it never was in force
            session.delete(row)
    session.flush()
    kept = {row.product_line_id for row in held if wanted.get(row.product_line_id) == row.customer_class}
    for line_id, customer_class in wanted.items():
        if line_id not in kept:
            row = CustomerLine(
                customer_id=customer.id, product_line_id=line_id, customer_class=customer_class, from_on=on
            )
            session.add(row)
    session.flush()
    after = {f"line.{line_id}": customer_class for line_id, customer_class in wanted.items()}
    return audit.changes(before, after)


def _customer(
    session: Session, application: Application, now: datetime
) -> tuple[Customer, str, tuple[dict[str, Any], dict[str, Any]]]:
    """The new customer; or the disqualified one, readmitted under its old number. Which, and what changed."""
    if application.region_id is None:
        raise ValueError("an application without a region was handed in")
    if (again := _disqualified_before(session, application)) is not None:
        before = _told(session, again)
        for field in _SAME:
            setattr(again, field, getattr(application, field))
        again.region_id, again.disqualified_on = application.region_id, None
        again.needs_credit_code = application.credit_code is None
        again.version += 1
        session.flush()
        return again, "readmitted", audit.changes(before, _told(session, again))
    customer = Customer(
        number=f"C{next_number(session, CUSTOMER):06d}",
        region_id=application.region_id,
        needs_credit_code=application.credit_code is None,
        approved_at=now,
        approved_on=local_day(now),
        **{field: getattr(application, field) for field in _SAME},
    )
    try:
        with session.begin_nested():
            session.add(customer)
    except IntegrityError as error:
        reason = text("This company became a customer a moment ago.")
        raise Refused(Refusal("CHEM-7.1", reason, "credit_code")) from error
    return customer, "approved", ({}, {})


def _told(session: Session, customer: Customer) -> dict[str, Any]:
    """A customer's particulars as its history tells them."""
    return {
        **{field: getattr(customer, field) for field in FIELD_GROUPS},
        "region": session.get_one(Region, customer.region_id).name,
        "account_manager": session.get_one(User, customer.account_manager_id).name,
    }


def _disqualified_before(session: Session, application: Application) -> Customer | None:
    codes = []
    if application.credit_code:
        codes.append(Customer.credit_code == application.credit_code)
    if application.organisation_code:
        codes.append(Customer.organisation_code == application.organisation_code)
    query = select(Customer).where(or_(*codes), Customer.disqualified_on.is_not(None)).order_by(Customer.id).limit(1)
    return session.scalar(query) if codes else None


def _readmit(session: Session, application: Application, found: Admission, now: datetime) -> None:
    """CHEM-17: the general manager's approval takes the company off the list."""
    ids = {m.subject_id for m in found.matches if m.source == "disqualified" and m.field in ("code", "name")}
    for row in session.scalars(select(Disqualified).where(Disqualified.id.in_(ids))):
        row.readmitted_on, row.readmitted_application_id = local_day(now), application.id
