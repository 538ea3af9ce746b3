"""JSON of the list of the disqualified: companies put on it and taken off it, one by one or as a list."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Response
from sqlalchemy.orm import Session

from tierflow.common.approvals import Seen
from tierflow.common.uploads import Upload
from tierflow.kernel.approval import Verdict
from tierflow.kernel.roles import Actor
from tierflow.onboarding.api.papers import uploaded
from tierflow.onboarding.schemas import given, leaving
from tierflow.onboarding.service import blacklist
from tierflow.onboarding.service.older_list import OLDER_LIST
from tierflow.web import imports_api
from tierflow.web.access import reads, writes
from tierflow.web.files import inline
from tierflow.web.openapi import SCAN, api_blueprint

blp = api_blueprint("blacklist", "The list of the disqualified")
lists = api_blueprint("older_list", "Older lists of the disqualified")

ROW_ID = "int(max=9007199254740991)"
ONE = f"/listings/<{ROW_ID}:listing_id>"

imports_api.register(lists, OLDER_LIST, prefix="/disqualified/imports", read="takeover.read")


@blp.route("/listings", methods=["POST"])
@writes("disqualification.write")
@blp.arguments(leaving.ListingSchema, location="form")
@blp.arguments(given.ScanFileSchema, location="files")
@blp.response(201, leaving.ListingOutSchema)
def enter(data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Propose to put a company on the list, with the evidence."""
    upload = Upload(sent["file"].filename or "", sent["file"].stream.read())
    return blacklist.view(session, actor, blacklist.enter(session, actor, data, upload, now).id)


@blp.route(f"/disqualified/<{ROW_ID}:disqualified_id>/strikes", methods=["POST"])
@writes("disqualification.write")
@blp.arguments(leaving.StrikeSchema, location="form")
@blp.arguments(given.ScanSchema, location="files")
@blp.response(201, leaving.ListingOutSchema)
def strike(
    data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime, disqualified_id: int
) -> Any:
    """Propose to take a company off the list; evidence may come with it."""
    upload = uploaded(sent.get("file"))
    row = blacklist.strike(session, actor, disqualified_id, data["reason"], upload, now)
    return blacklist.view(session, actor, row.id)


@blp.route(ONE, methods=["GET"])
@reads("disqualification.read")
@blp.response(200, leaving.ListingOutSchema)
def read_listing(*, session: Session, actor: Actor, now: datetime, listing_id: int) -> Any:
    """A proposal, and where its decision stands."""
    return blacklist.view(session, actor, listing_id)


@blp.route(f"{ONE}/evidence", methods=["GET"])
@reads("disqualification.read")
@blp.doc(responses=SCAN)
def read_listing_evidence(*, session: Session, actor: Actor, now: datetime, listing_id: int) -> Response:
    """The scan that came with it."""
    return inline(session, blacklist.evidence(session, actor, listing_id))


@blp.route(f"{ONE}/decisions", methods=["POST"])
@writes("disqualification.decide")
@blp.arguments(leaving.YesNoSchema)
@blp.response(201, leaving.ListingOutSchema)
def decide_listing(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, listing_id: int) -> Any:
    """The general manager's decision; approved, the company is on the list at once, or off it."""
    seen, verdict = Seen(data["version"], data["step"]), Verdict(data["verdict"])
    blacklist.decide(session, actor, listing_id, seen, verdict, now, reason=data["reason"] or "")
    return blacklist.view(session, actor, listing_id)
