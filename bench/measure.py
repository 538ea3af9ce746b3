"""Fair timing: floor and product in turn, one warm-up, medians and pairwise ratios of CPU seconds."""

from __future__ import annotations

import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, event

from tierflow.common.db import make_engine


@dataclass(frozen=True)
class Pair:
    """Two things measured in turn: medians in milliseconds a call, and the median of the pairwise ratios."""

    name: str
    floor_ms: float
    product_ms: float
    ratio: float
    low: float
    high: float


def in_turn(
    name: str, floor: Callable[[], object], product: Callable[[], object], *, rounds: int = 7, calls: int = 10
) -> Pair:
    """Wall time of `calls` calls each, floor and product in turn; one warm-up round is not counted."""
    floors, products = [], []
    for round_ in range(rounds + 1):
        for call, times in ((floor, floors), (product, products)):
            begun = time.perf_counter()
            for _ in range(calls):
                call()
            if round_:
                times.append((time.perf_counter() - begun) / calls * 1000)
    ratios = [product_ms / floor_ms for floor_ms, product_ms in zip(floors, products, strict=True)]
    return Pair(
        name,
        statistics.median(floors),
        statistics.median(products),
        statistics.median(ratios),
        min(ratios),
        max(ratios),
    )


@contextmanager
def statements(engine: Engine) -> Iterator[list[str]]:
    """The SQL statements sent inside; BEGIN, PRAGMA and SET are not counted as queries of the page."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SET ", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")):
            seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


def cpu(server: int | None) -> float:
    """CPU seconds of this process, of what it started and has ended, and of a local PostgreSQL with all its own."""
    mine, children = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    total = mine + children.ru_utime + children.ru_stime
    if server is None:
        return total
    tick = os.sysconf("SC_CLK_TCK")
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(entry.name) == server:
            total += sum(map(int, fields[11:15])) / tick  # with those of its processes that have ended
        elif int(fields[1]) == server:
            total += sum(map(int, fields[11:13])) / tick
    return total


def server_of(url: str) -> int | None:
    """The process all others of a local PostgreSQL come from."""
    if url.startswith("sqlite"):
        return None
    engine = make_engine(url)
    with engine.connect() as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
    engine.dispose()
    stat = Path(f"/proc/{own}/stat")
    return int(stat.read_text().rpartition(")")[2].split()[1]) if stat.exists() else None


def timed(server: int | None, act: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and of CPU."""
    began, worked = time.perf_counter(), cpu(server)
    act()
    return time.perf_counter() - began, cpu(server) - worked


def row_of(took: tuple[float, float], floor: tuple[float, float]) -> str:
    """A row's four figures: seconds, CPU seconds, and both as ratios to the floor's."""
    wall, worked = took
    return f"{wall:.1f} | {worked:.1f} | {wall / floor[0]:.2f} | {worked / floor[1]:.2f}"
