"""Withdrawing a customer's status: proposed by the sales manager, decided by the general manager (CHEM-17)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import false, or_, select, update
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit, files, uploads
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.customers import Customer, get_visible, in_name_of, name_key
from tierflow.common.files import StoredFile
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.common.users import User, holders
from tierflow.kernel.approval import ENDED, State, Verdict
from tierflow.kernel.errors import Forbidden, Invalid, NotFound, Refusal, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role, require
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import (
    Application,
    CustomerChange,
    Disqualification,
    Disqualified,
    DisqualifiedName,
    FormerName,
    PaperRenewal,
    UploadLink,
)
from tierflow.onboarding.rules.leaving import CLAUSE, DISQUALIFICATION, GROUNDS
from tierflow.onboarding.service import access, changing, examining, renewing
from tierflow.onboarding.service.creating import CUSTOMER
from tierflow.onboarding.service.distributing import distribute
from tierflow.web.paging import Page, Sort, page_of

SUBJECT = "disqualification"

approvals.register(DISQUALIFICATION)

# What other domains end at once when a status is withdrawn (CHEM-17), and how much of it; `app.py` composes them.
Stop = Callable[[Session, Customer, Actor, datetime], int]
STOPS: dict[str, Stop] = {}


@dataclass(frozen=True)
class Listed:
    """A company on the list, and what it was called besides."""

    row: Disqualified
    former_names: list[str]


@dataclass(frozen=True)
class DisqualificationView:
    """A proposal with all that its page shows."""

    row: Disqualification
    case: ApprovalCase
    customer: Customer
    proposed_by: User
    file: StoredFile


def propose(
    session: Session, actor: Actor, customer_id: int, data: Mapping[str, Any], upload: Upload, now: datetime
) -> Disqualification:
    """Propose it, with ground, facts and the evidence. Raises `Refused` when it is withdrawn or proposed already."""
    require(actor, "disqualification.write")
    customer = get_visible(session, actor, customer_id)
    if not actor.holds(Role.SALES_MANAGER, customer.region_id):
        raise Forbidden("disqualification.write")
    actor = in_name_of(actor, "disqualification.write", customer)
    if data["ground"] not in GROUNDS:
        raise Invalid({"ground": [text("Choose one of the list.")]})
    session.refresh(customer, with_for_update=True)
    if customer.disqualified_on is not None:
        raise Refused(Refusal(CLAUSE, text("This customer is disqualified already.")))
    waiting = select(Disqualification.id).where(
        Disqualification.customer_id == customer.id, Disqualification.outcome.is_(None)
    )
    if session.scalar(waiting) is not None:
        raise Refused(Refusal(CLAUSE, text("A proposal waits for the general manager already.")))
    examined = uploads.examine(upload, policy_on(session, local_day(now)))
    subject = (SUBJECT, customer.id)
    stored = files.store(session, examined.content, examined.name, examined.kind, subject, actor.user_id, now)
    row = Disqualification(
        customer_id=customer.id,
        ground=data["ground"],
        facts=data["facts"],
        file_id=stored.id,
        proposed_by_id=actor.user_id,
        proposed_at=now,
    )
    session.add(row)
    session.flush()
    title = f"{customer.number} {customer.name}"
    case = approvals.open_case(session, DISQUALIFICATION, (SUBJECT, row.id), title, customer.region_id, actor, now)
    evidence = {"id": stored.id, "name": stored.name, "sha256": stored.sha256}
    content = {
        "disqualification": {
            "customer": customer.number,
            "name": customer.name,
            "ground": row.ground,
            "facts": row.facts,
            "evidence": evidence,
        }
    }
    approvals.submit(session, case, content, actor, now, seen_version=case.version)
    ids = {user.id for user in holders(session, Role.GENERAL_MANAGER, local_day(now))}
    message = text("%(title)s: its disqualification waits for your decision.", title=title)
    notify(session, ids, "disqualification.waiting", message, (SUBJECT, row.id), now, dedupe_key=f"{SUBJECT}/{row.id}")
    after = {"ground": row.ground, "facts": row.facts}
    audit.record(session, actor, "disqualification.propose", CUSTOMER, customer.id, now, after=after)
    return row


def decide(
    session: Session,
    actor: Actor,
    disqualification_id: int,
    seen: Seen,
    verdict: Verdict,
    now: datetime,
    *,
    reason: str = "",
) -> Disqualification:
    """The general manager's decision; approval stops everything open at once. There is no return: it is yes or no."""
    require(actor, "disqualification.decide")
    row, customer = get(session, actor, disqualification_id)
    if verdict is Verdict.RETURN:
        raise Invalid({"verdict": [text("Choose one of the list.")]})
    session.refresh(customer, with_for_update=True)
    case = examining.case_of(session, (SUBJECT, row.id))
    what = text("disqualification")
    examining.decide(session, case, seen, verdict, reason, what, actor, now)
    row.decided_at = now
    row.outcome = "accepted" if case.state == State.APPROVED else "rejected"
    if case.state == State.APPROVED:
        _withdraw_status(session, row, customer, actor, now)
    session.flush()
    return row


