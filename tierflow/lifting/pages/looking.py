"""Looking at orders: the list, one whole, and the export."""

from __future__ import annotations

from datetime import datetime

from flask import Response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.kernel.money import format_yuan
from tierflow.kernel.roles import Actor
from tierflow.lifting import exports as files
from tierflow.lifting.acts import ACTS
from tierflow.lifting.pages import choices, views
from tierflow.lifting.pages.blueprint import ONE, bp
from tierflow.lifting.schemas import given
from tierflow.lifting.service import queries
from tierflow.web.access import reads
from tierflow.web.exports import form_of
from tierflow.web.paging import page_of
from tierflow.web.schemas import load


@bp.get("/orders")
@reads("order.read")
def listing(*, session: Session, actor: Actor, now: datetime) -> str:
    """All orders one may see, filtered and paged."""
    wanted = load(given.ListSchema(), request.args.to_dict())
    found = page_of(
        session, queries.orders(actor, wanted), queries.NEWEST, cursor=wanted["cursor"], size=wanted["size"]
    )
    return render_template(
        "lifting/list.html",
        rows=[views.card(card, now) for card in queries.cards(session, found.rows, now)],
        page=found,
        states=[("open", _("Open")), ("owes", _("Money to go back")), *choices.state_options()],
        lines=choices.line_options(session, now),
        warehouses=choices.warehouse_options(session, now),
    )


@bp.post("/orders/export")
@reads("order.export", preview=True)
def export_orders(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The list as a file, with the filter of the page it was asked from."""
    sent = {key: value for key, value in request.form.to_dict().items() if key not in ("csrf_token", "form", "cursor")}
    wanted = load(given.ListSchema(), sent)
    return files.orders(session, actor, wanted, form_of(request.form), now)


@bp.get(ONE)
@reads("order.read")
def order(*, session: Session, actor: Actor, now: datetime, order_id: int) -> str:
    """One order: how far it is, what comes next, everything that happened."""
    found = queries.whole(session, actor, order_id, now)
    todo = views.offers(actor, found)
    return render_template(
        "lifting/order.html",
        found=found,
        order=found.card.order,
        standing=found.card.standing,
        customer=found.card.customer,
        card=views.card(found.card, now),
        facts=views.facts(found),
        meters=views.meters(found),
        acts={act.key: act for act in ACTS},
        todo=todo,
        next=views.next_act(found, todo),
        slips=[views.slip(row, found.weighings.get(row.id, ()), found.returned, order_id) for row in found.slips],
        money=[
            {
                "word": views.money_word(row.kind),
                "is_out": row.kind in ("refund", "carry_out"),
                "amount": format_yuan(row.fen),
                "on": row.value_on.isoformat(),
                "payer": row.payer_name,
                "is_other": row.is_other_payer,
                "reference": row.reference or row.note,
                "by": by,
            }
            for row, by in found.money
        ],
        timeline=views.timeline(found),
    )
