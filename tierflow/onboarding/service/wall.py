"""The wall: what expires when, the soonest first, by region and account manager (CHEM-15)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from sqlalchemy import Date, Select, bindparam, exists, func, select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, visible_by
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


class WallRow(NamedTuple):
    """A paper (or proof) with an end. `days_left`: 0 on its last valid day. `is_waiting`: a renewal is handed in."""

    kind: str
    is_proof: bool
    valid_to: date
    days_left: int
    customer_id: int
    number: str
    name: str
    contact_name: str
    phone: str
    region: str
    account_manager: str
    is_suspended: bool
    is_waiting: bool


@dataclass(frozen=True)
class Tally:
    """How many papers of the visible customers have run out, and end within each of policy's distances (days)."""

    expired: int
    within: Sequence[tuple[int, int]]


def wall(
    session: Session, actor: Actor, filters: WallFilters, now: datetime, *, cursor: str | None = None, size: int = 30
) -> Page[WallRow]:
    """The papers with an end, by it; a page by key; one query whatever the number."""
    require(actor, "customer.read")
    on = local_day(now)
    query, given = _covers(actor, filters, on), {"on_day": on}
    page = page_of(session, query, SORTS, cursor=cursor, size=size, given=given, widen=_whose)
    rows = [_row(found, on) for found in page.rows]
    return Page(rows, page.after, page.before, page.size)


def _row(found: Any, on: date) -> WallRow:
    kind, source, ends, *whose = found
    return WallRow(kind, source == "proof", ends, (ends - on).days, *whose)


SORTS = (Sort("valid_to", PaperCover.valid_to), Sort("id", PaperCover.id))


@once
def _covers(actor: Actor, filters: WallFilters, on: date) -> Any:
    columns = (PaperCover.customer_id, PaperCover.kind, PaperCover.source, PaperCover.valid_to)
    return select(*columns).where(*_awaited(actor), PaperCover.valid_to.is_not(None), *_narrowed(filters, on))


def _whose(cover: Any) -> Select[Any]:
    """What a line of the wall says of the customers on the page."""
    on = bindparam("on_day", type_=Date())
    renewal = (PaperRenewal.customer_id == cover.c.customer_id) & (PaperRenewal.kind == cover.c.kind)
    return (
        select(
            cover.c.kind,
            cover.c.source,
            cover.c.valid_to,
            Customer.id,
            Customer.number,
            Customer.name,
            Customer.contact_name,
            Customer.phone,
            Region.name.label("region"),
            User.name.label("manager"),
            is_suspended(on).label("is_suspended"),
            exists().where(renewal, PaperRenewal.outcome.is_(None)).label("is_waiting"),
        )
        .join(Customer, Customer.id == cover.c.customer_id)
        .join(Region, Region.id == Customer.region_id)
        .join(User, User.id == Customer.account_manager_id)
    )


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
