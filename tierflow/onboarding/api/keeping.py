"""JSON of the customer file: papers handed in anew, upload links, suspension, the wall of what expires when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import url_for
from sqlalchemy.orm import Session

from tierflow.common import suspension
from tierflow.common.approvals import Seen
from tierflow.common.customers import get_visible
from tierflow.common.uploads import Upload
from tierflow.kernel.approval import Verdict
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.onboarding.api.papers import uploaded
from tierflow.onboarding.schemas import given, keeping
from tierflow.onboarding.service import links, renewing
from tierflow.onboarding.service.scans import OwedFilters, owed
from tierflow.onboarding.service.wall import WallFilters
from tierflow.onboarding.service.wall import wall as the_wall
from tierflow.web.access import keep_no_answer, reads, writes
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("customer_file", "Customer file")

ROW_ID = "int(max=9007199254740991)"
CUSTOMER = f"/customers/<{ROW_ID}:customer_id>"
RENEWAL = f"/paper-renewals/<{ROW_ID}:renewal_id>"


def _renewal(view: renewing.RenewalView) -> dict[str, Any]:
    return {"renewal": view.renewal, "case": view.case, "by_link": view.link is not None}


@blp.route("/customers/expiring", methods=["GET"])
@reads("customer.read")
@blp.arguments(keeping.WallSchema, location="query")
@blp.response(200, keeping.WallPageSchema)
def expiring(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """What expires when, the soonest first."""
    cursor, size = wanted.pop("cursor"), wanted.pop("size")
    return the_wall(session, actor, WallFilters(**wanted), now, cursor=cursor, size=size)


@blp.route("/customers/scans-owed", methods=["GET"])
@reads("customer.read")
@blp.arguments(keeping.OwedSchema, location="query")
@blp.response(200, keeping.OwedPageSchema)
def scans_owed(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Papers of taken-over customers whose scan is still owed, the first due first."""
    cursor, size = wanted.pop("cursor"), wanted.pop("size")
    return owed(session, actor, OwedFilters(**wanted), now, cursor=cursor, size=size)


@blp.route(f"{CUSTOMER}/suspension", methods=["GET"])
@reads("customer.read")
@blp.response(200, keeping.SuspensionOutSchema)
def suspended(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """Whether business with a customer stands still today, and what clears it."""
    get_visible(session, actor, customer_id)
    on = local_day(now)
    found = suspension.suspended(session, [customer_id], on).get(customer_id)
    return {
        "on": on,
        "is_suspended": found is not None,
        "is_disqualified": bool(suspension.disqualified(session, [customer_id], on)),
        "since": found.since if found else None,
        "papers": found.papers if found else (),
    }


@blp.route(f"{CUSTOMER}/paper-renewals", methods=["GET"])
@reads("customer.read")
@blp.response(200, keeping.RenewalsOutSchema)
def list_renewals(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """The papers a customer handed in anew, newest first."""
    rows = renewing.of_customer(session, actor, customer_id)
    return {"rows": [{"renewal": row, "case": case, "by_link": row.link_id is not None} for row, case in rows]}


@blp.route(f"{CUSTOMER}/paper-renewals", methods=["POST"])
@writes("paper.renew")
@blp.arguments(keeping.RenewSchema, location="form")
@blp.arguments(given.ScanFileSchema, location="files")
@blp.response(201, keeping.RenewalOutSchema)
def renew(
    data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime, customer_id: int
) -> Any:
    """Hand in a new version of a paper, or a proof of renewal, with its scan."""
    upload = Upload(sent["file"].filename or "", sent["file"].stream.read())
    kind, is_proof = data.pop("kind"), data.pop("is_proof")
    row = renewing.renew(session, actor, customer_id, kind, data, upload, now, is_proof=is_proof)
    return _renewal(renewing.view(session, actor, row.id))


@blp.route(RENEWAL, methods=["GET"])
@reads("customer.read")
@blp.response(200, keeping.RenewalOutSchema)
def read_renewal(*, session: Session, actor: Actor, now: datetime, renewal_id: int) -> Any:
    """A paper handed in anew, and where its examination stands."""
    return _renewal(renewing.view(session, actor, renewal_id))


@blp.route(RENEWAL, methods=["PATCH"])
@writes("paper.renew")
@blp.arguments(keeping.PaperTextSchema, location="form")
@blp.arguments(given.ScanSchema, location="files")
@blp.response(200, keeping.RenewalOutSchema)
def correct_renewal(
    data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime, renewal_id: int
) -> Any:
    """Correct what came back, and hand it in again."""
    renewing.correct(session, actor, renewal_id, data, now, upload=uploaded(sent.get("file")))
    return _renewal(renewing.view(session, actor, renewal_id))


@blp.route(f"{RENEWAL}/decisions", methods=["POST"])
@writes("paper.examine")
@blp.arguments(keeping.VerdictSchema)
@blp.response(201, keeping.RenewalOutSchema)
def decide_renewal(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, renewal_id: int) -> Any:
    """The examiner's verdict; the last approval restores business at once."""
    seen, verdict = Seen(data["version"], data["step"]), Verdict(data["verdict"])
    renewing.decide(session, actor, renewal_id, seen, verdict, now, reason=data["reason"] or "")
    return _renewal(renewing.view(session, actor, renewal_id))


@blp.route(f"{CUSTOMER}/upload-links", methods=["POST"])
@writes("paper.renew")
@blp.arguments(keeping.LinkSchema)
@blp.response(201, keeping.LinkOutSchema)
def make_link(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, customer_id: int) -> Any:
    """A link by which the customer's phone hands in one paper, once; its address is told here only."""
    row, secret = links.make(session, actor, customer_id, data.pop("kind"), now, **data)
    keep_no_answer()
    shown = {name: getattr(row, name) for name in ("id", "kind", "is_proof", "expires_at")}
    return {**shown, "url": url_for("onboarding.phone_upload", secret=secret, _external=True)}


@blp.route(f"/upload-links/<{ROW_ID}:link_id>", methods=["DELETE"])
@writes("paper.renew")
@blp.response(204)
def revoke_link(*, session: Session, actor: Actor, now: datetime, link_id: int) -> None:
    """Take an upload link back."""
    links.revoke(session, actor, link_id, now)
