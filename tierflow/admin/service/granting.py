"""The verbs of role grants: propose, revise, decide, withdraw, give up, revoke."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.admin.service import grants
from tierflow.admin.service.shared import (
    account,
    administrator_persons,
    lock_administrators,
    lock_rows,
    tell_administrators,
)
from tierflow.common import approvals, audit, desks, portfolios, sessions
from tierflow.common.approvals import ApprovalCase, ApprovalSeat, Seen
from tierflow.common.policies import policy_on
from tierflow.common.users import Person, RoleGrant, User, grants_of
from tierflow.kernel import approval
from tierflow.kernel.approval import State, Verdict
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import ROLE_LABELS, SCOPE_OF_ROLE, Actor, Grant, Role, require
from tierflow.kernel.text import text


def propose(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> RoleGrant:
    """Propose a role: `user_id`, `role`, its scope, `from_on`, `to_on`. A second administrator decides.

    From a lone administrator only a second administrator can come; that grant is in force at once, and logged.
    Raises `Invalid` for a scope that does not fit the role, `Refused` for the rest.
    """
    require(actor, "people.write")
    user = account(session, data["user_id"])
    lock_rows(session, Person, [user.person_id, actor.person_id])
    grant = RoleGrant(user_id=user.id, proposed_by_id=actor.user_id)
    bootstrap = _fill(session, actor, grant, user, data, now)
    if bootstrap:
        grant.approved_by_id, grant.approved_at = actor.user_id, now
    session.add(grant)
    session.flush()
    if bootstrap:
        _log_bootstrap(session, actor, user, grant, now)
        return grant
    case = approvals.open_case(
        session, grants.CHAIN, (grants.SUBJECT, grant.id), f"{user.name} ({user.login})", None, actor, now
    )
    if user.person_id != actor.person_id:
        session.add(ApprovalSeat(case_id=case.id, person_id=user.person_id, step=rules.BENEFICIARY_SEAT))
    _submit(session, actor, case, grant, user, now, case.version)
    return grant


def _fill(session: Session, actor: Actor, grant: RoleGrant, user: User, data: Mapping[str, Any], now: datetime) -> bool:
    role = Role(data["role"])
    given = {kind: data.get(f"{kind}_id") for kind in grants.SCOPES}
    on = local_day(now)
    errors: dict[str, Any] = dict(rules.scope_errors(role, given))
    kind = SCOPE_OF_ROLE.get(role)
    scope_id = given[kind] if kind else None
    if kind and scope_id is not None and scope_id not in dict(grants.choices(session, max(on, data["from_on"]))[kind]):
        errors[f"{kind}_id"] = [text("Choose one of the list.")]
    if errors:
        raise Invalid(errors)
    administrators = administrator_persons(session, on)
    span = rules.Span(data["from_on"], data.get("to_on"))
    proposal = rules.Proposal(user.person_id, user.disabled_at is None, role, scope_id, span)
    held = _held(session, user.id, besides=grant.id)
    refuse_if_any(rules.why_not_propose(proposal, held, administrators, actor.person_id, on))
    grant.role, grant.from_on, grant.to_on = role.value, span.from_on, span.to_on
    grant.region_id, grant.office_id, grant.warehouse_id = given["region"], given["office"], given["warehouse"]
    return rules.is_lone(administrators, actor.person_id)


def _held(session: Session, user_id: int, *, besides: int | None) -> list[rules.Held]:
    rows = session.scalars(select(RoleGrant).where(RoleGrant.user_id == user_id, RoleGrant.revoked_at.is_(None)))
    return [
        rules.Held(Role(row.role), row.scope_id, rules.Span(row.from_on, row.to_on))
        for row in rows
        if row.id != besides
    ]


def _log_bootstrap(session: Session, actor: Actor, user: User, grant: RoleGrant, now: datetime) -> None:
    reason = "granted by a lone administrator"
    audit.record(session, actor, "grant.bootstrap", grants.SUBJECT, grant.id, now, after=_plain(grant), reason=reason)
    sessions.log_security(
        session,
        "grant.bootstrap",
        now,
        user_id=actor.user_id,
        login=actor.name,
        address="",
        detail=f"{user.login}: {reason}",
    )
    sessions.end_sessions_of(session, user.id)


def _submit(
    session: Session, actor: Actor, case: ApprovalCase, grant: RoleGrant, user: User, now: datetime, seen_version: int
) -> None:
    content = grants.content_of(session, grant, user)
    approvals.submit(session, case, content, actor, now, seen_version=seen_version)
    message = text("%(who)s proposes a role for %(login)s; it waits for you.", who=actor.name, login=user.login)
    subject = (grants.SUBJECT, grant.id)
    tell_administrators(
        session, actor, grants.SUBJECT, message, subject, now, besides=[user.person_id], key=f"round {case.round}"
    )


def revise(
    session: Session, actor: Actor, grant_id: int, data: Mapping[str, Any], seen_version: int | None, now: datetime
) -> RoleGrant:
    """Correct a proposal that was returned or withdrawn, and hand it in again."""
    require(actor, "people.write")
    grant, case, user = _waiting(session, grant_id)
    refuse_if_any(approval.may_submit(approvals.facts_of(session, case), actor.person_id))
    before = _plain(grant)
    lock_rows(session, Person, [user.person_id, actor.person_id])
    if _fill(session, actor, grant, user, data, now):
        refuse_if_any([Refusal(rules.HOUSE, text("You are the only administrator: nobody could approve this."))])
    session.flush()
    changed = audit.changes(before, _plain(grant))
    audit.record(session, actor, "grant.revise", grants.SUBJECT, grant.id, now, before=changed[0], after=changed[1])
    _submit(session, actor, case, grant, user, now, case.version if seen_version is None else seen_version)
    return grant


def decide(
    session: Session, actor: Actor, grant_id: int, seen: Seen, verdict: Verdict, reason: str, now: datetime
) -> RoleGrant:
    """The second administrator's word. Approved: in force from its first day, and the user signs in anew.

    Raises `Refused` for one's own grant, one's own proposal, and after a reset by the proposer; `Conflict` when the
    case has moved on; `Invalid` for a return or rejection without reason.
    """
    require(actor, "grant.decide")
    grant, case, user = _waiting(session, grant_id)
    if verdict is not Verdict.APPROVE and not reason:
        raise Invalid({"reason": [text("Say why.")]})
    refuse_if_any(grants.why_not_decide(session, grant, case, actor, now))
    on = local_day(now)
    policy = policy_on(session, on)
    approvals.decide(session, case, seen, verdict, actor, now, on=on, policy_version=policy.version, reason=reason)
    if case.state == State.APPROVED:
        grant.approved_by_id, grant.approved_at = actor.user_id, now
        sessions.end_sessions_of(session, user.id)
        role = text(ROLE_LABELS[Role(grant.role)])
        message = text("%(who)s now holds the role: %(role)s.", who=user.name, role=role)
        tell_administrators(session, actor, grants.SUBJECT, message, (grants.SUBJECT, grant.id), now, also=[user.id])
    elif case.state == State.REJECTED:
        grant.revoked_by_id, grant.revoked_at = actor.user_id, now  # gives the place in the unique key back
    session.flush()
    return grant


def withdraw(session: Session, actor: Actor, grant_id: int, reason: str, now: datetime) -> RoleGrant:
    """The proposer takes the proposal back, to correct it or to give it up."""
    require(actor, "people.write")
    grant, case, _user = _waiting(session, grant_id)
    approvals.withdraw(session, case, actor, now, seen_version=case.version, reason=reason)
    return grant


def discard(session: Session, actor: Actor, grant_id: int, reason: str, now: datetime) -> RoleGrant:
    """Give a returned or withdrawn proposal up; it stays readable."""
    require(actor, "people.write")
    grant, case, _user = _waiting(session, grant_id)
    approvals.discard(session, case, actor, now, seen_version=case.version, reason=reason)
    grant.revoked_by_id, grant.revoked_at = actor.user_id, now
    session.flush()
    return grant


def revoke(session: Session, actor: Actor, grant_id: int, reason: str, now: datetime) -> RoleGrant:
    """Take a role away, at once: the user's sessions end. The last administrator keeps theirs."""
    require(actor, "people.write")
    grant = session.get(RoleGrant, grant_id)
    if grant is None:
        raise NotFound
    user = account(session, grant.user_id)
    if grant.role == Role.ADMINISTRATOR and grant.approved_at is not None:
        left = lock_administrators(session, local_day(now))
        if user.person_id in left:
            refuse_if_any(rules.why_not_without(left, user.person_id))
    if grant.approved_at is not None:
        on, office = local_day(now), Grant(Role(grant.role), grant.scope_id)
        # Whoever is left without any office keeps nothing that is somebody's to do.
        if others := grants_of(session, [user.id], on)[user.id] - {office}:
            roles = frozenset(one.role for one in others)
            found = portfolios.why_not_lose(session, user.id, on, office.role, roles)
        else:
            found = portfolios.why_not_leave(session, user.id, on)
        refuse_if_any([*found, *desks.why_not_vacate(session, user, on, grant=office)])
    done = session.execute(
        update(RoleGrant)
        .where(RoleGrant.id == grant_id, RoleGrant.approved_at.is_not(None), RoleGrant.revoked_at.is_(None))
        .values(revoked_by_id=actor.user_id, revoked_at=now)
        .returning(RoleGrant.id)
    ).scalar_one_or_none()
    session.refresh(grant)
    if done is None:
        raise Conflict(Refusal("conflict", text("This grant is not in force.")))
    sessions.end_sessions_of(session, user.id)
    audit.record(session, actor, "grant.revoke", grants.SUBJECT, grant.id, now, before=_plain(grant), reason=reason)
    role = text(ROLE_LABELS[Role(grant.role)])
    message = text("%(who)s took the role from %(login)s: %(role)s.", who=actor.name, login=user.login, role=role)
    tell_administrators(session, actor, grants.SUBJECT, message, (grants.SUBJECT, grant.id), now, also=[user.id])
    return grant


def _waiting(session: Session, grant_id: int) -> tuple[RoleGrant, ApprovalCase, User]:
    found = session.execute(
        grants.every_grant().where(RoleGrant.id == grant_id, ApprovalCase.id.is_not(None))
    ).one_or_none()
    if found is None:
        raise NotFound
    grant, user, case = found
    return grant, case, user


def _plain(grant: RoleGrant) -> dict[str, Any]:
    return {
        "user_id": grant.user_id,
        "role": grant.role,
        "region_id": grant.region_id,
        "office_id": grant.office_id,
        "warehouse_id": grant.warehouse_id,
        "from_on": grant.from_on.isoformat(),
        "to_on": grant.to_on.isoformat() if grant.to_on else None,
    }
