"""What every page is given: who reads, navigation, inbox count, language, theme, versioned assets."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, current_app, g, request, url_for

from tierflow.common.acts import act_label
from tierflow.common.db import db
from tierflow.kernel.money import format_yuan
from tierflow.kernel.months import SHANGHAI
from tierflow.kernel.roles import ROLE_LABELS, is_allowed
from tierflow.kernel.tonnage import format_tonnes
from tierflow.web import inbox, navigation
from tierflow.web.access import generate_csrf
from tierflow.web.context import current_actor, current_user, today
from tierflow.web.i18n import language, show

assets = Blueprint("web", __name__, static_folder="static", static_url_path="/assets")


@dataclass(frozen=True)
class Reader:
    """The reader as the shell shows them."""

    name: str
    role_names: list[str]


def init(app: Flask) -> None:
    """Register context processors, globals and filters."""
    app.context_processor(shell_context)
    app.extensions["links"] = {}
    app.jinja_env.globals.update(
        act_label=act_label,
        csrf_token=generate_csrf,
        idempotency_key=idempotency_key,
        asset=asset,
        url_for=link,
        may=may,
        today=today,
    )
    app.jinja_env.filters.update(
        day=day, moment=moment, tonnes=format_tonnes, yuan=format_yuan, sentence_case=sentence_case
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def shell_context() -> dict[str, Any]:
    """Values for base.html; the inbox is counted once a page."""
    # A page about a failure of ours is drawn without the database: it may be what failed.
    actor, user = (None, None) if "error" in g else (current_actor(), current_user())
    reader = None
    waiting = None
    if actor is not None:
        reader = Reader(actor.name, [show(ROLE_LABELS[role]) for role in sorted(actor.roles)])
        if "waiting" not in g:
            g.waiting = inbox.count(db.session(), actor)
        waiting = g.waiting
    theme = user.theme if user is not None else request.cookies.get("theme", "auto")
    return {
        "actor": reader,
        "nav": navigation.groups(actor),
        "inbox_count": waiting,
        "lang": language(),
        "theme": theme if theme in ("light", "dark", "auto") else "auto",
        "banner": None if "error" in g else _banner(),
    }


def _banner() -> dict[str, str] | None:
    actor = current_actor()
    for check in current_app.extensions.get("banners", ()):
        found: dict[str, str] | None = check(db.session(), actor)
        if found is not None:
            return found
    return None


def may(action: str) -> bool:
    """For templates: whether to show a button. The service decides again."""
    actor = current_actor()
    return actor is not None and is_allowed(actor, action)


def idempotency_key() -> str:
    """A fresh key for a form."""
    return secrets.token_urlsafe(16)


@lru_cache(maxsize=256)
def _fingerprint(filename: str) -> str:
    path = Path(__file__).parent / "static" / filename
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10] if path.exists() else "0"


def asset(filename: str) -> str:
    """The address of a file of ours, with its version, so that it can be cached for good."""
    return link("web.static", filename=filename, v=_fingerprint(filename))


def link(endpoint: str, **values: Any) -> str:
    """`url_for`, remembered: a page has dozens of addresses, and most are those of the page before."""
    if endpoint.startswith(".") or any(key.startswith("_") or isinstance(values[key], list) for key in values):
        return url_for(endpoint, **values)  # depends on more of the request than where the product is mounted
    known: dict[Any, str] = current_app.extensions["links"]
    key = (request.script_root, endpoint, *values.items())
    if key not in known:
        if len(known) > MOST_LINKS:
            known.clear()
        known[key] = url_for(endpoint, **values)
    return known[key]


MOST_LINKS = 10_000


def day(value: date | datetime | None) -> str:
    """2026-11-22, in Shanghai."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(SHANGHAI).date()
    return value.isoformat()


def moment(value: datetime | None) -> str:
    """2026-11-22 17:30, in Shanghai."""
    return "" if value is None else value.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def sentence_case(words: str) -> str:
    """The first letter large, the rest as it is: for labels at the head of a line."""
    return words[:1].upper() + words[1:]
