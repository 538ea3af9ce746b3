"""Decisions whose month's facts are no longer those they were made of, told by comparing the two (CHEM-9.5).

When a fact was recorded tells less: it bears the moment its writer looked at the clock. Whoever looked before a run
began and committed after it wrote what the run did not see, by a moment that is not later. And money counts from a day
of its own, which may lie in a month long closed.

Each question is put row by row, as a subquery that no planner turns about: of a run just made PostgreSQL expects a row
or none, and would walk all its rows for each of another table.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import OfftakeMonth
from tierflow.grading.models import GradingRun, LevelDecisionRow
from tierflow.grading.service import derived
from tierflow.kernel.months import Month


def differing(session: Session, run: GradingRun, later: Sequence[int] = ()) -> list[Select[Any]]:
    """Customers whose tonnes, orders paid in time or figures keyed in are not those the run decided by.

    `later`: runs of the same month whose decisions hold instead of this one's.
    """
    found = [lifted(run, later), _keyed(run, later)]
    paid = derived.discipline_of(derived.span(session, run.product_line_id, [Month.of(run.month)]))
    if paid is not None:
        seen = aliased(LevelDecisionRow)
        then = select(func.coalesce(seen.payment_discipline, -1)).where(*_decided(seen, run, paid.c.customer_id))
        found.append(
            select(paid.c.customer_id).where(
                then.scalar_subquery() != paid.c.payment_discipline, *_holds(paid.c.customer_id, later)
            )
        )
    return found


def lifted(run: GradingRun, later: Sequence[int] = ()) -> Select[Any]:
    """Customers whose tonnes are not those the run decided by.

    Asked of whoever lifted in the month, a third of them perhaps: a month's sum is added to and never taken away, so
    that nobody else was decided by any tonnes. That no sum is missing is what `offtake.verify` proves.
    """
    seen, month = aliased(LevelDecisionRow), OfftakeMonth
    then = select(seen.grams).where(*_decided(seen, run, month.customer_id)).scalar_subquery()
    return select(month.customer_id).where(
        month.product_line_id == run.product_line_id,
        month.month == run.month,
        then != month.grams,
        *_holds(month.customer_id, later),
    )


def unfounded(run: GradingRun, later: Sequence[int] = ()) -> Select[Any]:
    """Customers decided by tonnes of a month that has none of theirs: nothing that was written leads there."""
    seen, month = LevelDecisionRow, OfftakeMonth
    known = select(month.grams).where(
        month.customer_id == seen.customer_id, month.product_line_id == run.product_line_id, month.month == run.month
    )
    return select(seen.customer_id).where(
        seen.run_id == run.id, seen.grams != 0, ~known.exists(), *_holds(seen.customer_id, later)
    )


def _keyed(run: GradingRun, later: Sequence[int]) -> Select[Any]:
    """What was keyed in. Of an indicator that may have been worked out instead: that there was none at all."""
    seen, known = aliased(LevelDecisionRow), MonthFacts
    differs = [getattr(seen, name).is_distinct_from(getattr(known, name)) for name in ("planned_grams", "breaches")]
    differs.append(seen.cooperation.is_distinct_from(known.cooperation))
    for name in ("evenness", "payment_discipline"):
        differs.append(and_(getattr(seen, name).is_(None), getattr(known, name).is_not(None)))
    asked = select(seen.customer_id).where(*_decided(seen, run, known.customer_id), or_(*differs))
    return select(known.customer_id).where(
        known.product_line_id == run.product_line_id,
        known.month == run.month,
        asked.scalar_subquery().is_not(None),
        *_holds(known.customer_id, later),
    )


def _decided(seen: Any, run: GradingRun, customer_id: Any) -> tuple[Any, ...]:
    return seen.run_id == run.id, seen.customer_id == customer_id


def _holds(customer_id: Any, later: Sequence[int]) -> list[Any]:
    """No later run decided on the customer."""
    if not later:
        return []
    anew = aliased(LevelDecisionRow)
    return [~select(anew.run_id).where(anew.run_id.in_(later), anew.customer_id == customer_id).exists()]
