"""Who is here already: customers, open applications and disqualified companies that agree with what was typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from sqlalchemy import Select, String, bindparam, case, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from tierflow.common import customers
from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.db import Id
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, State
from tierflow.kernel.roles import Actor, require
from tierflow.onboarding.models import Application, Disqualified, DisqualifiedName, FormerName
from tierflow.onboarding.rules.duplicates import Field, Match, Source
from tierflow.onboarding.service import particulars
from tierflow.onboarding.service.access import SUBJECT

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
    """As `find_matches`, for keys read already. `besides_customer`: whose supplement it is.

    One query where nothing agrees; one more for each list that something agrees on.
    """
    given = {**asdict(keys), "besides": besides or 0, "besides_customer": besides_customer or 0}
    found = set(session.scalars(_SOURCES, given))
    return (
        *(_customers(session, actor, keys, given) if "customer" in found else ()),
        *(_applications(session, actor, keys, given) if "application" in found else ()),
        *(_disqualified(session, keys, given) if "disqualified" in found else ()),
    )


def _agreeing(id_column: Any, *names: str, besides: str | None = None) -> list[Select[int]]:
    """The ids of the rows that agree, a query for each key: each has its index, and an OR of them has none.

    A key that is not given is NULL here, and agrees with nothing: so these queries, dear to write down, are written
    once for whatever is typed.
    """
    columns = id_column.table.c
    query = select(id_column)
    if besides is not None:
        query = query.where(id_column != bindparam(besides, type_=Id))
    return [query.where(columns[name] == func.nullif(bindparam(name, type_=String()), "")) for name in names]


_COMPARED = ("credit_code", "organisation_code", "name_key", "phone_key", "account_key")
_CUSTOMER, _APPLICATION, _LISTED, _CASE, _HOLDER = (
    cast(Any, table.__table__) for table in (Customer, Application, Disqualified, ApprovalCase, User)
)
_IDS: dict[Source, list[Select[int]]] = {
    "customer": [
        *_agreeing(_CUSTOMER.c.id, *_COMPARED, besides="besides_customer"),
        *_agreeing(FormerName.__table__.c.customer_id, "name_key", besides="besides_customer"),
    ],
    "application": [
        # A customer's own supplement, open meanwhile, is no other company's.
        query.where(_APPLICATION.c.supplements_id.is_distinct_from(bindparam("besides_customer", type_=Id)))
        for query in _agreeing(_APPLICATION.c.id, *_COMPARED, besides="besides")
    ],
    "disqualified": [
        *_agreeing(_LISTED.c.id, "credit_code", "organisation_code", "legal_representative"),
        *_agreeing(DisqualifiedName.__table__.c.disqualified_id, "name_key"),
    ],
}
_SOURCES = union_all(
    *(select(literal(source)).select_from(union_all(*ids).limit(1).subquery()) for source, ids in _IDS.items())
)


def _is_given(columns: Any, *names: str) -> Any:
    """One of these columns holds what was given."""
    return or_(*(columns[name] == func.nullif(bindparam(name, type_=String()), "") for name in names))


def _weight(columns: Any, *named: Select[int]) -> Any:
    """The gravest first, as only so many are shown: the code, a name it goes or went by, telephone, bank account."""
    in_name = [_is_given(columns, "name_key"), *(columns["id"].in_(query) for query in named)]
    return case(
        (_is_given(columns, "credit_code", "organisation_code"), 0),
        (or_(*in_name), 1),
        (_is_given(columns, "phone_key"), 2),
        else_=3,
    )


_SHOWN = ("id", "number", "name", "region_id", "account_manager_id", *_COMPARED)
_CUSTOMERS = (
    select(*(_CUSTOMER.c[name] for name in _SHOWN), _HOLDER.c.name.label("holder"))
    .join(_HOLDER, _HOLDER.c.id == _CUSTOMER.c.account_manager_id)
    .where(
        _CUSTOMER.c.id.in_(union_all(*_IDS["customer"])),
        _CUSTOMER.c.disqualified_on.is_(None),  # those have a list of their own (CHEM-17)
    )
    .order_by(_weight(_CUSTOMER.c, _IDS["customer"][-1]), _CUSTOMER.c.id)
    .limit(MOST_MATCHES)
)
_APPLICATIONS = (
    select(*(_APPLICATION.c[name] for name in _SHOWN), _HOLDER.c.name.label("holder"), _CASE.c.state)
    .join(_HOLDER, _HOLDER.c.id == _APPLICATION.c.account_manager_id)
    .join(_CASE, (_CASE.c.subject_type == SUBJECT) & (_CASE.c.subject_id == _APPLICATION.c.id))
    .where(
        _APPLICATION.c.id.in_(union_all(*_IDS["application"])),
        _CASE.c.state.in_(sorted(state.value for state in {State.IN_APPROVAL, *EDITABLE})),
    )
    .order_by(_weight(_APPLICATION.c), _APPLICATION.c.id)
    .limit(MOST_MATCHES)
)
_DISQUALIFIED = (
    select(_LISTED)
    .where(_LISTED.c.id.in_(union_all(*_IDS["disqualified"])), _LISTED.c.readmitted_on.is_(None))
    .order_by(
        case(
            (_is_given(_LISTED.c, "credit_code", "organisation_code"), 0),
            (_LISTED.c.id.in_(_IDS["disqualified"][-1]), 1),
            else_=2,
        ),
        _LISTED.c.id,
    )
    .limit(MOST_MATCHES)
)


def _customers(session: Session, actor: Actor, keys: Keys, given: Mapping[str, Any]) -> list[Match]:
    rows = session.execute(_CUSTOMERS, given).all()
    seen = {row.id for row in rows if customers.sees(actor, row.region_id, row.account_manager_id)}
    if unseen := {row.id for row in rows} - seen:  # a resident office may have been sent them
        seen |= set(session.scalars(select(Customer.id).where(Customer.id.in_(unseen), customers.visible(actor))))
    return [
        Match("customer", field, row.id, _label(row, seen=row.id in seen), row.holder)
        for row in rows
        for field in keys.agreeing(row) or ["name"]  # a former name
    ]


def _label(row: Any, *, seen: bool) -> str:
    """What the actor may not see is named by its number alone."""
    return f"{row.number} {row.name}" if seen else str(row.number)


def _applications(session: Session, actor: Actor, keys: Keys, given: Mapping[str, Any]) -> list[Match]:
    return [
        Match(
            "application",
            field,
            row.id,
            _label(row, seen=customers.sees(actor, row.region_id, row.account_manager_id)),
            row.holder,
            is_open=row.state == State.IN_APPROVAL.value,
        )
        for row in session.execute(_APPLICATIONS, given)
        for field in keys.agreeing(row)
    ]


def _disqualified(session: Session, keys: Keys, given: Mapping[str, Any]) -> list[Match]:
    rows = session.execute(_DISQUALIFIED, given).all()
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
