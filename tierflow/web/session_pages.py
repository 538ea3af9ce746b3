"""Pages before and around signing in: login, second factor, logout, language, theme, password."""

from __future__ import annotations

import re
from typing import Any

import pyotp
import segno
from flask import Blueprint, Response, current_app, flash, make_response, redirect, render_template, request, url_for
from flask import session as browser
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from tierflow.common import sessions
from tierflow.common.db import db, transaction
from tierflow.common.policies import policy_on
from tierflow.common.users import User, actor_of
from tierflow.kernel.errors import Invalid
from tierflow.kernel.roles import Actor
from tierflow.web import signing_in
from tierflow.web.access import public, reads, unfinished_step, writes
from tierflow.web.context import COOKIE, address, current_user, now, today
from tierflow.web.i18n import LANGUAGES
from tierflow.web.schemas import Line, Schema, flat_errors, form_data, load, one_of

bp = Blueprint("session", __name__)


class LoginSchema(Schema):
    """Name and password."""

    name = Line(required=True, most=120)
    password = Line(required=True, most=200)


class CodeSchema(Schema):
    """Six digits."""

    code = Line(required=True, most=10)


class EnrolSchema(CodeSchema):
    """Six digits of the new authenticator; to replace one, the password and six digits of the present one."""

    password = Line(most=200, load_default=None)
    present_code = Line(most=10, load_default=None)


class PasswordSchema(Schema):
    """Present password and a new one."""

    old = Line(required=True, most=200)
    new = Line(required=True, most=200)


class ThemeSchema(Schema):
    """light, dark or as the system."""

    theme = Line(required=True, validate=one_of(("light", "dark", "auto")))


class LanguageSchema(Schema):
    """zh or en."""

    lang = Line(required=True, validate=one_of(LANGUAGES))


# Browsers drop tabs and line breaks from addresses and read a backslash as a slash: "/\t/elsewhere" leads elsewhere.
_OWN_PATH = re.compile(r"/(?!/)[^\\\x00-\x1f\x7f]*")


def safe_target(target: str | None) -> str:
    """A path of our own, else the inbox: never a redirect to elsewhere."""
    if target and _OWN_PATH.fullmatch(target):
        return target
    return url_for("home.inbox")


@bp.get("/login")
@public
def login() -> str | BaseResponse:
    """The sign-in form."""
    if current_user() is not None:
        return redirect(url_for("home.inbox"))
    return login_form({}, {})


def login_form(values: dict[str, Any], errors: dict[str, Any]) -> str:
    """The sign-in page: passwords, and the company's provider where there is one."""
    return render_template(
        "session/login.html",
        values=values,
        errors=errors,
        next=request.args.get("next") or request.form.get("next") or "",
        demo_logins=current_app.config["DEMO_LOGINS"],
        oidc=current_app.config.get("OIDC"),
    )


@bp.post("/login")
@public
def sign_in() -> Any:
    """Check the password; open a session, or ask for the second factor first."""
    try:
        given = load(LoginSchema(), form_data())
    except Invalid as error:
        return login_form({}, flat_errors(error.errors)), 422
    login = given["name"].casefold()  # as user names are kept, also where failures are counted
    # The hash costs 100 ms: reckoned before the write transaction, so that nobody's save waits for it.
    signing_in.throttle(db.session(), login, address(), now())
    user = signing_in.find_account(db.session(), login)
    fits = signing_in.password_fits(user, given["password"])
    with transaction() as session:
        signing_in.throttle(session, login, address(), now())
        if user is None or not fits:
            signing_in.note_failure(session, login, user, address(), now())
        else:
            if user.totp_confirmed_at is None:
                return open_session(session, user, second_factor=False)
            browser.clear()
            browser["half_in"] = [user.id, int(now().timestamp())]
            return redirect(url_for("session.second_factor", next=request.form.get("next") or None))
    wrong = {"password": [_("Name and password do not fit together.")]}
    return login_form({"name": given["name"]}, wrong), 422


def open_session(session: Session, user: User, *, second_factor: bool, target: str | None = None) -> BaseResponse:
    """Open a session for an account whose first factor was right, and go where it wanted to go."""
    policy = policy_on(session, today())
    hours = policy.integer("session.hours")
    wanted = policy.words("second_factor.roles")
    roles = actor_of(session, user, today()).roles  # lent ones open the same doors
    secret = sessions.start_session(
        session,
        user,
        now(),
        hours,
        address(),
        request.headers.get("User-Agent", ""),
        second_factor=second_factor,
        must_enrol=not second_factor and not roles.isdisjoint(wanted),
    )
    signing_in.forget_failures(session, user.login)
    sessions.log_security(session, "login", now(), user_id=user.id, login=user.login, address=address(), detail="")
    browser.clear()  # a fresh CSRF secret for the new session
    response = redirect(safe_target(target or request.args.get("next") or request.form.get("next")))
    response.set_cookie(
        COOKIE,
        secret,
        max_age=hours * 3600,
        httponly=True,
        samesite="Lax",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
    )
    return response


def _half_in(session: Session) -> User | None:
    user_id, since = browser.get("half_in") or (0, 0)
    if now().timestamp() - since > 300:
        return None
    user = session.get(User, user_id)
    return user if user is not None and user.disabled_at is None else None


@bp.get("/login/second-factor")
@public
def second_factor() -> str | BaseResponse:
    """Ask for the six digits."""
    if _half_in(db.session()) is None:
        return redirect(url_for("session.login"))
    return render_template("session/second_factor.html", errors={}, action=request.full_path)


