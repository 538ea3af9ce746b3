"""What a month's decisions look at: class, offtake, indicators, the level held. One question, by customer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, case, func, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from tierflow.common.customers import CustomerLine
from tierflow.common.db import in_force, is_sqlite
from tierflow.common.indicators import MonthFacts, completion
from tierflow.common.offtake import WEEKS, OfftakeMonth
from tierflow.grading.models import GradingRun, LevelDecisionRow
from tierflow.grading.service import beside, derived
from tierflow.grading.service.derived import Among, Span
from tierflow.kernel.months import Month

INDICATOR_COLUMNS = beside.INDICATORS


@dataclass(frozen=True)
class Sources:
    """Where a question finds what was lifted, the level and idle months before, what was keyed in: by customer_id."""

    lifted: Any
    before: Any
    known: Any
    laid: Sequence[Any] = ()  # what lays them down first, on SQLite

    def lay(self, session: Session, stretch: Mapping[str, int]) -> None:
        """Lay down what is to be laid down, for some customers."""
        if self.laid:
            beside.empty(session, beside.LIFTED, beside.BEFORE, beside.KNOWN)
        for statement in self.laid:
            session.execute(statement, stretch)


def sources(
    session: Session, over: Span, earlier: Sequence[int], among: Among, weeks: Mapping[int, Any], since: Any | None
) -> Sources:
    """What is known of the span's month for some customers.

    `earlier`: the runs of the month before, of which the last holds. `weeks` and `since`: `derived.weeks_as_known`.
    """
    row, keyed = OfftakeMonth, MonthFacts
    named = [weeks[number].label(name) for number, name in enumerate(WEEKS, 1)]
    total = derived.counted_of_month(over, weeks)[1].label("total")
    lifted: Any = select(row.customer_id, row.grams, *named, total).where(
        row.product_line_id == over.line_id, row.month == over.first, among(row.customer_id)
    )
    if since is not None:
        lifted = lifted.outerjoin(since, since.c.customer_id == row.customer_id)
    known = select(keyed.customer_id, *(getattr(keyed, name) for name in INDICATOR_COLUMNS)).where(
        keyed.product_line_id == over.line_id, keyed.month == over.first, among(keyed.customer_id)
    )
    if not is_sqlite(session):
        return Sources(lifted.subquery(), _last(earlier or [0], among).subquery(), known.subquery())
    before = [beside.put(beside.BEFORE, _last([run_id], among)) for run_id in earlier]
    laid = [beside.put(beside.LIFTED, lifted), *before, beside.put(beside.KNOWN, known)]
    return Sources(beside.LIFTED, beside.BEFORE, beside.KNOWN, laid)


def question(over: Span, among: Among, found: Sources) -> Select[Any]:
    """Everybody who holds the span's line on its month's last day, by customer id; narrowed by `among`.

    Evenness and payment discipline are worked out over the month's span; what was keyed in stands where there is no
    data. Each table is narrowed by itself: PostgreSQL would read a whole month of it for every stretch.

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
    lifted, before = found.lifted.c, found.before.c
    weeks = {number: lifted[name] for number, name in enumerate(WEEKS, 1)}
    known = {name: found.known.c[name] for name in INDICATOR_COLUMNS}
    known["evenness"] = func.coalesce(derived.evenness_of_month(over, weeks, lifted.total), known["evenness"])
    due = derived.discipline_of(over, among)
    if due is not None:
        known["payment_discipline"] = func.coalesce(due.c.payment_discipline, known["payment_discipline"])
    columns = list(known.values())
    query = (
        select(
            line.customer_id,
            line.customer_class,
            lifted.grams,
            *columns,
            before.level,
            before.idle,
            case((before.level.is_(None), began)),
        )
        .select_from(line)
        .where(
            line.product_line_id == line_id,
            in_force(line.from_on, line.to_on, over.last),
            among(line.customer_id),
        )
    )
    for each in (found.lifted, found.known, found.before, due):
        if each is not None:
            query = query.outerjoin(each, each.c.customer_id == line.customer_id)
    return query.order_by(line.customer_id)


def total(session: Session, line_id: int, month: Month) -> int:
    """How many customers the month's run decides on."""
    held = in_force(CustomerLine.from_on, CustomerLine.to_on, month.last_day)
    query = select(func.count()).select_from(CustomerLine).where(CustomerLine.product_line_id == line_id, held)
    return session.scalar(query) or 0


def adjusting(session: Session, line_id: int, month: Month) -> list[int]:
    """The confirmed adjusting runs of a month, the first first: what they decided holds instead of the monthly run."""
    query = select(GradingRun.id).where(
        GradingRun.product_line_id == line_id,
        GradingRun.month == month.start,
        GradingRun.kind == "adjusting",
        GradingRun.state == "confirmed",
    )
    return list(session.scalars(query.order_by(GradingRun.id)))


def _last(run_ids: Sequence[int], among: Among) -> Any:
    """Level and idle months by customer, of several runs' decisions each customer's last (PostgreSQL only)."""
    decided = LevelDecisionRow
    query = select(decided.customer_id, decided.level, decided.idle).where(among(decided.customer_id))
    if len(run_ids) == 1:
        return query.where(decided.run_id == run_ids[0])
    newest = query.where(decided.run_id.in_(run_ids)).ext(distinct_on(decided.customer_id))
    return newest.order_by(decided.customer_id, decided.run_id.desc())


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
