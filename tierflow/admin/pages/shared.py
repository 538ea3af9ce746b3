"""What several screens need."""

from __future__ import annotations

from typing import Any

from flask import request
from flask import session as browser
from flask_babel import gettext as _

from tierflow.kernel.roles import ROLE_LABELS
from tierflow.web.i18n import show
from tierflow.web.schemas import Schema, load

_ONCE = "shown_once"


def remember_once(label: str, secret: str, about: str) -> None:
    """Keep a secret in the reader's own browser until the next page shows it; the server keeps none of it."""
    browser[_ONCE] = [label, secret, about]


def take_once() -> dict[str, str] | None:
    """The secret to show now, gone from here on."""
    kept = browser.pop(_ONCE, None)
    return None if kept is None else {"label": kept[0], "secret": kept[1], "about": kept[2]}


def filters(schema: Schema) -> dict[str, Any]:
    """The address's arguments as a filter. Raises `Invalid`."""
    found: dict[str, Any] = load(schema, request.args.to_dict())
    return found


def role_options() -> list[tuple[str, str]]:
    """Every role with its word."""
    return [(role.value, show(label)) for role, label in ROLE_LABELS.items()]


def state_words() -> dict[str, tuple[str, str]]:
    """State -> (kind of badge, word), for grants, delegations and reference data."""
    return {
        "proposed": ("info", _("waits for approval")),
        "returned": ("warn", _("returned")),
        "withdrawn": ("neutral", _("taken back")),
        "rejected": ("bad", _("refused")),
        "discarded": ("neutral", _("given up")),
        "in_force": ("ok", _("in force")),
        "to_come": ("info", _("to come")),
        "over": ("neutral", _("over")),
        "revoked": ("neutral", _("revoked")),
    }
