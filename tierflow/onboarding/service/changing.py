"""Changes to a customer's examined particulars: the old value serves until its examiner approves the new (CHEM-8.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit, files, lookup, uploads
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.customers import Customer, get_visible, in_name_of
from tierflow.common.files import StoredFile
from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, State, Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import CustomerChange, FormerName
from tierflow.onboarding.rules.examining import CLAUSE, FIELD_GROUPS, examiners, field_groups
from tierflow.onboarding.service import examining, particulars
from tierflow.onboarding.service.creating import CUSTOMER
from tierflow.onboarding.service.distributing import distribute

SUBJECT = "customer_change"
FIELDS = tuple(FIELD_GROUPS)
OPTIONAL = frozenset({"credit_code", "organisation_code"})
WHAT = text("change of particulars")


@dataclass(frozen=True)
class ChangeView:
    """A change with all that its page shows."""

    row: CustomerChange
    case: ApprovalCase
    customer: Customer
    proposed_by: User
    file: StoredFile | None


def propose(
    session: Session,
    actor: Actor,
    customer_id: int,
    data: Mapping[str, Any],
    now: datetime,
    *,
    reason: str,
    upload: Upload | None = None,
) -> CustomerChange:
    """Ask for new values; what is the same is left out. Raises `Invalid` by field, `Refused` when one waits already."""
    require(actor, "change.write")
    customer = get_visible(session, actor, customer_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("change.write")
    actor = in_name_of(actor, "change.write", customer)
    session.refresh(customer, with_for_update=True)
    examining.in_business(customer)
    waiting = select(CustomerChange.id).where(
        CustomerChange.customer_id == customer.id, CustomerChange.outcome.is_(None)
    )
    if session.scalar(waiting) is not None:
        raise Refused(Refusal(CLAUSE, text("A change of this customer is being examined already.")))
    old, new = _difference(session, customer, data)
    row = CustomerChange(
        customer_id=customer.id,
        old=old,
        new=new,
        reason=reason,
        file_id=_keep(session, customer, upload, actor, now),
        proposed_by_id=actor.user_id,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    chain = examiners(field_groups(new))
    examining.hand_in(session, chain, (SUBJECT, row.id), WHAT, customer, content(row), actor, now)
    audit.record(session, actor, "customer.propose", CUSTOMER, customer.id, now, before=old, after=new, reason=reason)
    return row


def correct(
    session: Session,
    actor: Actor,
    change_id: int,
    data: Mapping[str, Any],
    now: datetime,
    *,
    reason: str,
    upload: Upload | None = None,
) -> CustomerChange:
    """Correct what came back, and hand it in again; what is left out stays as on file, evidence as it was.

    The examiners stay those it was handed in to: Raises `Refused` for fields that others examine.
    """
    require(actor, "change.write")
    row, customer = get(session, actor, change_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("change.write")
    actor = in_name_of(actor, "change.write", customer)
    case = examining.case_of(session, (SUBJECT, row.id))
    session.refresh(row, with_for_update=True)
    if State(case.state) not in EDITABLE:
        raise Conflict(Refusal("conflict", text("It is being examined, or was decided.")))
    old, new = _difference(session, customer, data)
    if examiners(field_groups(new)).key != case.chain:
        told = text("Others examine these fields: take this change back and propose it anew.")
        raise Refused(Refusal(CLAUSE, told))
    row.old, row.new, row.reason = old, new, reason
    if upload is not None:
        row.file_id = _keep(session, customer, upload, actor, now)
    session.flush()
    audit.record(session, actor, "customer.propose", CUSTOMER, customer.id, now, before=old, after=new, reason=reason)
    examining.hand_in_again(session, case, WHAT, content(row), actor, now)
    return row


def withdraw(session: Session, actor: Actor, change_id: int, now: datetime) -> CustomerChange:
    """Take back a change that came back or waits; another can be proposed."""
    require(actor, "change.write")
    row, customer = get(session, actor, change_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("change.write")
    actor = in_name_of(actor, "change.write", customer)
    case = examining.case_of(session, (SUBJECT, row.id))
    if State(case.state) not in {*EDITABLE, State.IN_APPROVAL}:
        raise Conflict(Refusal("conflict", text("It was decided already.")))
    approvals.void(session, case, actor, now, reason="-")
    row.outcome, row.decided_at = "void", now
    session.flush()
    return row


def decide(
    session: Session,
    actor: Actor,
    change_id: int,
    seen: Seen,
    verdict: Verdict,
    now: datetime,
    *,
    reason: str = "",
) -> CustomerChange:
    """The examiner's verdict; the last approval puts the new values in force and distributes them.

    What comes back with a reason is corrected and handed in again; what is rejected ends here.
    """
    require(actor, "change.examine")
    row, customer = get(session, actor, change_id)
    session.refresh(customer, with_for_update=True)
    case = examining.case_of(session, (SUBJECT, row.id))
    examining.decide(session, case, seen, verdict, reason, WHAT, actor, now)
    if case.state == State.APPROVED:
        row.outcome, row.decided_at = "accepted", now
        _apply(session, row, customer, actor, now)
    elif case.state == State.REJECTED:
        row.outcome, row.decided_at = "rejected", now
    session.flush()
    return row


def _apply(session: Session, row: CustomerChange, customer: Customer, actor: Actor, now: datetime) -> None:
    stale = [field for field, value in row.old.items() if getattr(customer, field) != value]
    if stale:
        raise Conflict(Refusal("conflict", text("The file has changed since this was proposed."), stale[0]))
    if "name" in row.new:
        old = FormerName(
            customer_id=customer.id, name=customer.name, name_key=customer.name_key, until_on=local_day(now)
        )
        session.add(old)
    columns = particulars.read(row.new)
    try:
        with session.begin_nested():
            for field, value in columns.items():
                setattr(customer, field, value)
            customer.needs_credit_code = customer.credit_code is None
            customer.version += 1
    except IntegrityError as error:
        raise Refused(Refusal("CHEM-7.1", text("Another customer has this code."), "credit_code")) from error
    code = customer.credit_code or customer.organisation_code or ""
    former = session.scalars(select(FormerName.name).where(FormerName.customer_id == customer.id)).all()
    codes = [customer.number, code, customer.phone_key]
    lookup.index(session, (CUSTOMER, customer.id), [customer.name, *former], codes)
    audit.record(
        session, actor, "customer.change", CUSTOMER, customer.id, now, before=row.old, after=row.new, reason=row.reason
    )
    distribute(session, customer, "changed", row.new, now)


def get(session: Session, actor: Actor, change_id: int) -> tuple[CustomerChange, Customer]:
    """A change and its customer, when the actor may see them; else `NotFound`."""
    require(actor, "customer.read")
    row = session.get(CustomerChange, change_id)
    if row is None:
        raise NotFound
    return row, get_visible(session, actor, row.customer_id)


def view(session: Session, actor: Actor, change_id: int) -> ChangeView:
    """A change whole."""
    row, customer = get(session, actor, change_id)
    return ChangeView(
        row=row,
        case=examining.case_of(session, (SUBJECT, row.id)),
        customer=customer,
        proposed_by=session.get_one(User, row.proposed_by_id),
        file=session.get(StoredFile, row.file_id) if row.file_id else None,
    )


def of_customer(session: Session, customer_id: int) -> Sequence[CustomerChange]:
    """The changes of a customer, newest first."""
    query = select(CustomerChange).where(CustomerChange.customer_id == customer_id)
    return session.scalars(query.order_by(CustomerChange.id.desc()).limit(50)).all()


def content(row: CustomerChange) -> dict[str, Any]:
    """What the examiners bind to: each group with the fields of it that change."""
    groups: dict[str, dict[str, Any]] = {}
    for field, value in row.new.items():
        for group in FIELD_GROUPS[field]:
            groups.setdefault(group, {})[field] = {"old": row.old.get(field), "new": value}
    return groups


def _difference(session: Session, customer: Customer, data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    given = {field: data[field] for field in FIELDS if field in data}
    columns = particulars.read(given)
    missing = {
        field: [text("Please fill this in.")] for field in given if field not in OPTIONAL and not columns.get(field)
    }
    if missing:
        raise Invalid(missing)
    codes = {field: columns.get(field, getattr(customer, field)) for field in OPTIONAL}
    if not any(codes.values()):
        raise Invalid({"credit_code": [text("Please fill this in.")]})
    old, new = audit.changes(
        {field: getattr(customer, field) for field in FIELDS},
        {field: columns.get(field, getattr(customer, field)) for field in FIELDS},
    )
    if not new:
        raise Invalid({"_schema": [text("Nothing is different from the file.")]})
    if code := new.get("credit_code"):
        rival = select(Customer.id).where(Customer.credit_code == code, Customer.id != customer.id)
        if session.scalar(rival) is not None:
            raise Refused(Refusal("CHEM-7.1", text("Another customer has this code."), "credit_code"))
    return old, new


def _keep(session: Session, customer: Customer, upload: Upload | None, actor: Actor, now: datetime) -> int | None:
    if upload is None:
        return None
    examined = uploads.examine(upload, policy_on(session, local_day(now)))
    subject = (CUSTOMER, customer.id)
    return files.store(session, examined.content, examined.name, examined.kind, subject, actor.user_id, now).id
