"""Taking over the customers a company already has: the import's screens, and its line on the customer's page."""

from __future__ import annotations

from typing import Any

from flask import Flask, url_for
from sqlalchemy.orm import Session

from tierflow.kernel.text import mark
from tierflow.onboarding.pages.blueprint import bp
from tierflow.onboarding.pages.scans import after_import
from tierflow.onboarding.service.takeover import CUSTOMERS, taken_over
from tierflow.web import imports
from tierflow.web.navigation import Nav

imports.register(bp, CUSTOMERS, prefix="/takeover", name="takeover", read="takeover.read", after=after_import)

NAV = [
    Nav(
        mark("Customers"), 15, mark("Take over customers"), "box-arrow-in-down", "onboarding.takeover", "takeover.read"
    ),
]


def origin(session: Session, customer_id: int) -> dict[str, Any] | None:
    """With which import a customer came, for the history on its page; None when it was opened here."""
    found = taken_over(session, customer_id)
    if found is None:
        return None
    taken, batch, approver = found
    return {
        "row": taken.row,
        "file": batch.file_name,
        "number": batch.id,
        "at": batch.applied_at,
        "who": approver.name,
        "url": url_for("onboarding.takeover_batch", batch_id=batch.id),
    }


def init(app: Flask) -> None:
    """Attach navigation and inbox."""
    app.extensions["nav"] += NAV
    app.extensions["inbox_kinds"].update(imports.inbox_kinds(bp, CUSTOMERS, "takeover"))
