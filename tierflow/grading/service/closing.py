"""Deciding a month: facts streamed by customer through the rule, written in short strokes, resumable at any of them.

A stretch is read and decided without a write lock, then written under a conditional move of the run's cursor: of two
at the same run one moves it, the other starts over from where it stands (CHEM-9.5).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from tierflow.common.customers import CustomerLine
from tierflow.common.db import is_sqlite, transaction
from tierflow.common.policies import policy_numbered
from tierflow.grading.models import GradingChunk, GradingRun, LevelDecisionRow
from tierflow.grading.rules.levels import Level, LevelPolicy, earned, level_policy
from tierflow.grading.service import facts
from tierflow.grading.service.facts import Held
from tierflow.kernel.months import Month

STRETCH = 2_000  # a write this long keeps nobody waiting (SQLite has one writer)
STRETCH_POSTGRES = 20_000
PAUSE = 0.004

Row = tuple[Any, ...]
COLUMNS = tuple(column.name for column in LevelDecisionRow.__table__.columns)
LEVEL_OF = {level.value: level for level in Level}
_NOTHING: Mapping[str, int] = {}


@dataclass(frozen=True)
class Plan:
    """All a run's decisions share."""

    run_id: int
    line_id: int
    month: Month
    previous_run_id: int | None
    policy: LevelPolicy
    over: Mapping[int, Held]


@dataclass(frozen=True)
class Stretch:
    """Decisions ready to be written."""

    rows: Sequence[Row]
    is_last: bool


def plan(session: Session, run: GradingRun) -> Plan:
    """What a run's decisions share; two queries, once."""
    month = Month.of(run.month)
    policy = level_policy(policy_numbered(session, run.policy_version))
    over = facts.adjusted(session, run.product_line_id, month.previous())
    return Plan(run.id, run.product_line_id, month, run.previous_run_id, policy, over)


def decide(run_id: int, policy: LevelPolicy, over: Mapping[int, Held], rows: Iterable[Any]) -> list[Row]:
    """The rule over facts, as rows of the table: what it saw, what it said (CHEM-9.3 to 9.7)."""
    judged = bool(policy.gates or policy.forces)
    decided = []
    for customer_id, customer_class, lifted, *values, held_before, idle_then, began in rows:
        grams = lifted or 0
        level, idle = over.get(customer_id) or (held_before, idle_then)
        if level is None:
            level, idle = ("ordinary" if began == "direct" else "auction"), 0
        seen = _NOTHING
        if judged:
            seen = facts.known(grams, *values)
        out, idle_now = earned(customer_class, LEVEL_OF[level], grams, seen, idle, policy)
        decided.append((run_id, customer_id, customer_class, level, idle, grams, *values, *out.stored, idle_now))
    return decided


def stretch(session: Session, shared: Plan, after: int, size: int) -> Stretch:
    """The next decisions after a customer id."""
    query = facts.question(shared.line_id, shared.month, shared.previous_run_id)
    found = session.execute(query.where(CustomerLine.customer_id > after).limit(size)).all()
    return Stretch(decide(shared.run_id, shared.policy, shared.over, found), len(found) < size)


def digest(rows: Iterable[Row]) -> str:
    """The hash of decisions as the table has them."""
    return sha256("".join(map(repr, rows)).encode()).hexdigest()


def write(session: Session, rows: Sequence[Row]) -> None:
    """Add decisions past the ORM: a million rows are plain tuples all the way."""
    connection = session.connection()
    names = ", ".join(COLUMNS)
    if is_sqlite(session):
        places = ", ".join("?" * len(COLUMNS))
        connection.exec_driver_sql(f"INSERT INTO level_decision ({names}) VALUES ({places})", list(rows))  # noqa: S608
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY level_decision ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def keep(session: Session, run: GradingRun, found: Stretch) -> bool:
    """Write a stretch and move the run on. False: somebody else moved it meanwhile, and nothing was written."""
    rows = found.rows
    moves = [row[_MOVE] for row in rows]
    last = rows[-1][1] if rows else run.cursor
    moved = session.execute(
        update(GradingRun)
        .where(GradingRun.id == run.id, GradingRun.state == "computing", GradingRun.cursor == run.cursor)
        .values(
            cursor=last,
            done=GradingRun.done + len(rows),
            chunks=GradingRun.chunks + (1 if rows else 0),
            up=GradingRun.up + moves.count("up"),
            down=GradingRun.down + moves.count("down"),
            held=GradingRun.held + moves.count("held"),
            changed=GradingRun.changed + sum(row[_LEVEL] != row[_HELD] for row in rows),
            state="proposed" if found.is_last else "computing",
        )
        .execution_options(synchronize_session=False)
    )
    if moved.rowcount != 1:  # type: ignore[attr-defined]
        return False
    if rows:
        write(session, rows)
        number = run.chunks + 1
        chunk = GradingChunk(
            run_id=run.id, number=number, first_id=rows[0][1], last_id=last, rows=len(rows), sha256=digest(rows)
        )
        session.add(chunk)
    session.flush()
    session.refresh(run)
    return True


_MOVE, _LEVEL, _HELD = COLUMNS.index("move"), COLUMNS.index("level"), COLUMNS.index("held")


def compute_here(session: Session, run: GradingRun) -> None:
    """Decide the whole run in the present transaction: for companies of a few thousand customers."""
    shared = plan(session, run)
    while run.state == "computing":
        keep(session, run, stretch(session, shared, run.cursor, STRETCH_POSTGRES))


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
    shared = plan(session, run)
    while go_on():
        found = stretch(session, shared, run.cursor, size)
        cursor, chunks = run.cursor, run.chunks
        with transaction(session):
            run = session.get_one(GradingRun, run_id)
            if run.cursor == cursor and run.chunks == chunks:
                keep(session, run, found)
        run = session.get_one(GradingRun, run_id)
        if run.state != "computing":
            return True
        if pause:
            time.sleep(pause)
    return False
