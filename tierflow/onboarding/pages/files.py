"""Scans shown inside the page: the right media type, no scripts, no guessing, and only to whom they are shown."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

from flask import Response, request
from sqlalchemy.orm import Session

from tierflow.common.files import MEDIA_TYPES, StoredFile, content_of
from tierflow.kernel.errors import NotFound
from tierflow.kernel.roles import Actor
from tierflow.onboarding.pages.blueprint import APPLICATION, CUSTOMER, ROW_ID, bp
from tierflow.onboarding.service.access import file_for
from tierflow.web.access import reads

# Nothing inside a scan may act: no script, no form, no plug-in, no request of its own.
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"


@bp.get(f"{APPLICATION}/files/<{ROW_ID}:file_id>")
@reads("application.read")
def show_file(*, session: Session, actor: Actor, now: datetime, application_id: int, file_id: int) -> Response:
    """A scan of an application."""
    stored = file_for(session, actor, file_id)
    if (stored.subject_type, stored.subject_id) != ("application", application_id):
        raise NotFound
    return inline(session, stored)


@bp.get(f"{CUSTOMER}/files/<{ROW_ID}:file_id>")
@reads("customer.read")
def show_customer_file(*, session: Session, actor: Actor, now: datetime, customer_id: int, file_id: int) -> Response:
    """A scan of a customer's paper."""
    return inline(session, file_for(session, actor, file_id))


def inline(session: Session, stored: StoredFile) -> Response:
    """The bytes, to be shown in the page when they are a scan, else to be kept. Content never changes under an id."""
    shown = MEDIA_TYPES.get(stored.kind)
    etag = f'"{stored.sha256}"'
    if request.headers.get("If-None-Match") == etag:
        response = Response(status=304)
    else:
        response = Response(content_of(session, stored), content_type=shown or "application/octet-stream")
    form = "inline" if shown else "attachment"
    response.headers["Content-Disposition"] = (
        f"{form}; filename=\"scan-{stored.id}.{stored.kind}\"; filename*=UTF-8''{quote(stored.name)}"
    )
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["ETag"] = etag
    return response
