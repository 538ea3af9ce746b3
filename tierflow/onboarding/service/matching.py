"""Who is here already: customers, open applications and disqualified companies that agree with what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, false, or_, select, union_all
from sqlalchemy.orm import Session

from tierflow.common import customers
from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, State
from tierflow.kernel.roles import Actor, require
from tierflow.onboarding.models import Application, Disqualified, DisqualifiedName, FormerName
from tierflow.onboarding.rules.duplicates import Field, Match
from tierflow.onboarding.service import particulars
from tierflow.onboarding.service.access import SUBJECT, visible

MOST_MATCHES = 20


@dataclass(frozen=True)
class Keys:
    """What is compared, in the form it is compared in."""

    credit_code: str | None
    organisation_code: str | None
    name_key: str
    phone_key: str
    account_key: str
    legal_representative: str

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> Keys:
        """The keys among an application's columns."""
        return cls(
            credit_code=columns.get("credit_code") or None,
            organisation_code=columns.get("organisation_code") or None,
            name_key=columns.get("name_key") or "",
            phone_key=columns.get("phone_key") or "",
            account_key=columns.get("account_key") or "",
            legal_representative=columns.get("legal_representative") or "",
        )

    def agreeing(self, row: Any) -> list[Field]:
        """In which fields a customer or another application is the same."""
        found: list[Field] = []
        codes = (row.credit_code, row.organisation_code)
        if (self.credit_code and self.credit_code == codes[0]) or (
            self.organisation_code and self.organisation_code == codes[1]
        ):
            found.append("code")
        pairs: tuple[tuple[Field, str, str], ...] = (
            ("name", self.name_key, row.name_key),
            ("phone", self.phone_key, row.phone_key),
            ("bank_account", self.account_key, row.account_key),
        )
        return found + [field for field, mine, theirs in pairs if mine and mine == theirs]

    def agreeing_ids(self, table: Any) -> list[Select[int]]:
        """The ids of the rows that agree, a query for each field: each has its index, and an OR of them has none."""
        return [
            select(table.id).where(getattr(table, name) == value)
            for name in ("credit_code", "organisation_code", "name_key", "phone_key", "account_key")
            if (value := getattr(self, name))
        ]


def find_matches(
    session: Session, actor: Actor, typed: Mapping[str, Any], *, besides: int | None = None
) -> tuple[Match, ...]:
    """Customers, open applications and disqualified companies that agree with what was typed.

    `besides`: the application asking. What the actor may not see is named by number and account manager only.
    """
    require(actor, "application.read")
    return matches_of(session, actor, Keys.of(particulars.read(typed)), besides)


def matches_of(
    session: Session, actor: Actor, keys: Keys, besides: int | None, *, besides_customer: int | None = None
) -> tuple[Match, ...]:
    """As `find_matches`, for keys read already. `besides_customer`: whose supplement it is. Four queries."""
    return (
        *_customers(session, actor, keys, besides_customer),
        *_applications(session, actor, keys, besides),
        *_disqualified(session, keys),
    )


def _customers(session: Session, actor: Actor, keys: Keys, besides_customer: int | None) -> list[Match]:
    query = (
        select(Customer, User.name, customers.visible(actor))
        .join(User, User.id == Customer.account_manager_id)
        .where(_known_as(keys), Customer.disqualified_on.is_(None))  # those have a list of their own (CHEM-17)
        .order_by(Customer.id)
        .limit(MOST_MATCHES)
    )
    return [
        Match("customer", field, row.id, f"{row.number} {row.name}" if seen else row.number, holder)
        for row, holder, seen in session.execute(query)
        for field in keys.agreeing(row) or ["name"]  # a former name
        if row.id != besides_customer
    ]


def _known_as(keys: Keys) -> Any:
    """Customers that agree today, or did under a former name."""
    ids = keys.agreeing_ids(Customer)
    if keys.name_key:
        ids.append(select(FormerName.customer_id).where(FormerName.name_key == keys.name_key))
    return _among(Customer.id, ids)


def _among(column: Any, queries: Sequence[Select[int]]) -> Any:
    return column.in_(union_all(*queries)) if queries else false()


def _applications(session: Session, actor: Actor, keys: Keys, besides: int | None) -> list[Match]:
    alive = {State.IN_APPROVAL, *EDITABLE}
    query = (
        select(Application, User.name, ApprovalCase.state, visible(actor))
        .join(User, User.id == Application.account_manager_id)
        .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == Application.id))
        .where(
            _among(Application.id, keys.agreeing_ids(Application)),
            ApprovalCase.state.in_([state.value for state in alive]),
        )
        .order_by(Application.id)
        .limit(MOST_MATCHES)
    )
    if besides is not None:
        query = query.where(Application.id != besides)
    return [
        Match(
            "application",
            field,
            row.id,
            f"{row.number} {row.name}" if seen else row.number,
            holder,
            state == State.IN_APPROVAL.value,
        )
        for row, holder, state, seen in session.execute(query)
        for field in keys.agreeing(row)
    ]


def _disqualified(session: Session, keys: Keys) -> list[Match]:
    parts: list[Any] = []
    if keys.credit_code:
        parts.append(Disqualified.credit_code == keys.credit_code)
    if keys.organisation_code:
        parts.append(Disqualified.organisation_code == keys.organisation_code)
    if keys.legal_representative:
        parts.append(Disqualified.legal_representative == keys.legal_representative)
    if keys.name_key:
        named = select(DisqualifiedName.disqualified_id).where(DisqualifiedName.name_key == keys.name_key)
        parts.append(Disqualified.id.in_(named))
    query = select(Disqualified).where(or_(false(), *parts), Disqualified.readmitted_on.is_(None))
    rows = session.scalars(query.order_by(Disqualified.id).limit(MOST_MATCHES)).all()
    names = _names_of(session, [row.id for row in rows]) if rows else {}
    found = []
    for row in rows:
        agrees: dict[Field, bool] = {
            "code": bool(keys.credit_code and keys.credit_code == row.credit_code)
            or bool(keys.organisation_code and keys.organisation_code == row.organisation_code),
            "name": keys.name_key in names.get(row.id, set()),
            "legal_representative": bool(keys.legal_representative)
            and keys.legal_representative == row.legal_representative,
        }
        found += [Match("disqualified", field, row.id, row.name) for field, yes in agrees.items() if yes]
    return found


def _names_of(session: Session, ids: Sequence[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    query = select(DisqualifiedName.disqualified_id, DisqualifiedName.name_key)
    for disqualified_id, key in session.execute(query.where(DisqualifiedName.disqualified_id.in_(ids))):
        found.setdefault(disqualified_id, set()).add(key)
    return found
