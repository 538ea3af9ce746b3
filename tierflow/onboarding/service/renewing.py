"""Papers handed in anew and proofs of renewal: taken, examined, accepted; business goes on at once (CHEM-15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from tierflow.common import audit, files, identifiers, suspension, uploads
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.customers import Customer, get_visible, in_name_of
from tierflow.common.files import StoredFile
from tierflow.common.identifiers import BadIdentifier
from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, State, Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.qualification import DATED, MERGED
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import Paper, PaperRenewal, UploadLink
from tierflow.onboarding.rules import examining as rule
from tierflow.onboarding.rules.papers import PaperFact, label
from tierflow.onboarding.rules.renewal import OnFile, Terms, renewal_refusals
from tierflow.onboarding.service import examining
from tierflow.onboarding.service.creating import CUSTOMER, index_again
from tierflow.onboarding.service.distributing import distribute
from tierflow.onboarding.service.scans import is_placeholder

SUBJECT = "paper_renewal"
FIELDS = ("number", "issuer", "valid_from", "valid_to", "is_long_term", "remark")


@dataclass(frozen=True)
class RenewalView:
    """A renewal with all that its page shows. `on_file`: the version it renews, with its scan."""

    renewal: PaperRenewal
    case: ApprovalCase
    customer: Customer
    handed_in_by: User
    file: StoredFile
    on_file: Paper | None
    on_file_scan: StoredFile | None
    link: UploadLink | None


def renew(
    session: Session,
    actor: Actor,
    customer_id: int,
    kind: str,
    data: Mapping[str, Any],
    upload: Upload,
    now: datetime,
    *,
    is_proof: bool = False,
    link: UploadLink | None = None,
) -> PaperRenewal:
    """Hand in a new version of a paper, or a proof of renewal, to its examiners.

    Raises `Invalid` (kind, number, file), `Refused` with every reason at its field, `Conflict` when one waits already.
    """
    require(actor, "paper.renew")
    customer = get_visible(session, actor, customer_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("paper.renew")
    actor = in_name_of(actor, "paper.renew", customer)
    session.refresh(customer, with_for_update=True)  # of two at once, the second finds the first
    examining.in_business(customer)
    if kind not in DATED:
        raise Invalid({"kind": [text("Choose one of the list.")]})
    _none_waits(session, customer, kind)
    row = PaperRenewal(
        customer_id=customer.id,
        kind=kind,
        is_proof=is_proof,
        file_id=0,
        link_id=link.id if link else None,
        handed_in_by_id=actor.user_id,
        handed_in_at=now,
    )
    _write(row, data)
    refuse_if_any(_refusals(session, row, customer, now))
    row.file_id = _keep(session, customer, upload, actor, now).id
    session.add(row)
    session.flush()
    chain = rule.examiners([rule.paper_group(kind)])
    examining.hand_in(session, chain, (SUBJECT, row.id), what(row), customer, content(session, row), actor, now)
    after = {"renewal": row.id, **_told(row), **({"link": link.id} if link else {})}
    audit.record(session, actor, "paper.renew", CUSTOMER, customer.id, now, after=after)
    return row


def correct(
    session: Session,
    actor: Actor,
    renewal_id: int,
    data: Mapping[str, Any],
    now: datetime,
    *,
    upload: Upload | None = None,
) -> PaperRenewal:
    """Correct what came back, and hand it in again; the old scan stays on file."""
    require(actor, "paper.renew")
    row, customer = get(session, actor, renewal_id)
    if not examining.keeper(session, actor, customer):
        raise Forbidden("paper.renew")
    actor = in_name_of(actor, "paper.renew", customer)
    case = examining.case_of(session, (SUBJECT, row.id))
    session.refresh(row, with_for_update=True)
    if State(case.state) not in EDITABLE:
        raise Conflict(Refusal("conflict", text("It is being examined, or was decided.")))
    before = _told(row)
    _write(row, data)
    refuse_if_any(_refusals(session, row, customer, now))
    if upload is not None:
        row.file_id = _keep(session, customer, upload, actor, now).id
    session.flush()
    old, new = audit.changes(before, _told(row))
    audit.record(
        session, actor, "paper.renew", CUSTOMER, customer.id, now, before=old, after={"renewal": row.id, **new}
    )
    examining.hand_in_again(session, case, what(row), content(session, row), actor, now)
    return row


def decide(
    session: Session,
    actor: Actor,
    renewal_id: int,
    seen: Seen,
    verdict: Verdict,
    now: datetime,
    *,
    reason: str = "",
) -> PaperRenewal:
    """The examiner's verdict; the last approval puts the paper on file, and business goes on at once."""
    require(actor, "paper.examine")
    row, customer = get(session, actor, renewal_id)
    case = examining.case_of(session, (SUBJECT, row.id))
    examining.decide(session, case, seen, verdict, reason, what(row), actor, now)
    if verdict is Verdict.APPROVE:  # it may have run out while it waited
        refuse_if_any(_refusals(session, row, customer, now))
    if case.state == State.APPROVED:
        _accept(session, row, customer, actor, now)
    elif case.state == State.REJECTED:
        row.outcome, row.decided_at = "rejected", now
    session.flush()
    return row


