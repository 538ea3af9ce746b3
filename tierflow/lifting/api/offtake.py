"""JSON of offtake: lines from the ERP in batches, imports of files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.common.offtake import Offtake
from tierflow.kernel.roles import Actor
from tierflow.lifting.api import rows
from tierflow.lifting.schemas import given, shown
from tierflow.lifting.service import ledger, offtake_import
from tierflow.web import imports_api
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import ReasonSchema

blp = api_blueprint("offtake", "Offtake")

ROW_ID = "int(max=9007199254740991)"
NEWEST = [Sort("id", Offtake.id, descending=True)]


@blp.route("/offtake/lines", methods=["POST"])
@writes("offtake.write")
@blp.arguments(given.OfftakeLinesSchema)
@blp.response(201, imports_api.BatchOut)
def take_lines(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Add lines to the ledger, all or nothing; send an Idempotency-Key. Errors are told by line and field."""
    return offtake_import.take_batch(session, actor, data["lines"], now)


@blp.route("/offtake/lines", methods=["GET"])
@reads("offtake.read")
@blp.arguments(given.LedgerSchema, location="query")
@blp.response(200, shown.OfftakeLinePageOut)
def list_lines(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The ledger's lines, newest first."""
    found = page_of(session, ledger.listed(actor, wanted), NEWEST, cursor=wanted["cursor"], size=wanted["size"])
    return rows.page(found, [rows.ledger_line(line) for line in ledger.lines(session, found.rows)])


@blp.route(f"/offtake/lines/<{ROW_ID}:line_id>/reverse", methods=["POST"])
@writes("offtake.reverse")
@blp.arguments(ReasonSchema)
@blp.response(200, shown.OfftakeLineOut)
def reverse_line(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, line_id: int) -> Any:
    """Take back what is left of one line of the ERP, with a reason, in the line's own month. (CHEM-2)"""
    return rows.ledger_line(ledger.reverse(session, actor, line_id, data, now))


imports_api.register(blp, offtake_import.OFFTAKE, prefix="/offtake/imports", read="offtake.read")
