"""Reading customers: the list, and one whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Date, Select, bindparam, select
from sqlalchemy.orm import Session

from tierflow.common import approvals, lookup
from tierflow.common.approvals import ApprovalCase
from tierflow.common.audit import AuditEntry
from tierflow.common.customer_today import CustomerToday, Held, lines_held
from tierflow.common.customers import Customer, CustomerLine, CustomerOffice, visible
from tierflow.common.db import in_force
from tierflow.common.policies import policy_on
from tierflow.common.reference import Office, ProductLine, Region
from tierflow.common.suspension import PaperCover, is_suspended
from tierflow.common.users import User
from tierflow.kernel.errors import NotFound
from tierflow.kernel.months import local_day
from tierflow.kernel.qualification import Cover, uncovered
from tierflow.kernel.roles import Actor, is_allowed, require
from tierflow.onboarding.models import Application, CustomerChange, Disqualification, Paper
from tierflow.onboarding.service.access import SUBJECT
from tierflow.onboarding.service.creating import CUSTOMER
from tierflow.onboarding.service.reading import DecisionSeen, ScannedPaper, papers_with_files
from tierflow.web.paging import Page, Sort, once, page_of

EVENTS_SHOWN = 20


@dataclass(frozen=True)
class CustomerFilters:
    """How the list is narrowed. `papers`: "expired" today, "expiring" within the policy's longest
    warning, or "suspended"."""

    region_id: int | None = None
    account_manager_id: int | None = None
    product_line_id: int | None = None
    customer_class: str | None = None
    needs_credit_code: bool | None = None
    papers: str | None = None
    q: str | None = None


@dataclass(frozen=True)
class CustomerRow:
    """One line of the list. `expires_on`: when the first of its papers runs out."""

    customer: Customer
    account_manager: str
    region: str
    lines: Sequence[HeldLine]
    expires_on: date | None
    is_suspended: bool = False


class HeldLine(NamedTuple):
    """A line a customer has, and what it is; in a list both are the same row of the query."""

    line: Any
    product_line: Any


SORTS = ("number", "-number", "name", "-name")


class AccountOpening(NamedTuple):
    """An application that led here, and its case."""

    application: Application
    case: ApprovalCase


@dataclass(frozen=True)
class CustomerCard:
    """Who a customer is and whose: the head of every tab of its page.

    `change`: of its particulars, waiting; `proposal_id`: to disqualify it, waiting for the general manager.
    """

    customer: Customer
    region: Region
    account_manager: User
    is_suspended: bool
    change: CustomerChange | None
    proposal_id: int | None

    def today(self, session: Session, on: date) -> CustomerToday:
        """The same, with its classes."""
        return CustomerToday(self.customer, on, self.is_suspended, lines_held(session, self.customer.id, on))


@dataclass(frozen=True)
class CustomerFile(CustomerCard):
    """A customer as it stands today: classes, papers, where it was distributed to."""

    offices: Sequence[Office]
    held: Sequence[Held]
    papers: Sequence[ScannedPaper]

    @property
    def lines(self) -> list[HeldLine]:
        """The lines it has a class on."""
        return [HeldLine(line, product) for product, line in self.held if line is not None]

    def today(self, session: Session, on: date) -> CustomerToday:
        """The same; nothing is asked again."""
        return CustomerToday(self.customer, on, self.is_suspended, self.held)


@dataclass(frozen=True)
class CustomerHistory:
    """How it came to that. The opening's approvals are there for whoever may read applications."""

    openings: Sequence[AccountOpening]
    decisions: Sequence[DecisionSeen]
    events: Sequence[AuditEntry]


@dataclass(frozen=True)
class CustomerView(CustomerFile):
    """A customer whole: its file and its history."""

    openings: Sequence[AccountOpening]
    decisions: Sequence[DecisionSeen]
    events: Sequence[AuditEntry]


