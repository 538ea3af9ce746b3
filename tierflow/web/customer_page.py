"""What the other domains add to a customer's page: tabs, and a line at its top. `app.py` puts them together.

A tab is a page of its own, so that the customer's page stays as quick with ten domains as with one; what everybody
must see at once (may I sell today?) is a head above every tab; while all is well a head asks the database nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from markupsafe import Markup
from sqlalchemy.orm import Session

from tierflow.common.customer_today import CustomerToday
from tierflow.kernel.errors import NotFound
from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web.i18n import show
from tierflow.web.links import link

Render = Callable[[Session, Actor, int, datetime], Markup]
RenderHead = Callable[[Session, Actor, CustomerToday, datetime], Markup]


@dataclass(frozen=True)
class Tab:
    """A part of the page: the word in its address, its label, who may see it, and what draws it."""

    key: str
    label: str
    action: str
    render: Render


@dataclass(frozen=True)
class Head:
    """A line above every tab, drawn from what the page knows already."""

    action: str
    render: RenderHead


def init() -> dict[str, list[Any]]:
    """The lists the domains add to, for `app.extensions`."""
    return {"customer_tabs": [], "customer_heads": []}


def tab(actor: Actor, key: str) -> Tab:
    """The tab of that word. Raises `NotFound` for one that is not there or not for this reader."""
    found = next((one for one in _tabs(actor) if one.key == key), None)
    if found is None:
        raise NotFound
    return found


def tabs(actor: Actor, customer_id: int, own: list[tuple[str, str]], active: str) -> list[dict[str, Any]]:
    """The tabs this reader sees: those of the file itself (endpoint, label), then those of the other domains."""
    links = [
        {"label": show(label), "url": link(endpoint, customer_id=customer_id), "active": endpoint == active}
        for endpoint, label in own
    ]
    for one in _tabs(actor):
        url = link("onboarding.customer_part", customer_id=customer_id, key=one.key)
        links.append({"label": show(one.label), "url": url, "active": one.key == active})
    return links


def heads(session: Session, actor: Actor, today: CustomerToday, now: datetime) -> list[Markup]:
    """What stands above every tab."""
    found: list[Head] = current_app.extensions["customer_heads"]
    return [one.render(session, actor, today, now) for one in found if is_allowed(actor, one.action)]


def _tabs(actor: Actor) -> list[Tab]:
    found: list[Tab] = current_app.extensions["customer_tabs"]
    return [one for one in found if is_allowed(actor, one.action)]