def _accept(session: Session, row: PaperRenewal, customer: Customer, actor: Actor, now: datetime) -> None:
    row.outcome, row.decided_at = "accepted", now
    source = ("proof", row.id)
    if not row.is_proof:
        paper = Paper(
            customer_id=customer.id,
            kind=row.kind,
            number=row.number,
            issuer=row.issuer,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            is_long_term=row.is_long_term,
            file_id=row.file_id,
            added_by_id=row.handed_in_by_id,
            added_at=now,
        )
        session.add(paper)
        session.flush()
        source = ("paper", paper.id)
    days = (row.valid_from, row.valid_to)
    suspension.accept(session, customer.id, row.kind, source, days, local_day(now), now)
    after: dict[str, Any] = _told(row)
    if row.kind == MERGED and customer.credit_code is None:  # the code the customer was waited for (CHEM-7.1)
        customer.credit_code, customer.needs_credit_code = row.number, False
        after["credit_code"] = row.number
        index_again(session, customer)
    audit.record(session, actor, "paper.accept", CUSTOMER, customer.id, now, after=after)
    told = {f"paper.{row.kind}": after["valid_to"], **{key: after[key] for key in ("credit_code",) if key in after}}
    distribute(session, customer, "changed", told, now)


def get(session: Session, actor: Actor, renewal_id: int) -> tuple[PaperRenewal, Customer]:
    """A renewal and its customer, when the actor may see them; else `NotFound`."""
    require(actor, "customer.read")
    row = session.get(PaperRenewal, renewal_id)
    if row is None:
        raise NotFound
    return row, get_visible(session, actor, row.customer_id)


def view(session: Session, actor: Actor, renewal_id: int) -> RenewalView:
    """A renewal whole."""
    row, customer = get(session, actor, renewal_id)
    newest = latest(session, customer.id, row.kind, before=row)
    return RenewalView(
        renewal=row,
        case=examining.case_of(session, (SUBJECT, row.id)),
        customer=customer,
        handed_in_by=session.get_one(User, row.handed_in_by_id),
        file=session.get_one(StoredFile, row.file_id),
        on_file=newest,
        on_file_scan=session.get(StoredFile, newest.file_id) if newest else None,
        link=session.get(UploadLink, row.link_id) if row.link_id else None,
    )


def of_customer(session: Session, actor: Actor, customer_id: int) -> Sequence[tuple[PaperRenewal, ApprovalCase]]:
    """The renewals of a customer, newest first, with their cases."""
    require(actor, "customer.read")
    get_visible(session, actor, customer_id)
    return handed_in(session, customer_id)


def handed_in(session: Session, customer_id: int) -> Sequence[tuple[PaperRenewal, ApprovalCase]]:
    """The same for a customer found visible before. One query."""
    rows = session.execute(_HANDED_IN, {"customer_id": customer_id})
    return [(row.PaperRenewal, row.ApprovalCase) for row in rows]


_HANDED_IN = (
    select(PaperRenewal, ApprovalCase)
    .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == PaperRenewal.id))
    .where(PaperRenewal.customer_id == bindparam("customer_id"))
    .order_by(PaperRenewal.id.desc())
    .limit(50)
)


