"""Customers: the list with its filters, one customer whole with its history (CHEM-8.1), its print, its export."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from flask import Response, flash, redirect, render_template, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.urls import iri_to_uri
from werkzeug.wrappers import Response as BaseResponse

from tierflow.kernel.errors import Invalid
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.kernel.text import mark, text
from tierflow.onboarding import exports as files
from tierflow.onboarding.pages import chain, fields_past, reading, standing, takeover, views
from tierflow.onboarding.pages.blueprint import CUSTOMER, ROW_ID, bp
from tierflow.onboarding.pages.listing import number, options
from tierflow.onboarding.rules.entry import CLASS_LABELS
from tierflow.onboarding.schemas import given
from tierflow.onboarding.service import saved_filters
from tierflow.onboarding.service.choices import choices
from tierflow.onboarding.service.customers import (
    SORTS,
    CustomerCard,
    CustomerFile,
    CustomerFilters,
    CustomerRow,
    customer_card,
    customer_file,
    customer_history,
    customer_view,
    list_customers,
)
from tierflow.onboarding.service.reading import DecisionSeen
from tierflow.web import customer_page
from tierflow.web.access import reads, writes
from tierflow.web.exports import form_of
from tierflow.web.i18n import show
from tierflow.web.links import link
from tierflow.web.schemas import form_data, load
from tierflow.web.shell import day, moment

PAPERS = ("expiring", "expired", "suspended")
YEAR = timedelta(days=365)


@bp.get("/customers")
@reads("customer.read")
def customers(*, session: Session, actor: Actor, now: datetime) -> str:
    """The list, under the filter of its address."""
    sort = sorting(request.args)
    page = list_customers(session, actor, asked(request.args), now, cursor=request.args.get("cursor"), sort=sort)
    offered = choices(session, actor, local_day(now))
    return render_template(
        "onboarding/customers.html",
        rows=[_row(row, now) for row in page.rows],
        page=page,
        sort=sort,
        has_filter=any(request.args.get(name) for name in saved_filters.NARROWING),
        saved=_saved(session, actor),
        regions=options(offered.regions),
        managers=options(offered.managers),
        classes=[(name, show(label)) for name, label in CLASS_LABELS.items()],
        lines=options(offered.lines),
    )


def sorting(args: Any) -> str:
    """The order an address asks for. Raises `Invalid` for what no link of ours says."""
    sort: str = args.get("sort") or "number"
    if sort not in SORTS:
        raise Invalid({"sort": [text("Choose one of the list.")]})
    return sort


def asked(args: Any) -> CustomerFilters:
    """The filter an address asks for. Raises `Invalid` for what no link of ours says."""
    choices = {"class": tuple(CLASS_LABELS), "papers": PAPERS}
    for name, known in choices.items():
        if args.get(name) and args[name] not in known:
            raise Invalid({name: [text("Choose one of the list.")]})
    return CustomerFilters(
        region_id=number(args, "region"),
        account_manager_id=number(args, "manager"),
        product_line_id=number(args, "line"),
        customer_class=args.get("class") or None,
        papers=args.get("papers") or None,
        q=(args.get("q") or "").strip()[:100] or None,
    )


def _row(row: CustomerRow, now: datetime) -> dict[str, Any]:
    customer = row.customer
    ends = row.expires_on
    return {
        "url": link("onboarding.customer", customer_id=customer.id),
        "name": customer.name,
        "code": customer.credit_code or customer.organisation_code,
        "number": customer.number,
        "region": row.region,
        "manager": row.account_manager,
        "since": day(customer.approved_on),
        "is_suspended": row.is_suspended,
        "is_disqualified": customer.disqualified_on is not None,
        "lines": [
            {"name": views.line_name(product), "class_label": views.class_label(line)} for line, product in row.lines
        ],
        # The list knows the first end only; a year fills the bar.
        "validity": views.validity(ends - YEAR, ends, False, local_day(now)) if ends else views.LONG_TERM,
    }


def _saved(session: Session, actor: Actor) -> list[dict[str, Any]]:
    here = saved_filters.question(request.args)
    return [
        {
            "label": row.name,
            "url": f"{link('onboarding.customers')}?{row.query}",
            "active": saved_filters.read(row.query) == here,
            "delete_url": link("onboarding.forget_filter", filter_id=row.id),
        }
        for row in saved_filters.kept(session, actor)
    ]


@bp.post("/customers/filters")
@writes("filter.write")
def save_filter(*, session: Session, actor: Actor, now: datetime) -> BaseResponse:
    """Keep the present filter under a name; only what narrows this list is kept."""
    kept = saved_filters.save(session, actor, **load(given.SavedFilterSchema(), form_data()))
    flash(_("The filter is kept."), "ok")
    return redirect(iri_to_uri(f"{link('onboarding.customers')}?{kept.query}"))


@bp.post(f"/customers/filters/<{ROW_ID}:filter_id>/forget")
@writes("filter.write")
def forget_filter(*, session: Session, actor: Actor, now: datetime, filter_id: int) -> BaseResponse:
    """Remove a kept filter."""
    saved_filters.forget(session, actor, filter_id)
    return redirect(link("onboarding.customers"))


@bp.post("/customers/export")
@reads("customer.export", preview=True)
def export_customers(*, session: Session, actor: Actor, now: datetime) -> Response:
    """The list as a file, with the filter of the page it was asked from."""
    wanted, sort = asked(request.form), sorting(request.form)
    return files.customers(session, actor, wanted, sort, form_of(request.form), now)


OWN_TABS = [("onboarding.customer", mark("Customer file")), ("onboarding.customer_past", mark("History"))]


@bp.get(CUSTOMER)
@reads("customer.read")
def customer(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> str:
    """One customer as it stands today."""
    found = customer_file(session, actor, customer_id, now)
    view = {**_file(found, now), **standing.keeping(session, actor, found)}
    return _page("onboarding/customer.html", session, actor, now, found, "onboarding.customer", view=view)


@bp.get(f"{CUSTOMER}/history")
@reads("customer.read")
def customer_past(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> str:
    """What led to that: the approvals of its opening, and every change."""
    card = customer_card(session, actor, customer_id, now)
    past = customer_history(session, actor, customer_id)
    changes = fields_past.asked(session, actor, customer_id, request.args)
    opened_by = [
        {"number": one.application.number, "url": link("onboarding.application", application_id=one.application.id)}
        for one in past.openings
    ]
    return _page(
        "onboarding/customer_past.html",
        session,
        actor,
        now,
        card,
        "onboarding.customer_past",
        rounds=_rounds(past.decisions),
        events=reading.events(session, past.events),
        openings=opened_by,
        changed=[fields_past.row(one, actor) for one in changes.rows],
        page=changes,
        fields=fields_past.choices(),
        taken_over=takeover.origin(session, customer_id) if is_allowed(actor, "takeover.read") else None,
    )


@bp.get(f"{CUSTOMER}/of/<string:key>")
@reads("customer.read")
def customer_part(*, session: Session, actor: Actor, now: datetime, customer_id: int, key: str) -> str:
    """What another domain shows about the customer."""
    tab = customer_page.tab(actor, key)
    card = customer_card(session, actor, customer_id, now)
    part = tab.render(session, actor, customer_id, now)
    return _page("onboarding/customer_part.html", session, actor, now, card, key, part=part)


def _page(
    template: str, session: Session, actor: Actor, now: datetime, card: CustomerCard, tab: str, **parts: Any
) -> str:
    row = card.customer
    return render_template(
        template,
        customer=row,
        subtitle=" · ".join((row.number, card.region.name, _("customer since %(day)s", day=day(row.approved_on)))),
        tabs=customer_page.tabs(actor, row.id, OWN_TABS, tab),
        heads=customer_page.heads(session, actor, card.today(session, local_day(now)), now),
        **parts,
    )


@bp.get(f"{CUSTOMER}/print")
@reads("customer.read")
def print_customer(*, session: Session, actor: Actor, now: datetime, customer_id: int) -> str:
    """The customer's file on A4."""
    found = customer_view(session, actor, customer_id, now)
    return render_template(
        "onboarding/customer_print.html",
        view=_file(found, now),
        rounds=_rounds(found.decisions),
        printed_by=actor.name,
        printed_at=moment(now),
        back_url=link("onboarding.customer", customer_id=customer_id),
    )


