"""Papers and evidence in the editor: each with its own small form, for a browser sends a file only with its form."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common.policies import policy_on
from tierflow.common.uploads import Upload
from tierflow.kernel.errors import Invalid, NotFound
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import mark, text
from tierflow.onboarding import schemas, service
from tierflow.onboarding.models import Paper
from tierflow.onboarding.pages import views
from tierflow.onboarding.pages.blueprint import APPLICATION, bp
from tierflow.onboarding.rules.papers import ONLY_SCAN, PAPER_LABELS
from tierflow.onboarding.service.reading import ApplicationView
from tierflow.web.access import writes
from tierflow.web.i18n import show
from tierflow.web.schemas import form_data, load

PRINTED = ("number", "issuer", "valid_from", "valid_to", "is_long_term")
HINTS = {
    "merged_licence": mark("Three in one: its number is the unified social credit code"),
    "annex1_signed": mark("Printed from here, signed and sealed by the customer"),
}


def _again(
    *, session: Session, actor: Actor, now: datetime, application_id: int, errors: Any, refusals: Any, **_route: Any
) -> str:
    from tierflow.onboarding.pages.editing import editor_again

    return editor_again(session, actor, application_id, now, errors, refusals)


@bp.post(f"{APPLICATION}/papers/<kind>")
@writes("application.write", on_invalid=_again)
def put_paper(*, session: Session, actor: Actor, now: datetime, application_id: int, kind: str) -> BaseResponse:
    """Add a paper, or correct what is printed on it and replace its scan."""
    if kind not in PAPER_LABELS:
        raise NotFound
    with named(kind):
        data = load(schemas.PaperSchema(), _fields(kind))
        upload = _upload(f"{kind}.scan")
        present = _paper(session, application_id, kind)
        if present is not None:
            service.change_paper(session, actor, present.id, data, now, upload=upload)
        elif upload is None:
            raise Invalid({"scan": [text("Choose the scanned file.")]})
        else:
            service.add_paper(session, actor, application_id, kind, upload, data, now)
    flash(_("Kept: %(paper)s.", paper=show(PAPER_LABELS[kind])), "ok")
    return _back(application_id)
