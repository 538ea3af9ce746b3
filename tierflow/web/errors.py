"""One error table: what was raised, which status, and how it is said to people and programs."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, jsonify, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from werkzeug.exceptions import HTTPException, InternalServerError

from tierflow.common.db import db
from tierflow.kernel.errors import Forbidden, Invalid, NotFound, Refusal, Refused, Throttled
from tierflow.kernel.text import text
from tierflow.web.access import CSRFError, log_denial
from tierflow.web.context import kept_words, wants_json
from tierflow.web.i18n import show


def sentences() -> dict[int, tuple[str, str]]:
    """Status -> (what happened, what to do next), in the reader's language."""
    return {
        400: (_("This request is not complete"), _("Go back, check what was entered and send it again.")),
        401: (_("Please sign in first"), _("Your session has ended. Sign in and you will be brought back here.")),
        403: (
            _("You may not do this"),
            _(
                "Your roles do not include it. Ask the account manager in charge, or an administrator if you should "
                "have this right."
            ),
        ),
        404: (
            _("There is nothing here for you"),
            _("It does not exist, or it is not yours to see. Check the address or search for it."),
        ),
        405: (_("This address does not do that"), _("Use the buttons on the page.")),
        409: (
            _("Somebody was faster, or the rules do not allow it"),
            _("Nothing was stored. Load the page again to see its present state, then decide anew."),
        ),
        413: (
            _("The file is too large"),
            _("Nothing was stored. Go back and choose a smaller file, or scan it again at a lower resolution."),
        ),
        415: (_("This kind of content is not understood"), _("Send JSON or a form.")),
        422: (
            _("Some entries need correction"),
            _("Go back: what you typed is still there. Correct the marked fields and send again."),
        ),
        429: (_("Too many attempts"), _("Wait a little, then try again.")),
        500: (
            _("Something went wrong on our side"),
            _("Nothing was stored by halves. Try again; if it happens again, give the administrator the number below."),
        ),
        503: (
            _("The service is not available for the moment"),
            _("Try again in a minute. What was stored before is safe."),
        ),
    }


def refusal_json(refusal: Refusal) -> dict[str, Any]:
    """A refusal for programs."""
    return {"clause": refusal.clause, "reason": show(refusal.reason), "field": refusal.field}


def say_errors(errors: Any) -> Any:
    """Field errors with every message in the reader's language; each field has a list of them."""
    if isinstance(errors, dict):
        found = {str(key): say_errors(value) for key, value in errors.items()}
        return {key: value if isinstance(value, dict | list) else [value] for key, value in found.items()}
    if isinstance(errors, (list, tuple)):
        return [say_errors(value) for value in errors]
    return show(errors) if not isinstance(errors, (int, float, bool)) else errors


def answer(
    status: int,
    *,
    errors: Any = None,
    refusals: tuple[Refusal, ...] = (),
    headers: dict[str, str] | None = None,
    keeps: bool = False,
) -> Response:
    """The error as page or JSON. `keeps`: what a form of our own sent is shown again, to be sent once more."""
    if status >= 500:
        g.error = status  # the page about it must not ask the database again
    sentence, advice = sentences().get(status) or sentences()[400 if status < 500 else 500]
    if wants_json():
        body: dict[str, Any] = {"code": status, "message": sentence}
        if errors:
            body["errors"] = say_errors(errors)
        if refusals:
            body["refusals"] = [refusal_json(refusal) for refusal in refusals]
        response = jsonify(body)
    else:
        page = render_template(
            "errors/error.html",
            code=status,
            sentence=sentence,
            advice=advice,
            errors=say_errors(errors) if errors else {},
            refusals=refusals,
            kept=kept_words() if keeps else None,
            files=keeps and bool(request.files),
            retry_after=int(headers["Retry-After"]) if headers and "Retry-After" in headers else None,
            reference=g.get("request_id") if status >= 500 else None,
        )
        response = make_response(page)
    response.status_code = status
    response.headers.extend(headers or {})
    return response


def _by_field(messages: Any) -> Any:
    """webargs sorts messages by the place they came from (json, query …); people look for the field."""
    if not isinstance(messages, dict):
        return messages
    flat: dict[str, Any] = {}
    for place, found in messages.items():
        flat.update(found if isinstance(found, dict) else {place: found})
    return flat


def init(app: Flask) -> None:  # noqa: C901 - a table, one row per exception
    """Register the table."""

    @app.errorhandler(Invalid)
    def invalid(error: Invalid) -> Response:
        return answer(422, errors=error.errors)

    @app.errorhandler(Refused)
    def refused(error: Refused) -> Response:
        return answer(409, refusals=error.refusals)

    @app.errorhandler(Forbidden)
    def forbidden(error: Forbidden) -> Response:
        log_denial("denied", f"{request.method} {request.path} {error.action}")
        return answer(403)

    @app.errorhandler(NotFound)
    def not_found(_error: NotFound) -> Response:
        return answer(404)

    @app.errorhandler(Throttled)
    def throttled(error: Throttled) -> Response:
        return answer(429, headers={"Retry-After": str(error.retry_after_seconds)})

    @app.errorhandler(CSRFError)
    def stale_form(_error: CSRFError) -> Response:
        log_denial("csrf", f"{request.method} {request.path}")
        return answer(400, keeps=True)

    @app.errorhandler(IntegrityError)
    def rival(error: IntegrityError) -> Response:
        # Services look first; what still gets here met a rival between its look and its write.
        app.logger.warning("database: %s", error.orig)
        db.session.rollback()
        return answer(409, refusals=(Refusal("conflict", text("Somebody else changed this just now; look again.")),))

    @app.errorhandler(DataError)
    @app.errorhandler(RecursionError)
    @app.errorhandler(UnicodeError)
    def unreadable(error: Exception) -> Response:
        app.logger.warning("unreadable request: %r", error)
        db.session.rollback()
        return answer(400)

    @app.errorhandler(OperationalError)
    def database_gone(error: OperationalError) -> Response:
        app.logger.exception("database: %s", error.orig)
        db.session.rollback()
        return answer(503, headers={"Retry-After": "5"})

    @app.errorhandler(DBAPIError)
    def database_refused(error: DBAPIError) -> Response:
        app.logger.exception("database: %s", error.orig)
        db.session.rollback()
        if error.connection_invalidated:
            return answer(503, headers={"Retry-After": "5"})
        return answer(500)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        if error.response is not None:  # a redirect raised through abort()
            return make_response(error.response)
        if isinstance(error, InternalServerError):
            db.session.rollback()
        status = error.code or 500
        if status in {401, 403}:
            log_denial("denied", f"{request.method} {request.path}")
        data = getattr(error, "data", None) or {}
        headers = {
            key: value for key, value in error.get_headers() if key.lower() not in ("content-type", "content-length")
        }
        messages = data.get("errors") or _by_field(data.get("messages"))
        if status == 413 and not messages:
            messages = {"file": [text("The file is too large.")]}
        return answer(status, errors=messages, headers=headers, keeps=status == 401)
