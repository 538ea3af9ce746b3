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
