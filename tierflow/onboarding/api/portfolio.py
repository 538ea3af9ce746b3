"""JSON of handovers and of the contract register."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from tierflow.common.uploads import Upload
from tierflow.kernel.roles import Actor
from tierflow.onboarding.schemas import portfolio as io
from tierflow.onboarding.service import contracts, handover
from tierflow.web.access import reads, writes
from tierflow.web.files import inline
from tierflow.web.openapi import SCAN, api_blueprint
from tierflow.web.schemas import ReasonSchema

ROW_ID = "int(max=9007199254740991)"
blp = api_blueprint("portfolio", "Handovers and contracts")

HANDOVER = f"/handovers/<{ROW_ID}:handover_id>"
CONTRACT = f"/contracts/<{ROW_ID}:contract_id>"


@blp.route("/handovers", methods=["GET"])
@reads("handover.read")
@blp.arguments(io.PageSchema, location="query")
@blp.response(200, io.HandoverPageOut)
def list_handovers(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The handovers you have part in, newest first."""
    return handover.list_handovers(session, actor, now, cursor=wanted["cursor"], size=wanted["size"])


@blp.route("/handovers", methods=["POST"])
@writes("handover.write")
@blp.arguments(io.ProposeSchema)
@blp.response(201, io.HandoverWholeOut)
def propose(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Propose to hand a whole portfolio over on a day."""
    made = handover.propose(session, actor, data, now)
    return handover.view(session, actor, made.id, now)


@blp.route(HANDOVER, methods=["GET"])
@reads("handover.read")
@blp.response(200, io.HandoverWholeOut)
def read_handover(*, session: Session, actor: Actor, now: datetime, handover_id: int) -> Any:
    """One handover, and what lies with the giver now."""
    return handover.view(session, actor, handover_id, now)


@blp.route(f"{HANDOVER}/signatures", methods=["POST"])
@writes("handover.write")
@blp.arguments(io.SignSchema)
@blp.response(201, io.HandoverWholeOut)
def sign(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, handover_id: int) -> Any:
    """Sign as giver or taker; for an absent giver with the reason."""
    handover.sign(session, actor, handover_id, data["side"], now, absence=data["absence"] or "")
    return handover.view(session, actor, handover_id, now)


@blp.route(f"{HANDOVER}/complete", methods=["POST"])
@writes("handover.write")
@blp.response(200, io.HandoverWholeOut)
def complete(*, session: Session, actor: Actor, now: datetime, handover_id: int) -> Any:
    """Bring a signed handover about whose day has come."""
    handover.complete(session, actor, handover_id, now)
    return handover.view(session, actor, handover_id, now)


@blp.route(f"{HANDOVER}/end", methods=["POST"])
@writes("handover.write")
@blp.arguments(ReasonSchema)
@blp.response(200, io.HandoverWholeOut)
def end_handover(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, handover_id: int) -> Any:
    """Give a handover up; nothing is moved."""
    handover.end(session, actor, handover_id, data["reason"], now)
    return handover.view(session, actor, handover_id, now)


@blp.route("/contracts", methods=["GET"])
@reads("contract.read")
@blp.arguments(io.ContractListSchema, location="query")
@blp.response(200, io.ContractPageOut)
def list_contracts(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The register, soonest to end first."""
    return contracts.list_contracts(session, actor, wanted, now, cursor=wanted["cursor"], size=wanted["size"])


@blp.route("/contracts", methods=["POST"])
@writes("contract.write")
@blp.arguments(io.ContractSchema, location="form")
@blp.arguments(io.ContractFileSchema, location="files")
@blp.response(201, io.ContractOut)
def enter(data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Enter a signed contract with its scan."""
    upload = Upload(sent["file"].filename or "", sent["file"].stream.read())
    made = contracts.enter(session, actor, data, upload, now)
    return contracts.get(session, actor, made.id, now)


@blp.route(CONTRACT, methods=["GET"])
@reads("contract.read")
@blp.response(200, io.ContractOut)
def read_contract(*, session: Session, actor: Actor, now: datetime, contract_id: int) -> Any:
    """One contract."""
    return contracts.get(session, actor, contract_id, now)


@blp.route(f"{CONTRACT}/file", methods=["GET"])
@reads("contract.read")
@blp.doc(responses=SCAN)
def contract_file(*, session: Session, actor: Actor, now: datetime, contract_id: int) -> Response:
    """The scan of a contract."""
    return inline(session, contracts.file_of(session, actor, contract_id, now))


@blp.route(f"{CONTRACT}/custody", methods=["POST"])
@writes("contract.write")
@blp.arguments(io.CustodySchema)
@blp.response(200, io.ContractOut)
def change_custody(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, contract_id: int) -> Any:
    """Say who keeps the paper now, and where."""
    contracts.change_custody(session, actor, contract_id, data, now)
    return contracts.get(session, actor, contract_id, now)


@blp.route(f"{CONTRACT}/end", methods=["POST"])
@writes("contract.write")
@blp.arguments(ReasonSchema)
@blp.response(200, io.ContractOut)
def end_contract(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, contract_id: int) -> Any:
    """End a contract before its day."""
    contracts.end(session, actor, contract_id, data["reason"], now)
    return contracts.get(session, actor, contract_id, now)
