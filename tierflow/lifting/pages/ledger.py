"""The offtake ledger: its lines, and one line of the ERP taken back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.offtake import Offtake
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.pages import views
from tierflow.lifting.pages.blueprint import ROW_ID, bp
from tierflow.lifting.rules.orders import FORM_LABELS
from tierflow.lifting.schemas import given
from tierflow.lifting.service import ledger as service
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import ReasonSchema, flat_errors, form_data, load

LINE = f"/offtake/lines/<{ROW_ID}:line_id>"
NEWEST = [Sort("id", Offtake.id, descending=True)]


def _card(line: service.Line, actor: Actor) -> dict[str, Any]:
    row = line.row
    return {
        "number": row.external_number,
        "customer": line.customer.name,
        "customer_number": line.customer.number,
        "product": views.named(line.product),
        "on": row.lifted_on.isoformat(),
        "tonnes": format_tonnes(row.grams),
        "left": format_tonnes(line.left_grams),
        "is_reversal": row.reverses_id is not None,
        "is_reversed": row.reverses_id is None and line.left_grams == 0,
        "is_less": row.reverses_id is None and 0 < line.left_grams < row.grams,
        "source": views.source_word(row.source),
        "form": show(FORM_LABELS[row.form_of_sale]),
        "url": url_for("lifting.offtake_line", line_id=row.id),
        "may_reverse": line.may_be_reversed and is_allowed(actor, "offtake.reverse"),
    }


@bp.get("/offtake/lines")
@reads("offtake.read")
def offtake_lines(*, session: Session, actor: Actor, now: datetime) -> str:
    """The ledger's lines, newest first."""
    wanted = load(given.LedgerSchema(), request.args.to_dict())
    found = page_of(session, service.listed(actor, wanted), NEWEST, cursor=wanted["cursor"], size=wanted["size"])
    return render_template(
        "lifting/ledger.html",
        rows=[_card(line, actor) for line in service.lines(session, found.rows)],
        page=found,
        sources=[(source, views.source_word(source)) for source in given.SOURCES],
    )


@bp.get(LINE)
@reads("offtake.read")
def offtake_line(*, session: Session, actor: Actor, now: datetime, line_id: int) -> str:
    """One line, and the form to take it back."""
    return _page(session, actor, line_id, "", {}, ())


def _page(session: Session, actor: Actor, line_id: int, reason: str, errors: Any, refusals: tuple[Refusal, ...]) -> str:
    return render_template(
        "lifting/ledger_line.html",
        card=_card(service.get(session, actor, line_id), actor),
        line_id=line_id,
        reason=reason,
        errors=errors,
        refusals=[{"clause": refusal.clause, "reason": show(refusal.reason)} for refusal in refusals],
    )


def _again(*, session: Session, actor: Actor, now: datetime, line_id: int, errors: Any, refusals: Any) -> str:
    return _page(session, actor, line_id, request.form.get("reason", ""), flat_errors(errors), refusals)


@bp.post(f"{LINE}/reverse")
@writes("offtake.reverse", on_invalid=_again)
def reverse_line(*, session: Session, actor: Actor, now: datetime, line_id: int) -> BaseResponse:
    """Take the line back."""
    service.reverse(session, actor, line_id, load(ReasonSchema(), form_data()), now)
    flash(_("The line is taken back; a closed month will show it as an adjustment."), "ok")
    return redirect(url_for("lifting.offtake_line", line_id=line_id))
