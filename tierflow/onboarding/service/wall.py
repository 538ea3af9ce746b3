"""The wall: what expires when, the soonest first, by region and account manager (CHEM-15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any

from sqlalchemy import Date, Select, bindparam, func, select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, visible_by
from tierflow.common.db import is_sqlite, these
from tierflow.common.policies import policy_on
from tierflow.common.reference import Region
from tierflow.common.suspension import PaperCover, is_suspended
from tierflow.common.users import User
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.onboarding.models import PaperRenewal
from tierflow.web.paging import Page, Sort, once, page_of


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
    """The papers with an end, by it; a page by key; two queries whatever the number."""
    require(actor, "customer.read")
    on = local_day(now)
    page = page_of(session, _covers(actor, filters, on), SORTS, cursor=cursor, size=size, given={})
    whose = _whose(session, {cover.customer_id for cover in page.rows}, on)
    rows = [_row(cover, whose[cover.customer_id], on) for cover in page.rows]
    return Page(rows, page.after, page.before, page.size)


SORTS = (Sort("valid_to", PaperCover.valid_to), Sort("id", PaperCover.id))


@once
def _covers(actor: Actor, filters: WallFilters, on: date) -> Select[Any]:
    return select(PaperCover).where(*_awaited(actor), PaperCover.valid_to.is_not(None), *_narrowed(filters, on))


def _row(cover: PaperCover, whose: _Whose, on: date) -> WallRow:
    return WallRow(
        cover,
        whose.customer,
        whose.region,
        whose.account_manager,
        (cover.valid_to - on).days if cover.valid_to else 0,
        whose.is_suspended,
        cover.kind in whose.waiting,
    )


@dataclass(frozen=True)
class _Whose:
    """Whose a paper is; `waiting`: the kinds of which a renewal is handed in."""

    customer: Customer
    region: str
    account_manager: str
    is_suspended: bool
    waiting: set[str]


def _whose(session: Session, customer_ids: set[int], on: date) -> dict[int, _Whose]:
    """What a line of the wall says of each customer. One query, a row for each renewal handed in."""
    found: dict[int, _Whose] = {}
    asked = {"customer_ids": sorted(customer_ids), "on_day": on}
    rows = session.execute(_WHOSE[is_sqlite(session)], asked) if customer_ids else ()
    for customer, region, manager, stopped, kind in rows:
        found.setdefault(customer.id, _Whose(customer, region, manager, bool(stopped), set())).waiting.add(kind)
    return found


_WHOSE = {
    on_sqlite: (
        select(Customer, Region.name, User.name, is_suspended(bindparam("on_day", type_=Date())), PaperRenewal.kind)
        .join(Region, Region.id == Customer.region_id)
        .join(User, User.id == Customer.account_manager_id)
        .outerjoin(PaperRenewal, (PaperRenewal.customer_id == Customer.id) & PaperRenewal.outcome.is_(None))
        .where(these(Customer.id, "customer_ids", on_sqlite))
    )
    for on_sqlite in (True, False)
}


def _awaited(actor: Actor) -> tuple[Any, ...]:
    """The papers whose renewal is waited for, of the customers the actor may see: a stretch of an index."""
    mine = visible_by(actor, PaperCover.customer_id, PaperCover.region_id, PaperCover.account_manager_id)
    return PaperCover.superseded_at.is_(None), PaperCover.disqualified_on.is_(None), mine


def _narrowed(filters: WallFilters, on: date) -> list[Any]:
    exact = {
        PaperCover.region_id: filters.region_id,
        PaperCover.account_manager_id: filters.account_manager_id,
        PaperCover.kind: filters.kind,
    }
    conditions: list[Any] = [column == value for column, value in exact.items() if value is not None]
    if filters.expired:
        conditions.append(PaperCover.valid_to < on)
    elif filters.within is not None:
        conditions += [PaperCover.valid_to >= on, PaperCover.valid_to <= on + timedelta(days=filters.within)]
    return conditions


def tally(session: Session, actor: Actor, filters: WallFilters, now: datetime) -> Tally:
    """The wall's figures, each for the whole of the filter's region and manager. One query; stretches of an index."""
    require(actor, "customer.read")
    on = local_day(now)
    distances = sorted(policy_on(session, on).integers("papers.warn_days"))
    of = WallFilters(filters.region_id, filters.account_manager_id, filters.kind)
    expired, *more = session.execute(_counts(actor, of, on, tuple(distances))).one()
    return Tally(expired, list(zip(distances, accumulate(more), strict=True)))


@once
def _counts(actor: Actor, of: WallFilters, on: date, distances: tuple[int, ...]) -> Select[Any]:
    """Side by side and not one within the other: no paper is counted twice."""
    of_these = (*_awaited(actor), *_narrowed(of, on))
    edges = [on, *(on + timedelta(days=days + 1) for days in distances)]
    # Every stretch has two ends: what lies below one alone PostgreSQL takes for a third of the table, and then plans
    # anew for each call what it would else plan once.
    edges = [date.min, *edges]
    stretches = [(PaperCover.valid_to >= first) & (PaperCover.valid_to < after) for first, after in pairwise(edges)]
    return select(*(select(func.count()).where(*of_these, stretch).scalar_subquery() for stretch in stretches))
