"""People and their accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tierflow.admin.pages.shared import browser_name, filters, remember_once, role_options, state_words, take_once
from tierflow.admin.routes import ID
from tierflow.admin.schemas.identities import IdentitySchema
from tierflow.admin.schemas.people import (
    AccountSchema,
    EndSessionsSchema,
    NewAccountSchema,
    OptionalReasonSchema,
    PeopleFilter,
)
from tierflow.admin.schemas.shared import last_day
from tierflow.admin.service import delegations, factors, grants, identities, people, tokens
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import ROLE_LABELS, Actor
from tierflow.web.access import reads, writes
from tierflow.web.oidc import issuer
from tierflow.web.schemas import ReasonSchema, flat_errors, form_data, load

bp = Blueprint("accounts", __name__, url_prefix="/people", template_folder="../templates")


@bp.get("")
@reads("people.read")
def index(*, session: Session, actor: Actor, now: datetime) -> str:
    """Every account, found by name, role and state."""
    wanted = filters(PeopleFilter())
    page = people.list_accounts(session, actor, wanted, now, cursor=wanted["cursor"])
    return render_template("admin/people/index.html", page=page, roles=role_options(), role_labels=ROLE_LABELS)


def _form(session: Session, actor: Actor, now: datetime, errors: Any = None, refusals: Any = (), **more: Any) -> str:
    return render_template(
        "admin/people/form.html",
        values=request.form if request.form else more.pop("values", {}),
        errors=flat_errors(errors or {}),
        refusals=refusals,
        departments=[(row.id, row.name) for row in people.departments(session, local_day(now))],
        **more,
    )


def _persons(session: Session, actor: Actor) -> list[tuple[int, str]]:
    return [(person.id, person.name) for person in people.persons(session, actor)]


@bp.get("/new")
@reads("people.read")
def new(*, session: Session, actor: Actor, now: datetime) -> str:
    """A new account, for a new person or a known one."""
    values = {"person_id": request.args.get("person_id", ""), "locale": "zh"}
    return _form(session, actor, now, values=values, persons=_persons(session, actor))


def _new_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any) -> str:
    return _form(session, actor, now, errors, refusals, persons=_persons(session, actor))


@bp.post("/new")
@writes("people.write", on_invalid=_new_again)
def create(*, session: Session, actor: Actor, now: datetime) -> Response:
    """Make the account; its one-time password is shown on the next page, once."""
    user, password = people.create(session, actor, load(NewAccountSchema(), form_data()), now)
    remember_once(_("One-time password"), password, user.login)
    return redirect(url_for("accounts.show", user_id=user.id))


def _page(session: Session, actor: Actor, now: datetime, user_id: int, errors: Any = None, refusals: Any = ()) -> str:
    row = people.get(session, actor, user_id, now)
    return render_template(
        "admin/people/show.html",
        row=row,
        user=row.user,
        once=take_once(),
        errors=flat_errors(errors or {}),
        refusals=refusals,
        others=[user for user in people.accounts_of(session, actor, row.user.person_id) if user.id != user_id],
        grants=grants.grants_of_user(session, actor, user_id, now),
        delegations=delegations.list_delegations(session, actor, {"user_id": user_id}, now).rows,
        sessions=people.sessions_of(session, actor, user_id, now),
        browser_name=browser_name,
        tokens=tokens.of_account(session, actor, user_id),
        identities=identities.of_account(session, actor, user_id),
        factor_reset=factors.waiting_for(session, actor, user_id),
        oidc=current_app.config.get("OIDC"),
        states=state_words(),
        role_labels=ROLE_LABELS,
        last_day=last_day,
        is_self=row.user.person_id == actor.person_id,
        now=now,
    )


def _page_again(
    *, session: Session, actor: Actor, now: datetime, user_id: int, errors: Any, refusals: Any, **_rest: Any
) -> str:
    return _page(session, actor, now, user_id, errors, refusals)


@bp.get(f"/<{ID}:user_id>")
@reads("people.read")
def show(*, session: Session, actor: Actor, now: datetime, user_id: int) -> str:
    """One account: particulars, roles, delegations, browsers, tokens."""
    return _page(session, actor, now, user_id)


@bp.get(f"/<{ID}:user_id>/edit")
@reads("people.read")
def edit(*, session: Session, actor: Actor, now: datetime, user_id: int) -> str:
    """Change the particulars."""
    row = people.get(session, actor, user_id, now)
    values = {field: getattr(row.user, field) for field in people.EDITABLE} | {"seen": row.stamp}
    return _form(session, actor, now, values=values, user=row.user)


def _edit_again(*, session: Session, actor: Actor, now: datetime, user_id: int, errors: Any, refusals: Any) -> str:
    return _form(session, actor, now, errors, refusals, user=people.get(session, actor, user_id, now).user)


@bp.post(f"/<{ID}:user_id>/edit")
@writes("people.write", on_invalid=_edit_again)
def save(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Response:
    """Store the particulars."""
    people.edit(session, actor, user_id, load(AccountSchema(), form_data()), now)
    flash(_("The account is saved."), "ok")
    return redirect(url_for("accounts.show", user_id=user_id))


@bp.post(f"/<{ID}:user_id>/disable")
@writes("people.write", on_invalid=_page_again)
def disable(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Response:
    """Close the account at once."""
    people.disable(session, actor, user_id, load(ReasonSchema(), form_data())["reason"], now)
    flash(_("The account is disabled; its sessions and tokens have ended."), "ok")
    return redirect(url_for("accounts.show", user_id=user_id))


@bp.post(f"/<{ID}:user_id>/enable")
@writes("people.write", on_invalid=_page_again)
def enable(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Response:
    """Open the account again."""
    people.enable(session, actor, user_id, load(OptionalReasonSchema(), form_data())["reason"], now)
    flash(_("The account is enabled again."), "ok")
    return redirect(url_for("accounts.show", user_id=user_id))


@bp.post(f"/<{ID}:user_id>/reset-password")
@writes("people.write", on_invalid=_page_again)
def reset_password(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Response:
    """A one-time password, shown on the next page, once."""
    user, password = people.reset_password(session, actor, user_id, now)
    remember_once(_("One-time password"), password, user.login)
    return redirect(url_for("accounts.show", user_id=user_id))


@bp.post(f"/<{ID}:user_id>/reset-second-factor")
@writes("people.write", on_invalid=_page_again)
def reset_second_factor(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Response:
    """Ask a second administrator to take the second factor away."""
    row = factors.ask(session, actor, user_id, load(ReasonSchema(), form_data())["reason"], now)
    flash(_("The proposal waits for another administrator."), "ok")
    return redirect(url_for("factors.show", reset_id=row.id))


@bp.post(f"/<{ID}:user_id>/sessions/end")
@writes("people.write", on_invalid=_page_again)
def end_sessions(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Response:
    """Sign the account out, in one browser or in all."""
    wanted = load(EndSessionsSchema(), form_data())
    people.end_sessions(session, actor, user_id, now, session_id=wanted["session_id"])
    flash(_("Signed out."), "ok")
    return redirect(url_for("accounts.show", user_id=user_id))


@bp.post(f"/<{ID}:user_id>/tokens/<{ID}:token_id>/revoke")
@writes("people.write", on_invalid=_page_again)
def revoke_token(*, session: Session, actor: Actor, now: datetime, user_id: int, token_id: int) -> Response:
    """End a token of the account."""
    tokens.revoke_of_account(session, actor, user_id, token_id, now)
    flash(_("The token is revoked."), "ok")
    return redirect(url_for("accounts.show", user_id=user_id))


@bp.post(f"/<{ID}:user_id>/identities")
@writes("people.write", on_invalid=_page_again)
def bind_identity(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Response:
    """Link an identity of the company's provider."""
    subject = load(IdentitySchema(), form_data())["subject"]
    identities.bind(session, actor, user_id, issuer(), subject, now)
    flash(_("The company identity is linked."), "ok")
    return redirect(url_for("accounts.show", user_id=user_id))


@bp.post(f"/<{ID}:user_id>/identities/<{ID}:identity_id>/unbind")
@writes("people.write", on_invalid=_page_again)
def unbind_identity(*, session: Session, actor: Actor, now: datetime, user_id: int, identity_id: int) -> Response:
    """Take the link away."""
    identities.unbind(session, actor, user_id, identity_id, now)
    flash(_("The link is taken away."), "ok")
    return redirect(url_for("accounts.show", user_id=user_id))
