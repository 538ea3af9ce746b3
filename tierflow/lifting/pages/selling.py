"""The customer's page: may I sell today, at its top; its orders as a tab."""

from __future__ import annotations

from datetime import datetime

from flask import render_template, url_for
from markupsafe import Markup
from sqlalchemy.orm import Session

from tierflow.common.customer_today import CustomerToday
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark
from tierflow.lifting.models import LiftingOrder
from tierflow.lifting.pages import views
from tierflow.lifting.service import queries, selling
from tierflow.web import shell
from tierflow.web.customer_page import Head, Tab
from tierflow.web.i18n import show
from tierflow.web.links import link
from tierflow.web.paging import Sort, page_of

SHOWN = 20


def head(session: Session, actor: Actor, today: CustomerToday, now: datetime) -> Markup:
    """Per line yes or no, every reason, who clears it."""
    customer_id, found = today.customer.id, selling.answers_for(session, today)
    shared = [
        reason
        for reason in (found.answers[0].reasons if found.answers else [])
        if all(reason in answer.reasons for answer in found.answers)
    ]
    shown = {
        "lines": [
            {"name": views.named(answer.line), "yes": answer.may_sell, "by_auction": answer.by_auction_only}
            for answer in found.answers
        ],
        "reasons": [
            {
                "line": None if refusal in shared else views.named(answer.line),
                "clause": refusal.clause,
                "reason": show(refusal.reason),
                "remedy": show(words) if (words := selling.remedy(refusal)) else "",
            }
            for number, answer in enumerate(found.answers)
            for refusal in answer.reasons
            if refusal not in shared or number == 0
        ],
        "held": found.held,
        "orders_url": link("lifting.listing", customer_id=customer_id, state="open"),
        "new_url": link("lifting.place", customer_id=customer_id),
    }
    return shell.part("lifting/_selling.html", selling=shown)


def part(session: Session, actor: Actor, customer_id: int, now: datetime) -> Markup:
    """The customer's orders, newest first."""
    query = queries.orders(actor, {"customer_id": customer_id})
    found = page_of(session, query, [Sort("id", LiftingOrder.id, descending=True)], size=SHOWN)
    shown = {
        "rows": [views.card(card, now) for card in queries.cards(session, found.rows, now)],
        "all_url": url_for("lifting.listing", customer_id=customer_id),
        "new_url": url_for("lifting.place", customer_id=customer_id),
    }
    return Markup(render_template("lifting/_of_customer.html", orders=shown))  # noqa: S704 - a template of ours


HEAD = Head("order.read", head)
TAB = Tab("orders", mark("Lifting orders"), "order.read", part)
