"""Late facts: what was recorded after a month was decided makes an adjusting run, never an overwrite (CHEM-9.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, case, func, insert, literal, or_, select, union
from sqlalchemy.orm import Session, aliased

from tierflow.common import audit
from tierflow.common.db import is_sqlite
from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import Offtake
from tierflow.common.policies import policy_numbered
from tierflow.grading.models import GradingChunk, GradingRun, LevelDecisionRow
from tierflow.grading.rules.levels import level_policy
from tierflow.grading.service import beside, closing, derived, drifting, facts, runs, seals
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text

# What comparing found before the transaction began, by product line.
_seen: ContextVar[dict[int, list[tuple[int, Month]]] | None] = ContextVar("tierflow_late_facts", default=None)


@contextmanager
def looked_for(session: Session, line_ids: Iterable[int]) -> Iterator[None]:
    """Compare the closed months of these lines with their facts now, with no transaction open; `adjust` knows it.

    A year of a million customers takes seconds, and nobody's save may wait for them. Whoever is found is decided anew
    inside, by the facts of then. What is written between is asked for there by its moment, and a straggler that bears
    an earlier one differs still when late facts are looked for again.
    """
    session.rollback()
    found = {line_id: list(_drifted(session, line_id)) for line_id in line_ids}
    session.rollback()
    token = _seen.set(found)
    try:
        yield
    finally:
        _seen.reset(token)


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
    row, keyed = Offtake, MonthFacts
    since = min(known.values())  # the index finds from there on
    asked: tuple[Any, ...] = (
        select(row.customer_id, row.month).where(
            row.recorded_at > since, row.product_line_id == line_id, row.recorded_at > _known(known, row.month)
        ),
        select(keyed.customer_id, keyed.month).where(
            keyed.product_line_id == line_id,
            keyed.month.in_(list(known)),
            keyed.updated_at > since,
            keyed.updated_at > _known(known, keyed.month),
        ),
    )
    found: dict[int, Month] = {}
    for query in asked:  # not DISTINCT: SQLite would walk the whole ledger by customer
        for customer_id, month in session.execute(query):
            found[customer_id] = min(found.get(customer_id, Month.of(month)), Month.of(month))
    seen = _seen.get() or {}
    for customer_id, month in seen[line_id] if line_id in seen else _drifted(session, line_id):
        found[customer_id] = min(found.get(customer_id, month), month)
    return found


def _known(known: Mapping[date, datetime], month: Any) -> Any:
    """SQL: until when a closed month's facts are known to its decisions; NULL of a month that is not closed."""
    return case({each: literal(at, Offtake.recorded_at.type) for each, at in known.items()}, value=month)


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
    made = _decide(session, actor, line_id, touched(session, line_id), now)
    if not made:
        raise Refused(Refusal(runs.CLAUSE, text("No late facts: every closed month stands as it was decided.")))
    return session.get_one(GradingRun, made[0], populate_existing=True)


def _decide(session: Session, actor: Actor, line_id: int, late: Mapping[int, Month], now: datetime) -> list[int]:
    """The runs of the months that come out differently, the first first; each month goes on from the one before."""
    if not late:
        return []
    beside.touch(session, {customer_id: month.start for customer_id, month in late.items()})
    holds = {month: [run.id for run in decided] for month, decided in confirmed(session, line_id).items()}
    query = select(GradingRun).where(
        GradingRun.product_line_id == line_id,
        GradingRun.kind == "monthly",
        GradingRun.state == "confirmed",
        GradingRun.month >= min(late.values()).start,
    )
    made: list[int] = []
    for old in session.scalars(query.order_by(GradingRun.month)).all():
        with session.begin_nested() as savepoint:
            run = _begin(session, actor, old, made[0] if made else 0, now)
            earlier = holds.get(Month.of(old.month).previous().start, [])
            if not _keep(session, run, earlier, holds[old.month]):
                savepoint.rollback()
                continue
        holds[old.month].append(run.id)
        made.append(run.id)
        after = {"month": str(Month.of(old.month)), "customers": run.total}
        audit.record(session, actor, "grading.adjust", runs.SUBJECT, run.id, now, after=after)
    return made


def _begin(session: Session, actor: Actor, old: GradingRun, batch_id: int, now: datetime) -> GradingRun:
    """A run over a closed month, by the policy of that month's own."""
    copied = ("product_line_id", "month", "policy_version", "previous_run_id")
    run = GradingRun(
        **{name: getattr(old, name) for name in copied},
        **dict.fromkeys(("total", "done", "cursor", "chunks", "up", "down", "held", "changed"), 0),
        kind="adjusting",
        state="proposed",
        batch_id=batch_id,
        facts_at=now,
        due_at=now,
        started_by_id=actor.user_id or None,
        started_at=now,
    )
    session.add(run)
    session.flush()
    run.batch_id = batch_id or run.id
    return run


def _keep(session: Session, run: GradingRun, earlier: Sequence[int], holds: Sequence[int]) -> bool:
    """Decide a month anew for whom late facts touch by then; keep what differs from what holds. False: nothing does.

    `earlier`: the runs of the month before, of which the last holds.
    """
    policy = level_policy(policy_numbered(session, run.policy_version))
    closing.lay_out(session, run.id, policy)
    month, row = Month.of(run.month), beside.TOUCHED.c

    def among(customer_id: Any) -> Any:
        return customer_id.in_(select(row.customer_id).where(row.month <= month.start))

    span = derived.span(session, run.product_line_id, [month])
    weeks, since = derived.weeks_as_known(session, span)
    sources = facts.sources(session, span, earlier, among, weeks, since)
    sources.lay(session, {})
    shared = closing.Plan(run.id, run.product_line_id, month, earlier, policy, span)
    seen = facts.question(span, among, sources)
    anew = closing.decisions(shared, seen, is_sqlite(session)).subquery()
    stood = closing.TABLE.alias()
    differs = [anew.c[name].is_distinct_from(stood.c[name]) for name in closing.COLUMNS[1:]]
    before = and_(stood.c.customer_id == anew.c.customer_id, stood.c.run_id == _newest(anew.c.customer_id, holds))
    query = select(anew).outerjoin(stood, before).where(or_(*differs))
    session.execute(insert(closing.TABLE).from_select(list(closing.COLUMNS), query))
    return _sum_up(session, run)


def _newest(customer_id: Any, run_ids: Sequence[int]) -> Any:
    """SQL: of these runs the last that decided on a customer."""
    if len(run_ids) == 1:
        return run_ids[0]
    seen = aliased(LevelDecisionRow)
    decided = seen.customer_id == customer_id, seen.run_id.in_(run_ids)
    return select(func.max(seen.run_id)).where(*decided).scalar_subquery()


def _sum_up(session: Session, run: GradingRun) -> bool:
    """Note and seal what a run decided. False: nothing."""
    seen = LevelDecisionRow
    query = select(func.count(), func.min(seen.customer_id), func.max(seen.customer_id)).where(seen.run_id == run.id)
    number, first_id, last_id = session.execute(query).one()
    if not number:
        return False
    sealed = seals.seal(session, run.id, first_id - 1, last_id)
    for move in ("up", "down", "held"):
        setattr(run, move, sealed.moves.get(move, 0))
    run.total = run.done = run.changed = number
    run.cursor, run.chunks = last_id, 1
    at = {"run_id": run.id, "number": 1, "first_id": first_id, "last_id": last_id}
    session.add(GradingChunk(**at, rows=sealed.rows, sha256=sealed.sha256))
    session.flush()
    return True
