"""Deciding a month: the rule's few hundred cases laid out as a table, applied to everybody's facts in short strokes.

Each stretch of customers is one statement under a conditional move of the run's cursor, resumable at any of them: of
two at the same run one moves it, the other goes on from where it stands (CHEM-9.5). Adjustments put the same statement
to the few they touch; `verify` asks the rule itself again, for every row.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import product
from typing import Any

from sqlalchemy import (
    BigInteger,
    Select,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import Session

from tierflow.common.customers import CustomerLine
from tierflow.common.db import is_sqlite, transaction
from tierflow.common.indicators import BASIS_POINTS
from tierflow.common.policies import policy_numbered
from tierflow.common.standing import StandingRow
from tierflow.grading.models import GradingCase, GradingChunk, GradingRun, LevelDecisionRow, moved
from tierflow.grading.rules.levels import (
    DIRECT,
    Level,
    LevelPolicy,
    Outcome,
    level_policy,
    outcome,
    target_level,
)
from tierflow.grading.service import derived, facts, seals
from tierflow.grading.service.derived import Span
from tierflow.grading.service.facts import Sources
from tierflow.grading.terms import COUNTED_AGAINST
from tierflow.kernel.months import Month

STRETCH = 4_000  # a write this long keeps nobody waiting (SQLite has one writer)
STRETCH_POSTGRES = 20_000
PAUSE = 0.004

AFTER, LAST = "after_id", "last_id"  # a stretch of customers, in statements

TABLE: Any = LevelDecisionRow.__table__
COLUMNS = tuple(column.name for column in TABLE.columns)


@dataclass(frozen=True)
class Plan:
    """All a run's decisions share."""

    run_id: int
    line_id: int
    month: Month
    earlier: Sequence[int]  # the runs of the month before, of which the last holds
    policy: LevelPolicy
    span: Span


@dataclass(frozen=True)
class Strokes:
    """A run's plan, and the statements of its stretches, each made once: making one costs as much as small ones do."""

    plan: Plan
    ahead: Any
    proposing: Any
    usual: list[tuple[Sources, Any]] = field(default_factory=list)


def strokes(session: Session, run: GradingRun) -> Strokes:
    """What the stretches of a run share; a few queries, once."""
    month = Month.of(run.month)
    policy = level_policy(policy_numbered(session, run.policy_version))
    earlier = facts.adjusting(session, run.product_line_id, month.previous())
    if run.previous_run_id is not None:
        earlier.insert(0, run.previous_run_id)
    span = derived.span(session, run.product_line_id, [month], run.facts_at)
    shared = Plan(run.id, run.product_line_id, month, earlier, policy, span)
    return Strokes(shared, _ahead(run.product_line_id), _proposing(run, month.end))


def cases(policy: LevelPolicy) -> dict[int, Outcome]:
    """Ask the rule once for each of its cases, by key: a few hundred answers that serve everybody.

    The key: class, level held, where the grams lie (0: idle too long, 1: nothing, 2: below one star … 5: three stars),
    whether a gate and whether a force is missed.
    """
    grams = (0, 0, 1, policy.one_star, policy.two_star, policy.three_star)
    found = {}
    for direct, level, place, gated, forced in product((0, 1), Level, range(6), (0, 1), (0, 1)):
        out = DIRECT
        if not direct:
            idle = policy.idle_months if place == 0 else 0
            target, clause = target_level(level, grams[place], idle, policy)
            out = outcome(level, target, clause, gated=bool(gated), forced=bool(forced))
        found[_key(direct, level.rank, place, gated, forced)] = out
    return found


def lay_out(session: Session, run_id: int, policy: LevelPolicy) -> None:
    """Store the rule's cases under a run's policy as the rows that the database applies to everybody."""
    names = ("level", "target", "move", "code")
    found = [
        {"run_id": run_id, "key": key, **dict(zip(names, out.stored, strict=True))}
        for key, out in cases(policy).items()
    ]
    session.execute(insert(GradingCase), found)


def _key(direct: Any, rank: Any, place: Any, gated: Any, forced: Any) -> Any:
    return (((direct * 5 + rank) * 6 + place) * 2 + gated) * 2 + forced


RANK = _key(0, 1, 0, 0, 0)  # what a level higher adds to a key


