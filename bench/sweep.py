"""The sweep of the complaint clocks beside the bare statements it cannot do without: find, insert the event, mark.

`python -m bench.sweep [--open 1000000] [--due 1000] [--engines sqlite,postgresql]`. The floor is two plain statements
over the same tables and indexes, in a transaction of their own. The product's side is the duty as the scheduler runs
it: calendar and extensions looked after, the sweep with its notices, the last look that finds nothing.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, bindparam, func, select, text

from bench.complaints_world import SHARES, Groups, application, grow
from jobs import complaints
from jobs.setup import Setup
from tests.databases import fresh_databases
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
    """One call, or the median of several, in milliseconds: on the wall, and of CPU, the database server's included."""

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True)
class Sweep:
    """One database's figures. The ratios are medians of the pairs' ratios."""

    open: int
    due: int
    floor: Taken
    product: Taken
    ratio: Taken
    idle: Taken


class Stopwatch:
    """Times a call by the wall and by CPU: this process's and, beside a server, that of its connections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, act: Callable[[], object]) -> Taken:
        """Time one call."""
        served_by = self._backends()
        cpu, wall = _cpu_ns(served_by), time.perf_counter()
        act()
        wall_ms = (time.perf_counter() - wall) * 1000
        return Taken(wall_ms, (_cpu_ns(served_by) - cpu) / 1e6)

    def _backends(self) -> list[Path]:
        if self._engine.dialect.name != "postgresql":
            return []
        pids = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        with self._engine.connect() as connection:
            return [Path(f"/proc/{pid}/schedstat") for pid in connection.scalars(pids)]


def _cpu_ns(served_by: list[Path]) -> int:
    return time.process_time_ns() + sum(int(path.read_text().split()[0]) for path in served_by)


def measure(url: str, open_: int, due: int, *, rounds: int = ROUNDS) -> Sweep:
    """Fill a migrated database and sweep it, floor and product in turn, each on a group of its own."""
    groups = Groups(2 * (rounds + 1), due)
    if open_ < groups.count * groups.size:
        raise SystemExit(f"{open_:,} open are too few: {groups.count} groups of {groups.size:,} fall due in turn")
    app = application(url)
    grow(app, open_, groups)
    engine = make_engine(url)
    timed = Stopwatch(make_engine(url))
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
            now, later = groups.due_at(2 * round_), groups.due_at(2 * round_ + 1)
            floors.append(timed(lambda now=now: floor(now)))
            products.append(timed(lambda now=later: product(now)))
            idles.append(timed(lambda now=later: product(now)))
        _check(groups)
        db.session.remove()
        db.engine.dispose()
    engine.dispose()
    pairs = [
        Taken(ours.wall_ms / bare.wall_ms, ours.cpu_ms / bare.cpu_ms)
        for bare, ours in zip(floors[1:], products[1:], strict=True)  # one warm-up
    ]
    return Sweep(open_, due, _median(floors[1:]), _median(products[1:]), _median(pairs), _median(idles[1:]))


def _median(taken: list[Taken]) -> Taken:
    return Taken(statistics.median(t.wall_ms for t in taken), statistics.median(t.cpu_ms for t in taken))


def _check(groups: Groups) -> None:
    """Both sides noted every clock of their groups, and the product told whoever must know."""
    session = db.session()
    session.rollback()
    noted = dict(session.execute(select(ClockEvent.kind, func.count()).group_by(ClockEvent.kind)).all())
    for kind, share in SHARES:
        if noted[kind.value] != groups.count * int(groups.size * share):
            raise RuntimeError(f"{kind}: {noted[kind.value]} noted")
    kinds = [f"complaint.{kind}" for kind, _share in SHARES]
    told = session.scalar(select(func.count()).select_from(Notice).where(Notice.kind.in_(kinds)))
    wanted = groups.count // 2 * int(groups.size * (0.5 + 0.3 * 2 + 0.2))  # a breach is told to two
    if told != wanted:
        raise RuntimeError(f"{told} notices written, {wanted} wanted")


def main() -> None:
    """Measure at the size asked for and at a tenth of it, and print both."""
    parser = argparse.ArgumentParser(prog="python -m bench.sweep", description=__doc__)
    parser.add_argument("--open", type=int, default=1_000_000)
    parser.add_argument("--due", type=int, default=1_000)
    parser.add_argument("--engines", default="sqlite,postgresql")
    given = parser.parse_args()
    report(given.open, given.due, given.engines.split(","))


def report(open_: int, due: int, engines: list[str]) -> None:
    """The table in Markdown. Every figure as wall / CPU."""
    print(f"\nSweep of the complaint clocks, {due:,} due; wall / CPU\n")
    print("| engine | open | floor ms | tierflow ms | ratio | nothing due ms | against a tenth of the data |")
    print("|---|---|---|---|---|---|---|")
    for engine in engines:
        small = None
        for number in (open_ // 10, open_):
            with fresh_databases(engine) as fresh:
                found = measure(fresh(), number, due)
            growth = ""
            if small is not None:
                growth = _both(
                    Taken(
                        found.product.wall_ms / small.product.wall_ms,
                        found.product.cpu_ms / small.product.cpu_ms,
                    )
                )
            figures = [_both(taken) for taken in (found.floor, found.product, found.ratio, found.idle)]
            print(f"| {engine} | {number:,} | {' | '.join(figures)} | {growth} |", flush=True)
            small = found


def _both(taken: Taken) -> str:
    return f"{taken.wall_ms:.2f} / {taken.cpu_ms:.2f}"


if __name__ == "__main__":
    main()
