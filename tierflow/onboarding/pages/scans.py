"""The list of scans owed: taken-over papers to be handed in, with filters, figures and export (CHEM-3.3, CHEM-7.1)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import Response, render_template, request
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from tierflow.common.imports import ImportBatch
from tierflow.common.policies import policy_on
from tierflow.kernel.months import local_day
from tierflow.kernel.qualification import PAPER_LABELS
from tierflow.kernel.roles import Actor, is_allowed, require
from tierflow.kernel.text import Text, text
from tierflow.onboarding.pages.blueprint import bp
from tierflow.onboarding.pages.listing import options
from tierflow.onboarding.schemas import keeping as wanted
from tierflow.onboarding.service import scans as service
from tierflow.onboarding.service.choices import choices
from tierflow.onboarding.service.scans import Owed, OwedFilters
from tierflow.onboarding.terms_keeping import SCAN_DAYS
from tierflow.web import exports
from tierflow.web.access import reads
from tierflow.web.exports import Column
from tierflow.web.i18n import show
from tierflow.web.links import link
from tierflow.web.schemas import load
from tierflow.web.shell import day

NARROWING = ("region_id", "account_manager_id", "batch_id", "within", "overdue")


def asked(args: Any) -> OwedFilters:
    """The filter an address asks for."""
    given = load(wanted.OwedSchema(), {name: args[name] for name in NARROWING if args.get(name)})
    return OwedFilters(**{name: given[name] for name in NARROWING})


@bp.get("/customers/scans-owed")
@reads("customer.read")
def scans_owed(*, session: Session, actor: Actor, now: datetime) -> str:
    """What is owed, the first due first."""
    filters, on = asked(request.args), local_day(now)
    page = service.owed(session, actor, filters, now, cursor=request.args.get("cursor"))
    offered = choices(session, actor, on)
    return render_template(
        "onboarding/scans_owed.html",
        rows=[_row(row, actor) for row in page.rows],
        page=page,
        tiles=_tiles(service.tally(session, actor, filters, now), filters),
        days=policy_on(session, on).integer(SCAN_DAYS),
        regions=options(offered.regions),
        managers=options(offered.managers),
        batch_id=filters.batch_id,
        has_filter=any(request.args.get(name) for name in NARROWING),
    )


def _row(row: Owed, actor: Actor) -> dict[str, Any]:
    paper, customer = row.paper, row.customer
    may_renew = is_allowed(actor, "paper.renew") and not row.is_waiting
    return {
        "url": link("onboarding.customer", customer_id=customer.id),
        "name": customer.name,
        "number": customer.number,
        "paper": show(PAPER_LABELS[paper.kind]),
        "facts": " · ".join(
            part for part in (paper.number, _("Long-term") if paper.is_long_term else day(paper.valid_to)) if part
        ),
        "region": row.region,
        "manager": row.account_manager,
        "due": day(row.due_on),
        "days_left": row.days_left,
        "is_waiting": row.is_waiting,
        "upload_url": link("onboarding.renew_paper", customer_id=customer.id, kind=paper.kind) if may_renew else None,
    }


def _tiles(found: service.Tally, filters: OwedFilters) -> list[dict[str, Any]]:
    kept: dict[str, Any] = {
        "region_id": filters.region_id,
        "account_manager_id": filters.account_manager_id,
        "batch_id": filters.batch_id,
    }
    return [
        {"label": _("Scans owed"), "value": found.owed, "url": link("onboarding.scans_owed", **kept)},
        {
            "label": _("Overdue"),
            "value": found.overdue,
            "kind": "bad" if found.overdue else "ok",
            "url": link("onboarding.scans_owed", overdue=1, **kept),
        },
    ]


def after_import(session: Session, actor: Actor, batch: ImportBatch) -> Markup:
    """How many scans an applied import still owes, with the way to them."""
    if not is_allowed(actor, "customer.read") or batch.applied_at is None:
        return Markup("")
    left = service.tally(session, actor, OwedFilters(batch_id=batch.id), batch.applied_at).owed
    shown = render_template("onboarding/_scans_of_import.html", owed=left, batch=batch)
    return Markup(shown)  # noqa: S704 - a template of ours


COLUMNS = [
    Column(text("Number"), lambda row: row.customer.number, width=12),
    Column(text("Company name"), lambda row: row.customer.name, width=36),
    Column(text("Paper"), lambda row: Text(PAPER_LABELS[row.paper.kind]), width=26),
    Column(text("Due on"), lambda row: row.due_on, "day"),
    Column(text("Days left"), lambda row: row.days_left, "integer"),
    Column(text("Handed in"), lambda row: text("yes") if row.is_waiting else "", width=12),
    Column(text("Sales region"), lambda row: row.region),
    Column(text("Account manager"), lambda row: row.account_manager),
    Column(text("Contact person"), lambda row: row.customer.contact_name),
    Column(text("Telephone"), lambda row: row.customer.phone, "code"),
]


@bp.post("/customers/scans-owed/export")
@reads("customer.export", preview=True)
def export_scans_owed(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The list as a file, with the filter of the page it was asked from."""
    return exports.download(
        _every(session, actor, asked(request.form), now),
        COLUMNS,
        form="csv" if request.form.get("form") == "csv" else "xlsx",
        name="scans-owed",
        title=_("Scans owed"),
        actor=actor,
        now=now,
    )


def _every(session: Session, actor: Actor, filters: OwedFilters, now: datetime) -> Iterator[Owed]:
    require(actor, "customer.export")
    cursor, given = None, 0
    while given <= exports.MOST_ROWS:
        page = service.owed(session, actor, filters, now, cursor=cursor, size=1000)
        given += len(page.rows)
        yield from page.rows
        cursor = page.after
        if cursor is None:
            return
