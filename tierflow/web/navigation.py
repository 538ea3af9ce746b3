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
    items: list[Nav] = current_app.extensions["nav"]
    here = _here(items)
    for item in sorted(items, key=lambda item: item.order):
        if is_allowed(actor, item.action):
            url = url_for(item.endpoint)
            found.setdefault(item.group, []).append(
                {"label": show(item.label), "icon": item.icon, "url": url, "active": item.endpoint == here}
            )
    return [{"label": show(group), "items": links} for group, links in found.items()]


def _here(items: list[Nav]) -> str | None:
    """The link the present page belongs to: its own, that whose address begins this one's, its blueprint's."""
    endpoint = request.endpoint or ""
    if any(item.endpoint == endpoint for item in items):
        return endpoint
    above = [item for item in items if request.path.startswith(url_for(item.endpoint).rstrip("/") + "/")]
    above = [item for item in above if url_for(item.endpoint) != "/"]
    if above:
        return max(above, key=lambda item: len(url_for(item.endpoint))).endpoint
    blueprint = endpoint.rpartition(".")[0]
    return next((item.endpoint for item in items if blueprint and item.endpoint.rpartition(".")[0] == blueprint), None)
