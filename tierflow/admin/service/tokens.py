"""API tokens and sessions of one's own: keys for programs, shown once, stored hashed, limited and ending."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from tierflow.admin.service.people import live_sessions
from tierflow.admin.service.shared import account
from tierflow.common import audit
from tierflow.common.policies import policy_on
from tierflow.common.sessions import ApiToken, UserSession, end_sessions_of, hash_secret
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import PERMISSIONS, TOKEN_SCOPES, Actor, is_allowed, require
from tierflow.kernel.text import text

PREFIX = "tf_"  # so that a leaked key is recognised for what it is


def most_days(session: Session, now: datetime) -> int:
    """The longest life of a token, in days."""
    return policy_on(session, local_day(now)).integer("api_token.max_days")


def useful_scopes(actor: Actor) -> list[str]:
    """The scopes in which the actor may do anything today; a token of others would open nothing."""
    actions = [action for action in PERMISSIONS if is_allowed(actor, action)]
    limited = {scope: actor.limited_to(frozenset({scope})) for scope in TOKEN_SCOPES}
    return [scope for scope in TOKEN_SCOPES if any(is_allowed(limited[scope], action) for action in actions)]


def mine(session: Session, actor: Actor) -> list[ApiToken]:
    """The actor's tokens, newest first, ended ones too."""
    require(actor, "self.read")
    return _of(session, actor.user_id)


def of_account(session: Session, actor: Actor, user_id: int) -> list[ApiToken]:
    """An account's tokens, for an administrator."""
    require(actor, "people.read")
    return _of(session, account(session, user_id).id)


def _of(session: Session, user_id: int) -> list[ApiToken]:
    return list(session.scalars(select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())))


def issue(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> tuple[ApiToken, str]:
    """A token of `scopes` for `days` days, called `label`; the secret is returned this once. Raises `Invalid`."""
    require(actor, "self.write")
    errors: dict[str, Any] = {}
    most = most_days(session, now)
    if data["days"] > most:
        errors["days"] = [text("A token lives %(days)s days at most.", days=most)]
    if not data["scopes"] or not set(data["scopes"]) <= set(TOKEN_SCOPES):
        errors["scopes"] = [text("Choose what the token may do.")]
    if errors:
        raise Invalid(errors)
    secret = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(
        token_hash=hash_secret(secret),
        user_id=actor.user_id,
        label=data["label"],
        scopes=sorted(set(data["scopes"])),
        created_at=now,
        expires_at=now + timedelta(days=data["days"]),
    )
    session.add(row)
    session.flush()
    after = {"label": row.label, "scopes": row.scopes, "expires_at": row.expires_at.isoformat()}
    audit.record(session, actor, "token.issue", "api_token", row.id, now, after=after)
    return row, secret


def revoke(session: Session, actor: Actor, token_id: int, now: datetime) -> ApiToken:
    """End one's own token at once. Raises `NotFound` for somebody else's."""
    require(actor, "self.write")
    return _revoke(session, actor, actor.user_id, token_id, now)


def revoke_of_account(session: Session, actor: Actor, user_id: int, token_id: int, now: datetime) -> ApiToken:
    """End anybody's token, as an administrator."""
    require(actor, "people.write")
    return _revoke(session, actor, user_id, token_id, now)


def _revoke(session: Session, actor: Actor, user_id: int, token_id: int, now: datetime) -> ApiToken:
    row = session.get(ApiToken, token_id)
    if row is None or row.user_id != user_id:
        raise NotFound
    done = session.execute(
        update(ApiToken)
        .where(ApiToken.id == token_id, ApiToken.revoked_at.is_(None))
        .values(revoked_at=now)
        .returning(ApiToken.id)
    ).scalar_one_or_none()
    session.refresh(row)
    if done is None:
        raise Conflict(Refusal("conflict", text("This token is revoked already.")))
    audit.record(session, actor, "token.revoke", "api_token", row.id, now, before={"label": row.label})
    return row


def my_sessions(session: Session, actor: Actor, now: datetime) -> list[UserSession]:
    """The actor's signed-in browsers, newest first."""
    require(actor, "self.read")
    return live_sessions(session, actor.user_id, now)


def end_my_sessions(
    session: Session, actor: Actor, now: datetime, *, session_id: int | None = None, keep_secret: str | None = None
) -> None:
    """End one of one's own sessions, or all but the one whose cookie is `keep_secret`. Raises `NotFound`."""
    require(actor, "self.write")
    if session_id is None:
        end_sessions_of(session, actor.user_id, except_secret=keep_secret)
    else:
        gone = session.execute(
            delete(UserSession)
            .where(UserSession.id == session_id, UserSession.user_id == actor.user_id)
            .returning(UserSession.id)
        ).scalar_one_or_none()
        if gone is None:
            raise NotFound
    audit.record(session, actor, "session.end", "user", actor.user_id, now, after={"session": session_id or "others"})


def prefer(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> None:
    """Set one's own language (`locale`) and `theme`; a key that is absent is left as it is."""
    require(actor, "self.write")
    user = account(session, actor.user_id)
    for field in ("locale", "theme"):
        if data.get(field):
            setattr(user, field, data[field])
    session.flush()
