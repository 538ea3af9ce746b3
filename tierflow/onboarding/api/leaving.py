"""JSON of changes to the file, supplements, disqualification, distribution and inspection."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from tierflow.common.approvals import Seen
from tierflow.common.uploads import Upload
from tierflow.kernel.approval import Verdict
from tierflow.kernel.roles import Actor
from tierflow.onboarding import service
from tierflow.onboarding.api.papers import uploaded
from tierflow.onboarding.schemas import given, leaving, shown
from tierflow.onboarding.schemas.keeping import VerdictSchema
from tierflow.onboarding.service import changing, disqualifying, distributing, inspecting, supplementing
from tierflow.web.access import reads, writes
from tierflow.web.files import inline
from tierflow.web.openapi import SCAN, api_blueprint

blp = api_blueprint("leaving", "Changes, disqualification, distribution, inspection")

ROW_ID = "int(max=9007199254740991)"
CUSTOMER = f"/customers/<{ROW_ID}:customer_id>"
CHANGE = f"/customer-changes/<{ROW_ID}:change_id>"
DISQUALIFICATION = f"/disqualifications/<{ROW_ID}:disqualification_id>"
INSPECTION = f"/inspections/<{ROW_ID}:inspection_id>"
FINDING = f"/inspection-findings/<{ROW_ID}:finding_id>"


@blp.route(f"{CUSTOMER}/changes", methods=["POST"])
@writes("change.write")
@blp.arguments(leaving.ChangeSchema, location="form")
@blp.arguments(given.ScanSchema, location="files")
@blp.response(201, leaving.ChangeOutSchema)
def propose_change(
    data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime, customer_id: int
) -> Any:
    """Ask for new values of examined particulars; the old ones serve until their examiner approves."""
    new, upload = leaving.fields_of(data), uploaded(sent.get("file"))
    row = changing.propose(session, actor, customer_id, new, now, reason=data["reason"], upload=upload)
    return changing.view(session, actor, row.id)


@blp.route(CHANGE, methods=["GET"])
@reads("customer.read")
@blp.response(200, leaving.ChangeOutSchema)
def read_change(*, session: Session, actor: Actor, now: datetime, change_id: int) -> Any:
    """A change, and where its examination stands."""
    return changing.view(session, actor, change_id)


@blp.route(CHANGE, methods=["PATCH"])
@writes("change.write")
@blp.arguments(leaving.CorrectedChangeSchema, location="form")
@blp.arguments(given.ScanSchema, location="files")
@blp.response(200, leaving.ChangeOutSchema)
def correct_change(
    data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime, change_id: int
) -> Any:
    """Correct what came back, and hand it in again; what is left out stays as on file."""
    new, upload = leaving.fields_of(data), uploaded(sent.get("file"))
    changing.correct(session, actor, change_id, new, now, reason=data["reason"], upload=upload)
    return changing.view(session, actor, change_id)


@blp.route(CHANGE, methods=["DELETE"])
@writes("change.write")
@blp.response(204)
def withdraw_change(*, session: Session, actor: Actor, now: datetime, change_id: int) -> None:
    """Take a change back before it is decided."""
    changing.withdraw(session, actor, change_id, now)


@blp.route(f"{CHANGE}/decisions", methods=["POST"])
@writes("change.examine")
@blp.arguments(VerdictSchema)
@blp.response(201, leaving.ChangeOutSchema)
def decide_change(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, change_id: int) -> Any:
    """The examiner's verdict; the last approval puts the new values in force."""
    seen, verdict = Seen(data["version"], data["step"]), Verdict(data["verdict"])
    changing.decide(session, actor, change_id, seen, verdict, now, reason=data["reason"] or "")
    return changing.view(session, actor, change_id)


