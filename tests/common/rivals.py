"""One process of rivals for the concurrency tests: `python -m tests.common.rivals URL THREADS ACTS SEED`.

Every act, in one transaction: raise a tally by reading and writing it back, draw a number, keep it, note it in the
audit chain; one act in five changes its mind at the end.
"""

from __future__ import annotations

import random
import sys
import threading
from datetime import UTC, datetime

from sqlalchemy import Engine, select, update
from sqlalchemy.orm import Session

from tierflow.common import audit, tables
from tierflow.common.db import is_sqlite, make_engine, transaction
from tierflow.common.filters import SavedFilter
from tierflow.common.numbering import Counter, next_number
from tierflow.kernel.roles import SYSTEM

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)


class SecondThoughts(Exception):
    """Roll this act back."""


def act(session: Session, user_id: int, gives_up: bool) -> None:
    with transaction(session):
        if is_sqlite(session):  # PostgreSQL wants a lock for this; there, the numbers below are the proof
            tally = session.scalars(select(Counter.last).where(Counter.series == "tally")).one()
            session.execute(update(Counter).where(Counter.series == "tally").values(last=tally + 1))
        number = next_number(session, "series")
        session.add(SavedFilter(user_id=user_id, page="rivals", name=f"{number:06}", query=""))
        audit.record(session, SYSTEM, "draw", "number", number, NOW)
        if gives_up:
            raise SecondThoughts


def rival(engine: Engine, acts: int, seed: str, user_id: int) -> None:
    chance = random.Random(seed)
    with Session(engine) as session:
        for _ in range(acts):
            try:
                act(session, user_id, gives_up=chance.random() < 0.2)
            except SecondThoughts:
                continue


def main(url: str, threads: int, acts: int, seed: str) -> None:
    engine = make_engine(url)
    with Session(engine) as session:
        user_id = session.scalars(select(tables.users.User.id)).first()
    assert user_id is not None
    crowd = [threading.Thread(target=rival, args=(engine, acts, f"{seed}-{i}", user_id)) for i in range(threads)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join()
    engine.dispose()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