def list_customers(
    session: Session,
    actor: Actor,
    filters: CustomerFilters,
    now: datetime,
    *,
    cursor: str | None = None,
    size: int = 30,
    sort: str = "number",
) -> Page[CustomerRow]:
    """The customers the actor may see, a page by key; three queries. Whether one is suspended follows from its papers.

    `sort`: one of `SORTS`: by number, the order they were opened in, or by name in the order of pinyin; `-` downwards.
    """
    require(actor, "customer.read")
    on = local_day(now)
    soon = max(policy_on(session, on).integers("papers.warn_days")) if filters.papers == "expiring" else 0
    page = page_of(session, _listed(actor, filters, on, soon), _order(sort), cursor=cursor, size=size, given={})
    ids = [row[0].id for row in page.rows]
    lines, papers = _lines(session, ids, on), _papers(session, ids)
    rows = [
        CustomerRow(customer, manager, region, lines.get(customer.id, []), *_stands(papers.get(customer.id, ()), on))
        for customer, manager, region in page.rows
    ]
    return Page(rows, page.after, page.before, page.size)


def _order(sort: str) -> list[Sort]:
    by_number = Sort("number", Customer.number, sort.startswith("-"))
    return [Sort("name", Customer.name_sort, by_number.descending), by_number] if "name" in sort else [by_number]


@once
def _listed(actor: Actor, filters: CustomerFilters, on: date, soon: int) -> Any:
    return (
        select(Customer, User.name, Region.name)
        .join(User, User.id == Customer.account_manager_id)
        .join(Region, Region.id == Customer.region_id)
        .where(visible(actor), *_narrowed(filters, on, soon))
    )


