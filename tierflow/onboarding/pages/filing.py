"""Distribution with receipts, and the file for the distribution company (备案) (CHEM-8.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from flask import Response, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.customers import Customer
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark
from tierflow.onboarding import exports as files
from tierflow.onboarding.models import Distribution
from tierflow.onboarding.pages import views
from tierflow.onboarding.pages.blueprint import ROW_ID, bp
from tierflow.onboarding.pages.customers import asked, sorting
from tierflow.onboarding.rules.papers import PAPER_LABELS
from tierflow.onboarding.schemas import leaving as wanted
from tierflow.onboarding.service import distributing
from tierflow.web.access import reads, writes
from tierflow.web.exports import form_of
from tierflow.web.i18n import show
from tierflow.web.inbox import row as inbox_row
from tierflow.web.schemas import load
from tierflow.web.shell import moment

EVENTS = {
    "approved": (mark("new customer"), "ok", "person-plus"),
    "changed": (mark("file changed"), "info", "pencil-square"),
    "readmitted": (mark("readmitted"), "ok", "arrow-counterclockwise"),
    "disqualified": (mark("disqualified"), "bad", "slash-circle"),
}


def _event(key: str) -> dict[str, str]:
    label, kind, icon = EVENTS[key]
    return {"text": show(label), "kind": kind, "icon": icon}


@bp.get("/distributions")
@reads("distribution.read")
def distributions(*, session: Session, actor: Actor, now: datetime) -> str:
    """What was sent to whom, and who acknowledged it."""
    asked = load(wanted.DistributionsSchema(), {"state": request.args.get("state")})
    page = distributing.listing(session, actor, now, state=asked["state"], cursor=request.args.get("cursor"))
    rows = [
        {
            "id": sent.row.id,
            "url": url_for("onboarding.customer", customer_id=sent.customer.id) if sent.is_visible else None,
            "name": sent.customer.name,
            "number": sent.customer.number,
            "event": _event(sent.row.event),
            "what": _what(sent.row.what),
            "to": sent.office or _("finance department"),
            "sent": moment(sent.row.sent_at),
            "due": moment(sent.row.due_at),
            "receipt": moment(sent.row.acknowledged_at),
            "by": sent.acknowledged_by,
            "is_late": sent.is_late,
            "receipt_url": url_for("onboarding.acknowledge", distribution_id=sent.row.id) if sent.is_mine else None,
        }
        for sent in page.rows
    ]
    return render_template("onboarding/distributions.html", rows=rows, page=page, state=asked["state"] or "")


def _what(told: Mapping[str, Any]) -> str:
    """The fields that changed, in words; lines and papers by what they are."""
    words = {}
    for field in told:
        kind, _dot, name = field.partition(".")
        words[
            _("product lines")
            if kind == "line"
            else show(PAPER_LABELS[name])
            if kind == "paper"
            else views.label(field)
        ] = 1
    comma: str = _(", ")
    return comma.join(words)


@bp.post("/distributions/receipts")
@writes("distribution.write")
def acknowledge_all(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Acknowledge the chosen ones, by name."""
    given = load(wanted.ReceiptsSchema(), {"ids": request.form.getlist("ids")})
    done = distributing.acknowledge_all(session, actor, given["ids"], now)
    flash(_("%(count)s acknowledged in your name.", count=len(done)), "ok")
    return redirect(url_for("onboarding.distributions", state="waiting"))


@bp.post(f"/distributions/<{ROW_ID}:distribution_id>/receipt")
@writes("distribution.write")
def acknowledge(*, session: Session, actor: Actor, now: datetime, distribution_id: int) -> BaseResponse:
    """Acknowledge it, by name."""
    distributing.acknowledge(session, actor, distribution_id, now)
    flash(_("Acknowledged in your name."), "ok")
    return redirect(url_for("onboarding.distributions", state="waiting"))


def source(actor: Actor) -> Iterable[Any]:
    """The inbox: what waits for the actor's receipt."""
    title = Customer.number + " " + Customer.name
    yield (
        inbox_row("distribution", Distribution.id, title, Distribution.sent_at, Distribution.due_at, Customer.region_id)
        .join(Customer, Customer.id == Distribution.customer_id)
        .where(distributing.mine(actor), Distribution.acknowledged_at.is_(None))
    )


@bp.get(f"/distributions/<{ROW_ID}:distribution_id>")
@reads("distribution.read")
def distribution(*, session: Session, actor: Actor, now: datetime, distribution_id: int) -> BaseResponse:
    """From the inbox to the list of what waits."""
    return redirect(url_for("onboarding.distributions", state="waiting"))


@bp.post("/customers/filing")
@reads("filing.export", preview=True)
def export_filing(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The file for the distribution company: customers with their classes and papers, narrowed as their list is."""
    wanted, sort = asked(request.form), sorting(request.form)
    return files.filing(session, actor, wanted, sort, form_of(request.form), now)