def key_of(fact: Any, rank: Any, policy: LevelPolicy) -> Any:
    """SQL: the key of the case that facts make. `fact`: columns named as those of the decisions."""
    idle_out = and_(fact.grams == 0, fact.idle_before + 1 >= policy.idle_months)
    stars = ((policy.three_star, 5), (policy.two_star, 4), (policy.one_star, 3))
    place = case((idle_out, 0), (fact.grams == 0, 1), *[(fact.grams >= least, at) for least, at in stars], else_=2)
    direct = case((fact["class"] == "direct", 1), else_=0)
    return _key(direct, rank, place, missed(fact, policy.gates), missed(fact, policy.forces))


def deciding(session: Session, made: Strokes) -> tuple[Sources, Any]:
    """What a stretch's statement reads, and one INSERT … SELECT: facts, the case they make, what the rule said of it.

    The same for every stretch, `AFTER` and `LAST` apart, unless a late lifting is in the weeks.
    """
    shared = made.plan
    weeks, since = derived.weeks_as_known(session, shared.span)
    if since is None and made.usual:
        return made.usual[0]
    found = facts.sources(session, shared.span, shared.earlier, _among, weeks, since)
    query = decisions(shared, facts.question(shared.span, _among, found), is_sqlite(session))
    both = found, insert(TABLE).from_select(list(COLUMNS), query)
    if since is None:
        made.usual.append(both)
    return both


def _among(column: Any) -> Any:
    return and_(column > bindparam(AFTER, type_=BigInteger), column <= bindparam(LAST, type_=BigInteger))


def decisions(shared: Plan, seen: Select[Any], lite: bool) -> Select[Any]:
    """The rule's cases applied to what a question sees, as rows of the table."""
    policy = shared.policy
    names = ("customer_id", "class", "grams", *facts.INDICATOR_COLUMNS, "before_level", "before_idle", "began")
    raw = seen.order_by(None).subquery().columns
    named = select(*(column.label(name) for column, name in zip(raw, names, strict=True))).subquery().c
    initial = case((named.began == "direct", "ordinary"), else_="auction")
    fact = (
        select(
            named.customer_id,
            named["class"],
            func.coalesce(named.before_level, initial).label("held"),
            func.coalesce(named.before_idle, 0).label("idle_before"),
            func.coalesce(named.grams, 0).label("grams"),
            *(named[name] for name in facts.INDICATOR_COLUMNS),
        )
        .subquery()
        .c
    )
    ranks = case({each.value: each.rank for each in Level}, value=fact.held)
    keyed = select(*fact, key_of(fact, ranks, policy).label("key"))
    # Laid down first: PostgreSQL, which cannot guess how many facts make a case, would try every case for everybody.
    placed = keyed.subquery() if lite else keyed.cte("cases").prefix_with("MATERIALIZED")
    fact, rule = placed.c, GradingCase
    idle = case((fact.grams == 0, fact.idle_before + 1), else_=0)
    return select(
        literal(shared.run_id).label("run_id"),
        *(fact[name] for name in COLUMNS[1:11]),
        rule.level,
        rule.target,
        rule.move,
        rule.code,
        idle.label("idle"),
    ).join_from(placed, rule, and_(rule.run_id == shared.run_id, rule.key == fact.key))


