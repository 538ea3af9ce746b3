"""A request to take a second factor away: look, decide, take back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tierflow.admin.pages.shared import chain_of, state_words
from tierflow.admin.routes import ID
from tierflow.admin.schemas.people import DecisionSchema, OptionalReasonSchema
from tierflow.admin.service import factors
from tierflow.common.approvals import Seen
from tierflow.kernel.approval import Verdict
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.schemas import flat_errors, form_data, load

bp = Blueprint("factors", __name__, url_prefix="/factor-resets", template_folder="../templates")


def _page(session: Session, actor: Actor, now: datetime, reset_id: int, errors: Any = None, refusals: Any = ()) -> str:
    sight = factors.get(session, actor, reset_id, now)
    return render_template(
        "admin/factors/show.html",
        sight=sight,
        user=sight.user,
        steps=chain_of(session, sight.case),
        errors=flat_errors(errors or {}),
        refusals=refusals,
        values=request.form,
        states=state_words(),
    )


def _page_again(*, session: Session, actor: Actor, now: datetime, reset_id: int, errors: Any, refusals: Any) -> str:
    return _page(session, actor, now, reset_id, errors, refusals)


@bp.get(f"/<{ID}:reset_id>")
@reads("people.read")
def show(*, session: Session, actor: Actor, now: datetime, reset_id: int) -> str:
    """One request, with what the reader may do about it."""
    return _page(session, actor, now, reset_id)


@bp.post(f"/<{ID}:reset_id>/decide")
@writes("grant.decide", on_invalid=_page_again)
def decide(*, session: Session, actor: Actor, now: datetime, reset_id: int) -> Response:
    """Approve or refuse."""
    given = load(DecisionSchema(), form_data())
    seen, verdict = Seen(given["version"], "second"), Verdict(given["verdict"])
    factors.decide(session, actor, reset_id, seen, verdict, given["reason"] or "", now)
    flash(_("Your decision is recorded."), "ok")
    return redirect(url_for("factors.show", reset_id=reset_id))


@bp.post(f"/<{ID}:reset_id>/withdraw")
@writes("people.write", on_invalid=_page_again)
def withdraw(*, session: Session, actor: Actor, now: datetime, reset_id: int) -> Response:
    """Take one's request back."""
    factors.take_back(session, actor, reset_id, load(OptionalReasonSchema(), form_data())["reason"] or "", now)
    return redirect(url_for("factors.show", reset_id=reset_id))
