"""The wall: what expires when, with its figures, its filters and its export (CHEM-15)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.kernel.months import local_day
from tierflow.kernel.qualification import DATED, PAPER_LABELS
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.onboarding import exports as files
from tierflow.onboarding.pages import listing, views
from tierflow.onboarding.pages.blueprint import bp
from tierflow.onboarding.schemas import keeping as wanted
from tierflow.onboarding.service import wall as service
from tierflow.onboarding.service.choices import choices
from tierflow.onboarding.service.wall import WallFilters, WallRow
from tierflow.web.access import reads
from tierflow.web.exports import form_of
from tierflow.web.i18n import show
from tierflow.web.links import link
from tierflow.web.schemas import load

YEAR = timedelta(days=365)
NARROWING = ("region_id", "account_manager_id", "kind", "within", "expired")


def asked(args: Any) -> WallFilters:
    """The filter an address asks for."""
    given = load(wanted.WallSchema(), {name: args[name] for name in NARROWING if args.get(name)})
    return WallFilters(**{name: given[name] for name in NARROWING})


@bp.get("/customers/expiring")
@reads("customer.read")
def wall(*, session: Session, actor: Actor, now: datetime) -> str:
    """What expires when, the soonest first."""
    filters = asked(request.args)
    page = service.wall(session, actor, filters, now, cursor=request.args.get("cursor"))
    today, renews = local_day(now), is_allowed(actor, "paper.renew")
    offered = choices(session, actor, today)
    return render_template(
        "onboarding/wall.html",
        rows=[_row(row, today, renews=renews) for row in page.rows],
        page=page,
        tiles=_tiles(service.tally(session, actor, filters, now), filters),
        regions=listing.options(offered.regions),
        managers=listing.options(offered.managers),
        kinds=[(kind, show(PAPER_LABELS[kind])) for kind in DATED],
        has_filter=any(request.args.get(name) for name in NARROWING),
    )


def _row(row: WallRow, today: date, *, renews: bool) -> dict[str, Any]:
    may_renew = renews and not row.is_waiting
    return {
        "url": link("onboarding.customer", customer_id=row.customer_id),
        "name": row.name,
        "number": row.number,
        "paper": show(PAPER_LABELS[row.kind]),
        "is_proof": row.is_proof,
        "region": row.region,
        "manager": row.account_manager,
        "validity": views.validity(row.valid_to - YEAR, row.valid_to, False, today),  # a year fills the bar
        "is_suspended": row.is_suspended,
        "is_waiting": row.is_waiting,
        "renew_url": link("onboarding.renew_paper", customer_id=row.customer_id, kind=row.kind) if may_renew else None,
    }


def _tiles(found: service.Tally, filters: WallFilters) -> list[dict[str, Any]]:
    kept: dict[str, Any] = {
        "region_id": filters.region_id,
        "account_manager_id": filters.account_manager_id,
        "kind": filters.kind,
    }
    tiles = [
        {
            "label": _("Expired"),
            "value": found.expired,
            "note": _("business suspended unless proof was accepted") if found.expired else "",
            "kind": "bad" if found.expired else "ok",
            "url": link("onboarding.wall", expired=1, **kept),
        }
    ]
    return tiles + [
        {
            "label": _("Within %(days)s days", days=days),
            "value": count,
            "kind": "warn" if count and days == found.within[0][0] else None,
            "url": link("onboarding.wall", within=days, **kept),
        }
        for days, count in found.within
    ]


@bp.post("/customers/expiring/export")
@reads("customer.export", preview=True)
def export_wall(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The wall as a file, with the filter of the page it was asked from."""
    return files.expiring(session, actor, asked(request.form), form_of(request.form), now)
