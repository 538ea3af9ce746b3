"""Signed-in browsers, API tokens, login attempts and the security log.

Sessions live on the server and end at logout, password change, role change and disabling: the
cookie alone opens nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, bindparam, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.common.users import User, actor_from, actor_of, bearing
from tierflow.kernel.roles import Actor


class UserSession(Model):
    """A signed-in browser; `token_hash` is the SHA-256 of the cookie's secret."""

    __tablename__ = "user_session"
    __table_args__ = (Index("ix_user_session_user_id", "user_id"), Index("ix_user_session_expires_at", "expires_at"))

    id: Mapped[int] = pk()
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    second_factor_at: Mapped[datetime | None]
    must_enrol: Mapped[bool] = mapped_column(default=False)  # policy wants a second factor that is not set up
    address: Mapped[str]
    agent: Mapped[str]


class ApiToken(Model):
    """A key for a program. Shown once, stored hashed, limited to scopes, and it ends."""

    __tablename__ = "api_token"
    __table_args__ = (Index("ix_api_token_user_id", "user_id"),)

    id: Mapped[int] = pk()
    token_hash: Mapped[str] = mapped_column(unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    label: Mapped[str]
    scopes: Mapped[list[Any]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class LoginAttempt(Model):
    """A failed sign-in, kept for the throttle."""

    __tablename__ = "login_attempt"
    __table_args__ = (
        Index("ix_login_attempt_login_at", "login", "at"),
        Index("ix_login_attempt_address_at", "address", "at"),
    )

    id: Mapped[int] = pk()
    login: Mapped[str]
    address: Mapped[str]
    at: Mapped[datetime]


class SecurityEvent(Model):
    """What the guards saw: sign-ins, refusals, reveals. The only table a denied call may touch."""

    __tablename__ = append_only("security_event")
    __table_args__ = (
        Index("ix_security_event_at", "at"),
        Index("ix_security_event_user_id_at", "user_id", "at"),
        Index("ix_security_event_kind", "kind", "id"),
    )

    id: Mapped[int] = pk()
    at: Mapped[datetime]
    kind: Mapped[str]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    login: Mapped[str]
    address: Mapped[str]
    detail: Mapped[str]


def hash_secret(secret: str) -> str:
    """SHA-256 in hex; the secrets are 256 random bits, so no salt is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def start_session(
    session: Session,
    user: User,
    now: datetime,
    hours: int,
    address: str,
    agent: str,
    *,
    second_factor: bool,
    must_enrol: bool = False,
) -> str:
    """Open a session and return the cookie's secret."""
    secret = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            token_hash=hash_secret(secret),
            user_id=user.id,
            created_at=now,
            expires_at=now + timedelta(hours=hours),
            second_factor_at=now if second_factor else None,
            must_enrol=must_enrol,
            address=address[:64],
            agent=agent[:200],
        )
    )
    return secret


def end_session(session: Session, secret: str) -> None:
    """Log out: the cookie is worth nothing from now on."""
    session.execute(delete(UserSession).where(UserSession.token_hash == hash_secret(secret)))


def end_sessions_of(session: Session, user_id: int, except_secret: str | None = None) -> None:
    """Password change, role change, disabling: every browser must sign in again."""
    query = delete(UserSession).where(UserSession.user_id == user_id)
    if except_secret is not None:
        query = query.where(UserSession.token_hash != hash_secret(except_secret))
    session.execute(query)


@dataclass(frozen=True)
class SignedIn:
    """Who asks: the actor, the account, and whether a second factor had to be set up first at sign-in.

    `by_one_factor_since`: when a browser signed in with the password alone; None for a second factor or a token.
    """

    actor: Actor
    user: User
    must_enrol: bool = False
    by_one_factor_since: datetime | None = None


def of_cookie(session: Session, secret: str, now: datetime, on: date) -> SignedIn | None:
    """Who is signed in with this cookie now; None when the session ended or the account is disabled. One query."""
    given = {"token_hash": hash_secret(secret), "at": now, "on_day": on}
    rows = session.execute(_BY_COOKIE, given).all()
    if not rows:
        return None
    user, must_enrol, created_at, second_factor_at = rows[0][:4]
    return SignedIn(actor_from(user, rows, on), user, must_enrol, created_at if second_factor_at is None else None)


# Written once: it runs with every page.
_BY_COOKIE = bearing(
    select(User, UserSession.must_enrol, UserSession.created_at, UserSession.second_factor_at)
    .join(UserSession, UserSession.user_id == User.id)
    .where(
        UserSession.token_hash == bindparam("token_hash"),
        UserSession.expires_at > bindparam("at"),
        User.disabled_at.is_(None),
    ),
    User.id,
)


def of_token(session: Session, secret: str, now: datetime, on: date) -> SignedIn | None:
    """Whose API token this is, limited to its scopes; None when revoked, over or the account is disabled."""
    row = session.execute(
        select(User, ApiToken.scopes)
        .join(ApiToken, ApiToken.user_id == User.id)
        .where(
            ApiToken.token_hash == hash_secret(secret),
            ApiToken.expires_at > now,
            ApiToken.revoked_at.is_(None),
            User.disabled_at.is_(None),
        )
    ).one_or_none()
    if row is None:
        return None
    return SignedIn(actor_of(session, row.User, on).limited_to(frozenset(row.scopes)), row.User)


def revoke_tokens_of(session: Session, user_id: int, now: datetime) -> None:
    """Disabling an account ends its tokens too."""
    session.execute(
        update(ApiToken).where(ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None)).values(revoked_at=now)
    )


def failures_since(session: Session, login: str, address: str, since: datetime) -> tuple[int, int]:
    """Failed attempts since then, for this login and from this address."""
    by_login = select(func.count()).where(LoginAttempt.login == login, LoginAttempt.at > since)
    by_address = select(func.count()).where(LoginAttempt.address == address, LoginAttempt.at > since)
    return session.scalar(by_login) or 0, session.scalar(by_address) or 0


def log_security(
    session: Session, kind: str, now: datetime, *, user_id: int | None, login: str, address: str, detail: str
) -> None:
    """Append to the security log."""
    session.add(
        SecurityEvent(at=now, kind=kind, user_id=user_id, login=login[:120], address=address[:64], detail=detail[:500])
    )
