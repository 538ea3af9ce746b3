"""The left navigation: data from every domain, shown by what the reader may do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from flask import Flask, current_app, request, url_for
from markupsafe import Markup

from tierflow.kernel.roles import Actor, Grant, Role, is_allowed
from tierflow.web.i18n import language, show


@dataclass(frozen=True)
class Nav:
    """One link. `action` decides who sees it; `group` and `order` where it stands.

    `holds`: how the addresses of pages begin that belong to it and do not begin with its own.
    """

    group: str
    order: int
    label: str
    icon: str
    endpoint: str
    action: str
    holds: tuple[str, ...] = ()


def markup(actor: Actor | None) -> Markup:
    """The links this reader may follow, by group; the one the present page belongs to is marked active.

    Which they are follows from the reader's roles and the page alone: made once for each.
    """
    if actor is None:
        return Markup()
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    here = _here(app, request.script_root, request.endpoint or "", request.script_root + request.path)
    return _markup(app, request.script_root, language(), actor.roles, actor.token_scopes, here)


@lru_cache(maxsize=1024)
def _markup(
    app: Flask,
    _root: str,
    _lang: str,
    roles: frozenset[Role],
    scopes: frozenset[str] | None,
    here: str | None,
) -> Markup:
    like = Actor(0, 0, "", frozenset(map(Grant, roles)), token_scopes=scopes)
    groups: dict[str, list[dict[str, Any]]] = {}
    for item in sorted(_items(app), key=lambda item: item.order):
        if is_allowed(like, item.action):
            link = {"label": show(item.label), "icon": item.icon, "url": url_for(item.endpoint)}
            groups.setdefault(item.group, []).append({**link, "active": item.endpoint == here})
    shown = [{"label": show(group), "items": links} for group, links in groups.items()]
    return Markup(app.jinja_env.get_template("_navigation.html").render(groups=shown))  # noqa: S704 - a template of ours


def _items(app: Flask) -> list[Nav]:
    found: list[Nav] = app.extensions["nav"]
    return found


@lru_cache(maxsize=1024)
def _here(app: Flask, root: str, endpoint: str, path: str) -> str | None:
    """The link a page belongs to: its own, that which holds it or whose address begins the page's, its blueprint's."""
    items = _items(app)
    if any(item.endpoint == endpoint for item in items):
        return endpoint
    holder = next((item for item in items for begin in item.holds if path.startswith(root + begin)), None)
    if holder is not None:
        return holder.endpoint
    # A form that is sent back has another endpoint than its page, and often the page's own address.
    above = [item for item in items if f"{path}/".startswith(url_for(item.endpoint).rstrip("/") + "/")]
    above = [item for item in above if url_for(item.endpoint) != "/"]
    if above:
        return max(above, key=lambda item: len(url_for(item.endpoint))).endpoint
    blueprint = endpoint.rpartition(".")[0]
    return next((item.endpoint for item in items if blueprint and item.endpoint.rpartition(".")[0] == blueprint), None)
