"""Reading runs: the decisions of a month as moves with reasons, one decision with all it saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from tierflow.common import lookup
from tierflow.common.customers import Customer, visible
from tierflow.common.policies import policy_numbered
from tierflow.common.reference import ProductLine, Region
from tierflow.common.users import User
from tierflow.grading.models import GradingRun, LevelDecisionRow
from tierflow.grading.rules.levels import MOVES, Level, LevelPolicy, earned, indicators_of, level_policy
from tierflow.grading.rules.levels import Month as MonthFactsSeen
from tierflow.grading.service import facts, runs
from tierflow.kernel.decisions import Indicator
from tierflow.kernel.errors import NotFound
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor, Role, require


def whose(actor: Actor) -> Any:
    """Whose levels one sees in a run. Levels are confirmed for the company: sales managers see everybody's there."""
    if Role.SALES_MANAGER in actor.roles:
        return Customer.id.is_not(None)
    return visible(actor)


def decisions(actor: Actor, run: GradingRun, wanted: Mapping[str, Any]) -> Select[Any]:
    """A run's decisions with customer, region and account manager, to be paged by customer. Moves alone by default."""
    require(actor, "grading.read")
    seen, manager = LevelDecisionRow, aliased(User)
    query: Select[Any] = (
        select(seen, Customer, Region.name, manager.name)
        .join(Customer, Customer.id == seen.customer_id)
        .join(Region, Region.id == Customer.region_id)
        .join(manager, manager.id == Customer.account_manager_id)
        .where(seen.run_id == run.id, whose(actor))
    )
    move = wanted.get("move")
    if move in MOVES:
        query = query.where(seen.move == move)
    elif move != "all" and run.kind == "monthly":
        query = query.where(seen.move != "same")
    for name in ("region_id", "account_manager_id"):
        if wanted.get(name):
            query = query.where(getattr(Customer, name) == wanted[name])
    if wanted.get("level"):
        query = query.where(seen.level == wanted["level"])
    if wanted.get("q"):
        query = query.where(Customer.id.in_(lookup.matching("customer", wanted["q"])))
    return query


def earlier(session: Session, run: GradingRun, customer_ids: Sequence[int]) -> dict[int, LevelDecisionRow]:
    """What an adjusted month had come to before, by customer."""
    if run.kind != "adjusting":
        return {}
    rows = session.scalars(
        select(LevelDecisionRow)
        .join(GradingRun, GradingRun.id == LevelDecisionRow.run_id)
        .where(
            GradingRun.product_line_id == run.product_line_id,
            GradingRun.month == run.month,
            GradingRun.state == "confirmed",
            GradingRun.id < run.id,
            LevelDecisionRow.customer_id.in_(list(customer_ids)),
        )
        .order_by(GradingRun.id)
    )
    return {row.customer_id: row for row in rows}


@dataclass(frozen=True)
class Proof:
    """One decision with all it saw, worked out again: rule, inputs, policy version."""

    run: GradingRun
    line: ProductLine
    customer: Customer
    row: LevelDecisionRow
    policy: LevelPolicy
    clauses: tuple[str, ...]
    indicators: tuple[Indicator, ...]
    agrees: bool


def proof(session: Session, actor: Actor, run_id: int, customer_id: int) -> Proof:
    """Why a customer's month came to its level. Raises `NotFound`."""
    require(actor, "grading.read")
    run = runs.get(session, run_id)
    query = select(Customer).where(Customer.id == customer_id, or_(whose(actor), visible(actor)))
    customer = session.scalars(query).first()
    row = session.get(LevelDecisionRow, (run_id, customer_id))
    if customer is None or row is None:
        raise NotFound
    policy = level_policy(policy_numbered(session, run.policy_version))
    known = facts.indicators(row)
    out, idle = earned(row.customer_class, Level(row.held), row.grams, known, row.idle_before, policy)
    shown = indicators_of(MonthFactsSeen(row.grams, known), policy, judged=row.customer_class != "direct")
    line = session.get_one(ProductLine, run.product_line_id)
    agrees = (*out.stored, idle) == (row.level, row.target, row.move, row.code, row.idle)
    return Proof(run, line, customer, row, policy, tuple(row.code.split()), shown, agrees)


def by_region(session: Session, run: GradingRun) -> list[tuple[str, int, int, int]]:
    """Moves up, down and held by region: one query over the moves alone."""
    seen = LevelDecisionRow
    rows = session.execute(
        select(Region.name, seen.move, func.count())
        .select_from(seen)
        .join(Customer, Customer.id == seen.customer_id)
        .join(Region, Region.id == Customer.region_id)
        .where(and_(seen.run_id == run.id, seen.move != "same"))
        .group_by(Region.name, seen.move)
        .order_by(Region.name)
    )
    found: dict[str, dict[str, int]] = {}
    for region, move, number in rows:
        found.setdefault(region, {})[move] = number
    return [(region, *(moves.get(move, 0) for move in MOVES[:3])) for region, moves in found.items()]


def waits_for(run: GradingRun, now: datetime) -> bool:
    """Whether the general manager may confirm a run by now."""
    return run.escalated_at is not None or now > run.due_at


def month_of(run: GradingRun) -> Month:
    """The month a run decides."""
    return Month.of(run.month)
