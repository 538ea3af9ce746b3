"""Customers: who they are, whose they are, and who may see them."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from typing import Any

from pypinyin import lazy_pinyin
from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    UniqueConstraint,
    and_,
    event,
    exists,
    false,
    or_,
    select,
    true,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Exact, Model, in_force, one_of, pk
from tierflow.common.reference import OfficeTie
from tierflow.kernel import roles
from tierflow.kernel.errors import NotFound
from tierflow.kernel.roles import Actor, Role

CLASSES = ("direct", "exclusive_agent", "dealer")


class Customer(Model):
    """A company that was admitted (CHEM-7.2). Keyed by credit code, or by organisation code where it has none."""

    __tablename__ = "customer"
    __table_args__ = (
        CheckConstraint("credit_code IS NOT NULL OR organisation_code IS NOT NULL", name="has_code"),
        Index("ix_customer_region_id", "region_id", "number"),
        Index("ix_customer_account_manager_id", "account_manager_id", "number"),
        Index("ix_customer_organisation_code", "organisation_code"),
        Index("ix_customer_name_key", "name_key"),
        Index("ix_customer_name_sort", "name_sort", "number"),
        Index("ix_customer_phone_key", "phone_key"),
        Index("ix_customer_account_key", "account_key"),
        Index(
            "uq_customer_organisation_code",
            "organisation_code",
            unique=True,
            sqlite_where=sql("credit_code IS NULL"),
            postgresql_where=sql("credit_code IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    number: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    name_key: Mapped[str]
    name_sort: Mapped[str] = mapped_column(Exact, default="", server_default=sql("''"))  # follows the name, see below
    credit_code: Mapped[str | None] = mapped_column(unique=True)
    organisation_code: Mapped[str | None]
    needs_credit_code: Mapped[bool] = mapped_column(default=False)
    legal_representative: Mapped[str]
    address: Mapped[str]
    contact_name: Mapped[str]
    phone: Mapped[str]
    phone_key: Mapped[str]
    bank_name: Mapped[str]
    bank_account: Mapped[str]
    account_key: Mapped[str]
    invoice_address: Mapped[str]
    invoice_phone: Mapped[str]
    region_id: Mapped[int] = mapped_column(ForeignKey("region.id"))
    account_manager_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    approved_at: Mapped[datetime]
    approved_on: Mapped[date]
    disqualified_on: Mapped[date | None]  # since when its status is withdrawn (CHEM-17); asked through `suspension`
    version: Mapped[int] = mapped_column(default=1)


class CustomerLine(Model):
    """The class a customer has for a product line, and since when (CHEM-9.1, CHEM-10.1)."""

    __tablename__ = "customer_line"
    __table_args__ = (
        CheckConstraint("class IN ('direct', 'exclusive_agent', 'dealer')", name="class"),
        CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),
        UniqueConstraint("customer_id", "product_line_id", "from_on"),
        Index(
            "uq_customer_line_open",
            "customer_id",
            "product_line_id",
            unique=True,
            sqlite_where=sql("to_on IS NULL"),
            postgresql_where=sql("to_on IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    customer_class: Mapped[str] = mapped_column("class")
    from_on: Mapped[date]
    to_on: Mapped[date | None]


class CustomerOffice(Model):
    """The resident factory offices a customer was distributed to (CHEM-8.2); they see no others."""

    __tablename__ = "customer_office"
    __table_args__ = (Index("ix_customer_office_office_id", "office_id", "customer_id"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    office_id: Mapped[int] = mapped_column(ForeignKey("office.id"), primary_key=True)
    since: Mapped[datetime]


SEES_ALL = frozenset({Role.FINANCE_REVIEWER, Role.GENERAL_MANAGER, Role.DISTRIBUTION_COMPANY, Role.COMMITTEE_MEMBER})


def visible_rows(actor: Actor, region_column: Any, manager_column: Any) -> Any:
    """SQL condition for anything that has a region and an account manager: own and delegated; own regions; all."""
    if actor.is_system or actor.roles & SEES_ALL:
        return true()
    condition: Any = false()
    if own := actor.user_ids_as(Role.ACCOUNT_MANAGER):
        condition |= one_of(manager_column, own)
    if regions := actor.scopes(Role.SALES_MANAGER):
        condition |= one_of(region_column, regions)
    return condition


def sees(actor: Actor, region_id: int | None, manager_id: int) -> bool:
    """What `visible_rows` says of one row that was read already."""
    return (
        actor.is_system
        or bool(actor.roles & SEES_ALL)
        or manager_id in actor.user_ids_as(Role.ACCOUNT_MANAGER)
        or (region_id is not None and region_id in actor.scopes(Role.SALES_MANAGER))
    )


def visible(actor: Actor) -> Any:
    """SQL condition: the customers this actor may see."""
    return visible_by(actor, Customer.id, Customer.region_id, Customer.account_manager_id)


def visible_by(actor: Actor, customer_column: Any, region_column: Any, manager_column: Any) -> Any:
    """The same condition on rows that bear a customer, its region and its account manager."""
    condition = visible_rows(actor, region_column, manager_column)
    if actor.scopes(Role.RESIDENT_OFFICE):
        condition = condition | is_with_office_of(actor, customer_column, region_column)
    return condition


def is_with_office_of(actor: Actor, customer_column: Any, region_column: Any) -> Any:
    """SQL condition: the customer was sent to a resident office of the actor's that a tie concerns still (CHEM-8.2)."""
    if actor.on is None:
        return false()
    return exists().where(
        CustomerOffice.customer_id == customer_column,
        CustomerOffice.office_id.in_(actor.scopes(Role.RESIDENT_OFFICE)),
        OfficeTie.office_id == CustomerOffice.office_id,
        tie_names(customer_column, region_column, actor.on),
    )


