"""Papers of taken-over customers whose scan is still owed: a list to work off (CHEM-3.3, CHEM-7.1).

A taken-over paper shows its import's placeholder where the scan would be. What is handed in for it is examined as any
paper, becomes the newest of its kind, and the debt is paid. When it is due follows from policy, at every look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import exists, func, not_, select
from sqlalchemy.orm import Session, aliased

from tierflow.common.customers import Customer, visible
from tierflow.common.files import StoredFile
from tierflow.common.imports import ImportBatch
from tierflow.common.imports.service import SUBJECT as IMPORT
from tierflow.common.policies import policy_on
from tierflow.common.reference import Region
from tierflow.common.suspension import PaperCover
from tierflow.common.users import User
from tierflow.kernel.months import local_day, local_instant
from tierflow.kernel.roles import Actor, require
from tierflow.onboarding.models import Paper, PaperRenewal
from tierflow.onboarding.terms_keeping import SCAN_DAYS
from tierflow.web.paging import Page, Sort, page_of

NO_SCAN_NAME = "no-scan.pdf"
_PLACEHOLDER = (StoredFile.subject_type == IMPORT) & (StoredFile.name == NO_SCAN_NAME)


@dataclass(frozen=True)
class OwedFilters:
    """How the list is narrowed. `batch_id`: one import; `within`: days until due at most; `overdue`: past it."""

    region_id: int | None = None
    account_manager_id: int | None = None
    batch_id: int | None = None
    within: int | None = None
    overdue: bool = False


@dataclass(frozen=True)
class Owed:
    """A paper without its scan. `days_left`: calendar days to `due_on`. `is_waiting`: one is being examined."""

    paper: Paper
    customer: Customer
    region: str
    account_manager: str
    batch_id: int
    due_on: date
    days_left: int
    is_waiting: bool


@dataclass(frozen=True)
class Tally:
    """How many scans are owed, and how many of them are overdue."""

    owed: int
    overdue: int


def is_placeholder(file: StoredFile) -> bool:
    """Whether a file only stands where a scan is owed."""
    return file.subject_type == IMPORT and file.name == NO_SCAN_NAME


def owed(
    session: Session,
    actor: Actor,
    filters: OwedFilters,
    now: datetime,
    *,
    cursor: str | None = None,
    size: int = 30,
) -> Page[Owed]:
    """The scans owed by the customers the actor may see, the first due first, a page by key; two queries."""
    require(actor, "customer.read")
    on = local_day(now)
    days = policy_on(session, on).integer(SCAN_DAYS)
    query: Any = (
        _of(select(Paper, Customer, Region.name, User.name, ImportBatch.id, ImportBatch.applied_at))
        .join(Region, Region.id == Customer.region_id)
        .join(User, User.id == Customer.account_manager_id)
        .where(visible(actor), *_narrowed(filters, on, days))
    )
    # Each import has one placeholder, made when it was applied: in their order is in the order they are due.
    page = page_of(session, query, [Sort("file", Paper.file_id), Sort("id", Paper.id)], cursor=cursor, size=size)
    waiting = _waiting(session, {row[1].id for row in page.rows})
    return Page(
        [_row(row, on, days, waiting) for row in page.rows],
        page.after,
        page.before,
        page.size,
    )


def tally(session: Session, actor: Actor, filters: OwedFilters, now: datetime) -> Tally:
    """The figures of the list, for its region, manager and import. One query."""
    require(actor, "customer.read")
    on = local_day(now)
    days = policy_on(session, on).integer(SCAN_DAYS)
    of = OwedFilters(filters.region_id, filters.account_manager_id, filters.batch_id)
    late = func.count().filter(ImportBatch.applied_at < _begins(on - timedelta(days=days)))
    query = _of(select(func.count(), late).select_from(Paper)).where(visible(actor), *_narrowed(of, on, days))
    found, overdue = session.execute(query).one()
    return Tally(found, overdue)


def _of(query: Any) -> Any:
    """The papers that owe a scan: live, of nobody disqualified, and nothing newer of their kind on file."""
    newer = aliased(Paper)
    is_replaced = exists().where(newer.customer_id == Paper.customer_id, newer.kind == Paper.kind, newer.id > Paper.id)
    is_live = exists().where(
        PaperCover.source == "paper", PaperCover.source_id == Paper.id, PaperCover.superseded_at.is_(None)
    )
    return (
        query.join(StoredFile, StoredFile.id == Paper.file_id)
        .join(ImportBatch, ImportBatch.id == StoredFile.subject_id)
        .join(Customer, Customer.id == Paper.customer_id)
        .where(_PLACEHOLDER, Customer.disqualified_on.is_(None), is_live, not_(is_replaced))
    )


def _narrowed(filters: OwedFilters, on: date, days: int) -> list[Any]:
    exact = {
        Customer.region_id: filters.region_id,
        Customer.account_manager_id: filters.account_manager_id,
        ImportBatch.id: filters.batch_id,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    if filters.overdue:
        conditions.append(ImportBatch.applied_at < _begins(on - timedelta(days=days)))
    elif filters.within is not None:
        conditions.append(ImportBatch.applied_at < _begins(on + timedelta(days=filters.within + 1 - days)))
    return conditions


def _begins(day: date) -> datetime:
    return local_instant(day, time.min)


def _waiting(session: Session, customer_ids: set[int]) -> set[tuple[int, str]]:
    query = select(PaperRenewal.customer_id, PaperRenewal.kind).where(
        PaperRenewal.customer_id.in_(customer_ids), PaperRenewal.outcome.is_(None)
    )
    return {(customer_id, kind) for customer_id, kind in session.execute(query)}


def _row(row: Sequence[Any], on: date, days: int, waiting: set[tuple[int, str]]) -> Owed:
    paper, customer, region, manager, batch_id, applied_at = row
    due = local_day(applied_at) + timedelta(days=days)
    is_waiting = (customer.id, paper.kind) in waiting
    return Owed(paper, customer, region, manager, batch_id, due, (due - on).days, is_waiting)
