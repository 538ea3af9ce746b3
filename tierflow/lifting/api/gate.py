"""JSON of the gate: the slips of the warehouses one keeps, without any money."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.lifting.api import rows
from tierflow.lifting.models import Slip
from tierflow.lifting.schemas import given, shown
from tierflow.lifting.service import gate
from tierflow.lifting.service.orders import left_on
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint
from tierflow.web.paging import Sort, page_of

blp = api_blueprint("gate", "Gate")

CODE = "/gate/slips/<code>"


@blp.route("/gate/slips", methods=["GET"])
@reads("gate.read")
@blp.arguments(given.PageSchema, location="query")
@blp.response(200, shown.GatePageOut)
def waiting(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Slips of which something is still to be lifted at the warehouses you keep."""
    query, sorts = gate.slips_query(actor), [Sort("id", Slip.id)]
    found = page_of(session, query, sorts, cursor=wanted["cursor"], size=wanted["size"])
    shown_rows = [
        {**rows.columns(slip), "customer": customer.name, "product": product.name, "left_grams": left_on(slip)}
        for slip, _order, customer, product in found.rows
    ]
    return rows.page(found, shown_rows)


@blp.route(CODE, methods=["GET"])
@reads("gate.read")
@blp.response(200, shown.GateOut)
def check(*, session: Session, actor: Actor, now: datetime, code: str) -> Any:
    """The slip of a code: may it pass, and how much."""
    return rows.gate(gate.seen(session, actor, code, now))


@blp.route(f"{CODE}/weigh", methods=["POST"])
@writes("gate.write")
@blp.arguments(given.WeighSchema)
@blp.response(201, shown.GateOut)
def weigh(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, code: str) -> Any:
    """What the gate weighed: lifted, and counted in the month of the weighing (CHEM-2)."""
    gate.weigh(session, actor, code, data, now)
    return rows.gate(gate.seen(session, actor, code, now))


@blp.route(f"{CODE}/take-back", methods=["POST"])
@writes("gate.write")
@blp.arguments(given.TakeBackSchema)
@blp.response(201, shown.GateOut)
def take_back(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, code: str) -> Any:
    """Goods that came back: reverses the lifting it names, in that lifting's month (CHEM-2)."""
    gate.take_back(session, actor, code, data, now)
    return rows.gate(gate.seen(session, actor, code, now))
