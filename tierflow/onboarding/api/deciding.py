"""JSON of the chain: hand in, decide, take back, ask."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalDecision, Seen
from tierflow.kernel.approval import Verdict
from tierflow.kernel.roles import Actor
from tierflow.onboarding import service
from tierflow.onboarding.api.applications import ONE
from tierflow.onboarding.rules.chain import Given
from tierflow.onboarding.schemas import given, shown
from tierflow.onboarding.service import admitting
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("approvals", "Approval")


def verdict_of(data: dict[str, Any]) -> dict[str, Any]:
    """A verdict as the service takes it."""
    return {
        "seen": Seen(data["seen_version"], data["step"]),
        "verdict": Verdict(data["verdict"]),
        "reason": data["reason"] or "",
        "items": [Given(row["key"], row["verdict"], row["remark"] or "") for row in data["items"]],
        "struck": {row["product_line_id"]: row["reason"] for row in data["struck"]},
    }


@blp.route(f"{ONE}/submit", methods=["POST"])
@writes("application.write")
@blp.arguments(given.SubmitSchema)
@blp.response(200, shown.ApplicationOutSchema)
def submit(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """Hand the application in; 409 lists everything that is missing."""
    service.submit(session, actor, application_id, now, seen_version=data["seen_version"])
    return service.view(session, actor, application_id)


@blp.route(f"{ONE}/decisions", methods=["POST"])
@writes("application.decide")
@blp.arguments(given.DecideSchema)
@blp.response(201, shown.StepVerdictSchema)
def decide(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """The waiting step's verdict: approve, return for correction, reject. Answers where the case went."""
    return _given(application_id, service.decide(session, actor, application_id, now=now, **verdict_of(data)))


@blp.route(f"{ONE}/admissions", methods=["GET"])
@reads("application.read")
@blp.response(200, shown.StoredAdmissionsSchema)
def stored_admissions(*, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """Its admissions as they were decided, to be explained and made again: inputs, indicators, policy version."""
    return {"rows": admitting.stored_admissions(session, actor, application_id)}


@blp.route("/applications/approvals", methods=["POST"])
@writes("application.decide")
@blp.arguments(given.BulkSchema)
@blp.response(201, shown.StepVerdictsSchema)
def approve_several(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Approve several applications whose every check is green; all or none."""
    cases = [(row["application_id"], Seen(row["seen_version"], row["step"])) for row in data["cases"]]
    rows = service.bulk_approve(session, actor, cases, now, reason=data["reason"] or "")
    return {"decisions": [_given(found, row) for (found, _), row in zip(cases, rows, strict=True)]}


def _given(application_id: int, row: ApprovalDecision) -> dict[str, Any]:
    verdict = {name: getattr(row, name) for name in ("round", "step", "verdict", "moved_to", "next_step")}
    return {"application_id": application_id, **verdict}


@blp.route("/applications/next", methods=["GET"])
@reads("application.decide")
@blp.arguments(given.AfterSchema, location="query")
@blp.response(200, shown.NextSchema)
def next_in_queue(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The application to decide next, most urgent first."""
    return {"application_id": service.next_in_queue(session, actor, wanted["after"])}


@blp.route(f"{ONE}/withdraw", methods=["POST"])
@writes("application.write")
@blp.arguments(given.WithdrawSchema)
@blp.response(200, shown.ApplicationOutSchema)
def withdraw(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """Take the application back, to correct it."""
    service.withdraw(session, actor, application_id, now, reason=data["reason"])
    return service.view(session, actor, application_id)


@blp.route(f"{ONE}/opinions", methods=["POST"])
@writes("application.ask")
@blp.arguments(given.AskSchema)
@blp.response(201, shown.AskedSchema)
def ask(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """Ask a colleague's opinion, or copy one in; the chain does not move."""
    question = data["question"] or ""
    return service.ask(session, actor, application_id, data["asked_id"], question, data["kind"], now)
