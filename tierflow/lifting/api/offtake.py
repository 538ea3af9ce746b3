"""JSON of offtake: lines from the ERP in batches, imports of files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.lifting.schemas import given
from tierflow.lifting.service import offtake_import
from tierflow.web import imports_api
from tierflow.web.access import writes
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("offtake", "Offtake")


@blp.route("/offtake/lines", methods=["POST"])
@writes("offtake.write")
@blp.arguments(given.OfftakeLinesSchema)
@blp.response(201, imports_api.BatchOut)
def take_lines(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Add lines to the ledger, all or nothing; send an Idempotency-Key. Errors are told by line and field."""
    return offtake_import.take_batch(session, actor, data["lines"], now)


imports_api.register(blp, offtake_import.OFFTAKE, prefix="/offtake/imports", read="offtake.read")
