"""Signing in: password, second factor, throttle. The verbs; the pages are in `session_pages`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tierflow.common import audit, sessions
from tierflow.common.policies import policy_on
from tierflow.common.sessions import LoginAttempt
from tierflow.common.users import User
from tierflow.kernel.errors import Invalid, Throttled, WrongSecret
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import Text, text

# argon2id with the library's defaults; tests put a cheaper one in its place.
HASHER = PasswordHasher()
# Checked when the login does not exist, so that both answers take the same time.
_NOBODY = HASHER.hash("nobody has this password")


def hash_password(password: str) -> str:
    """argon2id hash of a password."""
    return HASHER.hash(password)


def password_fits(user: User | None, password: str) -> bool:
    """Whether the password is the account's; takes as long when there is no account."""
    try:
        return HASHER.verify(user.password_hash if user else _NOBODY, password) and user is not None
    except (VerificationError, InvalidHashError):
        return False


def throttle(session: Session, login: str, address: str, now: datetime) -> None:
    """Raise `Throttled` when there were too many failures of this login or from this address."""
    policy = policy_on(session, local_day(now))
    most = policy.integer("login.attempts")
    window = timedelta(minutes=policy.integer("login.window_minutes"))
    by_login, by_address = sessions.failures_since(session, login, address, now - window)
    # An office shares one address: it may fail more often than one account.
    if by_login >= most or by_address >= most * 10:
        raise Throttled(int(window.total_seconds()))


def find_account(session: Session, login: str) -> User | None:
    """The enabled account of that name, however its capitals are typed."""
    return session.scalar(select(User).where(User.login == login.casefold(), User.disabled_at.is_(None)))


def forget_failures(session: Session, login: str) -> None:
    """After a complete sign-in only: a right password alone must not buy new guesses at the second factor."""
    session.execute(delete(LoginAttempt).where(LoginAttempt.login == login))


def note_failure(session: Session, login: str, user: User | None, address: str, now: datetime) -> None:
    """Keep a failed attempt, for the throttle and the security log."""
    session.add(LoginAttempt(login=login, address=address, at=now))
    user_id = user.id if user is not None else None
    sessions.log_security(session, "login.failed", now, user_id=user_id, login=login, address=address, detail="")


def check_code(session: Session, user: User, code: str, now: datetime) -> bool:
    """Whether the six digits are right; a code works once."""
    if user.totp_secret is None:
        return False
    totp = pyotp.TOTP(user.totp_secret)
    step = int(now.timestamp()) // totp.interval
    for candidate in (step - 1, step, step + 1):
        if pyotp.utils.strings_equal(totp.generate_otp(candidate), code):
            # One conditional update: of two browsers with one code, one gets in.
            used = session.execute(
                update(User)
                .where(User.id == user.id, (User.totp_last_step.is_(None)) | (User.totp_last_step < candidate))
                .values(totp_last_step=candidate)
                .returning(User.id)
            ).scalar_one_or_none()
            return used is not None
    return False


def change_password(session: Session, actor: Actor, old: str, new: str, now: datetime, keep_secret: str | None) -> None:
    """Set the actor's own password; every other browser must sign in again. Raises `Invalid`."""
    user = session.get_one(User, actor.user_id)
    if not password_fits(user, old):
        raise WrongSecret({"old": [text("This is not your present password.")]})
    set_password(session, user, new, now)
    user.must_change_password = False
    sessions.end_sessions_of(session, user.id, except_secret=keep_secret)
    audit.record(session, actor, "password.change", "user", user.id, now)


@dataclass(frozen=True)
class Proof:
    """What shows that the owner of the account asks, and not somebody at a browser left open."""

    password: str | None
    code: str | None


def enrol(
    session: Session, actor: Actor, secret: str, code: str, proof: Proof, now: datetime, keep_secret: str | None
) -> None:
    """Set up or replace the actor's second factor; `code` is the new authenticator's first. Raises `Invalid`.

    A factor that stands is replaced by whoever knows the password and holds it: both are asked. Every other browser
    must sign in again.
    """
    user = session.get_one(User, actor.user_id)
    is_replaced = user.totp_confirmed_at is not None
    if is_replaced:
        _prove(session, user, proof, now)
    user.totp_secret, user.totp_confirmed_at, user.totp_last_step = secret, now, None
    session.flush()
    if not check_code(session, user, code, now):
        raise Invalid({"code": [text("This code is not right, or was used already.")]})
    sessions.end_sessions_of(session, user.id, except_secret=keep_secret)
    act = "second_factor.replace" if is_replaced else "second_factor.enrol"
    audit.record(session, actor, act, "user", user.id, now)


def _prove(session: Session, user: User, proof: Proof, now: datetime) -> None:
    """Password and present code; the code is not tried, and so not used up, while the password is wrong."""
    if not password_fits(user, proof.password or ""):
        raise _wrong(proof.password, "password", text("This is not your present password."))
    if not check_code(session, user, proof.code or "", now):
        raise _wrong(proof.code, "present_code", text("This code is not right, or was used already."))


def _wrong(given: str | None, field: str, message: Text) -> Invalid:
    """A field left empty is no guess."""
    return WrongSecret({field: [message]}) if given else Invalid({field: [message]})


def set_password(session: Session, user: User, new: str, now: datetime) -> None:
    """Store a new password that policy accepts. Raises `Invalid`."""
    least = policy_on(session, local_day(now)).integer("password.minimum_length")
    if len(new) < least:
        raise Invalid({"new": [text("A password has at least %(least)s characters.", least=least)]})
    if len(set(new)) < 5 or user.login.casefold() in new.casefold():
        raise Invalid({"new": [text("This password is too easy to guess.")]})
    user.password_hash = hash_password(new)
