"""JSON of one's own account."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy.orm import Session

from tierflow.admin.routes import ID
from tierflow.admin.schemas.people import (
    DelegationOut,
    EndSessionsSchema,
    MeOut,
    NewTokenOut,
    OwnPasswordSchema,
    PreferenceSchema,
    SecondFactorSchema,
    SessionOut,
    TokenOut,
    TokenSchema,
)
from tierflow.admin.service import delegations, tokens
from tierflow.common.users import User
from tierflow.kernel.roles import Actor
from tierflow.web import signing_in
from tierflow.web.access import keep_no_answer, reads, writes
from tierflow.web.context import COOKIE
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("me", "My account")


def _me(session: Session, actor: Actor) -> dict[str, Any]:
    user = session.get_one(User, actor.user_id)
    return {
        "id": user.id,
        "login": user.login,
        "name": user.name,
        "roles": sorted(actor.grants, key=lambda grant: (grant.role, grant.scope_id or 0)),
        "stands_in_for": [principal.name for principal in actor.principals],
        "locale": user.locale,
        "theme": user.theme,
        "second_factor_at": user.totp_confirmed_at,
    }


@blp.route("/me")
@reads("self.read")
@blp.response(200, MeOut)
def me(*, session: Session, actor: Actor, now: datetime) -> Any:
    """Who asks, with the roles held today."""
    return _me(session, actor)


@blp.route("/me", methods=["PATCH"])
@writes("self.write")
@blp.arguments(PreferenceSchema)
@blp.response(200, MeOut)
def prefer(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Set language and theme."""
    tokens.prefer(session, actor, data, now)
    return _me(session, actor)


@blp.route("/me/delegations")
@reads("self.read")
@blp.response(200, DelegationOut(many=True))
def my_delegations(*, session: Session, actor: Actor, now: datetime) -> Any:
    """Delegations of which the asker is a side, newest first."""
    return delegations.mine(session, actor, now)


@blp.route("/me/sessions")
@reads("self.read")
@blp.response(200, SessionOut(many=True))
def my_sessions(*, session: Session, actor: Actor, now: datetime) -> Any:
    """One's signed-in browsers."""
    return tokens.my_sessions(session, actor, now)


@blp.route("/me/sessions/end", methods=["POST"])
@writes("self.write")
@blp.arguments(EndSessionsSchema)
@blp.response(200, SessionOut(many=True))
def end_sessions(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """End one session, or all others; answers those that are left."""
    cookie = request.cookies.get(COOKIE)
    tokens.end_my_sessions(session, actor, now, session_id=data["session_id"], keep_secret=cookie)
    return tokens.my_sessions(session, actor, now)


@blp.route("/me/password", methods=["POST"])
@writes("self.write", unready_ok=True, proves=True)
@blp.arguments(OwnPasswordSchema)
@blp.response(204)
def change_password(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> None:
    """Change one's own password; every other browser must sign in again."""
    signing_in.change_password(session, actor, data["old"], data["new"], now, request.cookies.get(COOKIE))


@blp.route("/me/second-factor", methods=["POST"])
@writes("self.write", unready_ok=True, proves=True)
@blp.arguments(SecondFactorSchema)
@blp.response(200, MeOut)
def set_second_factor(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Set up the second factor, or replace it; every other browser must sign in again."""
    proof = signing_in.Proof(data["password"], data["present_code"])
    signing_in.enrol(session, actor, data["secret"], data["code"], proof, now, request.cookies.get(COOKIE))
    return _me(session, actor)


@blp.route("/me/tokens")
@reads("self.read")
@blp.response(200, TokenOut(many=True))
def my_tokens(*, session: Session, actor: Actor, now: datetime) -> Any:
    """One's API tokens, without their secrets."""
    return tokens.mine(session, actor)


@blp.route("/me/tokens", methods=["POST"])
@writes("self.write")
@blp.arguments(TokenSchema)
@blp.response(201, NewTokenOut)
def issue_token(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """A token for a program; its secret is shown this once."""
    keep_no_answer()
    row, secret = tokens.issue(session, actor, data, now)
    return {**{field: getattr(row, field) for field in TokenOut().fields}, "secret": secret}


@blp.route(f"/me/tokens/<{ID}:token_id>/revoke", methods=["POST"])
@writes("self.write")
@blp.response(200, TokenOut)
def revoke_token(*, session: Session, actor: Actor, now: datetime, token_id: int) -> Any:
    """End one of one's tokens."""
    return tokens.revoke(session, actor, token_id, now)
