"""The search box: customers and applications."""

from __future__ import annotations

from typing import Any

from flask import url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import lookup
from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.customers import visible as visible_customers
from tierflow.common.reference import Region
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.onboarding.models import Application
from tierflow.onboarding.pages import views
from tierflow.onboarding.service import access
from tierflow.onboarding.service.creating import CUSTOMER

MOST = 20


def find(session: Session, actor: Actor, query: str) -> list[dict[str, Any]]:
    """Customers, then applications, whose name, pinyin or code fits; only what the actor may see."""
    if not lookup.fold(query):
        return []
    return [*_customers(session, actor, query), *_applications(session, actor, query)]


def _customers(session: Session, actor: Actor, query: str) -> list[dict[str, Any]]:
    if not is_allowed(actor, "customer.read"):
        return []
    found: Any = lookup.matching(CUSTOMER, query)
    rows = session.execute(
        select(Customer, Region.name)
        .join(Region, Region.id == Customer.region_id)
        .where(Customer.id.in_(found), visible_customers(actor))
        .order_by(Customer.number)
        .limit(MOST)
    )
    return [
        {
            "kind": "customer",
            "id": row.Customer.id,
            "title": row.Customer.name,
            "subtitle": " · ".join(filter(None, (row.Customer.number, row.Customer.credit_code, row.name))),
            "module": _("Customer"),
            "url": url_for("onboarding.customer", customer_id=row.Customer.id),
            "icon": "buildings",
        }
        for row in rows
    ]


def _applications(session: Session, actor: Actor, query: str) -> list[dict[str, Any]]:
    if not is_allowed(actor, "application.read"):
        return []
    found: Any = lookup.matching(access.SUBJECT, query)
    rows = session.execute(
        select(Application, ApprovalCase)
        .join(ApprovalCase, (ApprovalCase.subject_type == access.SUBJECT) & (ApprovalCase.subject_id == Application.id))
        .where(Application.id.in_(found), access.visible(actor), Application.customer_id.is_(None))
        .order_by(Application.id.desc())
        .limit(MOST)
    )
    return [
        {
            "kind": "application",
            "id": row.Application.id,
            "title": row.Application.name or row.Application.number,
            "subtitle": f"{row.Application.number} · {views.state_badge(row.ApprovalCase)['text']}",
            "module": _("Account opening"),
            "url": url_for("onboarding.application", application_id=row.Application.id),
            "icon": "person-vcard",
        }
        for row in rows
    ]