def _narrowed(filters: CustomerFilters, on: date, soon: int) -> list[Any]:
    """`soon`: days to the end of a paper that counts as expiring."""
    exact = {
        Customer.region_id: filters.region_id,
        Customer.account_manager_id: filters.account_manager_id,
        Customer.needs_credit_code: filters.needs_credit_code,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    if filters.product_line_id is not None or filters.customer_class is not None:
        held = select(CustomerLine.customer_id).where(in_force(CustomerLine.from_on, CustomerLine.to_on, on))
        if filters.product_line_id is not None:
            held = held.where(CustomerLine.product_line_id == filters.product_line_id)
        if filters.customer_class is not None:
            held = held.where(CustomerLine.customer_class == filters.customer_class)
        conditions.append(Customer.id.in_(held))
    if filters.papers == "suspended":
        conditions.append(is_suspended(on))
    elif filters.papers is not None:
        last = on - timedelta(days=1)
        first = None
        if filters.papers == "expiring":
            first, last = on, on + timedelta(days=soon)
        ending = select(PaperCover.customer_id).where(PaperCover.superseded_at.is_(None), PaperCover.valid_to <= last)
        if first is not None:
            ending = ending.where(PaperCover.valid_to >= first)
        conditions.append(Customer.id.in_(ending))
    if filters.q and lookup.fold(filters.q):
        found: Any = lookup.matching(CUSTOMER, filters.q)
        conditions.append(Customer.id.in_(found))
    return conditions


def _lines(session: Session, customer_ids: Sequence[int], on: date) -> Mapping[int, list[HeldLine]]:
    found: dict[int, list[HeldLine]] = {}
    for row in session.execute(_LINES_HELD, {"customer_ids": list(customer_ids), "on_day": on}):
        found.setdefault(row.customer_id, []).append(HeldLine(row, row))
    return found


def _papers(session: Session, customer_ids: Sequence[int]) -> Mapping[int, list[Any]]:
    """What covers the customers' papers, by customer: kind, first and last day, since when it is not waited for."""
    found: dict[int, list[Any]] = {}
    for row in session.execute(_COVERS, {"customer_ids": list(customer_ids)}):
        found.setdefault(row.customer_id, []).append(row)
    return found


def _stands(papers: Sequence[Any], on: date) -> tuple[date | None, bool]:
    """When the first paper that is waited for runs out, and whether business is suspended (CHEM-15)."""
    ends = [row.valid_to for row in papers if row.superseded_at is None and row.valid_to is not None]
    covers = [Cover(row.kind, row.counts_from, row.valid_to) for row in papers]
    return min(ends, default=None), bool(uncovered(covers, on))


_COVERS = select(
    PaperCover.customer_id, PaperCover.kind, PaperCover.counts_from, PaperCover.valid_to, PaperCover.superseded_at
).where(PaperCover.customer_id.in_(bindparam("customer_ids", expanding=True)))


def customer_card(session: Session, actor: Actor, customer_id: int, now: datetime) -> CustomerCard:
    """Who a customer is, in one query. Raises `NotFound` when it is not theirs to see."""
    require(actor, "customer.read")
    given = {"customer_id": customer_id, "on_day": local_day(now)}
    found = session.execute(_card(actor), given).one_or_none()
    if found is None:
        raise NotFound
    return _as_card(found)


def _as_card(row: Any) -> CustomerCard:
    customer, region, manager, stopped, change, proposal_id = row
    return CustomerCard(customer, region, manager, bool(stopped), change, proposal_id)


def customer_file(session: Session, actor: Actor, customer_id: int, now: datetime) -> CustomerFile:
    """A customer as it stands today, in three queries. Raises `NotFound`."""
    require(actor, "customer.read")
    given = {"customer_id": customer_id, "on_day": local_day(now)}
    rows = session.execute(_card_and_offices(actor), given).all()
    if not rows:
        raise NotFound
    offices = [row.Office for row in rows if row.Office is not None]
    return CustomerFile(
        **vars(_as_card(rows[0][:-1])),
        offices=sorted(offices, key=lambda office: office.code),
        held=lines_held(session, customer_id, local_day(now)),
        papers=papers_with_files(session, _IS_OF_CUSTOMER, {"customer_id": customer_id}),
    )


@once
def _card(actor: Actor) -> Select[Any]:
    stands = is_suspended(bindparam("on_day", type_=Date())).label("is_suspended")
    changing = (CustomerChange.customer_id == Customer.id) & CustomerChange.outcome.is_(None)
    proposed = (Disqualification.customer_id == Customer.id) & Disqualification.outcome.is_(None)
    query: Select[Any] = (
        select(Customer, Region, User, stands, CustomerChange, Disqualification.id)
        .join(Region, Region.id == Customer.region_id)
        .join(User, User.id == Customer.account_manager_id)
        .outerjoin(CustomerChange, changing)
        .outerjoin(Disqualification, proposed)
        .where(Customer.id == bindparam("customer_id"), visible(actor))
    )
    return query


@once
def _card_and_offices(actor: Actor) -> Any:
    """The card, and a row for each office it was distributed to."""
    card = _card(actor).add_columns(Office)
    card = card.outerjoin(CustomerOffice, CustomerOffice.customer_id == Customer.id)
    return card.outerjoin(Office, Office.id == CustomerOffice.office_id)


_IS_OF_CUSTOMER = Paper.customer_id == bindparam("customer_id")
_LINES_HELD = (  # columns of both tables in one row: a list needs no objects
    select(
        CustomerLine.customer_id,
        CustomerLine.product_line_id,
        CustomerLine.customer_class.label("customer_class"),
        CustomerLine.from_on,
        ProductLine.code,
        ProductLine.name,
        ProductLine.name_en,
    )
    .join(ProductLine, ProductLine.id == CustomerLine.product_line_id)
    .where(
        CustomerLine.customer_id.in_(bindparam("customer_ids", expanding=True)),
        in_force(CustomerLine.from_on, CustomerLine.to_on, bindparam("on_day", type_=Date())),
    )
    .order_by(ProductLine.code)
)


def customer_history(session: Session, actor: Actor, customer_id: int) -> CustomerHistory:
    """What led to the file as it stands; the customer has been found visible before."""
    require(actor, "customer.read")
    openings: list[AccountOpening] = []
    decided: list[DecisionSeen] = []
    if is_allowed(actor, "application.read"):
        openings = _openings(session, customer_id)
        rows = [row for opening in openings for row in approvals.decisions_of(session, opening.case.id)]
        decided = [DecisionSeen(*row) for row in rows]
    events = select(AuditEntry).where(AuditEntry.subject_type == CUSTOMER, AuditEntry.subject_id == customer_id)
    return CustomerHistory(
        openings=openings,
        decisions=decided,
        events=session.scalars(events.order_by(AuditEntry.seq.desc()).limit(EVENTS_SHOWN)).all(),
    )


def customer_view(session: Session, actor: Actor, customer_id: int, now: datetime) -> CustomerView:
    """One customer whole, in a fixed number of queries. Raises `NotFound` when it is not theirs to see."""
    file = customer_file(session, actor, customer_id, now)
    return CustomerView(**vars(file), **vars(customer_history(session, actor, customer_id)))


def _openings(session: Session, customer_id: int) -> list[AccountOpening]:
    rows = session.execute(
        select(Application, ApprovalCase)
        .join(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == Application.id))
        .where(Application.customer_id == customer_id)
        .order_by(Application.id)
    )
    return [AccountOpening(row.Application, row.ApprovalCase) for row in rows]
