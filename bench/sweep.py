"""The sweep of the complaint clocks beside the bare statements it cannot do without: find, insert the event, mark.

The floor is two plain statements over the same tables and indexes, in a transaction of their own. The product's side is
the duty as the scheduler runs it: calendar and extensions looked after, the sweep with its notices, the last look that
finds nothing.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Flask
from sqlalchemy import bindparam, func, select, text

from bench.complaints_world import SHARES, Groups, application, grow
from jobs import complaints
from jobs.setup import Setup
from tierflow.common.db import UtcDateTime, db, make_engine, write_access
from tierflow.common.notices import Notice
from tierflow.complaints.models import ClockEvent

ROUNDS = 7
DUE = "told_at IS NULL AND next_at <= :now"
NOW = bindparam("now", type_=UtcDateTime())
FLOOR = (
    text(
        "INSERT INTO complaint_event (clock_id, revision, kind, at, recorded_at, note) "
        "SELECT id, revision, next_kind, CASE next_kind WHEN 'breached' THEN due_at ELSE next_at END, :now, '' "
        f"FROM complaint_clock WHERE {DUE}"
    ).bindparams(NOW),
    text(
        "UPDATE complaint_clock SET "
        "next_at = CASE next_kind WHEN 'due_day' THEN late_at WHEN 'breached' THEN escalate_at END, "
        "breached_at = CASE next_kind WHEN 'breached' THEN coalesce(breached_at, due_at) ELSE breached_at END, "
        "next_kind = CASE next_kind WHEN 'due_day' THEN 'breached' WHEN 'breached' THEN 'escalated' END "
        f"WHERE {DUE}"
    ).bindparams(NOW),
)


@dataclass(frozen=True)
class Taken:
    """Medians of a call, in milliseconds: by the clock on the wall and of this process's CPU."""

    wall_ms: float
    cpu_ms: float

    def over(self, floor: Taken) -> str:
        """Both ratios, written."""
        return f"{self.wall_ms / floor.wall_ms:.2f} / {self.cpu_ms / floor.cpu_ms:.2f}"


@dataclass(frozen=True)
class Sweep:
    """One database's figures."""

    complaints: int
    due: int
    floor: Taken
    product: Taken
    wall_ratio: float
    cpu_ratio: float
    idle: Taken


def measure(url: str, open_: int, due: int, *, rounds: int = ROUNDS) -> Sweep:
    """Fill a migrated database and sweep it, floor and product in turn, each on a group of its own."""
    groups = Groups(2 * (rounds + 1), due)
    app = application(url)
    grow(app, open_, groups)
    engine = make_engine(url)
    setup = Setup(Path(), 0, Path(), "", clock=lambda: groups.due_at(0), pause=0.0)

    def floor(now: datetime) -> None:
        with write_access(), engine.begin() as connection:
            for statement in FLOOR:
                connection.execute(statement, {"now": now})

    def product(now: datetime) -> None:
        complaints.watch(now, setup)

    floors, products, idles = [], [], []
    with app.app_context():
        for round_ in range(rounds + 1):
            for offset, act, taken in ((0, floor, floors), (1, product, products)):
                now = groups.due_at(2 * round_ + offset)
                taken.append(_timed(lambda act=act, now=now: act(now)))
            idles.append(_timed(lambda now=now: product(now)))
        _check(app, groups)
    engine.dispose()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    pairs = list(zip(floors[1:], products[1:], strict=True))  # one warm-up
    return Sweep(
        open_,
        due,
        _median(floors[1:]),
        _median(products[1:]),
        statistics.median(ours.wall_ms / bare.wall_ms for bare, ours in pairs),
        statistics.median(ours.cpu_ms / bare.cpu_ms for bare, ours in pairs),
        _median(idles[1:]),
    )


def _timed(act: Callable[[], object]) -> Taken:
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return Taken((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000)


def _median(taken: list[Taken]) -> Taken:
    return Taken(statistics.median(t.wall_ms for t in taken), statistics.median(t.cpu_ms for t in taken))


def _check(app: Flask, groups: Groups) -> None:
    """Both sides noted every clock of their groups, and the product told whoever must know."""
    session = db.session()
    session.rollback()
    noted = dict(session.execute(select(ClockEvent.kind, func.count()).group_by(ClockEvent.kind)).all())
    for kind, share in SHARES:
        if noted[kind.value] != groups.count * int(groups.size * share):
            raise RuntimeError(f"{kind}: {noted[kind.value]} noted")
    kinds = [f"complaint.{kind}" for kind, _share in SHARES]
    told = session.scalar(select(func.count()).select_from(Notice).where(Notice.kind.in_(kinds)))
    wanted = groups.count // 2 * int(groups.size * (0.5 + 0.3 * 2 + 0.2))
    if told != wanted:
        raise RuntimeError(f"{told} notices written, {wanted} wanted")
