"""What approval brings about: the customer, its lines, its papers (CHEM-7.2)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import audit, lookup, suspension
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.numbering import next_number
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application, Disqualified
from tierflow.onboarding.service.admitting import Admission
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
    customer = _customer(session, application, now)
    for line in lines_of(session, application.id):
        if line.struck_at is None:
            session.add(
                CustomerLine(
                    customer_id=customer.id,
                    product_line_id=line.product_line_id,
                    customer_class=line.customer_class,
                    from_on=local_day(now),
                )
            )
    application.customer_id = customer.id
    for paper in papers_of(session, application.id):
        paper.customer_id = customer.id
        days = (paper.valid_from, paper.valid_to)
        suspension.accept(session, customer.id, paper.kind, ("paper", paper.id), days, local_day(now), now)
    _readmit(session, application, found, now)
    code = customer.credit_code or customer.organisation_code or ""
    lookup.index(session, (CUSTOMER, customer.id), [customer.name], [customer.number, code, customer.phone_key])
    after = {"number": customer.number, "application": application.number}
    audit.record(session, actor, "customer.admit", CUSTOMER, customer.id, now, after=after)
    session.flush()
    return customer


def _customer(session: Session, application: Application, now: datetime) -> Customer:
    if application.region_id is None:
        raise ValueError("an application without a region was handed in")
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
    return customer


def _readmit(session: Session, application: Application, found: Admission, now: datetime) -> None:
    """CHEM-17: the general manager's approval takes the company off the list."""
    ids = {m.subject_id for m in found.matches if m.source == "disqualified" and m.field in ("code", "name")}
    for row in session.scalars(select(Disqualified).where(Disqualified.id.in_(ids))):
        row.readmitted_on, row.readmitted_application_id = local_day(now), application.id