@bp.post("/login/second-factor")
@public
def check_second_factor() -> Any:
    """Check the six digits and open the session."""
    errors: dict[str, Any]
    with transaction() as session:
        user = _half_in(session)
        if user is None:
            return redirect(url_for("session.login"))
        signing_in.throttle(session, user.login, address(), now())
        try:
            code = load(CodeSchema(), form_data())["code"]
            if signing_in.check_code(session, user, code, now()):
                return open_session(session, user, second_factor=True)
            errors = {"code": [_("This code is not right, or was used already.")]}
        except Invalid as error:
            errors = flat_errors(error.errors)
        signing_in.note_failure(session, user.login, user, address(), now())
    return render_template("session/second_factor.html", errors=errors, action=request.full_path), 422


@bp.post("/logout")
@writes("self.write", unready_ok=True)
def logout(*, session: Session, actor: Actor, now: Any) -> BaseResponse:
    """End the session on the server: the cookie is worth nothing afterwards."""
    sessions.end_session(session, request.cookies.get(COOKIE, ""))
    sessions.log_security(session, "logout", now, user_id=actor.user_id, login=actor.name, address=address(), detail="")
    browser.clear()
    response = redirect(url_for("session.login"))
    response.delete_cookie(COOKIE)
    return response


def _back() -> BaseResponse:
    return redirect(safe_target(request.form.get("next") or _referrer_path()))


def _referrer_path() -> str | None:
    from urllib.parse import urlsplit

    parts = urlsplit(request.referrer or "")
    if parts.netloc != request.host:
        return None
    return parts.path + (f"?{parts.query}" if parts.query else "")


@bp.post("/language")
@public
def language() -> BaseResponse:
    """Chinese or English; kept with the account, or in a cookie before signing in."""
    chosen = load(LanguageSchema(), form_data())["lang"]
    return _remember("lang", "locale", chosen)


@bp.post("/theme")
@public
def theme() -> BaseResponse:
    """Light, dark, or as the system."""
    chosen = load(ThemeSchema(), form_data())["theme"]
    return _remember("theme", "theme", chosen)


def _remember(cookie: str, column: str, value: str) -> BaseResponse:
    user = current_user()
    if user is not None:
        with transaction() as session:
            setattr(session.get_one(User, user.id), column, value)
    response = _back()
    response.set_cookie(cookie, value, max_age=365 * 86400, samesite="Lax", httponly=True)
    return response


@bp.get("/password")
@reads("self.read", unready_ok=True)
def password(*, session: Session, actor: Actor, now: Any) -> str:
    """The form for one's own password."""
    return _password_page(session, {})


def _password_page(session: Session, errors: dict[str, Any]) -> str:
    user = current_user()
    return render_template(
        "session/password.html",
        errors=errors,
        least=policy_on(session, today()).integer("password.minimum_length"),
        forced=user is not None and user.must_change_password,
    )


def _password_again(*, session: Session, errors: dict[str, Any], **_rest: Any) -> str:
    return _password_page(session, flat_errors(errors))


@bp.post("/password")
@writes("self.write", on_invalid=_password_again, unready_ok=True, proves=True)
def change_password(*, session: Session, actor: Actor, now: Any) -> BaseResponse:
    """Change one's own password."""
    given = load(PasswordSchema(), form_data())
    signing_in.change_password(session, actor, given["old"], given["new"], now, request.cookies.get(COOKIE))
    flash(_("Your password is changed; other browsers must sign in again."), "ok")
    return redirect(url_for("home.inbox"))


@bp.get("/second-factor")
@reads("self.read", unready_ok=True)
def enrol(*, session: Session, actor: Actor, now: Any) -> str | Response:
    """Set up the second factor: a code to scan, then six digits to prove it works."""
    return make_response(_enrol_page({}))


def _enrol_page(errors: dict[str, Any]) -> str:
    user = current_user()
    secret = browser.get("totp_secret") or pyotp.random_base32()
    browser["totp_secret"] = secret
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.login if user else "", issuer_name="tierflow")
    drawing = segno.make(uri, error="m").svg_inline(scale=5, border=2, dark="#0b3b45", light="#ffffff")
    return render_template(
        "session/second_factor.html",
        errors=errors,
        enrol={"qr": Markup(drawing), "secret": secret},  # noqa: S704 - drawn here, from our own text
        replaces=user is not None and user.totp_confirmed_at is not None,
        may_leave=unfinished_step() is None,
        action=url_for("session.confirm_enrolment"),
    )


def _enrol_again(*, errors: dict[str, Any], **_rest: Any) -> str:
    return _enrol_page(flat_errors(errors))


@bp.post("/second-factor")
@writes("self.write", on_invalid=_enrol_again, unready_ok=True, proves=True)
def confirm_enrolment(*, session: Session, actor: Actor, now: Any) -> BaseResponse:
    """Prove the authenticator works, and who asks when one is replaced; from now on every sign-in asks for it."""
    given = load(EnrolSchema(), form_data())
    secret = browser.get("totp_secret")
    if not secret:
        raise Invalid({"code": [_("The key has changed: scan the code again.")]})
    proof = signing_in.Proof(given["password"], given["present_code"])
    signing_in.enrol(session, actor, secret, given["code"], proof, now, request.cookies.get(COOKIE))
    browser.pop("totp_secret", None)
    flash(_("The second factor is set up."), "ok")
    return redirect(url_for("home.inbox"))
