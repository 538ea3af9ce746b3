"""The customer's page shows its complaints: `app.py` puts this part among those of the page."""

from __future__ import annotations

from datetime import datetime

from flask import render_template, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from tierflow.complaints.pages import views
from tierflow.complaints.pages.figures import percent
from tierflow.complaints.service import history as service
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark
from tierflow.web.customer_page import Tab


def part(session: Session, actor: Actor, customer_id: int, now: datetime) -> Markup:
    """The part of the customer's page that is about complaints."""
    found = service.of_customer(session, actor, customer_id, now)
    shown = {
        "cards": [views.card(card, now) for card in found.cards],
        "total": found.total,
        "in_time": percent(10_000 * found.in_time // found.told if found.told else None),
        "breaches": found.breaches,
        "all_url": url_for("complaints.listing", customer_id=customer_id),
    }
    return Markup(render_template("complaints/_history.html", history=shown))  # noqa: S704 - a template of ours


TAB = Tab("complaints", mark("Complaints"), "complaint.read", part)