def tie_names(customer_column: Any, region_column: Any, on: date) -> Any:
    """SQL condition: the row of `OfficeTie` names the customer, by its region and lines, on a day."""
    has_line = exists().where(
        CustomerLine.customer_id == customer_column,
        CustomerLine.product_line_id == OfficeTie.product_line_id,
        in_force(CustomerLine.from_on, CustomerLine.to_on, on),
    )
    is_of_line = or_(OfficeTie.product_line_id.is_(None), has_line)
    is_of_region = or_(OfficeTie.region_id.is_(None), OfficeTie.region_id == region_column)
    return and_(in_force(OfficeTie.from_on, OfficeTie.to_on, on), is_of_region, is_of_line)


def in_name_of(actor: Actor, action: str, customer: Customer) -> Actor:
    """Who acts upon a customer, in the name of the absent colleague whose customer or region it is."""
    return roles.in_name_of(actor, action, region_id=customer.region_id, manager_id=customer.account_manager_id)


def get_visible(session: Session, actor: Actor, customer_id: int) -> Customer:
    """The customer, when it exists and the actor may see it; else `NotFound`."""
    customer = session.scalar(select(Customer).where(Customer.id == customer_id, visible(actor)))
    if customer is None:
        raise NotFound
    return customer


@event.listens_for(Customer.name, "set")
def _sort_by_sound(customer: Customer, name: str, _before: object, _event: object) -> None:
    """Lists are read in the order of pinyin, and whoever changes a name has no need to know."""
    customer.name_sort = name_sort(name)


def name_sort(name: str) -> str:
    """A name as lists are sorted by it: its pinyin, syllable by syllable, latin letters as they are."""
    return " ".join(lazy_pinyin(name.casefold()))[:120]


# Legal tails and places carry no meaning when two spellings of one company are compared.
_LEGAL_TAILS = ("有限责任公司", "股份有限公司", "集团有限公司", "有限公司", "集团公司", "公司", "集团")


def name_key(name: str) -> str:
    """A company name as compared: width and case folded, blanks and brackets out, legal tail off."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    kept = "".join(c for c in folded if c.isalnum())
    for tail in _LEGAL_TAILS:
        if kept.endswith(tail) and len(kept) > len(tail) + 1:
            return kept.removesuffix(tail)
    return kept


def digits_key(value: str) -> str:
    """A telephone or bank account as compared: its digits only; +86 or 0086 off a telephone."""
    folded = unicodedata.normalize("NFKC", value).strip(" (")
    digits = "".join(c for c in folded if c.isdigit())
    return digits.removeprefix("86") if folded.startswith("+") else digits.removeprefix("0086")
