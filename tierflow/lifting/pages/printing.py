"""Paper: the gate slip (提货单) and the settlement (结算单), both on A4."""

from __future__ import annotations

from datetime import datetime

import segno
from flask import render_template, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from tierflow.kernel.errors import NotFound
from tierflow.kernel.roles import Actor
from tierflow.lifting.pages import views
from tierflow.lifting.pages.blueprint import ONE, ROW_ID, bp
from tierflow.lifting.rules.codes import grouped
from tierflow.lifting.service import queries
from tierflow.web.access import reads


@bp.get(f"{ONE}/slips/<{ROW_ID}:slip_id>")
@reads("order.read")
def print_slip(*, session: Session, actor: Actor, now: datetime, order_id: int, slip_id: int) -> str:
    """The gate slip, with the code the keeper checks and its picture for a phone's camera."""
    slip, released_by = queries.slip_of(session, actor, order_id, slip_id)
    found = queries.whole(session, actor, order_id, now)
    address = url_for("lifting.gate_slip", code=slip.code, _external=True)
    drawing = segno.make(address, error="m").svg_inline(scale=4, border=2, dark="#000000", light="#ffffff")
    return render_template(
        "lifting/slip.html",
        slip=slip,
        code=grouped(slip.code),
        picture=Markup(drawing),  # noqa: S704 - drawn here, from an address of ours
        found=found,
        order=found.card.order,
        customer=found.card.customer,
        product=views.named(found.card.product),
        warehouse=found.card.warehouse,
        released_by=released_by,
        printed_by=actor.name,
        now=now,
        back_url=url_for("lifting.order", order_id=order_id),
    )


@bp.get(f"{ONE}/settlement")
@reads("order.read")
def print_settlement(*, session: Session, actor: Actor, now: datetime, order_id: int) -> str:
    """The settlement of an order: lifted times price, received, what goes back."""
    found = queries.whole(session, actor, order_id, now)
    if not found.settlements:
        raise NotFound
    settlement, _by = found.settlements[-1]
    settled_by = found.settlements[0][1]  # a return settles anew at the gate; finance did it first
    return render_template(
        "lifting/settlement.html",
        settlement=settlement,
        settled_by=settled_by,
        found=found,
        order=found.card.order,
        standing=found.card.standing,
        customer=found.card.customer,
        product=views.named(found.card.product),
        slips=[views.slip(row, found.weighings.get(row.id, ()), found.returned, order_id) for row in found.slips],
        money=[(row, views.money_word(row.kind)) for row, _by in found.money],
        printed_by=actor.name,
        now=now,
        back_url=url_for("lifting.order", order_id=order_id),
    )
