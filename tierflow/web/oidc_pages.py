"""Signing in through the company's identity provider, beside passwords.

The browser comes back by GET, and a GET writes nothing: the page it lands on carries the code on by a form of our
own, whose POST exchanges it, once. Accounts are never made here; a second factor stays where it is wanted.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import current_app, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from tierflow.common import identities, sessions
from tierflow.common.db import db, transaction
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.kernel.errors import Invalid, NotFound
from tierflow.web import oidc, signing_in
from tierflow.web.access import public
from tierflow.web.context import address, now, today
from tierflow.web.oidc import Begun, NotSignedIn, Provider, Vouched
from tierflow.web.schemas import Line, Schema, form_data, load
from tierflow.web.session_pages import bp, login_form, open_session, safe_target

MATCH_EMAIL = "oidc.match_verified_email"


class BackSchema(Schema):
    """What the provider sent the browser back with."""

    code = Line(required=True, most=2000)
    state = Line(required=True, most=200)


def provider() -> Provider:
    """The provider of the settings. Raises `NotFound` where there is none."""
    found: Provider | None = current_app.config.get("OIDC")
    if found is None:
        raise NotFound
    return found


def _redirect_uri() -> str:
    public_url: str = current_app.config.get("PUBLIC_URL") or ""
    path = url_for("session.oidc_back")
    return public_url + path if public_url else url_for("session.oidc_back", _external=True)


@bp.get("/login/oidc")
@public
def oidc_begin() -> Any:
    """Off to the provider."""
    try:
        target, begun = oidc.begin(provider(), _redirect_uri())
    except NotSignedIn as error:
        return _refused(error)
    browser["oidc"] = [asdict(begun), int(now().timestamp()), safe_target(request.args.get("next"))]
    return redirect(target)


@bp.get("/login/oidc/back")
@public
def oidc_back() -> Any:
    """Back from the provider: carry on by a form of our own."""
    provider()
    if request.args.get("error") or _begun(request.args.get("state", "")) is None:
        return _refused(NotSignedIn(f"came back with {request.args.get('error', 'a strange state')[:80]}"))
    return render_template("session/oidc.html", code=request.args.get("code", ""), state=request.args["state"])


def _begun(state: str) -> tuple[Begun, str] | None:
    found = browser.get("oidc")
    if not found or now().timestamp() - found[1] > 600 or not state or found[0]["state"] != state:
        return None
    return Begun(**found[0]), found[2]


@bp.post("/login/oidc/back")
@public
def oidc_sign_in() -> Any:
    """Exchange the code and open a session, or ask for the second factor first."""
    given_by = provider()
    try:
        given = load(BackSchema(), form_data())
    except Invalid:
        return _refused(NotSignedIn("no code"))
    found = _begun(given["state"])
    browser.pop("oidc", None)
    if found is None:
        return _refused(NotSignedIn("a strange state"))
    signing_in.throttle(db.session(), f"oidc:{given['state']}", address(), now())
    try:
        vouched = oidc.finish(given_by, found[0], given["code"], _redirect_uri(), now())
    except NotSignedIn as error:
        return _refused(error, counts=True)
    with transaction() as session:
        user = account_for(session, vouched)
        if user is not None:
            if user.totp_confirmed_at is None:
                return open_session(session, user, second_factor=False, target=found[1])
            browser.clear()
            browser["half_in"] = [user.id, int(now().timestamp())]
            return redirect(url_for("session.second_factor", next=found[1]))
    return _refused(NotSignedIn(f"no account for subject {vouched.subject}"), counts=True, known=True)


def account_for(session: Session, vouched: Vouched) -> User | None:
    """The account of whom the provider vouched for: bound by subject, or by verified address where policy says so."""
    user = identities.account_of(session, vouched.issuer, vouched.subject)
    if user is None and vouched.email and policy_on(session, today()).flag(MATCH_EMAIL):
        user = identities.account_with_mail(session, vouched.issuer, vouched.email)
    return user


def _refused(error: NotSignedIn, *, counts: bool = False, known: bool = False) -> Any:
    with transaction() as session:
        if counts:
            signing_in.note_failure(session, "oidc", None, address(), now())
        sessions.log_security(
            session, "oidc.failed", now(), user_id=None, login="", address=address(), detail=str(error)[:400]
        )
    sentence = (
        _("Your company identity is linked to no account here; ask an administrator to link it.")
        if known
        else _("The company's sign-in did not work; try again, or sign in with your password.")
    )
    return login_form({}, {"_schema": [sentence]}), 422
