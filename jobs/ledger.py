"""Marks in the ledger. A claim, the effect and the mark commit together or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tierflow.common.db import is_sqlite
from tierflow.common.runs import JobDuty, Run
from tierflow.kernel.months import AnyPeriod, parse_period

BEGINS = {"begins": True}
LONGEST_ERROR = 500


def begins_at(session: Session, job: str) -> AnyPeriod | None:
    """The period after which the duty's ledger begins; None when it has none yet."""
    first = session.scalar(select(Run.period).where(Run.job == job, Run.item == "").order_by(Run.period).limit(1))
    return None if first is None else parse_period(first)


def open_ledger(session: Session, job: str, period: AnyPeriod, now: datetime) -> None:
    """Begin the ledger of a duty: this period counts as done, the next one is the first to do."""
    _insert(session, [_row(job, str(period), "", "done", now, result=BEGINS)])


def done_periods(session: Session, job: str, since: AnyPeriod) -> set[str]:
    """The periods from `since` on that are done. Written periods of one kind sort as the periods do."""
    query = select(Run.period).where(Run.job == job, Run.item == "", Run.state == "done", Run.period >= str(since))
    return set(session.scalars(query))


def failure(session: Session, job: str, period: AnyPeriod) -> tuple[int, datetime] | None:
    """How often the period failed and when last; None when it did not."""
    query = select(Run.tries, Run.ended_at).where(
        Run.job == job, Run.period == str(period), Run.item == "", Run.state == "failed"
    )
    row = session.execute(query).one_or_none()
    return None if row is None else (row.tries, row.ended_at)


def claim(session: Session, job: str, period: AnyPeriod, item: str, now: datetime, by_id: int | None) -> Run | None:
    """Take a slot for this transaction; None when it is done. A rival waits here until we commit, then gets None."""
    _insert(session, [_row(job, str(period), item, "failed", now, by_id=by_id, error="not finished", tries=0)])
    query = (
        select(Run)
        .where(Run.job == job, Run.period == str(period), Run.item == item)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    run = session.scalars(query).one()
    return None if run.state == "done" else run


def mark(run: Run, result: dict[str, Any], started_at: datetime, ended_at: datetime, by_id: int | None) -> None:
    """The claimed slot is done."""
    run.state, run.result, run.error = "done", result, ""
    run.started_at, run.ended_at, run.started_by_id = started_at, ended_at, by_id
    run.tries += 1


def cover(session: Session, job: str, periods: Collection[AnyPeriod], by: AnyPeriod, now: datetime) -> None:
    """Earlier periods whose state the newer one has dealt with are done too."""
    if not periods:
        return
    result = {"covered_by": str(by)}
    _insert(session, [_row(job, str(period), "", "done", now, result=result) for period in periods])
    written = [str(period) for period in periods]
    _settle(session, [Run.job == job, Run.item == "", Run.period.in_(written)], result, now)


def settle_items(session: Session, job: str, periods: Iterable[AnyPeriod], now: datetime) -> None:
    """Items that failed once and are no longer outstanding need nobody's attention."""
    written = [str(period) for period in periods]
    _settle(session, [Run.job == job, Run.item != "", Run.period.in_(written)], {"settled": True}, now)


def _settle(session: Session, conditions: list[Any], result: dict[str, Any], now: datetime) -> None:
    session.execute(
        update(Run)
        .where(*conditions, Run.state == "failed")
        .values(state="done", result=result, error="", ended_at=now)
        .execution_options(synchronize_session=False)
    )


def fail(
    session: Session, job: str, period: AnyPeriod, item: str, error: str, now: datetime, by_id: int | None
) -> None:
    """Keep a failure with its count of tries; never over a slot that is done."""
    _insert(session, [_row(job, str(period), item, "failed", now, by_id=by_id, tries=0)])
    session.execute(
        update(Run)
        .where(Run.job == job, Run.period == str(period), Run.item == item, Run.state == "failed")
        .values(error=error[:LONGEST_ERROR], tries=Run.tries + 1, ended_at=now, started_by_id=by_id)
        .execution_options(synchronize_session=False)
    )


def note(session: Session, job: str, label: str, error: str, now: datetime) -> None:
    """Write down how a duty without periods went; `error` is empty when it went well."""
    told: dict[str, Any]
    if error:
        told = {"last_error": error[:LONGEST_ERROR], "tries": JobDuty.tries + 1}
    else:
        told = {"last_ok_at": now, "last_error": "", "tries": 0}
    insert = insert_sqlite if is_sqlite(session) else insert_postgres
    # The timetable is published a moment later; until then the row knows little more than its name.
    blank = {"key": job, "position": 0, "label": label, "every": "", "at": "", "next_period": "", "missed": 0}
    row = insert(JobDuty).values({**blank, **told, "tries": 1 if error else 0})
    session.execute(row.on_conflict_do_update(index_elements=["key"], set_=told))


def said(error: BaseException) -> str:
    """An exception in one line, without the statement and its parameters; of a group, what each of it says."""
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(said(each) for each in error.exceptions)
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return " ".join(f"{type(cause).__name__}: {cause}".split())


def _row(
    job: str,
    period: str,
    item: str,
    state: str,
    now: datetime,
    *,
    result: dict[str, Any] | None = None,
    by_id: int | None = None,
    error: str = "",
    tries: int = 1,
) -> dict[str, Any]:
    return {
        "job": job,
        "period": period,
        "item": item,
        "state": state,
        "started_at": now,
        "ended_at": now,
        "tries": tries,
        "result": result or {},
        "error": error,
        "started_by_id": by_id,
    }


def _insert(session: Session, rows: list[dict[str, Any]]) -> None:
    insert = insert_sqlite if is_sqlite(session) else insert_postgres
    for at in range(0, len(rows), 500):
        session.execute(insert(Run).on_conflict_do_nothing(), rows[at : at + 500])
