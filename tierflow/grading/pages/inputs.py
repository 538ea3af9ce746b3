"""What indicators are worked out of: a fragment for the explaining drawer."""

from __future__ import annotations

from datetime import datetime

from flask import render_template, request
from sqlalchemy.orm import Session

from tierflow.grading.pages import views
from tierflow.grading.pages.blueprint import ROW_ID, bp
from tierflow.grading.schemas import given
from tierflow.grading.service import inputs as service
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads
from tierflow.web.schemas import load


@bp.get(f"/levels/inputs/<{ROW_ID}:product_line_id>/<{ROW_ID}:customer_id>")
@reads("grading.read")
def inputs(*, session: Session, actor: Actor, now: datetime, product_line_id: int, customer_id: int) -> str:
    """Weeks, orders and papers of a customer's month, quarter, half-year or year."""
    period = load(given.InputsPeriodSchema(), request.args.to_dict())["period"]
    found = service.shown(session, actor, product_line_id, customer_id, period, now)
    told, most = found.inputs, max((grams for _week, grams in found.inputs.weeks), default=0)
    return render_template(
        "grading/inputs.html",
        name=found.customer.name,
        period=str(period),
        evenness=views.share(told.evenness),
        payment=views.share(told.payment_discipline),
        papers=views.share(found.papers),
        weeks=[
            {
                "week": f"{week.days[0].isoformat()} – {week.days[-1]:%m-%d}",
                "tonnes": views.tonnes(grams),
                "percent": 100 * grams // most if most > 0 and grams > 0 else 0,
            }
            for week, grams in told.weeks
        ],
        due=told.due,
        in_time=told.in_time,
        days=found.days,
        suspended_days=found.suspended_days,
    )