def latest(session: Session, customer_id: int, kind: str, *, before: PaperRenewal | None = None) -> Paper | None:
    """The newest examined version of a paper; `before`: as it was when that renewal was handed in."""
    query = select(Paper).where(Paper.customer_id == customer_id, Paper.kind == kind)
    if before is not None and before.decided_at is not None:
        query = query.where(Paper.added_at < before.decided_at)
    return session.scalars(query.order_by(Paper.id.desc()).limit(1)).first()


def what(row: PaperRenewal) -> Text:
    """The matter in words."""
    if row.is_proof:
        return text("proof of renewal of the %(paper)s", paper=label(row.kind))
    return text("new %(paper)s", paper=label(row.kind))


def content(session: Session, row: PaperRenewal) -> dict[str, Any]:
    """What the examiners bind to: the paper as handed in, in the group that asks them."""
    file = session.get_one(StoredFile, row.file_id)
    told = {**_told(row), "file": {"id": file.id, "name": file.name, "sha256": file.sha256}}
    return {rule.paper_group(row.kind): {row.kind: told}}


def _none_waits(session: Session, customer: Customer, kind: str) -> None:
    query = select(PaperRenewal.id).where(
        PaperRenewal.customer_id == customer.id, PaperRenewal.kind == kind, PaperRenewal.outcome.is_(None)
    )
    if session.scalar(query) is not None:
        reason = text("A new %(paper)s was handed in already and is not decided yet.", paper=label(kind))
        raise Refused(Refusal("CHEM-15", reason, "kind"))


def _write(row: PaperRenewal, data: Mapping[str, Any]) -> None:
    for field in FIELDS:
        if field in data or getattr(row, field) is None:
            value = data.get(field)
            blank: Any = None if field.startswith("valid") else False if field == "is_long_term" else ""
            setattr(row, field, blank if value is None else value)
    if row.kind == MERGED and row.number:
        try:
            row.number = identifiers.credit_code(row.number)
        except BadIdentifier as bad:
            raise Invalid({"number": [bad.reason]}) from None


def _refusals(session: Session, row: PaperRenewal, customer: Customer, now: datetime) -> tuple[Refusal, ...]:
    on = local_day(now)
    newest = latest(session, customer.id, row.kind)
    rival = select(Customer.id).where(Customer.credit_code == row.number, Customer.id != customer.id)
    if row.kind == MERGED and row.number and session.scalar(rival) is not None:
        return (Refusal("CHEM-7.1", text("Another customer has this code."), "number"),)
    return renewal_refusals(
        PaperFact(
            kind=row.kind,
            number=row.number,
            issuer=row.issuer,
            valid_from=row.valid_from,
            valid_to=row.valid_to,
            is_long_term=row.is_long_term,
            names_code=_names_code(row, customer),
        ),
        is_proof=row.is_proof,
        remark=row.remark,
        on_file=on_file(session, newest) if newest else None,
        on=on,
        terms=Terms(policy_on(session, on).integer("papers.proof_max_days")),
    )


def on_file(session: Session, paper: Paper) -> OnFile:
    """The version on file as the rule reads it."""
    has_scan = not is_placeholder(session.get_one(StoredFile, paper.file_id))
    return OnFile(paper.valid_from, paper.valid_to, has_scan)


def _names_code(row: PaperRenewal, customer: Customer) -> bool | None:
    if row.kind == "organisation_code_certificate":
        return row.number == customer.organisation_code
    if row.kind != MERGED or not row.number:
        return None
    if customer.credit_code is not None:
        return row.number == customer.credit_code
    return identifiers.organisation_code_within(row.number) == customer.organisation_code


def _told(row: PaperRenewal) -> dict[str, Any]:
    return {
        "kind": row.kind,
        "is_proof": row.is_proof,
        "number": row.number,
        "issuer": row.issuer,
        "valid_from": row.valid_from.isoformat() if row.valid_from else None,
        "valid_to": row.valid_to.isoformat() if row.valid_to else None,
        "is_long_term": row.is_long_term,
        "remark": row.remark,
        "file_id": row.file_id,
    }


def _keep(session: Session, customer: Customer, upload: Upload, actor: Actor, now: datetime) -> StoredFile:
    examined = uploads.examine(upload, policy_on(session, local_day(now)))
    return files.store(
        session, examined.content, examined.name, examined.kind, (CUSTOMER, customer.id), actor.user_id, now
    )
