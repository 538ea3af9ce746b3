"""The month under way: where each customer stands, the tonnes to go, and who is about to lose a star."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Select, and_, case, cast, func, literal, select
from sqlalchemy.orm import Session, aliased

from tierflow.common import lookup, notices
from tierflow.common.customers import Customer, CustomerLine, get_visible, visible
from tierflow.common.db import in_force
from tierflow.common.indicators import MonthFacts
from tierflow.common.notices import Notice
from tierflow.common.offtake import OfftakeMonth, monthly
from tierflow.common.policies import policy_on
from tierflow.common.reference import ProductLine, lines_on
from tierflow.common.standing import Past, Standing, history, standing_on
from tierflow.grading.models import GradingRun, LevelDecisionRow, LevelPin
from tierflow.grading.rules.levels import Level, LevelPolicy, level_policy
from tierflow.grading.rules.outlook import Outlook, outlook
from tierflow.grading.service import closing, derived, facts, runs
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import SYSTEM, Actor, require
from tierflow.kernel.text import mark, text

MONTHS = 12

AT_STAKE = {
    "keep": mark("%(number)s of your customers lose a level when %(month)s ends, unless they lift more."),
    "force": mark(
        "%(number)s of your customers lose a star when %(month)s ends, unless an indicator they miss gets better."
    ),
}
"""What account managers are warned of, by the list that names the customers."""


def star_lines(session: Session, on: date) -> list[ProductLine]:
    """The product lines that have levels."""
    return [line for line in lines_on(session, on) if line.scheme == "polyolefin"]


def last_closed(session: Session, line_id: int) -> GradingRun | None:
    """The newest confirmed monthly run of a line."""
    query = select(GradingRun).where(
        GradingRun.product_line_id == line_id, GradingRun.kind == "monthly", GradingRun.state == "confirmed"
    )
    return session.scalars(query.order_by(GradingRun.month.desc()).limit(1)).first()


def ways(
    session: Session, actor: Actor, line_id: int, today: date, wanted: Mapping[str, Any]
) -> tuple[Select[Any], Any, Any, Any]:
    """Dealers one may see with level, offtake of this month, grams to keep and to gain; and those columns, to sort by.

    What cannot be lost or gained is left out by `only`: keep and gain by tonnes, force by a missed indicator.
    """
    require(actor, "grading.read")
    policy = level_policy(policy_on(session, today))
    line, lifted = CustomerLine, OfftakeMonth
    month = Month.of(today)
    level, idle, joined = _levels(session, line_id)
    grams = func.coalesce(lifted.grams, 0)
    needed_to_keep, needed_to_gain = _thresholds(level, grams, idle, policy)
    keep = cast(case((needed_to_keep > grams, needed_to_keep - grams), else_=0), BigInteger)
    gain = cast(case((needed_to_gain > grams, needed_to_gain - grams), else_=0), BigInteger)
    query: Any = (
        select(Customer, level.label("level"), grams.label("grams"), keep.label("keep"), gain.label("gain"))
        .join(line, and_(line.customer_id == Customer.id, line.product_line_id == line_id))
        .outerjoin(
            lifted,
            and_(
                lifted.customer_id == Customer.id,
                lifted.product_line_id == line_id,
                lifted.month == month.start,
            ),
        )
    )
    for target, condition in joined:
        query = query.outerjoin(target, condition)
    query = query.where(line.customer_class != "direct", in_force(line.from_on, line.to_on, today), visible(actor))
    if wanted.get("only") == "keep":
        query = query.where(keep > 0)
    elif wanted.get("only") == "gain":
        query = query.where(gain > 0)
    elif wanted.get("only") == "force":
        query = _forced(session, query, level, line_id, today, policy)
    for name in ("region_id", "account_manager_id"):
        if wanted.get(name):
            query = query.where(getattr(Customer, name) == wanted[name])
    if wanted.get("level"):
        query = query.where(level == wanted["level"])
    if wanted.get("q"):
        found: Any = lookup.matching("customer", wanted["q"])
        query = query.where(Customer.id.in_(found))
    return query, keep, gain, grams


def _levels(session: Session, line_id: int) -> tuple[Any, Any, list[tuple[Any, Any]]]:
    """Level and idle months by the last closed month, adjustments laid over it; from admission where there is none."""
    closed = last_closed(session, line_id)
    seen = aliased(LevelDecisionRow)
    joins = [(seen, and_(seen.run_id == (closed.id if closed else 0), seen.customer_id == Customer.id))]
    level, idle = [seen.level], [seen.idle]
    if closed is not None:
        over = select(GradingRun.id).where(
            GradingRun.product_line_id == line_id,
            GradingRun.month == closed.month,
            GradingRun.kind == "adjusting",
            GradingRun.state == "confirmed",
        )
        for run_id in session.scalars(over.order_by(GradingRun.id)):
            later = aliased(LevelDecisionRow)
            joins.append((later, and_(later.run_id == run_id, later.customer_id == Customer.id)))
            level.insert(0, later.level)
            idle.insert(0, later.idle)
    return func.coalesce(*level, "auction"), func.coalesce(*idle, 0), joins


def _thresholds(level: Any, grams: Any, idle: Any, policy: LevelPolicy) -> tuple[Any, Any]:
    stars = {"one_star": policy.one_star, "two_star": policy.two_star, "three_star": policy.three_star}
    idle_out = case(((grams == 0) & (idle + 1 >= policy.idle_months), 1), else_=0)
    keep = case(*[(level == name, literal(needed)) for name, needed in stars.items()], (level == "ordinary", idle_out))
    above = {"auction": 1, "ordinary": policy.one_star, "one_star": policy.two_star, "two_star": policy.three_star}
    gain = case(*[(level == name, literal(needed)) for name, needed in above.items()], else_=0)
    return func.coalesce(keep, 0), gain


def _forced(
    session: Session, query: Select[Any], level: Any, line_id: int, today: date, policy: LevelPolicy
) -> Select[Any]:
    """Narrow to whom an indicator, as it stands today, takes a step down: from a star only (CHEM-9.6)."""
    month, known = Month.of(today), MonthFacts
    over = derived.span(session, line_id, [month], until=today)
    fact: dict[str, Any] = {name: getattr(known, name) for name in facts.INDICATOR_COLUMNS}
    weeks, _since = derived.weeks_as_known(session, over)
    fact["evenness"] = func.coalesce(derived.evenness_of_month(over, weeks), known.evenness)
    query = query.outerjoin(
        known,
        and_(known.customer_id == Customer.id, known.product_line_id == line_id, known.month == month.start),
    )
    due = derived.discipline_of(over, until=today - timedelta(days=1))
    if due is not None:
        query = query.outerjoin(due, due.c.customer_id == Customer.id)
        fact["payment_discipline"] = func.coalesce(due.c.payment_discipline, known.payment_discipline)
    upheld = {
        customer: number for count in runs.BREACHES for customer, number in count(session, line_id, month).items()
    }
    if upheld:  # few; written beside the other figures only when the month is run
        fact["breaches"] = case(upheld, value=Customer.id, else_=known.breaches)
    fact["grams"] = func.coalesce(OfftakeMonth.grams, 0)
    stars = level.in_([each.value for each in Level if each.rank > Level.ORDINARY.rank])
    return query.where(stars, closing.missed(fact, policy.forces) == 1)


@dataclass(frozen=True)
class MonthSeen:
    """One of the last twelve months of a customer: its offtake, and the decision in force where it is closed."""

    month: Month
    grams: int
    decision: LevelDecisionRow | None


@dataclass(frozen=True)
class Picture:
    """A customer on a product line: standing, twelve months, outlook, history."""

    line: ProductLine
    customer_class: str
    standing: Standing
    pending: GradingRun | None  # a run that is not confirmed yet: the old level serves
    months: Sequence[MonthSeen]
    policy: LevelPolicy
    outlook: Outlook
    days_left: int
    history: Sequence[Past]
    pins: Sequence[LevelPin]


def pictures(session: Session, actor: Actor, customer_id: int, now: datetime) -> list[Picture]:
    """The customer on each line it holds that has levels. Raises `NotFound` for whom one may not see."""
    require(actor, "grading.read")
    get_visible(session, actor, customer_id)
    today = local_day(now)
    policy = level_policy(policy_on(session, today))
    found = []
    for line in star_lines(session, today):
        stands = standing_on(session, [customer_id], line.id, today).get(customer_id)
        if stands is not None:
            found.append(_picture(session, customer_id, line, stands, policy, today))
    return found


def _picture(
    session: Session, customer_id: int, line: ProductLine, stands: Standing, policy: LevelPolicy, today: date
) -> Picture:
    month = Month.of(today)
    first = month.plus(1 - MONTHS)
    lifted = monthly(session, [customer_id], line.id, first, month).get(customer_id, {})
    decisions = facts.effective(session, line.id, [customer_id], first, month).get(customer_id, {})
    newest = decisions[max(decisions)] if decisions else None
    held = Level(newest.level if newest else stands.computed)
    idle = newest.idle if newest else 0
    known = session.get(MonthFacts, (line.id, month.start, customer_id))
    grams = lifted.get(month, 0)
    values = {name: getattr(known, name) if known else None for name in facts.INDICATOR_COLUMNS}
    span = derived.span(session, line.id, [month], until=today)
    told = derived.inputs(session, span, [customer_id], until=today - timedelta(days=1))[customer_id]
    for name in ("evenness", "payment_discipline"):
        values[name] = values[name] if getattr(told, name) is None else getattr(told, name)
    seen = facts.known(grams, *values.values())
    kind = "direct" if stands.basis == "direct" else "dealer"
    waiting = runs.newest(session, line.id)
    pins = select(LevelPin).where(LevelPin.customer_id == customer_id, LevelPin.product_line_id == line.id)
    return Picture(
        line=line,
        customer_class=kind,
        standing=stands,
        pending=waiting if waiting is not None and waiting.state != "confirmed" else None,
        months=[MonthSeen(each, lifted.get(each, 0), decisions.get(each)) for each in map(first.plus, range(MONTHS))],
        policy=policy,
        outlook=outlook(kind, held, grams, idle, seen, policy),
        days_left=(month.end - today).days,
        history=history(session, customer_id, line.id),
        pins=session.scalars(pins.order_by(LevelPin.id.desc()).limit(5)).all(),
    )


def warn(session: Session, now: datetime) -> int:
    """Tell each account manager, once a month, how many customers are about to lose a level (CHEM-9.5)."""
    return len(notices.notify_many(session, _warnings(session, now), now))


def unwarned(session: Session, now: datetime) -> int:
    """How many `warn` would tell then."""
    messages = _warnings(session, now)
    keys = {message.dedupe_key for message in messages}
    told = select(Notice.user_id, Notice.dedupe_key).where(Notice.dedupe_key.in_(keys))
    wanted = {(user_id, message.dedupe_key) for message in messages for user_id in message.user_ids}
    return len(wanted - {(row.user_id, row.dedupe_key) for row in session.execute(told)})


def _warnings(session: Session, now: datetime) -> list[notices.Message]:
    """Who is to be told this month, told already or not."""
    today = local_day(now)
    month = Month.of(today)
    messages: list[notices.Message] = []
    if (month.end - today).days > policy_on(session, today).integer("grading.warn_days"):
        return messages
    for line in star_lines(session, today):
        for only, words in AT_STAKE.items():
            query, _keep, _gain, _grams = ways(session, SYSTEM, line.id, today, {"only": only})
            rows = query.subquery()
            counted = select(rows.c.account_manager_id, func.count()).group_by(rows.c.account_manager_id)
            for manager, number in session.execute(counted):
                key = f"levels.{'risk' if only == 'keep' else only}.{line.id}.{month}"
                told = text(words, number=number, month=str(month))
                messages.append(notices.Message([manager], "grading.risk", told, ("grading_risk", line.id), key))
    return messages
