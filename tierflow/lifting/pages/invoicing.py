"""Invoice records: the list finance works from, and its export (CHEM-5)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Response, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.kernel.money import format_yuan
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text
from tierflow.lifting.api.orders import BY_DAY
from tierflow.lifting.pages.blueprint import bp
from tierflow.lifting.schemas import given
from tierflow.lifting.service import invoices as service
from tierflow.lifting.service.money import PARTICULARS
from tierflow.web import exports
from tierflow.web.access import reads
from tierflow.web.exports import Column
from tierflow.web.paging import page_of
from tierflow.web.schemas import load


@bp.get("/invoices")
@reads("order.read")
def invoices(*, session: Session, actor: Actor, now: datetime) -> str:
    """Every invoice on record, newest day first, filtered and paged."""
    wanted = load(given.InvoicesSchema(), request.args.to_dict())
    found = page_of(session, service.listed(actor, wanted), BY_DAY, cursor=wanted["cursor"])
    return render_template(
        "lifting/invoices.html",
        rows=[_card(*row) for row in found.rows],
        page=found,
        total=format_yuan(service.total(session, actor, wanted)),
        kinds=[("blue", _("Invoice")), ("red", _("Red invoice"))],
    )


def _card(invoice: Any, order: Any, customer: Any, by: str) -> dict[str, Any]:
    return {
        "number": invoice.number,
        "on": invoice.invoiced_on.isoformat(),
        "amount": format_yuan(invoice.fen),
        "is_red": invoice.fen < 0,
        "customer": customer.name,
        "order": order.number,
        "url": url_for("lifting.order", order_id=order.id),
        "by": by,
        **{name: invoice.particulars.get(name) or "" for name in PARTICULARS},
    }


COLUMNS: list[Column] = [
    Column(text("Invoice number"), lambda row: row[0].number, "code", 24),
    Column(text("Invoice date"), lambda row: row[0].invoiced_on, "day", 12),
    Column(text("Amount (yuan)"), lambda row: format_yuan(row[0].fen), width=16),
    Column(text("Order"), lambda row: row[1].number, "code", 18),
    Column(text("Customer no."), lambda row: row[2].number, "code", 12),
    Column(text("Buyer"), lambda row: row[0].particulars["name"], width=30),
    Column(text("Credit code"), lambda row: _code(row[0].particulars), "code", 22),
    Column(text("Address"), lambda row: row[0].particulars["invoice_address"], width=30),
    Column(text("Telephone"), lambda row: row[0].particulars["invoice_phone"], "code", 16),
    Column(text("Bank"), lambda row: row[0].particulars["bank_name"], width=24),
    Column(text("Account"), lambda row: row[0].particulars["bank_account"], "code", 24),
    Column(text("Recorded by"), lambda row: row[3], width=12),
    Column(text("Recorded"), lambda row: row[0].recorded_at, "moment", 17),
]


def _code(particulars: dict[str, Any]) -> str:
    return particulars["credit_code"] or particulars["organisation_code"] or ""


@bp.post("/invoices/export")
@reads("order.export", preview=True)
def export_invoices(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The list as a file, with the filter of the page it was asked from."""
    sent = {key: value for key, value in request.form.to_dict().items() if key not in ("csrf_token", "form", "cursor")}
    return exports.download(
        _every(session, actor, load(given.InvoicesSchema(), sent)),
        COLUMNS,
        form="csv" if request.form.get("form") == "csv" else "xlsx",
        name="invoices",
        title=_("Invoices"),
        actor=actor,
        now=now,
    )


def _every(session: Session, actor: Actor, wanted: dict[str, Any]) -> Iterator[Any]:
    require(actor, "order.export")
    cursor, told = None, 0
    while told <= exports.MOST_ROWS:
        page = page_of(session, service.listed(actor, wanted), BY_DAY, cursor=cursor, size=1000)
        told += len(page.rows)
        yield from page.rows
        cursor = page.after
        if cursor is None:
            return
