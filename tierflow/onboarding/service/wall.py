"""The wall: what expires when, the soonest first, by region and account manager (CHEM-15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, visible
from tierflow.common.policies import policy_on
from tierflow.common.reference import Region
from tierflow.common.suspension import PaperCover, suspended
from tierflow.common.users import User
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.onboarding.models import PaperRenewal
from tierflow.web.paging import Page, Sort, page_of


@dataclass(frozen=True)
class WallFilters:
    """How the wall is narrowed. `within`: days left at most; `expired`: run out already."""

    region_id: int | None = None
    account_manager_id: int | None = None
    kind: str | None = None
    within: int | None = None
    expired: bool = False


@dataclass(frozen=True)
class WallRow:
    """A paper (or proof) with an end. `days_left`: 0 on its last valid day. `is_waiting`: a renewal is handed in."""

    cover: PaperCover
    customer: Customer
    region: str
    account_manager: str
    days_left: int
    is_suspended: bool
    is_waiting: bool

    @property
    def is_proof(self) -> bool:
        """Whether a proof of renewal is what holds the place."""
        return self.cover.source == "proof"


@dataclass(frozen=True)
class Tally:
    """How many papers of the visible customers have run out, and end within each of policy's distances (days)."""

    expired: int
    within: Sequence[tuple[int, int]]


def wall(
    session: Session, actor: Actor, filters: WallFilters, now: datetime, *, cursor: str | None = None, size: int = 30
) -> Page[WallRow]:
    """The papers with an end, by it; a page by key; four queries whatever the number."""
    require(actor, "customer.read")
    on = local_day(now)
    query: Any = (
        select(PaperCover, Customer, Region.name, User.name)
        .join(Customer, Customer.id == PaperCover.customer_id)
        .join(Region, Region.id == Customer.region_id)
        .join(User, User.id == Customer.account_manager_id)
        .where(PaperCover.superseded_at.is_(None), PaperCover.valid_to.is_not(None), visible(actor))
        .where(Customer.disqualified_on.is_(None), *_narrowed(filters, on))
    )
    sorts = [Sort("valid_to", PaperCover.valid_to), Sort("id", PaperCover.id)]
    page = page_of(session, query, sorts, cursor=cursor, size=size)
    ids = {row[1].id for row in page.rows}
    stopped = suspended(session, ids, on)
    waiting = _waiting(session, ids)
    rows = [
        WallRow(
            cover,
            customer,
            region,
            manager,
            (cover.valid_to - on).days,
            customer.id in stopped,
            (customer.id, cover.kind) in waiting,
        )
        for cover, customer, region, manager in page.rows
    ]
    return Page(rows, page.after, page.before, page.size)


def _narrowed(filters: WallFilters, on: date) -> list[Any]:
    exact = {
        Customer.region_id: filters.region_id,
        Customer.account_manager_id: filters.account_manager_id,
        PaperCover.kind: filters.kind,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    if filters.expired:
        conditions.append(PaperCover.valid_to < on)
    elif filters.within is not None:
        conditions += [PaperCover.valid_to >= on, PaperCover.valid_to <= on + timedelta(days=filters.within)]
    return conditions


def _waiting(session: Session, customer_ids: set[int]) -> set[tuple[int, str]]:
    query = select(PaperRenewal.customer_id, PaperRenewal.kind).where(
        PaperRenewal.customer_id.in_(customer_ids), PaperRenewal.outcome.is_(None)
    )
    return {(customer_id, kind) for customer_id, kind in session.execute(query)}


def tally(session: Session, actor: Actor, filters: WallFilters, now: datetime) -> Tally:
    """The wall's figures, each for the whole of the filter's region and manager. One query over the index."""
    require(actor, "customer.read")
    on = local_day(now)
    distances = sorted(policy_on(session, on).integers("papers.warn_days"))
    of = WallFilters(filters.region_id, filters.account_manager_id, filters.kind)
    columns = [func.count(case((PaperCover.valid_to < on, 1)))]
    for days in distances:
        ends = (PaperCover.valid_to >= on) & (PaperCover.valid_to <= on + timedelta(days=days))
        columns.append(func.count(case((ends, 1))))
    query = (
        select(*columns)
        .join(Customer, Customer.id == PaperCover.customer_id)
        .where(PaperCover.superseded_at.is_(None), PaperCover.valid_to <= on + timedelta(days=max(distances)))
        .where(visible(actor), Customer.disqualified_on.is_(None), *_narrowed(of, on))
    )
    expired, *within = session.execute(query).one()
    return Tally(expired, list(zip(distances, within, strict=True)))