@blp.route(f"{CUSTOMER}/supplements", methods=["POST"])
@writes("application.write")
@blp.response(201, shown.ApplicationOutSchema)
def begin_supplement(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """A supplementary application: other lines or classes, through the whole chain."""
    return service.view(session, actor, supplementing.begin(session, actor, customer_id, now).id)


@blp.route(f"{CUSTOMER}/disqualifications", methods=["POST"])
@writes("disqualification.write")
@blp.arguments(leaving.DisqualifySchema, location="form")
@blp.arguments(given.ScanFileSchema, location="files")
@blp.response(201, leaving.DisqualificationOutSchema)
def propose_disqualification(
    data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime, customer_id: int
) -> Any:
    """Propose to withdraw a customer's status, with the evidence."""
    upload = Upload(sent["file"].filename or "", sent["file"].stream.read())
    row = disqualifying.propose(session, actor, customer_id, data, upload, now)
    return disqualifying.view(session, actor, row.id)


@blp.route(DISQUALIFICATION, methods=["GET"])
@reads("disqualification.read")
@blp.response(200, leaving.DisqualificationOutSchema)
def read_disqualification(*, session: Session, actor: Actor, now: datetime, disqualification_id: int) -> Any:
    """A proposal, and where its decision stands."""
    return disqualifying.view(session, actor, disqualification_id)


@blp.route(f"{DISQUALIFICATION}/evidence", methods=["GET"])
@reads("disqualification.read")
@blp.doc(responses=SCAN)
def read_evidence(*, session: Session, actor: Actor, now: datetime, disqualification_id: int) -> Response:
    """The scan that proves the ground."""
    return inline(session, disqualifying.evidence(session, actor, disqualification_id))


@blp.route(f"{DISQUALIFICATION}/decisions", methods=["POST"])
@writes("disqualification.decide")
@blp.arguments(leaving.YesNoSchema)
@blp.response(201, leaving.DisqualificationOutSchema)
def decide_disqualification(
    data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, disqualification_id: int
) -> Any:
    """The general manager's decision; approval stops everything open at once."""
    seen, verdict = Seen(data["version"], data["step"]), Verdict(data["verdict"])
    disqualifying.decide(session, actor, disqualification_id, seen, verdict, now, reason=data["reason"] or "")
    return disqualifying.view(session, actor, disqualification_id)


@blp.route("/disqualified", methods=["GET"])
@reads("disqualification.read")
@blp.arguments(leaving.DisqualifiedFilter, location="query")
@blp.response(200, leaving.DisqualifiedPageSchema)
def list_disqualified(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The list that opening an account checks, newest first."""
    return disqualifying.disqualified(session, actor, **wanted)


@blp.route("/distributions", methods=["GET"])
@reads("distribution.read")
@blp.arguments(leaving.DistributionsSchema, location="query")
@blp.response(200, leaving.DistributionPageSchema)
def list_distributions(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Customer information sent to finance and the resident offices, with its receipts."""
    return distributing.listing(session, actor, now, **wanted)


@blp.route(f"/distributions/<{ROW_ID}:distribution_id>/receipt", methods=["POST"])
@writes("distribution.write")
@blp.response(201, leaving.ReceiptSchema)
def acknowledge(*, session: Session, actor: Actor, now: datetime, distribution_id: int) -> Any:
    """Acknowledge it, by name."""
    return distributing.acknowledge(session, actor, distribution_id, now)


@blp.route("/distributions/receipts", methods=["POST"])
@writes("distribution.write")
@blp.arguments(leaving.ReceiptsSchema)
@blp.response(201, leaving.AcknowledgedSchema)
def acknowledge_all(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Acknowledge many by name; which of them were the caller's and waited still."""
    return {"ids": distributing.acknowledge_all(session, actor, data["ids"], now)}


@blp.route("/inspections", methods=["GET"])
@reads("inspection.read")
@blp.arguments(leaving.InspectionsSchema, location="query")
@blp.response(200, leaving.InspectionPageSchema)
def list_inspections(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The plan of inspections by day, with their findings."""
    return inspecting.listing(session, actor, now, **wanted)


@blp.route(INSPECTION, methods=["GET"])
@reads("inspection.read")
@blp.response(200, leaving.InspectionOutSchema)
def read_inspection(*, session: Session, actor: Actor, now: datetime, inspection_id: int) -> Any:
    """An inspection whole, with the seed of its draw."""
    return inspecting.view(session, actor, inspection_id)


@blp.route(f"{INSPECTION}/answers", methods=["POST"])
@writes("inspection.write")
@blp.arguments(leaving.InspectSchema)
@blp.response(201, leaving.InspectionOutSchema)
def inspect(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, inspection_id: int) -> Any:
    """Record the checklist; what is wanting becomes a finding."""
    inspecting.inspect(session, actor, inspection_id, data["items"], now)
    return inspecting.view(session, actor, inspection_id)


@blp.route(f"{FINDING}/mended", methods=["POST"])
@writes("finding.write")
@blp.arguments(leaving.MendSchema)
@blp.response(201, leaving.FindingSchema)
def mend(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, finding_id: int) -> Any:
    """Say how a finding was put right."""
    return inspecting.mend(session, actor, finding_id, data["mended"], now)


@blp.route(f"{FINDING}/closed", methods=["POST"])
@writes("inspection.write")
@blp.response(201, leaving.FindingSchema)
def close(*, session: Session, actor: Actor, now: datetime, finding_id: int) -> Any:
    """Close what was put right."""
    return inspecting.close(session, actor, finding_id, now)
