"""The present request: its time, its actor, the address it came from."""

from __future__ import annotations

from datetime import date, datetime
from typing import cast

from flask import current_app, g, request

from tierflow.common.clock import Clock
from tierflow.common.sessions import SignedIn
from tierflow.common.users import User
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor

COOKIE = "tierflow_session"


def now() -> datetime:
    """The time this request is answered at, UTC; the same all through it."""
    if "now" not in g:
        clock: Clock = current_app.config["CLOCK"]
        g.now = clock()
    return cast(datetime, g.now)


def today() -> date:
    """The day in Asia/Shanghai."""
    return local_day(now())


def current_actor() -> Actor | None:
    """Who asks; None before signing in. Loaded by `web.access`."""
    signed_in: SignedIn | None = g.get("signed_in")
    return signed_in.actor if signed_in else None


def current_user() -> User | None:
    """The account that asks."""
    signed_in: SignedIn | None = g.get("signed_in")
    return signed_in.user if signed_in else None


def address() -> str:
    """Where the request came from. Proxies are believed only as far as TIERFLOW_TRUSTED_PROXIES says."""
    return request.remote_addr or ""


def wants_json() -> bool:
    """Whether the answer goes to a program."""
    return request.path.startswith("/api/") or request.accept_mimetypes.best == "application/json"


SECRETS = frozenset({"password", "old", "new", "code", "secret"})


def kept_words() -> list[tuple[str, str]] | None:
    """What a form of our own sent that cannot be taken as it stands: shown again, to be sent once more. Else None.

    Only where the browser says that a page of ours sent it, so that nobody else's page can put words into it; never
    a form with a secret in it.
    """
    fetched = (request.headers.get("Sec-Fetch-Site"), request.headers.get("Sec-Fetch-Mode"))
    if request.method != "POST" or wants_json() or fetched != ("same-origin", "navigate"):
        return None
    words = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    return None if not words or SECRETS & {name for name, _value in words} else words
