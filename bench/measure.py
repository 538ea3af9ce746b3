"""Fair timing: floor and product in turn, one warm-up, medians and pairwise ratios of CPU seconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, event


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
