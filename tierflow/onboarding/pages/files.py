"""Scans shown inside the page: the right media type, no scripts, no guessing, and only to whom they are shown."""

from __future__ import annotations

from datetime import datetime

from flask import Response
from sqlalchemy.orm import Session

from tierflow.kernel.errors import NotFound
from tierflow.kernel.roles import Actor
from tierflow.onboarding.pages.blueprint import APPLICATION, CUSTOMER, ROW_ID, bp
from tierflow.onboarding.service.access import file_for
from tierflow.web.access import reads
from tierflow.web.files import inline


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
