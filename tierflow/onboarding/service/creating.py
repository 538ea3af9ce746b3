"""What approval brings about: the customer, its lines, its papers (CHEM-7.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, cast

from sqlalchemy import bindparam, select, union_all, update
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from tierflow.common import audit, lookup, suspension
from tierflow.common.customers import Customer, CustomerLine, name_sort
from tierflow.common.db import insert_rows, is_sqlite
from tierflow.common.numbering import next_number
from tierflow.common.reference import Region
from tierflow.common.users import User
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application, Disqualified, FormerName, Paper
from tierflow.onboarding.rules.admission import LineFact
from tierflow.onboarding.rules.duplicates import Field
from tierflow.onboarding.rules.examining import FIELD_GROUPS
from tierflow.onboarding.service.admitting import Admission
from tierflow.onboarding.service.distributing import distribute

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
        return _supplement(session, application, found, actor, now)
    customer, event, changed = _customer(session, application, found, now)
    is_new, on = event == "approved", local_day(now)
    old, new = set_lines(session, customer, found.facts.lines, on, is_new=is_new)
    papers = _hand_over(session, application, customer)
    if is_new:
        suspension.accept_first(session, customer.id, papers, on, now)
    else:
        for paper_id, kind, first, last in papers:
            suspension.accept(session, customer.id, kind, ("paper", paper_id), (first, last), on, now)
    _readmit(session, application, found, now)
    if is_new:
        code = customer.credit_code or customer.organisation_code or ""
        lookup.index_new(session, CUSTOMER, [(customer.id, customer.name, [customer.number, code, customer.phone_key])])
    else:
        index_again(session, customer)
    after = {"number": customer.number, "application": application.number}
    act = "customer.admit" if is_new else "customer.readmit"
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
    distribute(session, customer, event, new, now, is_new=is_new)
    return customer


def index_again(session: Session, customer: Customer) -> None:
    """Let the search find a customer by what changed; by its former names and its older code still."""
    former = session.scalars(select(FormerName.name).where(FormerName.customer_id == customer.id))
    codes = [customer.number, customer.credit_code or "", customer.organisation_code or "", customer.phone_key]
    lookup.index(session, (CUSTOMER, customer.id), [customer.name, *former], codes)


def keep_name(session: Session, customer: Customer, on: date) -> None:
    """Remember the name the customer goes by until that day: it gets another."""
    name, key = customer.name, customer.name_key
    session.add(FormerName(customer_id=customer.id, name=name, name_key=key, until_on=on))


def _supplement(session: Session, application: Application, found: Admission, actor: Actor, now: datetime) -> Customer:
    """CHEM-8.1: lines and classes that went through the whole chain; nothing else of the customer changes.

    A struck line was refused: what the customer holds of it stays as it is.
    """
    customer = session.get_one(Customer, application.supplements_id)
    application.customer_id = customer.id
    struck = frozenset(line.product_line_id for line in found.facts.lines if line.is_struck)
    old, new = set_lines(session, customer, found.facts.lines, local_day(now), left=struck)
    customer.version += 1
    after = {"application": application.number, **new}
    audit.record(session, actor, "customer.supplement", CUSTOMER, customer.id, now, before=old, after=after)
    distribute(session, customer, "changed", new, now)
    session.flush()
    return customer


_APPLICATIONS, _PAPERS = (cast(Any, table.__table__) for table in (Application, Paper))
_NAME_CUSTOMER = (
    update(_APPLICATIONS)
    .where(_APPLICATIONS.c.id == bindparam("of_application"))
    .values(customer_id=bindparam("new_customer_id"))
)
_GIVE_PAPERS = (
    update(_PAPERS)
    .where(_PAPERS.c.application_id == bindparam("of_application"))
    .values(customer_id=bindparam("new_customer_id"))
    .returning(_PAPERS.c.id, _PAPERS.c.kind, _PAPERS.c.valid_from, _PAPERS.c.valid_to)
)


def _hand_over(session: Session, application: Application, customer: Customer) -> list[Any]:
    """Let the application name its customer, and the papers be the customer's: their ids, kinds and days."""
    whose = {"of_application": application.id, "new_customer_id": customer.id}
    session.execute(_NAME_CUSTOMER, whose)
    set_committed_value(application, "customer_id", customer.id)
    return sorted(session.execute(_GIVE_PAPERS, whose), key=lambda paper: paper.kind)


def set_lines(
    session: Session,
    customer: Customer,
    lines: Iterable[LineFact],
    on: date,
    *,
    is_new: bool = False,
    left: frozenset[int] = frozenset(),
) -> tuple[dict[str, str], dict[str, str]]:
    """Give the customer the lines and classes approved, from that day; lines not asked for end. What changed.

    `left`: product lines that stay as they are held, if they are.
    """
    wanted = {line.product_line_id: line.customer_class for line in lines if not line.is_struck}
    before, kept = ({}, set()) if is_new else _end_lines(session, customer, wanted, on, left)
    rows = [
        {"customer_id": customer.id, "product_line_id": line_id, "class": customer_class, "from_on": on}
        for line_id, customer_class in wanted.items()
        if line_id not in kept
    ]
    insert_rows(session, CustomerLine, rows)
    after = {f"line.{line_id}": customer_class for line_id, customer_class in wanted.items()}
    return audit.changes(before, after)


