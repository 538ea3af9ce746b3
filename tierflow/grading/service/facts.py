"""What a month's decisions look at: class, offtake, indicators, the level held. One question, by customer."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Select, and_, case, func, select
from sqlalchemy.orm import Session, aliased

from tierflow.common.customers import CustomerLine
from tierflow.common.db import in_force
from tierflow.common.indicators import MonthFacts, completion
from tierflow.common.offtake import OfftakeMonth
from tierflow.grading.models import GradingRun, LevelDecisionRow
from tierflow.grading.service import derived
from tierflow.grading.service.derived import Among, Span
from tierflow.kernel.months import Month

Held = tuple[str, int]
"""A level held and the idle months in a row that led to it."""


INDICATOR_COLUMNS = ("planned_grams", "evenness", "payment_discipline", "breaches", "cooperation")


def question(
    month: Month, previous_run_id: int | None, over: Span, among: Among, weeks: Mapping[int, Any], since: Any | None
) -> Select[Any]:
    """Everybody who holds the span's line on the month's last day, by customer id; narrowed by `among`.

    Evenness and payment discipline are worked out over the month's span (`weeks` and `since`:
    `derived.weeks_as_known`); what was keyed in stands where there is no data. Each table is narrowed by itself:
    PostgreSQL would read a whole month of it for every stretch.

    Columns: customer, class, grams, the indicators, the level and idle months of the month before, and the class the
    customer began with where there is no such decision.
    """
    line_id = over.line_id
    first, line = aliased(CustomerLine), CustomerLine
    began = (
        select(first.customer_class)
        .where(first.customer_id == line.customer_id, first.product_line_id == line_id)
        .order_by(first.from_on)
        .limit(1)
        .correlate(line)
        .scalar_subquery()
    )
    before = LevelDecisionRow
    known = {name: getattr(MonthFacts, name) for name in INDICATOR_COLUMNS}
    known["evenness"] = func.coalesce(derived.evenness_of_month(over, weeks), known["evenness"])
    due = derived.discipline_of(over, among)
    if due is not None:
        known["payment_discipline"] = func.coalesce(due.c.payment_discipline, known["payment_discipline"])
    columns = list(known.values())
    query = (
        select(
            line.customer_id,
            line.customer_class,
            OfftakeMonth.grams,
            *columns,
            before.level,
            before.idle,
            case((before.level.is_(None), began)),
        )
        .select_from(line)
        .outerjoin(
            OfftakeMonth,
            and_(
                OfftakeMonth.customer_id == line.customer_id,
                OfftakeMonth.product_line_id == line_id,
                OfftakeMonth.month == month.start,
                among(OfftakeMonth.customer_id),
            ),
        )
        .outerjoin(
            MonthFacts,
            and_(
                MonthFacts.product_line_id == line_id,
                MonthFacts.month == month.start,
                MonthFacts.customer_id == line.customer_id,
                among(MonthFacts.customer_id),
            ),
        )
        .outerjoin(
            before,
            and_(
                before.run_id == (previous_run_id or 0),
                before.customer_id == line.customer_id,
                among(before.customer_id),
            ),
        )
        .where(
            line.product_line_id == line_id,
            in_force(line.from_on, line.to_on, month.last_day),
            among(line.customer_id),
        )
    )
    for found in (since, due):
        if found is not None:
            query = query.outerjoin(found, found.c.customer_id == line.customer_id)
    return query.order_by(line.customer_id)


def total(session: Session, line_id: int, month: Month) -> int:
    """How many customers the month's run decides on."""
    held = in_force(CustomerLine.from_on, CustomerLine.to_on, month.last_day)
    query = select(func.count()).select_from(CustomerLine).where(CustomerLine.product_line_id == line_id, held)
    return session.scalar(query) or 0


def adjusted(session: Session, line_id: int, month: Month) -> dict[int, Held]:
    """What confirmed adjusting runs made of a month: few rows, laid over those of the monthly run."""
    rows = session.execute(
        select(LevelDecisionRow.customer_id, LevelDecisionRow.level, LevelDecisionRow.idle)
        .join(GradingRun, GradingRun.id == LevelDecisionRow.run_id)
        .where(
            GradingRun.product_line_id == line_id,
            GradingRun.month == month.start,
            GradingRun.kind == "adjusting",
            GradingRun.state == "confirmed",
        )
        .order_by(GradingRun.id)
    )
    return {customer_id: (level, idle) for customer_id, level, idle in rows}


def effective(
    session: Session, line_id: int, customer_ids: Collection[int], first: Month, last: Month
) -> dict[int, dict[Month, LevelDecisionRow]]:
    """The decisions in force of these customers' closed months: the newest confirmed of each month. Two queries."""
    runs = dict(
        session.execute(
            select(GradingRun.id, GradingRun.month).where(
                GradingRun.product_line_id == line_id,
                GradingRun.month.between(first.start, last.start),
                GradingRun.state == "confirmed",
            )
        ).all()
    )
    found: dict[int, dict[Month, LevelDecisionRow]] = {}
    ids = sorted(customer_ids)
    for at in range(0, len(ids), 500):
        query = (
            select(LevelDecisionRow)
            .where(LevelDecisionRow.run_id.in_(list(runs)), LevelDecisionRow.customer_id.in_(ids[at : at + 500]))
            .order_by(LevelDecisionRow.run_id)
        )
        for row in session.scalars(query):
            found.setdefault(row.customer_id, {})[Month.of(runs[row.run_id])] = row
    return found


def known(
    grams: int,
    planned_grams: int | None,
    evenness: int | None,
    payment_discipline: int | None,
    breaches: int | None,
    cooperation: int | None,
) -> dict[str, int]:
    """The indicators that have a value (CHEM-9.6)."""
    values = (
        ("plan_completion", completion(grams, planned_grams)),
        ("evenness", evenness),
        ("payment_discipline", payment_discipline),
        ("breaches", breaches),
        ("cooperation", cooperation),
    )
    return {name: value for name, value in values if value is not None}


def indicators(row: LevelDecisionRow) -> dict[str, int]:
    """The indicators a stored decision saw."""
    return known(row.grams, *(getattr(row, name) for name in INDICATOR_COLUMNS))
