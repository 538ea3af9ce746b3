"""Late facts: what was recorded after a month was decided makes an adjusting run, never an overwrite (CHEM-9.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, insert, select, union, update
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import Offtake
from tierflow.common.policies import policy_numbered
from tierflow.grading.models import GradingChunk, GradingRun, LevelDecisionRow
from tierflow.grading.rules.levels import level_policy
from tierflow.grading.service import closing, derived, drifting, facts, runs, seals
from tierflow.grading.service.facts import Held
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text


def touched(session: Session, line_id: int) -> dict[int, Month]:
    """Customers whose closed months have facts their decisions did not see, with the first such month."""
    newest = (
        select(GradingRun.month, func.max(GradingRun.facts_at))
        .where(GradingRun.product_line_id == line_id, GradingRun.state == "confirmed")
        .group_by(GradingRun.month)
    )
    known: dict[date, datetime] = dict(session.execute(newest).all())
    if not known:
        return {}
    since = min(known.values())
    asked: tuple[Any, ...] = (
        select(Offtake.customer_id, Offtake.month, func.max(Offtake.recorded_at))
        .where(Offtake.recorded_at > since, Offtake.product_line_id == line_id, Offtake.month <= max(known))
        .group_by(Offtake.customer_id, Offtake.month),
        select(MonthFacts.customer_id, MonthFacts.month, MonthFacts.updated_at).where(
            MonthFacts.product_line_id == line_id, MonthFacts.month.in_(list(known)), MonthFacts.updated_at > since
        ),
    )
    found: dict[int, Month] = {}
    for query in asked:
        for customer_id, month, recorded_at in session.execute(query):
            if month in known and recorded_at > known[month]:
                found[customer_id] = min(found.get(customer_id, Month.of(month)), Month.of(month))
    for customer_id, month in _drifted(session, line_id):
        found[customer_id] = min(found.get(customer_id, month), month)
    return found


def _drifted(session: Session, line_id: int) -> Iterator[tuple[int, Month]]:
    """Customers whose newest decision of a closed month was made of other facts than are on record now."""
    for decided in confirmed(session, line_id).values():
        for at, run in enumerate(decided):
            others = drifting.differing(session, run, [later.id for later in decided[at + 1 :]])
            yield from ((customer_id, Month.of(run.month)) for customer_id in session.scalars(union(*others)))


def confirmed(session: Session, line_id: int) -> dict[date, list[GradingRun]]:
    """The confirmed runs of each closed month, the first first."""
    query = select(GradingRun).where(GradingRun.product_line_id == line_id, GradingRun.state == "confirmed")
    found: dict[date, list[GradingRun]] = {}
    for run in session.scalars(query.order_by(GradingRun.month, GradingRun.id)):
        found.setdefault(run.month, []).append(run)
    return found


def adjust(session: Session, actor: Actor, line_id: int, now: datetime) -> GradingRun:
    """Propose an adjustment: the months late facts touch, and those after, decided again for the customers concerned.

    Each month by the policy version of its own run. Only decisions that come out differently are kept. Raises
    `Refused` when nothing is late, or another run waits.
    """
    require(actor, "grading.run")
    runs.hold_line(session, line_id)
    newest = runs.newest(session, line_id)
    if newest is None or newest.state != "confirmed" or runs.waiting_adjustment(session, line_id) is not None:
        raise Refused(Refusal(runs.CLAUSE, text("Another run waits to be confirmed; settle it first.")))
    late = touched(session, line_id)
    months = _months(session, line_id, late, Month.of(newest.month))
    decided: list[tuple[GradingRun, list[closing.Row]]] = []
    over: dict[int, Held] = {}
    for old in months:
        rows = _decide(session, old, late, over)
        if rows:
            decided.append((old, rows))
    if not decided:
        raise Refused(Refusal(runs.CLAUSE, text("No late facts: every closed month stands as it was decided.")))
    return _write(session, actor, decided, now)


def _months(session: Session, line_id: int, late: Mapping[int, Month], last: Month) -> list[GradingRun]:
    if not late:
        return []
    query = select(GradingRun).where(
        GradingRun.product_line_id == line_id,
        GradingRun.kind == "monthly",
        GradingRun.state == "confirmed",
        GradingRun.month.between(min(late.values()).start, last.start),
    )
    return list(session.scalars(query.order_by(GradingRun.month)))


def _decide(session: Session, old: GradingRun, late: Mapping[int, Month], over: dict[int, Held]) -> list[closing.Row]:
    """A month's decisions that come out differently. `over` carries levels on to the month after."""
    month = Month.of(old.month)
    ids = sorted(customer_id for customer_id, first in late.items() if first <= month)
    policy = level_policy(policy_numbered(session, old.policy_version))
    stood = facts.effective(session, old.product_line_id, ids, month.previous(), month)
    over_days = derived.span(session, old.product_line_id, [month])
    before = {
        customer_id: (rows[month.previous()].level, rows[month.previous()].idle)
        for customer_id, rows in stood.items()
        if month.previous() in rows
    }
    found = []
    weeks, since = derived.weeks_as_known(session, over_days)
    for at in range(0, len(ids), 500):
        some = facts.question(month, old.previous_run_id, over_days, _those(ids[at : at + 500]), weeks, since)
        found += closing.decide(0, policy, before | over, session.execute(some))
    changed = []
    for row in found:
        customer_id = row[1]
        over[customer_id] = (row[closing.COLUMNS.index("level")], row[-1])
        earlier = stood.get(customer_id, {}).get(month)
        if earlier is None or _values(earlier) != row[1:]:
            changed.append(row)
    return changed


def _those(ids: Sequence[int]) -> derived.Among:
    return lambda column: column.in_(ids)


def _values(row: LevelDecisionRow) -> closing.Row:
    return tuple(getattr(row, "customer_class" if name == "class" else name) for name in closing.COLUMNS[1:])


def _write(
    session: Session, actor: Actor, decided: list[tuple[GradingRun, list[closing.Row]]], now: datetime
) -> GradingRun:
    batch_id = 0
    made = []
    for old, rows in decided:
        moves = [row[closing.COLUMNS.index("move")] for row in rows]
        values = {
            **{name: getattr(old, name) for name in ("product_line_id", "month", "policy_version", "previous_run_id")},
            "kind": "adjusting",
            "state": "proposed",
            "batch_id": batch_id,
            **{move: moves.count(move) for move in ("up", "down", "held")},
            "changed": len(rows),
            "total": len(rows),
            "done": len(rows),
            "cursor": rows[-1][1],
            "chunks": 1,
            "facts_at": now,
            "due_at": now,
            "started_by_id": actor.user_id or None,
            "started_at": now,
        }
        run_id = session.scalars(insert(GradingRun).values(**values).returning(GradingRun.id)).one()
        if not batch_id:
            batch_id = run_id
            session.execute(update(GradingRun).where(GradingRun.id == run_id).values(batch_id=run_id))
        named = [(run_id, *row[1:]) for row in rows]
        closing.write(session, named)
        first_id, last_id = named[0][1], named[-1][1]
        sealed = seals.seal(session, run_id, first_id - 1, last_id)
        at = {"run_id": run_id, "number": 1, "first_id": first_id, "last_id": last_id}
        session.add(GradingChunk(**at, rows=sealed.rows, sha256=sealed.sha256))
        made.append(run_id)
        audit.record(
            session,
            actor,
            "grading.adjust",
            runs.SUBJECT,
            run_id,
            now,
            after={"month": str(Month.of(old.month)), "customers": len(rows)},
        )
    session.flush()
    first = session.get_one(GradingRun, made[0])
    session.refresh(first)
    return first
