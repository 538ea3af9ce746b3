"""Changes to a customer's examined particulars: the old value serves until its examiner approves the new (CHEM-8.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit, files, uploads
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.customers import Customer, get_visible, in_name_of
from tierflow.common.files import StoredFile
from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, State, Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, is_allowed, require
from tierflow.kernel.text import text
from tierflow.onboarding.models import CustomerChange
from tierflow.onboarding.rules.duplicates import Match, sentence
from tierflow.onboarding.rules.examining import CLAUSE, FIELD_GROUPS, examiners, field_groups
from tierflow.onboarding.service import examining, particulars
from tierflow.onboarding.service.creating import CUSTOMER, index_again, keep_name
from tierflow.onboarding.service.distributing import distribute
from tierflow.onboarding.service.matching import Keys, matches_of

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
    matches: tuple[Match, ...]  # whom the new values agree with, while they are examined


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
    """Ask for new values; what is the same is left out. Raises `Invalid` by field, `Refused` when one waits already,
    or for the code of another customer or of a disqualified company.
    """
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
    old, new = _difference(session, actor, customer, data)
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
    old, new = _difference(session, actor, customer, data)
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
        keep_name(session, customer, local_day(now))
    columns = particulars.read(row.new)
    _refuse_codes_of_others(session, actor, customer, row.new)  # somebody may have been listed meanwhile
    try:
        with session.begin_nested():
            for field, value in columns.items():
                setattr(customer, field, value)
            customer.needs_credit_code = customer.credit_code is None
            customer.version += 1
    except IntegrityError as error:
        raise Refused(Refusal("CHEM-7.1", text("Another customer has this code."), "credit_code")) from error
    index_again(session, customer)
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
    case = examining.case_of(session, (SUBJECT, row.id))
    compared = row.outcome is None and is_allowed(actor, "application.read")
    return ChangeView(
        row=row,
        case=case,
        customer=customer,
        proposed_by=session.get_one(User, row.proposed_by_id),
        file=session.get(StoredFile, row.file_id) if row.file_id else None,
        matches=_agreeing(session, actor, customer, row.new) if compared else (),
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


def _agreeing(session: Session, actor: Actor, customer: Customer, new: Mapping[str, Any]) -> tuple[Match, ...]:
    """Other customers, open applications and disqualified companies that agree with the new values (CHEM-7.1, 17)."""
    keys = Keys.of(particulars.read(new))
    return matches_of(session, actor, keys, None, besides_customer=customer.id)


def _refuse_codes_of_others(session: Session, actor: Actor, customer: Customer, new: Mapping[str, Any]) -> None:
    """A code is one company's. The rest may agree by chance: the examiners see it."""
    if not OPTIONAL & new.keys():
        return
    field = "credit_code" if "credit_code" in new else "organisation_code"
    codes = [match for match in _agreeing(session, actor, customer, new) if match.field == "code"]
    refuse_if_any(
        [Refusal("CHEM-17", sentence(match), field) for match in codes if match.source == "disqualified"]
        or [
            Refusal("CHEM-7.1", text("Another customer has this code."), field)
            for match in codes[:1]
            if match.source == "customer"
        ]
    )


def _difference(
    session: Session, actor: Actor, customer: Customer, data: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
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
    _refuse_codes_of_others(session, actor, customer, new)
    return old, new


def _keep(session: Session, customer: Customer, upload: Upload | None, actor: Actor, now: datetime) -> int | None:
    if upload is None:
        return None
    examined = uploads.examine(upload, policy_on(session, local_day(now)))
    subject = (CUSTOMER, customer.id)
    return files.store(session, examined.content, examined.name, examined.kind, subject, actor.user_id, now).id
