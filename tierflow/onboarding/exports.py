"""The lists of this part as files, for pages and programs alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Response
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.kernel.approval import STATE_LABELS, State
from tierflow.kernel.money import format_yuan
from tierflow.kernel.qualification import PAPER_LABELS
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, text
from tierflow.onboarding.models import Paper
from tierflow.onboarding.pages import views
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.rules.contracts import STATES
from tierflow.onboarding.service import contracts as register
from tierflow.onboarding.service import wall
from tierflow.onboarding.service.contracts import ContractRow
from tierflow.onboarding.service.customers import CustomerFilters, list_customers
from tierflow.onboarding.service.listing import Filters, list_applications
from tierflow.onboarding.service.wall import WallFilters
from tierflow.web.exports import Column, Form, download, every
from tierflow.web.i18n import show
from tierflow.web.paging import Page

AT_ONCE = 1000

APPLICATIONS = [
    Column(text("Number"), lambda row: row.application.number, width=16),
    Column(text("Company name"), lambda row: row.application.name, width=36),
    Column(text("Unified social credit code"), lambda row: row.application.credit_code, "code", 22),
    Column(text("State"), lambda row: Text(STATE_LABELS[State(row.case.state)]), width=14),
    Column(text("Waits for"), lambda row: Text(ACCOUNT_OPENING.step(row.case.step).label) if row.case.step else None),
    Column(text("Sales region"), lambda row: row.region),
    Column(text("Account manager"), lambda row: row.account_manager),
    Column(text("Round"), lambda row: row.case.round, "integer", 8),
    Column(text("Opened at"), lambda row: row.case.opened_at, "moment", 18),
    Column(text("Last moved"), lambda row: row.case.waiting_since, "moment", 18),
    Column(text("Ended at"), lambda row: row.case.ended_at, "moment", 18),
]

CUSTOMERS = [
    Column(text("Number"), lambda row: row.customer.number, width=12),
    Column(text("Company name"), lambda row: row.customer.name, width=36),
    Column(text("Unified social credit code"), lambda row: row.customer.credit_code, "code", 22),
    Column(text("Organisation code"), lambda row: row.customer.organisation_code, "code", 14),
    Column(text("Class per line"), lambda row: views.lines_in_words(row.lines), width=36),
    Column(text("Legal representative"), lambda row: row.customer.legal_representative),
    Column(text("Registered address"), lambda row: row.customer.address, width=36),
    Column(text("Contact person"), lambda row: row.customer.contact_name),
    Column(text("Telephone"), lambda row: row.customer.phone, "code"),
    Column(text("Bank"), lambda row: row.customer.bank_name, width=28),
    Column(text("Bank account"), lambda row: row.customer.bank_account, "code", 24),
    Column(text("Invoicing address"), lambda row: row.customer.invoice_address, width=36),
    Column(text("Invoicing telephone"), lambda row: row.customer.invoice_phone, "code"),
    Column(text("Sales region"), lambda row: row.region),
    Column(text("Account manager"), lambda row: row.account_manager),
    Column(text("First paper to expire"), lambda row: row.expires_on, "day"),
    Column(text("Suspended"), lambda row: text("yes") if row.is_suspended else "", width=10),
    Column(text("Disqualified on"), lambda row: row.customer.disqualified_on, "day"),
    Column(text("Customer since"), lambda row: row.customer.approved_on, "day"),
]

EXPIRING = [
    Column(text("Number"), lambda row: row.number, width=12),
    Column(text("Company name"), lambda row: row.name, width=36),
    Column(text("Paper"), lambda row: Text(PAPER_LABELS[row.kind]), width=26),
    Column(text("Proof of renewal"), lambda row: text("yes") if row.is_proof else "", width=10),
    Column(text("Last valid day"), lambda row: row.valid_to, "day"),
    Column(text("Days left"), lambda row: row.days_left, "integer"),
    Column(text("Suspended"), lambda row: text("yes") if row.is_suspended else "", width=10),
    Column(text("Renewal handed in"), lambda row: text("yes") if row.is_waiting else "", width=12),
    Column(text("Sales region"), lambda row: row.region),
    Column(text("Account manager"), lambda row: row.account_manager),
    Column(text("Contact person"), lambda row: row.contact_name),
    Column(text("Telephone"), lambda row: row.phone, "code"),
]

FILING = [
    Column(text("Number"), lambda row: row[0].customer.number, width=12),
    Column(text("Company name"), lambda row: row[0].customer.name, width=36),
    Column(text("Unified social credit code"), lambda row: row[0].customer.credit_code, "code", 22),
    Column(text("Organisation code"), lambda row: row[0].customer.organisation_code, "code", 14),
    Column(text("Class per line"), lambda row: views.lines_in_words(row[0].lines), width=36),
    Column(text("Legal representative"), lambda row: row[0].customer.legal_representative),
    Column(text("Registered address"), lambda row: row[0].customer.address, width=36),
    Column(text("Papers"), lambda row: row[1], width=60),
    Column(text("Bank"), lambda row: row[0].customer.bank_name, width=28),
    Column(text("Bank account"), lambda row: row[0].customer.bank_account, "code", 24),
    Column(text("Sales region"), lambda row: row[0].region),
    Column(text("Account manager"), lambda row: row[0].account_manager),
    Column(text("Customer since"), lambda row: row[0].customer.approved_on, "day"),
    Column(text("Suspended"), lambda row: text("yes") if row[0].is_suspended else "", width=10),
    Column(text("Disqualified on"), lambda row: row[0].customer.disqualified_on, "day"),
]


def _yuan(row: ContractRow) -> str | None:
    return format_yuan(row.contract.value) if row.contract.value is not None else None


CONTRACTS = [
    Column(text("Contract number"), lambda row: row.contract.number, width=18),
    Column(text("Customer"), lambda row: row.customer.name, width=36),
    Column(text("Subject"), lambda row: row.contract.title, width=36),
    Column(text("In force from"), lambda row: row.contract.from_on, "day"),
    Column(text("Last day"), lambda row: row.last_on, "day"),
    Column(text("Value (yuan)"), _yuan, width=18),
    Column(text("State"), lambda row: show(STATES[row.state])),
    Column(text("Kept by"), lambda row: row.custodian.name),
    Column(text("Place"), lambda row: row.contract.place, width=28),
]


def applications(session: Session, actor: Actor, wanted: Filters, form: Form, now: datetime) -> Response:
    """Account opening applications."""
    require(actor, "application.export")
    rows = every(lambda cursor: list_applications(session, actor, wanted, cursor=cursor, size=AT_ONCE))
    title = _("Account opening applications")
    return download(rows, APPLICATIONS, form=form, name="applications", title=title, actor=actor, now=now)


def customers(
    session: Session, actor: Actor, wanted: CustomerFilters, sort: str, form: Form, now: datetime
) -> Response:
    """Customers."""
    require(actor, "customer.export")
    rows = every(lambda cursor: list_customers(session, actor, wanted, now, cursor=cursor, size=AT_ONCE, sort=sort))
    return download(rows, CUSTOMERS, form=form, name="customers", title=_("Customers"), actor=actor, now=now)


def expiring(session: Session, actor: Actor, wanted: WallFilters, form: Form, now: datetime) -> Response:
    """What expires when (CHEM-15)."""
    require(actor, "customer.export")
    rows = every(lambda cursor: wall.wall(session, actor, wanted, now, cursor=cursor, size=AT_ONCE))
    return download(rows, EXPIRING, form=form, name="expiring", title=_("What expires when"), actor=actor, now=now)


def contracts(session: Session, actor: Actor, wanted: Mapping[str, Any], form: Form, now: datetime) -> Response:
    """The contract register."""
    require(actor, "contract.export")
    rows = every(lambda cursor: register.list_contracts(session, actor, wanted, now, cursor=cursor, size=AT_ONCE))
    return download(rows, CONTRACTS, form=form, name="contracts", title=_("Contracts"), actor=actor, now=now)


def filing(session: Session, actor: Actor, wanted: CustomerFilters, sort: str, form: Form, now: datetime) -> Response:
    """The file for the distribution company (备案): every customer with its classes and papers (CHEM-8.2).

    Narrowed as the list is, so that a company with more customers than a file takes files them region by region.
    """
    require(actor, "filing.export")
    rows = every(lambda cursor: _filed(session, actor, wanted, sort, cursor, now))
    return download(rows, FILING, form=form, name="filing", title=_("Filing"), actor=actor, now=now)


def _filed(
    session: Session, actor: Actor, wanted: CustomerFilters, sort: str, cursor: str | None, now: datetime
) -> Page[tuple[Any, str]]:
    page = list_customers(session, actor, wanted, now, cursor=cursor, size=AT_ONCE, sort=sort)
    papers = _papers(session, [row.customer.id for row in page.rows])
    rows = [(row, "；".join(papers.get(row.customer.id, {}).values())) for row in page.rows]
    return Page(rows, page.after, page.before, page.size)


def _papers(session: Session, customer_ids: list[int]) -> dict[int, dict[str, str]]:
    """The newest version of each paper in words, by customer."""
    found: dict[int, dict[str, str]] = {}
    query = select(Paper).where(Paper.customer_id.in_(customer_ids)).order_by(Paper.id)
    for paper in session.scalars(query):
        words = f"{show(Text(PAPER_LABELS[paper.kind]))} {views.paper_facts(paper)}".strip()
        found.setdefault(paper.customer_id or 0, {})[paper.kind] = words
    return found
