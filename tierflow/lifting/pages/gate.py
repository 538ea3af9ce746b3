"""The gate, on a phone: type or scan the code, see whether it may pass, weigh."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.kernel.errors import Invalid, NotFound, Refusal
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.models import Slip
from tierflow.lifting.pages import views
from tierflow.lifting.pages.blueprint import bp
from tierflow.lifting.rules.codes import grouped, plain
from tierflow.lifting.schemas import given
from tierflow.lifting.service import gate as service
from tierflow.lifting.service.orders import left_on
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import flat_errors, form_data, load
from tierflow.web.shell import moment

CODE = "/gate/<code>"


@bp.get("/gate")
@reads("gate.read")
def gate(*, session: Session, actor: Actor, now: datetime) -> str | BaseResponse:
    """The field for the code, and the slips that wait at one's warehouses."""
    typed, errors = request.args.get("code", ""), {}
    if typed:
        try:
            slip = service.slip_by_code(session, actor, typed[:80])
        except Invalid as error:
            errors = {name: [show(each) for each in messages] for name, messages in flat_errors(error.errors).items()}
        except NotFound:
            errors = {"code": [show(text("No slip with this code waits at your warehouse."))]}
        else:
            return redirect(url_for("lifting.gate_slip", code=slip.code))
    wanted = load(given.PageSchema(), {k: v for k, v in request.args.to_dict().items() if k != "code"})
    found = page_of(session, service.slips_query(actor), [Sort("id", Slip.id)], cursor=wanted["cursor"])
    return render_template(
        "lifting/gate.html",
        typed=typed,
        errors=errors,
        page=found,
        rows=[
            {
                "number": slip.number,
                "customer": customer.name,
                "product": views.named(product),
                "left": format_tonnes(left_on(slip)),
                "vehicle": slip.vehicle,
                "driver": slip.driver,
                "at": moment(slip.released_at),
            }
            for slip, _order, customer, product in found.rows
        ],
    )


def _show(
    session: Session,
    actor: Actor,
    now: datetime,
    code: str,
    values: dict[str, Any],
    errors: dict[str, Any],
    refusals: tuple[Refusal, ...] = (),
) -> str:
    found = service.seen(session, actor, code, now)
    return render_template(
        "lifting/gate_slip.html",
        found=found,
        slip=found.slip,
        code=grouped(plain(code)),
        product=views.named(found.product),
        left=format_tonnes(found.left_grams),
        values=values,
        errors=errors,
        refusals=[{"clause": each.clause, "reason": show(each.reason)} for each in refusals],
        held=[{"clause": each.clause, "reason": show(each.reason)} for each in found.held],
        weighings=[views.weighing(row, found.returned) for row in found.weighings],
    )


@bp.get(CODE)
@reads("gate.read")
def gate_slip(*, session: Session, actor: Actor, now: datetime, code: str) -> str:
    """One slip: may it pass, how much is left, and the form for the weighing."""
    found = service.slip_by_code(session, actor, code)
    return _show(session, actor, now, code, {"vehicle": found.vehicle}, {})


def _again(
    *, session: Session, actor: Actor, now: datetime, code: str, errors: Any, refusals: tuple[Refusal, ...]
) -> str:
    return _show(session, actor, now, code, request.form.to_dict(), flat_errors(errors), refusals)


@bp.post(f"{CODE}/weigh")
@writes("gate.write", on_invalid=_again)
def weigh(*, session: Session, actor: Actor, now: datetime, code: str) -> BaseResponse:
    """Record a weighing."""
    done = service.weigh(session, actor, code, load(given.WeighSchema(), form_data()), now)
    flash(_("%(tonnes)s t may pass: exit pass %(number)s.", tonnes=format_tonnes(done.grams), number=done.number), "ok")
    return redirect(url_for("lifting.gate_slip", code=plain(code)))


@bp.post(f"{CODE}/take-back")
@writes("gate.write", on_invalid=_again)
def take_back(*, session: Session, actor: Actor, now: datetime, code: str) -> BaseResponse:
    """Record goods that came back."""
    done = service.take_back(session, actor, code, load(given.TakeBackSchema(), form_data()), now)
    flash(_("%(tonnes)s t came back.", tonnes=format_tonnes(done.grams)), "ok")
    return redirect(url_for("lifting.gate_slip", code=plain(code)))