def _withdraw_status(session: Session, row: Disqualification, customer: Customer, actor: Actor, now: datetime) -> None:
    on = local_day(now)
    customer.disqualified_on = on
    customer.version += 1
    listed = Disqualified(
        name=customer.name,
        credit_code=customer.credit_code,
        organisation_code=customer.organisation_code,
        legal_representative=customer.legal_representative,
        ground=row.ground,
        reason=row.facts,
        since=on,
        customer_id=customer.id,
    )
    session.add(listed)
    session.flush()
    former = session.scalars(select(FormerName.name).where(FormerName.customer_id == customer.id)).all()
    for name in dict.fromkeys([customer.name, *former]):
        session.add(DisqualifiedName(disqualified_id=listed.id, name=name, name_key=name_key(name)))
    closed = _close_what_is_open(session, customer, actor, now)
    after = {"ground": row.ground, "since": on.isoformat(), "closed": closed}
    after |= {what: number for what, stop in STOPS.items() if (number := stop(session, customer, actor, now))}
    audit.record(session, actor, "customer.disqualify", CUSTOMER, customer.id, now, after=after, reason=row.facts)
    distribute(session, customer, "disqualified", {"ground": row.ground}, now)
    message = text(
        "%(title)s was disqualified; nothing more is sold to it.", title=f"{customer.number} {customer.name}"
    )
    ids = {customer.account_manager_id, row.proposed_by_id} | {
        user.id for user in holders(session, Role.SALES_MANAGER, on, customer.region_id)
    }
    subject = (CUSTOMER, customer.id)
    notify(session, ids, "customer.disqualified", message, subject, now, dedupe_key=f"{SUBJECT}/{row.id}/done")


def _close_what_is_open(session: Session, customer: Customer, actor: Actor, now: datetime) -> int:
    """Void every open application, renewal and change of the company, and take its links back."""
    same: list[Any] = [Application.supplements_id == customer.id]
    if customer.credit_code:
        same.append(Application.credit_code == customer.credit_code)
    if customer.organisation_code:
        same.append(Application.organisation_code == customer.organisation_code)
    subjects = [(access.SUBJECT, found) for found in session.scalars(select(Application.id).where(or_(*same)))]
    renewals = select(PaperRenewal).where(PaperRenewal.customer_id == customer.id, PaperRenewal.outcome.is_(None))
    for renewal in session.scalars(renewals):
        renewal.outcome, renewal.decided_at = "void", now
        subjects.append((renewing.SUBJECT, renewal.id))
    changes = select(CustomerChange).where(CustomerChange.customer_id == customer.id, CustomerChange.outcome.is_(None))
    for change in session.scalars(changes):
        change.outcome, change.decided_at = "void", now
        subjects.append((changing.SUBJECT, change.id))
    closed = 0
    for subject_type, subject_id in subjects:
        case = examining.case_of(session, (subject_type, subject_id))
        if State(case.state) not in ENDED:
            approvals.void(session, case, actor, now, reason="CHEM-17")
            closed += 1
    session.execute(
        update(UploadLink)
        .where(UploadLink.customer_id == customer.id, UploadLink.used_at.is_(None), UploadLink.revoked_at.is_(None))
        .values(revoked_at=now),
        execution_options={"synchronize_session": False},
    )
    return closed


def get(session: Session, actor: Actor, disqualification_id: int) -> tuple[Disqualification, Customer]:
    """A proposal and its customer, when the actor may see them; else `NotFound`."""
    require(actor, "disqualification.read")
    row = session.get(Disqualification, disqualification_id)
    if row is None:
        raise NotFound
    return row, get_visible(session, actor, row.customer_id)


def view(session: Session, actor: Actor, disqualification_id: int) -> DisqualificationView:
    """A proposal whole."""
    row, customer = get(session, actor, disqualification_id)
    return DisqualificationView(
        row=row,
        case=examining.case_of(session, (SUBJECT, row.id)),
        customer=customer,
        proposed_by=session.get_one(User, row.proposed_by_id),
        file=session.get_one(StoredFile, row.file_id),
    )


def evidence(session: Session, actor: Actor, disqualification_id: int) -> StoredFile:
    """The evidence, for whoever may see the proposal."""
    row, _customer = get(session, actor, disqualification_id)
    return session.get_one(StoredFile, row.file_id)


def disqualified(
    session: Session, actor: Actor, *, q: str = "", cursor: str | None = None, size: int = 30
) -> Page[Listed]:
    """The list that opening an account checks, newest first; open to all who read applications or decide on them.

    `q`: part of a present or former name, a whole code, or the whole name of a legal representative.
    """
    require(actor, "disqualification.read")
    query = select(Disqualified)
    if q:
        code = q.upper()
        called = select(DisqualifiedName.disqualified_id).where(
            DisqualifiedName.name_key.contains(name_key(q), autoescape=True)
        )
        query = query.where(
            or_(
                Disqualified.credit_code == code,
                Disqualified.organisation_code == code,
                Disqualified.legal_representative == q,
                Disqualified.id.in_(called),
            )
            if name_key(q)
            else false()
        )
    page = page_of(session, query, [Sort("id", Disqualified.id, True)], cursor=cursor, size=size)
    return Page(_with_names(session, page.rows), page.after, page.before, page.size)


def listed(session: Session, actor: Actor, disqualified_id: int) -> Listed:
    """One company of the list. Raises `NotFound`."""
    require(actor, "disqualification.read")
    row = session.get(Disqualified, disqualified_id)
    if row is None:
        raise NotFound
    return _with_names(session, [row])[0]


def _with_names(session: Session, rows: Sequence[Disqualified]) -> list[Listed]:
    names: dict[int, list[str]] = {row.id: [] for row in rows}
    for name in session.scalars(select(DisqualifiedName).where(DisqualifiedName.disqualified_id.in_(names))):
        names[name.disqualified_id].append(name.name)
    return [Listed(row, sorted(set(names[row.id]) - {row.name})) for row in rows]


def proposal_waiting(session: Session, customer_id: int) -> int | None:
    """The proposal that waits for the general manager, if there is one."""
    query = select(Disqualification.id).where(
        Disqualification.customer_id == customer_id, Disqualification.outcome.is_(None)
    )
    return session.scalar(query)


def what(ground: str) -> Text:
    """The ground in words."""
    return Text(GROUNDS[ground])
