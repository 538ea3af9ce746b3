"""The left navigation: data from every domain, shown by what the reader may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import current_app, request, url_for

from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web.i18n import show


@dataclass(frozen=True)
class Nav:
    """One link. `action` decides who sees it; `group` and `order` where it stands."""

    group: str
    order: int
    label: str
    icon: str
    endpoint: str
    action: str


def groups(actor: Actor | None) -> list[dict[str, Any]]:
    """The links this reader may follow, by group."""
    if actor is None:
        return []
    found: dict[str, list[dict[str, Any]]] = {}
    here = (request.endpoint or "").rpartition(".")[0]
    items: list[Nav] = current_app.extensions["nav"]
    exact = any(item.endpoint == request.endpoint for item in items)
    for item in items:
        if is_allowed(actor, item.action):
            active = item.endpoint == request.endpoint or (
                not exact and bool(here) and item.endpoint.rpartition(".")[0] == here
            )
            found.setdefault(item.group, []).append(
                {"label": show(item.label), "icon": item.icon, "url": url_for(item.endpoint), "active": active}
            )
    return [{"label": show(group), "items": links} for group, links in found.items()]
