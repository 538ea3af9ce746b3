"""What the scheduler tells the web server, and what it is asked: through tables only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from jobs.runner import Forecast, Held, Runner
from tierflow.common.db import db, is_sqlite, transaction
from tierflow.common.runs import JobDuty, JobRequest
from tierflow.kernel.errors import TierflowError

log = structlog.get_logger("jobs")


def publish(runner: Runner, now: datetime, *, count: bool) -> list[Forecast]:
    """Write the timetable down as it stands now; counts are kept from the last time unless counted anew."""
    forecast = runner.forecast(now, count=count)
    with transaction(db.session()) as session:
        insert = insert_sqlite if is_sqlite(session) else insert_postgres
        for position, line in enumerate(forecast):
            told: dict[str, Any] = {
                "position": position,
                "label": line.duty.label,
                "every": line.duty.every,
                "at": line.duty.timing.at.isoformat("minutes") if line.duty.timing else "",
                "next_period": str(line.next_period or ""),
                "next_due_at": line.next_due_at,
                "missed": len(line.missed),
            }
            if count:
                told |= {"outstanding": line.outstanding, "counted_at": now}
            row = insert(JobDuty).values(key=line.duty.key, **told)
            session.execute(row.on_conflict_do_update(index_elements=["key"], set_=told))  # a rival publishes too
        session.execute(delete(JobDuty).where(JobDuty.key.not_in([line.duty.key for line in forecast])))
    return forecast


def answer_requests(runner: Runner) -> int:
    """Do what was asked on the page or through the API. Each request is taken once; returns how many were."""
    taken = 0
    while (request := _take(runner.setup.clock())) is not None:
        taken += 1
        kind, job, period, by_id, request_id = request
        try:
            is_ok, answer = _answer(runner, kind, job, period, by_id)
        except Held:
            is_ok, answer = False, {"held": True}
        except TierflowError as error:
            is_ok, answer = False, {"refused": str(error)[:500]}
        with transaction(db.session()) as session:
            session.execute(
                update(JobRequest)
                .where(JobRequest.id == request_id)
                .values(answered_at=runner.setup.clock(), is_ok=is_ok, answer=answer)
            )
    return taken


def _take(now: datetime) -> tuple[str, str, str, int, int] | None:
    session = db.session()
    session.rollback()
    if session.scalar(select(JobRequest.id).where(JobRequest.taken_at.is_(None)).limit(1)) is None:
        return None
    with transaction(session):
        first = select(JobRequest.id).where(JobRequest.taken_at.is_(None)).order_by(JobRequest.id).limit(1)
        row = session.execute(
            update(JobRequest)
            .where(JobRequest.id == first.scalar_subquery(), JobRequest.taken_at.is_(None))
            .values(taken_at=now)
            .returning(JobRequest.kind, JobRequest.job, JobRequest.period, JobRequest.requested_by_id, JobRequest.id)
        ).one_or_none()
        return None if row is None else (row.kind, row.job, row.period, row.requested_by_id, row.id)


def _answer(runner: Runner, kind: str, job: str, period: str, by_id: int) -> tuple[bool, dict[str, Any]]:
    if kind == "count":
        forecast = publish(runner, runner.setup.clock(), count=True)
        return True, {line.duty.key: line.outstanding for line in forecast}
    return runner.run_by_hand(job, period, by_id), {}
