"""What the scheduler tells the web server, and what it is asked: through tables only."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import delete, select, update

from jobs.runner import Forecast, Held, Runner
from tierflow.common.db import db, transaction
from tierflow.common.runs import JobDuty, JobRequest
from tierflow.kernel.errors import TierflowError

log = structlog.get_logger("jobs")


def publish(runner: Runner, now: datetime, *, count: bool) -> list[Forecast]:
    """Write the timetable down as it stands now; counts are kept from the last time unless counted anew."""
    forecast = runner.forecast(now, count=count)
    with transaction(db.session()) as session:
        present = {row.key: row for row in session.scalars(select(JobDuty))}
        for position, line in enumerate(forecast):
            row = present.get(line.duty.key)
            if row is None:
                row = JobDuty(key=line.duty.key)
                session.add(row)
            row.position, row.label, row.every = position, line.duty.label, line.duty.every
            row.at = line.duty.timing.at.isoformat("minutes") if line.duty.timing else ""
            row.next_period = str(line.next_period or "")
            row.next_due_at, row.missed = line.next_due_at, len(line.missed)
            if count:
                row.outstanding, row.counted_at = line.outstanding, now
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
