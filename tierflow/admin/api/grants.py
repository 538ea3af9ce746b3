"""JSON of role grants and delegations."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.admin.routes import ID
from tierflow.admin.schemas.people import (
    DecisionSchema,
    DelegationFilter,
    DelegationOut,
    DelegationPage,
    DelegationSchema,
    GrantFilter,
    GrantPage,
    GrantSightOut,
    OptionalReasonSchema,
    ProposalSchema,
    RevisionSchema,
)
from tierflow.admin.service import delegations, granting, grants
from tierflow.common.approvals import Seen
from tierflow.kernel.approval import Verdict
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint
from tierflow.web.schemas import ReasonSchema

blp = api_blueprint("grants", "Role grants and delegations")


@blp.route("/role-grants")
@reads("people.read")
@blp.arguments(GrantFilter, location="query")
@blp.response(200, GrantPage)
def index(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Grants, newest first, a page at a time."""
    return grants.list_grants(session, actor, wanted, now, cursor=wanted["cursor"])


@blp.route("/role-grants", methods=["POST"])
@writes("people.write")
@blp.arguments(ProposalSchema)
@blp.response(201, GrantSightOut)
def propose(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Propose a role; a second administrator decides. From a lone one only a second administrator can come."""
    grant = granting.propose(session, actor, data, now)
    return grants.sight(session, actor, grant.id, now)


@blp.route(f"/role-grants/<{ID}:grant_id>")
@reads("people.read")
@blp.response(200, GrantSightOut)
def show(*, session: Session, actor: Actor, now: datetime, grant_id: int) -> Any:
    """One grant, and why the asker cannot decide on it."""
    return grants.sight(session, actor, grant_id, now)


@blp.route(f"/role-grants/<{ID}:grant_id>/decide", methods=["POST"])
@writes("grant.decide")
@blp.arguments(DecisionSchema)
@blp.response(200, GrantSightOut)
def decide(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, grant_id: int) -> Any:
    """Approve, return or reject the proposal as it was seen."""
    seen = Seen(data["version"], "second")
    granting.decide(session, actor, grant_id, seen, Verdict(data["verdict"]), data["reason"] or "", now)
    return grants.sight(session, actor, grant_id, now)


@blp.route(f"/role-grants/<{ID}:grant_id>/revise", methods=["POST"])
@writes("people.write")
@blp.arguments(RevisionSchema)
@blp.response(200, GrantSightOut)
def revise(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, grant_id: int) -> Any:
    """Correct a proposal that was returned or taken back, and hand it in again."""
    granting.revise(session, actor, grant_id, data, data.pop("version"), now)
    return grants.sight(session, actor, grant_id, now)


@blp.route(f"/role-grants/<{ID}:grant_id>/withdraw", methods=["POST"])
@writes("people.write")
@blp.arguments(OptionalReasonSchema)
@blp.response(200, GrantSightOut)
def withdraw(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, grant_id: int) -> Any:
    """Take one's proposal back."""
    granting.withdraw(session, actor, grant_id, data["reason"], now)
    return grants.sight(session, actor, grant_id, now)


@blp.route(f"/role-grants/<{ID}:grant_id>/discard", methods=["POST"])
@writes("people.write")
@blp.arguments(OptionalReasonSchema)
@blp.response(200, GrantSightOut)
def discard(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, grant_id: int) -> Any:
    """Give a proposal up."""
    granting.discard(session, actor, grant_id, data["reason"], now)
    return grants.sight(session, actor, grant_id, now)


@blp.route(f"/role-grants/<{ID}:grant_id>/revoke", methods=["POST"])
@writes("people.write")
@blp.arguments(ReasonSchema)
@blp.response(200, GrantSightOut)
def revoke(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, grant_id: int) -> Any:
    """Take the role away at once; the account's sessions end."""
    granting.revoke(session, actor, grant_id, data["reason"], now)
    return grants.sight(session, actor, grant_id, now)


@blp.route("/delegations")
@reads("people.read")
@blp.arguments(DelegationFilter, location="query")
@blp.response(200, DelegationPage)
def list_delegations(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Everybody's delegations, newest first, a page at a time."""
    return delegations.list_delegations(session, actor, wanted, now, cursor=wanted["cursor"])


@blp.route("/delegations", methods=["POST"])
@writes("delegation.own")
@blp.arguments(DelegationSchema)
@blp.response(201, DelegationOut)
def delegate(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Let a colleague stand in for oneself; for somebody else (`from_user_id`) administrators only."""
    row = delegations.set_delegation(session, actor, data, now)
    return delegations.get(session, actor, row.id, now)


@blp.route(f"/delegations/<{ID}:delegation_id>/revoke", methods=["POST"])
@writes("delegation.own")
@blp.arguments(OptionalReasonSchema)
@blp.response(200, DelegationOut)
def end_delegation(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, delegation_id: int) -> Any:
    """End a delegation: either side, or an administrator."""
    delegations.revoke(session, actor, delegation_id, data["reason"], now)
    return delegations.get(session, actor, delegation_id, now)
