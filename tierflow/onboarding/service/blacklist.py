"""The list of the disqualified for companies that never were customers here: put on it, taken off it (CHEM-17).

A sales manager proposes, the general manager decides. What stands on the list is checked wherever an account is opened,
however it came there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit, files, identifiers, uploads
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.customers import Customer, name_key
from tierflow.common.db import next_id
from tierflow.common.files import StoredFile
from tierflow.common.identifiers import BadIdentifier
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.common.users import User
from tierflow.kernel.approval import State, Verdict
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import Disqualified, DisqualifiedName, Listing
from tierflow.onboarding.rules.leaving import CLAUSE, GROUNDS, LISTING, read_names
from tierflow.onboarding.service import examining
from tierflow.web.paging import Page, Sort, page_of

SUBJECT = "listing"
LISTED = "disqualified"
EARLIEST = date(1949, 10, 1)

approvals.register(LISTING)


@dataclass(frozen=True)
class ListingView:
    """A proposal with all that its page shows."""

    row: Listing
    case: ApprovalCase
    proposed_by: User
    file: StoredFile | None


def enter(session: Session, actor: Actor, data: Mapping[str, Any], upload: Upload, now: datetime) -> Listing:
    """Propose to put a company on the list: who it is, ground, facts, since when, and the evidence.

    Raises `Invalid` by field, `Refused` for who is on it, waits to be, or is a customer.
    """
    require(actor, "disqualification.write")
    columns = _read(data, local_day(now))
    refusals = _why_not_enter(session, columns)
    if waits := session.scalars(_waiting_of(columns)).all():
        field = "name" if columns["name_key"] in waits else next(iter(_codes(columns)))
        refusals.append(Refusal(CLAUSE, text("A proposal waits for the general manager already."), field))
    refuse_if_any(refusals)
    examined = uploads.examine(upload, policy_on(session, local_day(now)))
    subject = (SUBJECT, next_id(session, Listing))  # neither is without the other: the row wants its evidence
    stored = files.store(session, examined.content, examined.name, examined.kind, subject, actor.user_id, now)
    row = Listing(
        id=subject[1], kind="enter", file_id=stored.id, proposed_by_id=actor.user_id, proposed_at=now, **columns
    )
    return _hand_in(session, actor, row, stored, now)


def strike(
    session: Session, actor: Actor, disqualified_id: int, reason: str, upload: Upload | None, now: datetime
) -> Listing:
    """Propose to take a company off the list, and why. A former customer is readmitted by an application instead."""
    require(actor, "disqualification.write")
    listed = session.get(Disqualified, disqualified_id)
    if listed is None:
        raise NotFound
    _refuse_gone(listed)
    if listed.customer_id is not None:
        raise Refused(Refusal(CLAUSE, text("This company was a customer: it comes back by a new application.")))
    names = _names_of(session, listed)
    row = Listing(
        kind="strike",
        disqualified_id=listed.id,
        name=listed.name,
        name_key=name_key(listed.name),
        former_names=names,
        credit_code=listed.credit_code,
        organisation_code=listed.organisation_code,
        legal_representative=listed.legal_representative,
        ground=listed.ground,
        reason=reason,
        since=listed.since,
        proposed_by_id=actor.user_id,
        proposed_at=now,
    )
    stored = None
    if upload is not None:
        examined = uploads.examine(upload, policy_on(session, local_day(now)))
        subject = (LISTED, listed.id)
        stored = files.store(session, examined.content, examined.name, examined.kind, subject, actor.user_id, now)
        row.file_id = stored.id
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        raise Conflict(Refusal("conflict", text("A proposal waits for the general manager already."))) from error
    return _hand_in(session, actor, row, stored, now)


def _read(data: Mapping[str, Any], today: date) -> dict[str, Any]:
    errors: dict[str, list[Text]] = {}
    columns: dict[str, Any] = {}
    for key, reader in (("credit_code", identifiers.credit_code), ("organisation_code", identifiers.organisation_code)):
        columns[key] = None
        if written := data.get(key):
            try:
                columns[key] = reader(written)
            except BadIdentifier as bad:
                errors[key] = [bad.reason]
    if columns["credit_code"]:
        within = identifiers.organisation_code_within(columns["credit_code"])
        if columns["organisation_code"] not in (None, within):
            errors["organisation_code"] = [text("This is not the organisation code within the credit code.")]
        columns["organisation_code"] = within
    key = name_key(data["name"])
    if not key:
        errors["name"] = [text("A company's name has letters or characters.")]
    if data["ground"] not in GROUNDS:
        errors["ground"] = [text("Choose one of the list.")]
    if data["since"] > today:
        errors["since"] = [text("This day lies in the future.")]
    elif data["since"] < EARLIEST:
        errors["since"] = [text("There is no such day: %(written)s.", written=data["since"].isoformat())]
    if errors:
        raise Invalid(errors)
    return {
        **columns,
        "name": data["name"],
        "name_key": key,
        "former_names": read_names(data.get("former_names") or "", data["name"]),
        "legal_representative": data.get("legal_representative") or "",
        "ground": data["ground"],
        "reason": data["facts"],
        "since": data["since"],
    }


def _why_not_enter(session: Session, columns: Mapping[str, Any]) -> list[Refusal]:
    found = []
    codes = _codes(columns)
    if codes:
        # one whose status was withdrawn is on the list, and told below
        ours = select(Customer.number).where(or_(*_same(Customer, codes)), Customer.disqualified_on.is_(None))
        if (number := session.scalar(ours.limit(1))) is not None:
            reason = text("This company is a customer: %(number)s. Its own page disqualifies it.", number=number)
            found.append(Refusal(CLAUSE, reason, next(iter(codes))))
        listed = select(Disqualified.name).where(or_(*_same(Disqualified, codes)), Disqualified.readmitted_on.is_(None))
        if (name := session.scalar(listed.limit(1))) is not None:
            reason = text("This company is on the list of disqualified customers: %(label)s.", label=name)
            found.append(Refusal(CLAUSE, reason, next(iter(codes))))
    if not found and not codes:  # a name alone: the same name is the same company
        named = (
            select(Disqualified.name)
            .join(DisqualifiedName)
            .where(DisqualifiedName.name_key == columns["name_key"], Disqualified.readmitted_on.is_(None))
            .limit(1)
        )
        if (name := session.scalar(named)) is not None:
            reason = text("This company is on the list of disqualified customers: %(label)s.", label=name)
            found.append(Refusal(CLAUSE, reason, "name"))
    return found


def _codes(columns: Mapping[str, Any]) -> dict[str, str]:
    return {key: value for key in ("credit_code", "organisation_code") if (value := columns[key])}


def _same(table: Any, codes: Mapping[str, str]) -> list[Any]:
    return [getattr(table, key) == value for key, value in codes.items()]


def _waiting_of(columns: Mapping[str, Any]) -> Any:
    """The undecided proposals of the same company, by its code or its name."""
    same = or_(Listing.name_key == columns["name_key"], *_same(Listing, _codes(columns)))
    return select(Listing.name_key).where(Listing.outcome.is_(None), same).order_by(Listing.id)


def _hand_in(session: Session, actor: Actor, row: Listing, stored: StoredFile | None, now: datetime) -> Listing:
    session.add(row)
    session.flush()
    case = approvals.open_case(session, LISTING, (SUBJECT, row.id), row.name, None, actor, now)
    told = {
        "kind": row.kind,
        "disqualified_id": row.disqualified_id,
        "name": row.name,
        "former_names": row.former_names,
        "credit_code": row.credit_code,
        "organisation_code": row.organisation_code,
        "legal_representative": row.legal_representative,
        "ground": row.ground,
        "reason": row.reason,
        "since": row.since.isoformat(),
        "evidence": {"id": stored.id, "name": stored.name, "sha256": stored.sha256} if stored else None,
    }
    approvals.submit(session, case, {"listing": told}, actor, now, seen_version=case.version)
    ids = approvals.deciders(session, case, "management", now)
    message = text("%(title)s: its place on the list of the disqualified waits for your decision.", title=row.name)
    notify(session, ids, "listing.waiting", message, (SUBJECT, row.id), now, dedupe_key=f"{SUBJECT}/{row.id}")
    after = {"name": row.name, "ground": row.ground, "reason": row.reason}
    audit.record(session, actor, f"listing.{row.kind}", SUBJECT, row.id, now, after=after)
    return row


def decide(
    session: Session, actor: Actor, listing_id: int, seen: Seen, verdict: Verdict, now: datetime, *, reason: str = ""
) -> Listing:
    """The general manager's decision: yes or no. Approved, the company is on the list at once, or off it.

    Raises `Refused` where it came on the list, became a customer or was taken off since it was proposed.
    """
    require(actor, "disqualification.decide")
    row = get(session, actor, listing_id)
    if verdict is Verdict.RETURN:
        raise Invalid({"verdict": [text("Choose one of the list.")]})
    columns = {key: getattr(row, key) for key in ("name_key", "credit_code", "organisation_code")}
    session.scalars(_waiting_of(columns).with_for_update()).all()  # one company's are decided one after another
    session.refresh(row, with_for_update=True)
    case = examining.case_of(session, (SUBJECT, row.id))
    examining.decide(session, case, seen, verdict, reason, text("list of the disqualified"), actor, now)
    row.decided_at = now
    row.outcome = "accepted" if case.state == State.APPROVED else "rejected"
    if case.state == State.APPROVED:
        if row.kind == "enter":
            refuse_if_any(_why_not_enter(session, columns))
            row.disqualified_id = _put_on(session, row)
        else:
            listed = session.get_one(Disqualified, row.disqualified_id, with_for_update=True)
            _refuse_gone(listed)
            listed.readmitted_on = local_day(now)
        after = {"name": row.name, "kind": row.kind}
        audit.record(session, actor, f"disqualified.{row.kind}", LISTED, row.disqualified_id or 0, now, after=after)
    session.flush()
    return row


def _refuse_gone(listed: Disqualified) -> None:
    if listed.readmitted_on is not None:
        raise Refused(Refusal(CLAUSE, text("This company is on the list no longer.")))


def _put_on(session: Session, row: Listing) -> int:
    listed = Disqualified(
        name=row.name,
        credit_code=row.credit_code,
        organisation_code=row.organisation_code,
        legal_representative=row.legal_representative,
        ground=row.ground,
        reason=row.reason,
        since=row.since,
    )
    session.add(listed)
    session.flush()
    for name in dict.fromkeys([row.name, *row.former_names]):
        session.add(DisqualifiedName(disqualified_id=listed.id, name=name, name_key=name_key(name)))
    return listed.id


def _names_of(session: Session, listed: Disqualified) -> list[str]:
    names = session.scalars(select(DisqualifiedName.name).where(DisqualifiedName.disqualified_id == listed.id))
    return sorted(set(names) - {listed.name})


def get(session: Session, actor: Actor, listing_id: int) -> Listing:
    """A proposal; `NotFound` for none. Whoever reads the list reads how it came about."""
    require(actor, "disqualification.read")
    row = session.get(Listing, listing_id)
    if row is None:
        raise NotFound
    return row


def view(session: Session, actor: Actor, listing_id: int) -> ListingView:
    """A proposal whole."""
    row = get(session, actor, listing_id)
    return ListingView(
        row=row,
        case=examining.case_of(session, (SUBJECT, row.id)),
        proposed_by=session.get_one(User, row.proposed_by_id),
        file=session.get_one(StoredFile, row.file_id) if row.file_id else None,
    )


def evidence(session: Session, actor: Actor, listing_id: int) -> StoredFile:
    """The evidence. Raises `NotFound` where there is none."""
    row = get(session, actor, listing_id)
    if row.file_id is None:
        raise NotFound
    return session.get_one(StoredFile, row.file_id)


def waiting(session: Session, actor: Actor, *, cursor: str | None = None, size: int = 30) -> Page[Listing]:
    """The proposals the general manager has not decided, oldest first."""
    require(actor, "disqualification.read")
    query = select(Listing).where(Listing.outcome.is_(None))
    return page_of(session, query, [Sort("id", Listing.id)], cursor=cursor, size=size)
