"""What forms let people choose from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.customers import Customer, name_key, visible
from tierflow.common.db import in_force
from tierflow.common.reference import Department, Product, ProductLine, regions_on
from tierflow.common.users import RoleGrant, User, live_grants
from tierflow.complaints.pages.views import SEVERITY_ICONS, product_name
from tierflow.complaints.rules.words import CHANNELS, MEASURES, SATISFACTION, SEVERITY_LABELS, Severity
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.web.i18n import language, show

CUSTOMERS_LISTED = 500


def channel_options() -> list[tuple[str, str]]:
    """Ways to speak to each other."""
    return [(key, show(label)) for key, label in CHANNELS.items()]


def severity_cards(limits: Mapping[Severity, int]) -> list[dict[str, str]]:
    """Severities to choose from, each with its limit."""
    hints = {
        severity: ngettext(
            "answered within %(num)d working day", "answered within %(num)d working days", limits[severity]
        )
        for severity in Severity
    }
    return [
        {"value": str(each), "label": show(SEVERITY_LABELS[each]), "hint": hints[each], "icon": SEVERITY_ICONS[each]}
        for each in Severity
    ]


def product_options(session: Session, now: datetime) -> list[tuple[str, list[tuple[int, str]]]]:
    """Products of today by line, for a select with groups."""
    today = local_day(now)
    rows = session.execute(
        select(Product, ProductLine)
        .join(ProductLine, ProductLine.id == Product.product_line_id)
        .where(in_force(Product.from_on, Product.to_on, today))
        .order_by(ProductLine.code, Product.code)
    )
    groups: dict[str, list[tuple[int, str]]] = {}
    for product, line in rows:
        label = line.name_en if language() == "en" and line.name_en else line.name
        groups.setdefault(label, []).append((product.id, product_name(product)))
    return list(groups.items())


def region_options(session: Session, now: datetime) -> list[tuple[int, str]]:
    """Regions of today."""
    return [(region.id, region.name) for region in regions_on(session, local_day(now))]


def department_options(session: Session, now: datetime) -> list[tuple[int, str]]:
    """Departments of today."""
    condition = in_force(Department.from_on, Department.to_on, local_day(now))
    return [
        (row.id, row.name) for row in session.scalars(select(Department).where(condition).order_by(Department.code))
    ]


def owner_options(session: Session) -> list[tuple[int, str]]:
    """Everybody a measure can be given to."""
    rows = session.execute(select(User.id, User.name).where(User.disabled_at.is_(None)).order_by(User.name).limit(1000))
    return [(row.id, row.name) for row in rows]


def sales_options(session: Session, now: datetime) -> list[tuple[int, str]]:
    """Account and sales managers, who answer inquiries."""
    roles = [Role.ACCOUNT_MANAGER.value, Role.SALES_MANAGER.value]
    rows = session.execute(
        select(User.id, User.name)
        .join(RoleGrant, RoleGrant.user_id == User.id)
        .where(RoleGrant.role.in_(roles), User.disabled_at.is_(None), *live_grants(local_day(now)))  # type: ignore[arg-type]
        .distinct()
        .order_by(User.name)
    )
    return [(row.id, row.name) for row in rows]


def customer_choices(session: Session, actor: Actor) -> list[str]:
    """Customers to type ahead: number and name."""
    rows = session.execute(
        select(Customer.number, Customer.name).where(visible(actor)).order_by(Customer.name).limit(CUSTOMERS_LISTED)
    )
    return [f"{row.number} {row.name}" for row in rows]


def customer_named(session: Session, actor: Actor, written: str | None) -> Customer | None:
    """The customer somebody typed: by number, or by the whole name; None when it is none of ours."""
    if not written or not written.strip():
        return None
    number = written.split()[0]
    query = select(Customer).where(visible(actor))
    found = session.scalar(query.where(Customer.number == number))
    if found is not None:
        return found
    matches = session.scalars(query.where(Customer.name_key == name_key(written)).limit(2)).all()
    return matches[0] if len(matches) == 1 else None


def measure_options() -> list[tuple[str, str]]:
    """Kinds of measure."""
    return [(key, show(label)) for key, label in MEASURES.items()]


def satisfaction_options() -> list[tuple[int, str]]:
    """How satisfied a customer is, best first."""
    return [(score, show(label)) for score, label in SATISFACTION.items()]
