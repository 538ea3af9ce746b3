"""JSON of people and their accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.admin.routes import ID
from tierflow.admin.schemas.identities import IdentityOut, IdentitySchema
from tierflow.admin.schemas.people import (
    AccountOut,
    AccountPage,
    AccountSchema,
    DecisionSchema,
    EndSessionsSchema,
    FactorResetOut,
    NewAccountSchema,
    OneTimePasswordOut,
    OptionalReasonSchema,
    PeopleFilter,
    SessionOut,
    TokenOut,
)
from tierflow.admin.service import factors, identities, people, tokens
from tierflow.common.approvals import Seen
from tierflow.kernel.approval import Verdict
from tierflow.kernel.roles import Actor
from tierflow.web.access import keep_no_answer, reads, writes
from tierflow.web.oidc import issuer
from tierflow.web.openapi import api_blueprint
from tierflow.web.schemas import ReasonSchema

blp = api_blueprint("people", "People and their accounts")


@blp.route("/people")
@reads("people.read")
@blp.arguments(PeopleFilter, location="query")
@blp.response(200, AccountPage)
def index(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Accounts by user name, a page at a time."""
    return people.list_accounts(session, actor, wanted, now, cursor=wanted["cursor"])


@blp.route("/people", methods=["POST"])
@writes("people.write")
@blp.arguments(NewAccountSchema)
@blp.response(201, OneTimePasswordOut)
def create(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """A new account and its one-time password, shown this once."""
    keep_no_answer()
    user, password = people.create(session, actor, data, now)
    return {"id": user.id, "login": user.login, "one_time_password": password}


@blp.route(f"/people/<{ID}:user_id>")
@reads("people.read")
@blp.response(200, AccountOut)
def show(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """One account."""
    return people.get(session, actor, user_id, now)


@blp.route(f"/people/<{ID}:user_id>", methods=["PATCH"])
@writes("people.write")
@blp.arguments(AccountSchema(partial=True))
@blp.response(200, AccountOut)
def edit(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """Change particulars; what is not sent stays."""
    people.edit(session, actor, user_id, data, now)
    return people.get(session, actor, user_id, now)


@blp.route(f"/people/<{ID}:user_id>/disable", methods=["POST"])
@writes("people.write")
@blp.arguments(ReasonSchema)
@blp.response(200, AccountOut)
def disable(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """Close the account: its sessions and tokens end at once."""
    people.disable(session, actor, user_id, data["reason"], now)
    return people.get(session, actor, user_id, now)


@blp.route(f"/people/<{ID}:user_id>/enable", methods=["POST"])
@writes("people.write")
@blp.arguments(OptionalReasonSchema)
@blp.response(200, AccountOut)
def enable(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """Open the account again."""
    people.enable(session, actor, user_id, data["reason"], now)
    return people.get(session, actor, user_id, now)


@blp.route(f"/people/<{ID}:user_id>/reset-password", methods=["POST"])
@writes("people.write")
@blp.response(200, OneTimePasswordOut)
def reset_password(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """A one-time password, shown this once; every browser of the account is signed out."""
    keep_no_answer()
    user, password = people.reset_password(session, actor, user_id, now)
    return {"id": user.id, "login": user.login, "one_time_password": password}


@blp.route(f"/people/<{ID}:user_id>/reset-second-factor", methods=["POST"])
@writes("people.write")
@blp.arguments(ReasonSchema)
@blp.response(201, FactorResetOut)
def reset_second_factor(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """Ask for the second factor to be taken away, for somebody who lost the device; a second administrator decides."""
    row = factors.ask(session, actor, user_id, data["reason"], now)
    return factors.get(session, actor, row.id, now)


@blp.route(f"/factor-resets/<{ID}:reset_id>")
@reads("people.read")
@blp.response(200, FactorResetOut)
def factor_reset(*, session: Session, actor: Actor, now: datetime, reset_id: int) -> Any:
    """One request to take a second factor away, and why the asker cannot decide on it."""
    return factors.get(session, actor, reset_id, now)


@blp.route(f"/factor-resets/<{ID}:reset_id>/decide", methods=["POST"])
@writes("grant.decide")
@blp.arguments(DecisionSchema)
@blp.response(200, FactorResetOut)
def decide_factor_reset(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, reset_id: int) -> Any:
    """Approve or reject it as it was seen. Approved: the factor is gone, and the account signed out everywhere."""
    seen, verdict = Seen(data["version"], "second"), Verdict(data["verdict"])
    factors.decide(session, actor, reset_id, seen, verdict, data["reason"] or "", now)
    return factors.get(session, actor, reset_id, now)


@blp.route(f"/factor-resets/<{ID}:reset_id>/withdraw", methods=["POST"])
@writes("people.write")
@blp.arguments(OptionalReasonSchema)
@blp.response(200, FactorResetOut)
def take_back_factor_reset(
    data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, reset_id: int
) -> Any:
    """Take one's request back."""
    factors.take_back(session, actor, reset_id, data["reason"] or "", now)
    return factors.get(session, actor, reset_id, now)


@blp.route(f"/people/<{ID}:user_id>/sessions")
@reads("people.read")
@blp.response(200, SessionOut(many=True))
def sessions(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """The account's signed-in browsers."""
    return people.sessions_of(session, actor, user_id, now)


@blp.route(f"/people/<{ID}:user_id>/sessions/end", methods=["POST"])
@writes("people.write")
@blp.arguments(EndSessionsSchema)
@blp.response(200, SessionOut(many=True))
def end_sessions(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """Sign the account out, in one browser or in all; answers those that are left."""
    people.end_sessions(session, actor, user_id, now, session_id=data["session_id"])
    return people.sessions_of(session, actor, user_id, now)


@blp.route(f"/people/<{ID}:user_id>/tokens")
@reads("people.read")
@blp.response(200, TokenOut(many=True))
def tokens_of(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """The account's API tokens, without their secrets."""
    return tokens.of_account(session, actor, user_id)


@blp.route(f"/people/<{ID}:user_id>/tokens/<{ID}:token_id>/revoke", methods=["POST"])
@writes("people.write")
@blp.response(200, TokenOut)
def revoke_token(*, session: Session, actor: Actor, now: datetime, user_id: int, token_id: int) -> Any:
    """End a token of the account."""
    return tokens.revoke_of_account(session, actor, user_id, token_id, now)


@blp.route(f"/people/<{ID}:user_id>/identities")
@reads("people.read")
@blp.response(200, IdentityOut(many=True))
def identities_of(*, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """The company identities linked to the account."""
    return identities.of_account(session, actor, user_id)


@blp.route(f"/people/<{ID}:user_id>/identities", methods=["POST"])
@writes("people.write")
@blp.arguments(IdentitySchema)
@blp.response(201, IdentityOut)
def bind_identity(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, user_id: int) -> Any:
    """Link an identity of the company's provider."""
    return identities.bind(session, actor, user_id, issuer(), data["subject"], now)


@blp.route(f"/people/<{ID}:user_id>/identities/<{ID}:identity_id>/unbind", methods=["POST"])
@writes("people.write")
@blp.response(200, IdentityOut(many=True))
def unbind_identity(*, session: Session, actor: Actor, now: datetime, user_id: int, identity_id: int) -> Any:
    """Take a link away; answers those that are left."""
    identities.unbind(session, actor, user_id, identity_id, now)
    return identities.of_account(session, actor, user_id)
