"""My account: roles, stand-in, browsers, tokens, password, second factor, language, theme."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tierflow.admin.pages.shared import browser_name, remember_once, state_words, take_once
from tierflow.admin.routes import ID
from tierflow.admin.schemas.people import DelegationSchema, EndSessionsSchema, OptionalReasonSchema, TokenSchema
from tierflow.admin.schemas.shared import last_day
from tierflow.admin.service import delegations, grants, tokens
from tierflow.common.policies import policy_on
from tierflow.common.sessions import hash_secret
from tierflow.common.users import User
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import ROLE_LABELS, Actor
from tierflow.web.access import reads, writes
from tierflow.web.context import COOKIE
from tierflow.web.schemas import flat_errors, form_data, load

bp = Blueprint("people", __name__, template_folder="../templates")


def _page(session: Session, actor: Actor, now: datetime, errors: Any = None, refusals: Any = ()) -> str:
    on = local_day(now)
    stand_ins = delegations.candidates(session, on, besides_person_id=actor.person_id)
    return render_template(
        "admin/me.html",
        user=session.get_one(User, actor.user_id),
        once=take_once(),
        errors=flat_errors(errors or {}),
        refusals=refusals,
        values=request.form,
        grants=[row for row in grants.grants_of_user(session, actor, actor.user_id, now) if row.state != "revoked"],
        delegations=delegations.mine(session, actor, now),
        lendable=delegations.lendable(actor),
        stand_ins=[(user.id, f"{user.name} ({user.login})") for user in stand_ins],
        sessions=tokens.my_sessions(session, actor, now),
        browser_name=browser_name,
        this_session=hash_secret(request.cookies.get(COOKIE, "")),
        tokens=tokens.mine(session, actor),
        token_scopes=tokens.useful_scopes(actor),
        most_days=tokens.most_days(session, now),
        max_days=policy_on(session, on).integer("delegation.max_days"),
        role_labels=ROLE_LABELS,
        states=state_words(),
        last_day=last_day,
        now=now,
        today=on,
    )


def _again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, **_rest: Any) -> str:
    return _page(session, actor, now, errors, refusals)


@bp.get("/me")
@reads("self.read")
def me(*, session: Session, actor: Actor, now: datetime) -> str:
    """My account."""
    return _page(session, actor, now)


@bp.post("/me/delegations")
@writes("delegation.own", on_invalid=_again)
def delegate(*, session: Session, actor: Actor, now: datetime) -> Response:
    """Let a colleague stand in for me."""
    data = load(DelegationSchema(exclude=("from_user_id",)), form_data())
    delegations.set_delegation(session, actor, data, now)
    flash(_("The delegation is set; both are told."), "ok")
    return redirect(url_for("people.me"))


@bp.post(f"/me/delegations/<{ID}:delegation_id>/revoke")
@writes("delegation.own", on_invalid=_again)
def end_delegation(*, session: Session, actor: Actor, now: datetime, delegation_id: int) -> Response:
    """End a delegation of which I am a side."""
    reason = load(OptionalReasonSchema(), form_data())["reason"]
    delegations.revoke(session, actor, delegation_id, reason, now)
    flash(_("The delegation has ended."), "ok")
    return redirect(url_for("people.me"))


@bp.post("/me/tokens")
@writes("self.write", on_invalid=_again)
def issue_token(*, session: Session, actor: Actor, now: datetime) -> Response:
    """A token for a program, shown on the next page, once."""
    row, secret = tokens.issue(session, actor, load(TokenSchema(), form_data(lists=("scopes",))), now)
    remember_once(_("API token"), secret, row.label)
    return redirect(url_for("people.me"))


@bp.post(f"/me/tokens/<{ID}:token_id>/revoke")
@writes("self.write", on_invalid=_again)
def revoke_token(*, session: Session, actor: Actor, now: datetime, token_id: int) -> Response:
    """End a token."""
    tokens.revoke(session, actor, token_id, now)
    flash(_("The token is revoked."), "ok")
    return redirect(url_for("people.me"))


@bp.post("/me/sessions/end")
@writes("self.write", on_invalid=_again)
def end_sessions(*, session: Session, actor: Actor, now: datetime) -> Response:
    """Sign out elsewhere."""
    wanted = load(EndSessionsSchema(), form_data())
    cookie = request.cookies.get(COOKIE)
    tokens.end_my_sessions(session, actor, now, session_id=wanted["session_id"], keep_secret=cookie)
    flash(_("Signed out."), "ok")
    return redirect(url_for("people.me"))
