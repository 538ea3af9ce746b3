"""What every page is given: who reads, navigation, inbox count, language, theme, versioned assets."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Flask, current_app, g, request
from markupsafe import Markup

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
from tierflow.web.links import link

assets = Blueprint("web", __name__, static_folder="static", static_url_path="/assets")


@dataclass(frozen=True)
class Reader:
    """The reader as the shell shows them."""

    name: str
    role_names: list[str]


def init(app: Flask) -> None:
    """Register context processors, globals and filters."""
    app.context_processor(shell_context)
    app.jinja_env.globals.update(
        act_label=act_label,
        csrf_token=csrf_token,
        idempotency_key=idempotency_key,
        asset=asset,
        stylesheets=stylesheets,
        scripts=scripts,
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
    """Values for base.html, found once a request: a page may be put together of several templates."""
    if "error" in g:
        return _shell()
    if "shell" not in g:
        g.shell = _shell()
    return cast(dict[str, Any], g.shell)


def _shell() -> dict[str, Any]:
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
        "csrf_token": csrf_token,  # over that of the form library, which signs anew for every form
        "actor": reader,
        "nav": navigation.markup(actor),
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


SHEETS = ("tokens", "shell", "controls", "data", "parts", "opening", "complaints", "lifting", "print")


def stylesheets() -> Markup:
    """The links to every style sheet: Bootstrap beneath, our own theme over it. The same on every page."""
    return _stylesheets(current_app._get_current_object(), request.script_root)  # type: ignore[attr-defined]


@lru_cache(maxsize=8)
def _stylesheets(app: Flask, _root: str) -> Markup:
    bootstrap = app.extensions["bootstrap"]
    ours = (Markup('<link rel="stylesheet" href="{}">').format(asset(f"{sheet}.css")) for sheet in SHEETS)
    return Markup("\n").join([bootstrap.load_css(), bootstrap.load_icon_font_css(), *ours])


def scripts() -> Markup:
    """The links to the scripts of every page."""
    return _scripts(current_app._get_current_object(), request.script_root)  # type: ignore[attr-defined]


@lru_cache(maxsize=8)
def _scripts(app: Flask, _root: str) -> Markup:
    ours = (Markup('<script src="{}"></script>').format(asset(f"{script}.js")) for script in ("app", "forms"))
    return Markup("\n").join([app.extensions["bootstrap"].load_js(), *ours])


def csrf_token() -> str:
    """The token of the page's forms: signed once, however many forms there are."""
    if "csrf_shown" not in g:
        g.csrf_shown = generate_csrf()
    return cast(str, g.csrf_shown)


def part(template: str, **values: Any) -> Markup:
    """A part of a page as markup, without what only whole pages need."""
    return Markup(current_app.jinja_env.get_template(template).render(values))  # noqa: S704 - a template of ours


def day(value: date | datetime | None) -> str:
    """2026-11-22, in Shanghai."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        value = value.astimezone(SHANGHAI).date()
    return value.isoformat()


def moment(value: datetime | None) -> str:
    """2026-11-22 17:30, in Shanghai."""
    return "" if value is None else value.astimezone(SHANGHAI).isoformat(" ", "minutes")[:16]


def sentence_case(words: str) -> str:
    """The first letter large, the rest as it is: for labels at the head of a line."""
    return words[:1].upper() + words[1:]
