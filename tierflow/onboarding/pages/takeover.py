"""Taking over the customers a company already has: the import's screens, and its line on the customer's page."""

from __future__ import annotations

from datetime import datetime

from flask import Flask, render_template, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark
from tierflow.onboarding.pages.blueprint import bp
from tierflow.onboarding.service.takeover import CUSTOMERS, taken_over
from tierflow.web import imports
from tierflow.web.customer_page import Head
from tierflow.web.navigation import Nav

imports.register(bp, CUSTOMERS, prefix="/takeover", name="takeover", read="takeover.read")

NAV = [
    Nav(
        mark("Customers"), 15, mark("Take over customers"), "box-arrow-in-down", "onboarding.takeover", "takeover.read"
    ),
]


def head(session: Session, actor: Actor, customer_id: int, now: datetime) -> Markup:
    """The line of the customer's page that says with which import it came."""
    found = taken_over(session, customer_id)
    if found is None:
        return Markup("")
    taken, batch, approver = found
    url = url_for("onboarding.takeover_batch", batch_id=batch.id)
    told = {"row": taken.row, "file": batch.file_name, "number": batch.id, "at": batch.applied_at, "who": approver.name}
    return Markup(render_template("onboarding/_taken_over.html", taken=told, url=url))  # noqa: S704 - a template of ours


def init(app: Flask) -> None:
    """Attach navigation, inbox and the customer page's line."""
    app.extensions["nav"] += NAV
    app.extensions["inbox_sources"].append(imports.inbox_source(CUSTOMERS))
    app.extensions["inbox_kinds"][f"import.{CUSTOMERS.kind}"] = imports.inbox_kind(bp, CUSTOMERS, "takeover")
    app.extensions["customer_heads"].append(Head("takeover.read", head))
