"""Logs: JSON lines in production, readable on a terminal; one id for all that a request causes; no secrets."""

from __future__ import annotations

import logging
import os
import re
import sys
import time
import uuid
from collections.abc import MutableMapping
from typing import Any

import structlog
from flask import Flask, Response, g, request

from tierflow.web.context import current_actor

HIDDEN = "***"
_SECRET = re.compile(r"password|passwd|secret|token|authorization|cookie|api_?key|signature", re.IGNORECASE)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
# What comes from outside in a text: the password of a database address, the key of a robot's.
_IN_TEXT = re.compile(r"(://[^/\s:@]+:)[^@\s]+(@)|([?&](?:key|access_token|sign|token)=)[^&\s'\"]+")

log = structlog.get_logger("web")


def hide_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank every value whose name says that it is a secret, at any depth, and addresses that carry one."""
    for name in list(event):
        event[name] = HIDDEN if _SECRET.search(name) else _cleaned(event[name])
    return event


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return _IN_TEXT.sub(lambda found: f"{found[1] or found[3]}{HIDDEN}{found[2] or ''}", value)
    if isinstance(value, dict):
        return {name: HIDDEN if _SECRET.search(str(name)) else _cleaned(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item) for item in value]
    return value


def _speak_through_logging() -> list[Any]:
    """structlog hands its events to the standard library; returns the processors both share."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        hide_secrets,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return shared


def configure(form: str | None = None) -> None:
    """Set up logging for this process. `form`: json or console; TIERFLOW_LOG, else by whether a person looks on."""
    form = form or os.environ.get("TIERFLOW_LOG") or ("console" if sys.stderr.isatty() else "json")
    shared = _speak_through_logging()
    renderer = (
        structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(os.environ.get("TIERFLOW_LOG_LEVEL", "INFO").upper())
    for quiet in ("apscheduler", "httpx", "httpcore", "alembic"):
        logging.getLogger(quiet).setLevel(logging.WARNING)


def _path() -> str:
    """The path asked for, without the parts of it that are secrets."""
    path = request.path
    for name, value in (request.view_args or {}).items():
        if _SECRET.search(name):
            path = path.replace(str(value), HIDDEN)
    return path


def init(app: Flask) -> None:
    """Give every request an id, and log it when it is answered. Query strings stay out: they hold what was searched."""

    if not structlog.is_configured():
        _speak_through_logging()

    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        g.began = time.perf_counter()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=g.request_id)

    def end(response: Response) -> Response:
        response.headers.setdefault("X-Request-ID", g.get("request_id", ""))
        if request.endpoint is not None and not request.endpoint.endswith("static"):
            actor = current_actor()
            log.info(
                "request",
                method=request.method,
                path=_path(),
                status=response.status_code,
                ms=round((time.perf_counter() - g.get("began", 0.0)) * 1000, 1),
                user_id=actor.user_id if actor is not None else None,
            )
        return response

    app.before_request_funcs.setdefault(None, []).insert(0, begin)
    app.after_request(end)
