"""Everybody's delegations, for administrators."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tierflow.admin.pages.shared import filters, state_words
from tierflow.admin.routes import ID
from tierflow.admin.schemas.people import DelegationFilter, DelegationSchema, OptionalReasonSchema
from tierflow.admin.schemas.shared import last_day
from tierflow.admin.service import delegations
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.schemas import flat_errors, form_data, load

bp = Blueprint("delegations", __name__, url_prefix="/delegations", template_folder="../templates")


@bp.get("")
@reads("people.read")
def index(*, session: Session, actor: Actor, now: datetime) -> str:
    """Who stands in for whom."""
    wanted = filters(DelegationFilter())
    page = delegations.list_delegations(session, actor, wanted, now, cursor=wanted["cursor"])
    return render_template("admin/delegations/index.html", page=page, states=state_words(), last_day=last_day)


def _options(users: Iterable[User]) -> list[tuple[int, str]]:
    return [(user.id, f"{user.name} ({user.login})") for user in users]


def _form(session: Session, actor: Actor, now: datetime, errors: Any = None, refusals: Any = ()) -> str:
    on = local_day(now)
    return render_template(
        "admin/delegations/form.html",
        values=request.form or {"from_user_id": request.args.get("user_id", ""), "from_on": on.isoformat()},
        errors=flat_errors(errors or {}),
        refusals=refusals,
        absentees=_options(delegations.absentees(session, on)),
        stand_ins=_options(delegations.candidates(session, on, besides_person_id=actor.person_id)),
        today=on,
        max_days=policy_on(session, on).integer("delegation.max_days"),
    )


@bp.get("/new")
@reads("people.read")
def new(*, session: Session, actor: Actor, now: datetime) -> str:
    """Set a delegation for somebody, an absent executive for instance."""
    return _form(session, actor, now)


def _new_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any) -> str:
    return _form(session, actor, now, errors, refusals)


@bp.post("/new")
@writes("delegation.any", on_invalid=_new_again)
def create(*, session: Session, actor: Actor, now: datetime) -> Response:
    """Store it; both are told."""
    delegations.set_delegation(session, actor, load(DelegationSchema(), form_data()), now)
    flash(_("The delegation is set; both are told."), "ok")
    return redirect(url_for("delegations.index"))


@bp.post(f"/<{ID}:delegation_id>/revoke")
@writes("delegation.any")
def revoke(*, session: Session, actor: Actor, now: datetime, delegation_id: int) -> Response:
    """End it at once."""
    reason = load(OptionalReasonSchema(), form_data())["reason"]
    delegations.revoke(session, actor, delegation_id, reason, now)
    flash(_("The delegation has ended."), "ok")
    return redirect(url_for("delegations.index"))
