"""`tierflow verify` for levels: every stored decision is made again, every level in force has its decision."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from sqlalchemy import Select, func, or_, select, union
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import in_force
from tierflow.common.offtake import Offtake
from tierflow.common.policies import policy_numbered
from tierflow.common.standing import StandingRow, StandingRun
from tierflow.grading.models import GradingChunk, GradingRun, LevelDecisionRow, LevelPin
from tierflow.grading.rules.levels import Level, earned, level_policy
from tierflow.grading.service import drifting, facts, seals
from tierflow.kernel.months import Month, local_day

BATCH = 5_000


def verify(session: Session) -> Iterator[str]:
    """Decisions that come out differently, altered rows, levels nobody decided, decisions without their level."""
    for run in session.scalars(select(GradingRun).where(GradingRun.state != "withdrawn").order_by(GradingRun.id)):
        name = f"levels of {Month.of(run.month)} (run {run.id})"
        yield from (f"{name}: {lie}" for lie in _replayed(session, run))
        yield from (f"{name}: {lie}" for lie in _sealed(session, run))
        yield from (f"{name}: {lie}" for lie in _carried(session, run))
    yield from _unseen(session)
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
    if number := session.scalar(strangers(run.id)):
        yield f"{number} decisions on customers that do not exist"


def strangers(run_id: int) -> Select[Any]:
    """How many decisions name nobody. Not by NOT IN: PostgreSQL asks that anew for each, once it is many."""
    seen = LevelDecisionRow
    known = select(Customer.id).where(Customer.id == seen.customer_id).exists()
    return select(func.count()).select_from(seen).where(seen.run_id == run_id, ~known)


def _sealed(session: Session, run: GradingRun) -> Iterator[str]:
    chunks = session.scalars(select(GradingChunk).where(GradingChunk.run_id == run.id).order_by(GradingChunk.number))
    for chunk in chunks.all():
        found = seals.seal(session, run.id, chunk.first_id - 1, chunk.last_id)
        if (found.rows, found.sha256) != (chunk.rows, chunk.sha256):
            yield f"changes {chunk.first_id} to {chunk.last_id} are not those that were written"


def _carried(session: Session, run: GradingRun) -> Iterator[str]:
    """A monthly run goes on from what the month before came to, adjustments included as they stood then.

    None is confirmed while a month is being closed, so that those made before the run stood, and no others.
    """
    if run.kind != "monthly" or run.previous_run_id is None:
        return
    before, now = LevelDecisionRow.__table__.alias(), LevelDecisionRow.__table__.alias()
    anew = LevelDecisionRow.__table__.alias()
    adjusting = (
        GradingRun.product_line_id == run.product_line_id,
        GradingRun.month == Month.of(run.month).previous().start,
        GradingRun.kind == "adjusting",
        GradingRun.state == "confirmed",
        GradingRun.id < run.id,
    )
    made = session.scalars(select(GradingRun.id).where(*adjusting).order_by(GradingRun.id)).all()
    for at, run_id in enumerate([run.previous_run_id, *made]):
        later = select(anew.c.run_id).where(anew.c.run_id.in_(made[at:]), anew.c.customer_id == now.c.customer_id)
        query = (
            select(now.c.customer_id)
            .join(before, before.c.customer_id == now.c.customer_id)
            .where(
                now.c.run_id == run.id,
                before.c.run_id == run_id,
                (now.c.held != before.c.level) | (now.c.idle_before != before.c.idle),
                *([~later.exists()] if made[at:] else []),
            )
            .order_by(now.c.customer_id)
        )
        for customer_id in session.scalars(query):
            yield f"customer {customer_id}: it does not go on from the month before"


def _unseen(session: Session) -> Iterator[str]:
    """Closed months whose decisions saw other tonnes than the month has, though nothing was recorded since.

    Those an adjustment is proposed for are known, and so is what was recorded later: it is there to be adjusted.
    """
    known = or_(GradingRun.state == "confirmed", (GradingRun.kind == "adjusting") & (GradingRun.state == "proposed"))
    months: dict[tuple[int, date], list[GradingRun]] = {}
    for run in session.scalars(select(GradingRun).where(known).order_by(GradingRun.month, GradingRun.id)):
        months.setdefault((run.product_line_id, run.month), []).append(run)
    for made in months.values():
        since = max(run.facts_at for run in made)
        for at, run in enumerate(made):
            later = [each.id for each in made[at + 1 :]]
            decided = union(drifting.lifted(run, later), drifting.unfounded(run, later)).subquery()
            customer_id = decided.c.customer_id
            held = in_force(CustomerLine.from_on, CustomerLine.to_on, Month.of(run.month).last_day)
            line = (CustomerLine.customer_id == customer_id, CustomerLine.product_line_id == run.product_line_id)
            late = (
                Offtake.customer_id == customer_id,
                Offtake.product_line_id == run.product_line_id,
                Offtake.month == run.month,
                Offtake.recorded_at > since,
            )
            query = select(customer_id).where(
                select(CustomerLine.id).where(*line, held).exists(), ~select(Offtake.id).where(*late).exists()
            )
            for each in session.scalars(query.order_by(customer_id)):
                yield (
                    f"levels of {Month.of(run.month)} (run {run.id}): customer {each}: decided by other tonnes than the"
                    " month has; look for late facts"
                )


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
    yield from _placed(session)
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
        .where(
            row.basis == "pinned",
            or_(
                LevelPin.id.is_(None),
                LevelPin.level != row.level,
                LevelPin.customer_id != row.customer_id,
                LevelPin.product_line_id != row.product_line_id,
                LevelPin.from_on > row.from_on,
                LevelPin.to_on != row.to_on,
            ),
        )
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


def _placed(session: Session) -> Iterator[str]:
    """Levels in force on another product line, for another month or from another day than their run decided."""
    row = StandingRow
    told = (row.run_id, row.product_line_id, row.month, row.from_on, row.basis)
    runs = {run.id: run for run in session.scalars(select(GradingRun))}
    for found in session.execute(select(*told).where(row.run_id.is_not(None)).distinct().order_by(*told)).all():
        run = runs.get(found.run_id)
        if run is None or (run.kind == "adjusting" and run.confirmed_at is None):
            continue  # an adjustment's levels are written when it is confirmed
        from_on, basis = Month.of(run.month).end, "run"
        if run.confirmed_at is not None and run.kind == "adjusting":
            from_on, basis = max(local_day(run.confirmed_at), from_on), "adjusted"
        if tuple(found) == (run.id, run.product_line_id, run.month, from_on, basis):
            continue
        wrong = [column.is_not_distinct_from(value) for column, value in zip(told, found, strict=True)]
        for standing_id in session.scalars(select(row.id).where(*wrong).order_by(row.id)):
            yield f"standing {standing_id}: not the line, the month or the day that run {run.id} decided on"
