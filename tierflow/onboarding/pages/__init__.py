"""The screens of account opening and of the customer file."""

from __future__ import annotations

from flask import Flask

from tierflow.kernel.text import mark
from tierflow.onboarding.pages import (  # noqa: F401 - each registers its views on the blueprint
    blacklist,
    changing,
    contracts,
    customers,
    deciding,
    editing,
    explaining,
    fields_past,
    files,
    filing,
    handover,
    inspecting,
    leaving,
    listing,
    papers,
    phone,
    printing,
    reading,
    renewing,
    scans,
    standing,
    takeover,
    wall,
)
from tierflow.onboarding.pages.blueprint import bp
from tierflow.onboarding.pages.finding import find
from tierflow.web.customer_page import Head
from tierflow.web.inbox import Kind
from tierflow.web.navigation import Nav

NAV = [
    Nav(mark("Customers"), 10, mark("Account opening"), "person-vcard", "onboarding.applications", "application.read"),
    Nav(
        mark("Customers"),
        11,
        mark("Customer list"),
        "buildings",
        "onboarding.customers",
        "customer.read",
        holds=("/customer-changes/", "/paper-renewals/"),
    ),
    Nav(mark("Customers"), 12, mark("What expires when"), "calendar-x", "onboarding.wall", "customer.read"),
    Nav(mark("Customers"), 12, mark("Scans owed"), "file-earmark-arrow-up", "onboarding.scans_owed", "customer.read"),
    Nav(mark("Customers"), 13, mark("Distribution"), "send-check", "onboarding.distributions", "distribution.read"),
    Nav(mark("Customers"), 14, mark("File inspection"), "search", "onboarding.inspections", "inspection.read"),
    Nav(
        mark("Customers"),
        15,
        mark("Disqualified companies"),
        "slash-circle",
        "onboarding.disqualified",
        "disqualification.read",
        holds=("/disqualifications/", "/disqualified/", "/listings/"),
    ),
]

KINDS = {
    "application": Kind(
        mark("Account opening application"), "person-vcard", "onboarding.application", "application_id"
    ),
    "application.returned": Kind(
        mark("Returned for correction"), "arrow-return-left", "onboarding.edit_application", "application_id"
    ),
    "paper_renewal": Kind(mark("Paper to examine"), "patch-check", "onboarding.renewal", "renewal_id"),
    "paper_renewal.returned": Kind(mark("Paper to correct"), "arrow-return-left", "onboarding.renewal", "renewal_id"),
    "customer_change": Kind(mark("Change to examine"), "pencil-square", "onboarding.customer_change", "change_id"),
    "customer_change.returned": Kind(
        mark("Change to correct"), "arrow-return-left", "onboarding.customer_change", "change_id"
    ),
    "disqualification": Kind(
        mark("Disqualification to decide"), "slash-circle", "onboarding.disqualification", "disqualification_id"
    ),
    "distribution": Kind(
        mark("Customer information to acknowledge"), "send-check", "onboarding.distribution", "distribution_id"
    ),
    "finding": Kind(mark("Finding of an inspection"), "search", "onboarding.inspection", "inspection_id"),
    "customer": Kind(mark("Customer"), "buildings", "onboarding.customer", "customer_id"),
}


def init(app: Flask) -> None:
    """Attach the screens: routes, navigation, inbox, search."""
    app.register_blueprint(bp)
    app.extensions["nav"] += NAV
    app.extensions["inbox_kinds"].update(KINDS)
    app.extensions["inbox_sources"] += [filing.source, inspecting.source]
    app.extensions["finders"].append(find)
    app.extensions["customer_heads"].append(Head("customer.read", standing.head))
    takeover.init(app)
    blacklist.init(app)
    handover.init(app)
    contracts.init(app)
