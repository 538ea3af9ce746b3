"""The left navigation: data from every domain, shown by what the reader may do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import current_app, request, url_for

from tierflow.kernel.roles import Actor, is_allowed
from tierflow.web.i18n import language, show


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
    """The links this reader may follow, by group; the one the present page belongs to is marked active."""
    if actor is None:
        return []
    items: tuple[Nav, ...] = tuple(current_app.extensions["nav"])
    here = _here(items, request.script_root, request.endpoint or "", request.path)
    return [
        {"label": show(group), "items": [{**link, "active": link["endpoint"] == here} for link in links]}
        for group, links in _links(items, request.script_root, language(), _may(items, actor))
    ]


def _may(items: tuple[Nav, ...], actor: Actor) -> frozenset[str]:
    return frozenset(item.action for item in items if is_allowed(actor, item.action))


@lru_cache(maxsize=256)
def _links(
    items: tuple[Nav, ...], _root: str, _lang: str, may: frozenset[str]
) -> list[tuple[str, list[dict[str, Any]]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for item in sorted(items, key=lambda item: item.order):
        if item.action in may:
            link = {"endpoint": item.endpoint, "label": show(item.label), "icon": item.icon}
            found.setdefault(item.group, []).append({**link, "url": url_for(item.endpoint)})
    return list(found.items())


@lru_cache(maxsize=1024)
def _here(items: tuple[Nav, ...], _root: str, endpoint: str, path: str) -> str | None:
    """The link a page belongs to: its own, that whose address begins the page's, its blueprint's."""
    if any(item.endpoint == endpoint for item in items):
        return endpoint
    above = [item for item in items if path.startswith(url_for(item.endpoint).rstrip("/") + "/")]
    above = [item for item in above if url_for(item.endpoint) != "/"]
    if above:
        return max(above, key=lambda item: len(url_for(item.endpoint))).endpoint
    blueprint = endpoint.rpartition(".")[0]
    return next((item.endpoint for item in items if blueprint and item.endpoint.rpartition(".")[0] == blueprint), None)
