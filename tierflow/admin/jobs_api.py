"""JSON of the timed duties."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.admin.jobs_pages import ledger_page
from tierflow.admin.jobs_schemas import (
    ConfirmSchema,
    JobRequestSchema,
    OverviewSchema,
    RunFilterSchema,
    RunPageSchema,
    RunRequestSchema,
)
from tierflow.common import runs
from tierflow.common.runs import JobRequest
from tierflow.kernel.errors import NotFound
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("jobs", "Timed duties")


@blp.route("/jobs", methods=["GET"])
@reads("job.read")
@blp.response(200, OverviewSchema)
def overview(*, session: Session, actor: Actor, now: datetime) -> dict[str, Any]:
    """How the scheduler is, and its timetable."""
    return _overview(session, now)


def _overview(session: Session, now: datetime) -> dict[str, Any]:
    beat = runs.heartbeat(session)
    duties = [
        {**{column.key: getattr(duty, column.key) for column in duty.__table__.columns}, "label": show(duty.label)}
        for duty in runs.duties(session)
    ]
    return {
        "status": runs.pulse(session, now).value,
        "beat_at": beat.at if beat else None,
        "held_since": beat.held_since if beat else None,
        "hold_reason": beat.hold_reason if beat else "",
        "duties": duties,
    }


@blp.route("/jobs/runs", methods=["GET"])
@reads("job.read")
@blp.arguments(RunFilterSchema, location="query")
@blp.response(200, RunPageSchema)
def ledger(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> dict[str, Any]:
    """The ledger, newest first."""
    page = ledger_page(session, wanted)
    return {"items": page.rows, "after": page.after, "before": page.before}


@blp.route("/jobs/runs", methods=["POST"])
@writes("job.write")
@blp.arguments(RunRequestSchema)
@blp.response(202, JobRequestSchema)
def run(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> JobRequest:
    """Ask the scheduler to run a duty for a period; it does so within seconds."""
    return runs.request_run(session, actor, wanted["job"], wanted["period"] or "", now)


@blp.route("/jobs/count", methods=["POST"])
@writes("job.write")
@blp.response(202, JobRequestSchema)
def count(*, session: Session, actor: Actor, now: datetime) -> JobRequest:
    """Ask the scheduler what would run until this time tomorrow; the answer is in the request and in the timetable."""
    return runs.request_count(session, actor, now)


@blp.route("/jobs/requests/<int(max=9007199254740991):request_id>", methods=["GET"])
@reads("job.read")
@blp.response(200, JobRequestSchema)
def asked(*, session: Session, actor: Actor, now: datetime, request_id: int) -> JobRequest:
    """What was asked of the scheduler, and what it answered."""
    row = session.get(JobRequest, request_id)
    if row is None:
        raise NotFound
    return row


@blp.route("/jobs/confirm", methods=["POST"])
@writes("job.write")
@blp.arguments(ConfirmSchema)
@blp.response(200, OverviewSchema)
def confirm(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> dict[str, Any]:
    """Confirm the server's date, so that held duties go on."""
    runs.release(session, actor, now, seen_on=data["date"])
    return _overview(session, now)
