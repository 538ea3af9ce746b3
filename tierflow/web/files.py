"""Stored files shown inside a page: the right media type, no scripts, no guessing."""

from __future__ import annotations

from urllib.parse import quote

from flask import Response, request
from sqlalchemy.orm import Session

from tierflow.common.files import MEDIA_TYPES, StoredFile, content_of

# Nothing inside a scan may act: no script, no form, no plug-in, no request of its own.
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'self'"


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
    # Its reader's browser may keep a scan and asks about it every time; what a program fetched stays nowhere between.
    response.headers["Cache-Control"] = "no-store" if request.path.startswith("/api/") else "private, no-cache"
    response.headers["ETag"] = etag
    return response
