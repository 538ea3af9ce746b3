"""`tierflow verify` for levels: every stored decision is made again, every level in force has its decision."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer
from tierflow.common.policies import policy_numbered
from tierflow.common.standing import StandingRow, StandingRun
from tierflow.grading.models import GradingChunk, GradingRun, LevelDecisionRow, LevelPin
from tierflow.grading.rules.levels import Level, earned, level_policy
from tierflow.grading.service import closing, facts
from tierflow.kernel.months import Month

BATCH = 5_000


def verify(session: Session) -> Iterator[str]:
    """Decisions that come out differently, altered rows, levels nobody decided, decisions without their level."""
    for run in session.scalars(select(GradingRun).where(GradingRun.state != "withdrawn").order_by(GradingRun.id)):
        name = f"levels of {Month.of(run.month)} (run {run.id})"
        yield from (f"{name}: {lie}" for lie in _replayed(session, run))
        yield from (f"{name}: {lie}" for lie in _sealed(session, run))
        yield from (f"{name}: {lie}" for lie in _carried(session, run))
    yield from _standings(session)


def _replayed(session: Session, run: GradingRun) -> Iterator[str]:
    policy = level_policy(policy_numbered(session, run.policy_version))
    after, counted = -1, 0
    while True:
        query = select(LevelDecisionRow).where(LevelDecisionRow.run_id == run.id, LevelDecisionRow.customer_id > after)
        rows = session.scalars(query.order_by(LevelDecisionRow.customer_id).limit(BATCH)).all()
        for row in rows:
            try:
                seen = facts.indicators(row)
                held = Level(row.held)
                out, idle = earned(row.customer_class, held, row.grams, seen, row.idle_before, policy)
            except ValueError as error:
                yield f"customer {row.customer_id}: cannot be replayed: {error}"
                continue
            if (*out.stored, idle) != (row.level, row.target, row.move, row.code, row.idle):
                yield f"customer {row.customer_id}: stored {row.level}, replayed {out.level}"
        counted += len(rows)
        if len(rows) < BATCH:
            break
        after = rows[-1].customer_id
    if counted != run.done:
        yield f"{counted} decisions stored, {run.done} made"
    strangers = (
        select(func.count())
        .select_from(LevelDecisionRow)
        .where(LevelDecisionRow.run_id == run.id, LevelDecisionRow.customer_id.not_in(select(Customer.id)))
    )
    if number := session.scalar(strangers):
        yield f"{number} decisions on customers that do not exist"


def _sealed(session: Session, run: GradingRun) -> Iterator[str]:
    chunks = session.scalars(select(GradingChunk).where(GradingChunk.run_id == run.id).order_by(GradingChunk.number))
    for chunk in chunks.all():
        rows = closing.changes(session, run.id, chunk.first_id - 1, chunk.last_id)
        if len(rows) != chunk.rows or closing.digest(rows) != chunk.sha256:
            yield f"changes {chunk.first_id} to {chunk.last_id} are not those that were written"


def _carried(session: Session, run: GradingRun) -> Iterator[str]:
    """A monthly run goes on from what the month before came to, adjustments included as they stood then."""
    if run.kind != "monthly" or run.previous_run_id is None:
        return
    before, now = LevelDecisionRow.__table__.alias(), LevelDecisionRow.__table__.alias()
    adjusting = select(GradingRun.id).where(
        GradingRun.product_line_id == run.product_line_id,
        GradingRun.month == Month.of(run.month).previous().start,
        GradingRun.kind == "adjusting",
        GradingRun.state == "confirmed",
    )
    adjusted = select(LevelDecisionRow.customer_id).where(LevelDecisionRow.run_id.in_(adjusting))
    query = (
        select(now.c.customer_id)
        .join(before, before.c.customer_id == now.c.customer_id)
        .where(
            now.c.run_id == run.id,
            before.c.run_id == run.previous_run_id,
            (now.c.held != before.c.level) | (now.c.idle_before != before.c.idle),
            now.c.customer_id.not_in(adjusted),
        )
        .order_by(now.c.customer_id)
    )
    for customer_id in session.scalars(query):
        yield f"customer {customer_id}: it does not go on from the month before"


def _standings(session: Session) -> Iterator[str]:
    """Levels without a decision, runs that count unconfirmed or not at all, changes that never came into force."""
    row, seen, run, told = StandingRow, LevelDecisionRow, GradingRun, StandingRun
    orphans = (
        select(row.id, row.customer_id)
        .outerjoin(seen, (seen.run_id == row.run_id) & (seen.customer_id == row.customer_id))
        .where(row.basis != "pinned", seen.level.is_(None) | (seen.level != row.level))
    )
    for standing_id, customer_id in session.execute(orphans.order_by(row.id)):
        yield f"standing {standing_id}: customer {customer_id} was never given this level"
    confirmed = select(run.id, run.confirmed_at).where(run.state == "confirmed")
    kept = dict(session.execute(select(told.run_id, told.recorded_at)).all())
    for run_id, confirmed_at in session.execute(confirmed.order_by(run.id)):
        if kept.pop(run_id, None) != confirmed_at:
            yield f"run {run_id}: its levels do not count since it was confirmed"
    for run_id in sorted(kept):
        yield f"run {run_id}: its levels count, and nobody confirmed them"
    pinned = (
        select(row.id)
        .outerjoin(LevelPin, (LevelPin.id == row.pin_id) & (LevelPin.state == "approved"))
        .where(row.basis == "pinned", LevelPin.id.is_(None) | (LevelPin.level != row.level))
    )
    for standing_id in session.scalars(pinned.order_by(row.id)):
        yield f"standing {standing_id}: nobody approved this level by hand"
    missing = (
        select(seen.run_id, seen.customer_id)
        .join(run, (run.id == seen.run_id) & (run.state == "confirmed") & (run.kind == "monthly"))
        .outerjoin(row, (row.run_id == seen.run_id) & (row.customer_id == seen.customer_id))
        .where(seen.level != seen.held, row.id.is_(None))
    )
    for run_id, customer_id in session.execute(missing.order_by(seen.run_id, seen.customer_id)):
        yield f"run {run_id}: the level of customer {customer_id} never came into force"
