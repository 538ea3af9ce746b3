"""Papers and evidence in the editor: each with its own small form, for a browser sends a file only with its form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.uploads import Upload
from tierflow.kernel.errors import Invalid, NotFound
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text
from tierflow.onboarding.models import Paper
from tierflow.onboarding.pages.blueprint import APPLICATION, bp
from tierflow.onboarding.pages.editing import editor_again
from tierflow.onboarding.pages.paper_slots import PRINTED
from tierflow.onboarding.rules.papers import ONLY_SCAN, PAPER_LABELS
from tierflow.onboarding.schemas import given
from tierflow.onboarding.service import papers as service
from tierflow.web.access import writes
from tierflow.web.i18n import show
from tierflow.web.schemas import form_data, load


def _again(
    *, session: Session, actor: Actor, now: datetime, application_id: int, errors: Any, refusals: Any, **_route: Any
) -> str:
    return editor_again(session, actor, application_id, now, errors, refusals)


@bp.post(f"{APPLICATION}/papers/<kind>")
@writes("application.write", on_invalid=_again)
def put_paper(*, session: Session, actor: Actor, now: datetime, application_id: int, kind: str) -> BaseResponse:
    """Add a paper, or correct what is printed on it and replace its scan."""
    with errors_under(f"papers.{_known(kind)}"):
        data = load(given.PrintedSchema(), _printed(kind))
        upload = _upload(f"papers.{kind}.scan")
        present = _paper(session, application_id, kind)
        if present is not None:
            service.change_paper(session, actor, present.id, data, now, upload=upload)
        elif upload is None:
            raise Invalid({"file": [text("Choose the scanned file.")]})
        else:
            service.add_paper(session, actor, application_id, kind, upload, data, now)
    flash(_("Kept: %(paper)s.", paper=show(PAPER_LABELS[kind])), "ok")
    return _back(application_id, f"f-papers-{kind}")


@bp.post(f"{APPLICATION}/papers/<kind>/remove")
@writes("application.write", on_invalid=_again)
def remove_paper(*, session: Session, actor: Actor, now: datetime, application_id: int, kind: str) -> BaseResponse:
    """Take a paper off."""
    present = _paper(session, application_id, _known(kind))
    if present is None:
        raise NotFound
    service.remove_paper(session, actor, present.id, now)
    flash(_("Removed: %(paper)s.", paper=show(PAPER_LABELS[kind])), "ok")
    return _back(application_id, "papers")


@bp.post(f"{APPLICATION}/evidence/<customer_class>/<item>")
@writes("application.write", on_invalid=_again)
def put_evidence(
    *, session: Session, actor: Actor, now: datetime, application_id: int, customer_class: str, item: str
) -> BaseResponse:
    """Keep the file that proves an entry condition."""
    with errors_under(f"evidence.{customer_class}.{item}"):
        upload = _upload("file")
        if upload is None:
            raise Invalid({"file": [text("Choose the scanned file.")]})
        service.attach_evidence(session, actor, application_id, customer_class, item, upload, now)
    flash(_("The evidence is kept."), "ok")
    return _back(application_id, "papers")


@contextmanager
def errors_under(prefix: str) -> Iterator[None]:
    """Name the errors of one paper's form so that they are shown at that paper."""
    try:
        yield
    except Invalid as wrong:
        raise Invalid({f"{prefix}.{field}": messages for field, messages in wrong.errors.items()}) from wrong


def _known(kind: str) -> str:
    if kind not in PAPER_LABELS:
        raise NotFound
    return kind


def _paper(session: Session, application_id: int, kind: str) -> Paper | None:
    return session.scalar(select(Paper).where(Paper.application_id == application_id, Paper.kind == kind))


def _printed(kind: str) -> dict[str, Any]:
    """What is printed on the paper, as posted. A long-term paper has no last day, whatever the browser kept there."""
    typed = form_data().get("papers", {})
    typed = typed.get(kind, {}) if isinstance(typed, dict) else {}
    if kind in ONLY_SCAN or not isinstance(typed, dict):
        return {}
    data = {field: typed.get(field) for field in PRINTED if field != "is_long_term"}
    data["is_long_term"] = bool(typed.get("is_long_term"))
    if data["is_long_term"]:
        data["valid_to"] = None
    return data


def _upload(name: str) -> Upload | None:
    file = request.files.get(name)
    return Upload(file.filename, file.read()) if file is not None and file.filename else None


def _back(application_id: int, anchor: str) -> BaseResponse:
    return redirect(url_for("onboarding.edit_application", application_id=application_id, _anchor=anchor))