def _end_lines(
    session: Session, customer: Customer, wanted: Mapping[int, str], on: date, left: frozenset[int]
) -> tuple[dict[str, str], set[int]]:
    """End the lines held that are not wanted as they are. What was held, and which lines stay; `left`: untouched."""
    found = session.scalars(
        select(CustomerLine).where(CustomerLine.customer_id == customer.id, CustomerLine.to_on.is_(None))
    )
    held = [row for row in found if row.product_line_id not in left]
    for row in held:
        if wanted.get(row.product_line_id) == row.customer_class:
            continue
        if row.from_on < on:
            row.to_on = on
        else:  # begun today: it never was in force
            session.delete(row)
    session.flush()
    kept = {row.product_line_id for row in held if wanted.get(row.product_line_id) == row.customer_class}
    return {f"line.{row.product_line_id}": row.customer_class for row in held}, kept


def _customer(
    session: Session, application: Application, found: Admission, now: datetime
) -> tuple[Customer, str, tuple[dict[str, Any], dict[str, Any]]]:
    """The new customer; or the disqualified one, readmitted under its old number. Which, and what changed.

    Raises `Refused` where the application of one disqualified before was not examined as its readmission (CHEM-17).
    """
    if application.region_id is None:
        raise ValueError("an application without a region was handed in")
    if (again := _disqualified_before(session, application)) is not None:
        if not (application.readmission_reason and _listed(found, "code")):
            reason = text("This company was disqualified, and its readmission was not asked for and examined.")
            raise Refused(Refusal("CHEM-17", reason, "readmission_reason"))
        before = _told(session, again)
        if application.name != again.name:
            keep_name(session, again, local_day(now))
        for field in _SAME:
            setattr(again, field, getattr(application, field))
        again.region_id, again.disqualified_on = application.region_id, None
        again.needs_credit_code = application.credit_code is None
        again.version += 1
        session.flush()
        return again, "readmitted", audit.changes(before, _told(session, again))
    row = {
        "number": f"C{next_number(session, CUSTOMER):06d}",
        "name_sort": name_sort(application.name),
        "region_id": application.region_id,
        "needs_credit_code": application.credit_code is None,
        "approved_at": now,
        "approved_on": local_day(now),
        **{field: getattr(application, field) for field in _SAME},
    }
    customer = session.scalars(_NEW_CUSTOMER[is_sqlite(session)], [row]).one_or_none()
    if customer is None:  # the unique keys say so, and the transaction goes on
        reason = text("This company became a customer a moment ago.")
        raise Refused(Refusal("CHEM-7.1", reason, "credit_code"))
    return customer, "approved", ({}, {})


_NEW_CUSTOMER = {
    on_sqlite: insert(Customer).on_conflict_do_nothing().returning(Customer)
    for on_sqlite, insert in ((True, insert_sqlite), (False, insert_postgres))
}


def _told(session: Session, customer: Customer) -> dict[str, Any]:
    """A customer's particulars as its history tells them."""
    return {
        **{field: getattr(customer, field) for field in FIELD_GROUPS},
        "region": session.get_one(Region, customer.region_id).name,
        "account_manager": session.get_one(User, customer.account_manager_id).name,
    }


def _disqualified_before(session: Session, application: Application) -> Customer | None:
    codes = {"credit_code": application.credit_code, "organisation_code": application.organisation_code}
    return session.scalar(_DISQUALIFIED, codes)


# A code that is not there is NULL, and equals none. Each has its index; an OR of them can become a walk through all.
_BY_CODE = union_all(
    select(Customer.id).where(Customer.credit_code == bindparam("credit_code")),
    select(Customer.id).where(Customer.organisation_code == bindparam("organisation_code")),
)
_DISQUALIFIED = (
    select(Customer)
    .where(Customer.id.in_(_BY_CODE), Customer.disqualified_on.is_not(None))
    .order_by(Customer.id)
    .limit(1)
)


def _listed(found: Admission, field: Field) -> set[int]:
    """The disqualified companies that agree in that field."""
    return {match.subject_id for match in found.matches if match.source == "disqualified" and match.field == field}


def _readmit(session: Session, application: Application, found: Admission, now: datetime) -> None:
    """CHEM-17: the general manager's approval takes the company off the list.

    It is that company by its code. A name may be another's too, and tells only where the list knows no code.
    """
    by_code, by_name = _listed(found, "code"), _listed(found, "name")
    if not by_code | by_name:
        return
    for row in session.scalars(select(Disqualified).where(Disqualified.id.in_(by_code | by_name))):
        if row.id in by_code or not (row.credit_code or row.organisation_code):
            row.readmitted_on, row.readmitted_application_id = local_day(now), application.id