def missed(fact: Any, conditions: Mapping[str, int]) -> Any:
    """SQL of `levels.fails` over a policy's conditions: 1 where an indicator with a value misses its threshold."""
    if not conditions:
        return literal_column("0")
    grams, planned = fact["grams"], fact["planned_grams"]
    completion = case((grams >= planned, BASIS_POINTS), else_=grams * BASIS_POINTS // planned)
    indicators = {"plan_completion": case((planned > 0, completion))}
    tests = []
    for name, threshold in conditions.items():
        value = indicators.get(name, fact.get(name))
        tests.append(value > threshold if name in COUNTED_AGAINST else value < threshold)
    return case((or_(*tests), 1), else_=0)


def _ahead(line_id: int) -> Any:
    """The last customer of the next stretch, and how many there are."""
    line = CustomerLine
    ahead = (
        select(line.customer_id)
        .where(line.product_line_id == line_id, line.customer_id > bindparam(AFTER, type_=BigInteger))
        .order_by(line.customer_id)
        .limit(bindparam("size", type_=BigInteger))
        .subquery()
    )
    return select(func.max(ahead.c.customer_id), func.count()).select_from(ahead)


def keep(session: Session, run: GradingRun, made: Strokes, size: int) -> bool:
    """Decide and write the next stretch and move the run on. False: somebody else moved it meanwhile."""
    if run.state != "computing":
        return False
    after = run.cursor
    last, found = session.execute(made.ahead, {AFTER: after, "size": size}).one()
    taken = update(GradingRun).where(
        GradingRun.id == run.id, GradingRun.state == "computing", GradingRun.cursor == after
    )
    if last is None or found < size:
        taken = taken.values(state="proposed")
    moved_on = session.execute(taken.values(cursor=last or after), execution_options={"synchronize_session": False})
    if moved_on.rowcount != 1:  # type: ignore[attr-defined]
        return False
    if last is not None:
        stretch = {AFTER: after, LAST: last}
        if not is_sqlite(session):
            # Of a run just made the planner expects a row or none, and would walk a stretch for each row of another.
            session.execute(sql("SET LOCAL enable_nestloop = off"))
        options = {"preserve_rowcount": True}
        sources, statement = deciding(session, made)
        sources.lay(session, stretch)
        decided: Any = session.execute(statement, stretch, execution_options=options)
        session.execute(made.proposing, stretch)
        session.refresh(run)
        _seal(session, run, after, last, decided.rowcount)
    session.flush()
    session.refresh(run)
    return True


def _seal(session: Session, run: GradingRun, after: int, last: int, number: int) -> None:
    """Note how many rose, fell, were held; seal whoever's level changed (CHEM-9.5)."""
    sealed = seals.seal(session, run.id, after, last)
    run.done += number
    run.chunks += 1
    run.changed += sealed.rows
    for move in ("up", "down", "held"):
        setattr(run, move, getattr(run, move) + sealed.moves.get(move, 0))
    at = {"run_id": run.id, "number": run.chunks, "first_id": after + 1, "last_id": last}
    session.add(GradingChunk(**at, rows=sealed.rows, sha256=sealed.sha256))


_STANDING = ("customer_id", "level", "product_line_id", "basis", "from_on", "month", "run_id", "recorded_at")


def _proposing(run: GradingRun, from_on: date) -> Any:
    """Writes a stretch's changed levels as they will be in force; they count from the run's confirmation on."""
    seen = LevelDecisionRow
    rows = select(
        seen.customer_id,
        seen.level,
        literal(run.product_line_id),
        literal("run"),
        literal(from_on),
        literal(run.month),
        literal(run.id),
        literal(run.facts_at, StandingRow.recorded_at.type),
    ).where(seen.run_id == run.id, _among(seen.customer_id), moved(), seen.level != seen.held)
    table: Any = StandingRow.__table__
    return insert(table).from_select(_STANDING, rows)


def compute_here(session: Session, run: GradingRun) -> None:
    """Decide the whole run in the present transaction: for companies of a few thousand customers."""
    made = strokes(session, run)
    while run.state == "computing":
        keep(session, run, made, STRETCH_POSTGRES)


def compute(
    session: Session,
    run_id: int,
    *,
    size: int | None = None,
    pause: float = PAUSE,
    go_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Decide a run stretch by stretch, each in a transaction of its own, pausing so that others get to save.

    True when the run is decided to its end. Safe to stop and to start again anywhere, twice at once too.
    """
    size = size or (STRETCH if is_sqlite(session) else STRETCH_POSTGRES)
    pause = pause if is_sqlite(session) else 0.0
    session.rollback()
    run = session.get(GradingRun, run_id)
    if run is None or run.state != "computing":
        return run is not None
    made = strokes(session, run)
    while go_on():
        begun = time.monotonic()
        with transaction(session):
            run = session.get_one(GradingRun, run_id)
            keep(session, run, made, size)
            is_done = run.state != "computing"
        if is_done:
            return True
        if pause:
            rest(pause, begun)
    return False


def rest(least: float, begun: float) -> None:
    """Leave the database to others for as long as the work begun at that moment took it: on a slow day, longer."""
    time.sleep(max(least, time.monotonic() - begun))
