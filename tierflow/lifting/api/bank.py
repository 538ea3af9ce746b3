"""JSON of bank statements: take one in, see what each receipt seems to be for, confirm."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.lifting.api import rows
from tierflow.lifting.models import BankLine
from tierflow.lifting.schemas import given, shown
from tierflow.lifting.service import bank
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import ReasonSchema

blp = api_blueprint("bank", "Bank receipts")

ONE = "/bank-receipts/<int(max=9007199254740991):line_id>"


@blp.route("/bank-statements", methods=["POST"])
@writes("bank.write")
@blp.arguments(given.StatementSchema, location="files")
@blp.response(201, shown.StatementOut)
def take_in(sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Take a statement in: CSV or xlsx. The same file or line again changes nothing."""
    file = sent["file"]
    return bank.take_in(session, actor, file.filename or "", file.stream.read(), now)


@blp.route("/bank-receipts", methods=["GET"])
@reads("bank.read")
@blp.arguments(given.LinesSchema, location="query")
@blp.response(200, shown.LinePageOut)
def receipts(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Receipts, each with the order it seems to be for."""
    query, sorts = bank.lines(actor, wanted["state"]), [Sort("id", BankLine.id)]
    found = page_of(session, query, sorts, cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(found, [rows.line(line) for line in bank.proposals(session, found.rows)])


@blp.route(f"{ONE}/match", methods=["POST"])
@writes("bank.write")
@blp.arguments(given.MatchReceiptSchema)
@blp.response(200, shown.LineOut)
def match(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, line_id: int) -> Any:
    """Confirm that a receipt, or a part of it, pays an order."""
    return {**rows.columns(bank.match(session, actor, line_id, data, now)), "proposal": None}


@blp.route(f"{ONE}/put-aside", methods=["POST"])
@writes("bank.write")
@blp.arguments(ReasonSchema)
@blp.response(200, shown.LineOut)
def put_aside(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, line_id: int) -> Any:
    """A receipt that pays no order, out of the way with the reason."""
    return {**rows.columns(bank.put_aside(session, actor, line_id, data, now)), "proposal": None}