def _file(found: CustomerFile, now: datetime) -> dict[str, Any]:
    row = found.customer

    def url(file_id: int) -> str:
        return link("onboarding.show_customer_file", customer_id=row.id, file_id=file_id)

    return {
        "name": row.name,
        "number": row.number,
        "region": found.region.name,
        "manager": found.account_manager.name,
        "needs_credit_code": row.needs_credit_code,
        "company": views.facts(row, CUSTOMER_FIELDS, region=found.region.name),
        "invoicing": views.facts(row, views.INVOICING),
        "lines": [
            {
                "name": views.line_name(product),
                "class_label": views.class_label(line),
                "since": day(line.from_on),
                "until": day(line.to_on),
            }
            for line, product in found.lines
        ],
        "papers": standing.papers(found.papers, url, local_day(now)),
        "offices": [office.name for office in found.offices],
    }


CUSTOMER_FIELDS = tuple(field for field in views.COMPANY if field not in ("email", "readmission_reason"))


def _rounds(decisions: Sequence[DecisionSeen]) -> list[dict[str, Any]]:
    """Every round of the approvals that led here, newest first."""
    rounds: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in decisions:
        rounds.setdefault((row.decision.case_id, row.decision.round), []).append(chain.step_of(row))
    return [
        {"number": place[1], "at": steps[-1]["at"][:10], "steps": steps}
        for place, steps in sorted(rounds.items(), reverse=True)
    ]
