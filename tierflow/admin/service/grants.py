"""Role grants: one administrator proposes, a second approves; revoking takes effect at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.admin.service.shared import named, resets_of
from tierflow.common import approvals
from tierflow.common.approvals import ApprovalCase
from tierflow.common.db import in_force
from tierflow.common.policies import policy_on
from tierflow.common.reference import Office, Region, Warehouse
from tierflow.common.users import RoleGrant, User
from tierflow.kernel.approval import State
from tierflow.kernel.errors import NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SCOPE_OF_ROLE, Actor, Role, require
from tierflow.web.paging import Page, Sort, page_of

CHAIN = approvals.register(rules.ROLE_GRANT)
SUBJECT = "role_grant"
SCOPES: dict[str, type[Region | Office | Warehouse]] = {"region": Region, "office": Office, "warehouse": Warehouse}


@dataclass(frozen=True)
class GrantRow:
    """A grant with the names it mentions and where it stands.

    `state`: proposed, returned, withdrawn, rejected, discarded, in_force, to_come, over, revoked.
    """

    grant: RoleGrant
    user: User
    scope: str | None
    state: str
    case: ApprovalCase | None
    proposed_by: User | None
    approved_by: User | None
    revoked_by: User | None


@dataclass(frozen=True)
class Sight:
    """What an administrator may do about a grant now."""

    row: GrantRow
    refusals: tuple[Refusal, ...]  # why not decide
    is_proposer: bool


def state_of(grant: RoleGrant, case: ApprovalCase | None, on: date) -> str:
    """Where a grant stands on a day, in one word."""
    if grant.approved_at is None and case is not None:
        return "proposed" if case.state == State.IN_APPROVAL else case.state
    if grant.revoked_at is not None:
        return "revoked"
    if grant.from_on > on:
        return "to_come"
    return "in_force" if grant.to_on is None or grant.to_on > on else "over"


def list_grants(
    session: Session, actor: Actor, filters: Mapping[str, Any], now: datetime, *, cursor: str | None = None
) -> Page[GrantRow]:
    """Grants, newest first: `role`, `user_id`, `state` (waiting, in_force, ended). Four queries."""
    require(actor, "people.read")
    wanted = every_grant()
    if role := filters.get("role"):
        wanted = wanted.where(RoleGrant.role == role)
    if user_id := filters.get("user_id"):
        wanted = wanted.where(RoleGrant.user_id == user_id)
    on = local_day(now)
    live = RoleGrant.approved_at.is_not(None) & RoleGrant.revoked_at.is_(None)
    match filters.get("state"):
        case "waiting":
            wanted = wanted.where(RoleGrant.approved_at.is_(None), RoleGrant.revoked_at.is_(None))
        case "in_force":
            wanted = wanted.where(live & in_force(RoleGrant.from_on, RoleGrant.to_on, on))
        case "ended":
            wanted = wanted.where(RoleGrant.revoked_at.is_not(None) | (RoleGrant.to_on <= on))
    page = page_of(session, wanted, [Sort("id", RoleGrant.id, descending=True)], cursor=cursor)
    return Page(_rows(session, page.rows, on), page.after, page.before, page.size)


def every_grant() -> Any:
    """The SELECT of grants with their user and case, to be narrowed."""
    return (
        select(RoleGrant, User, ApprovalCase)
        .join(User, User.id == RoleGrant.user_id)
        .outerjoin(ApprovalCase, (ApprovalCase.subject_type == SUBJECT) & (ApprovalCase.subject_id == RoleGrant.id))
    )


def _rows(session: Session, found: Iterable[Any], on: date) -> list[GrantRow]:
    found = list(found)
    grants = [row[0] for row in found]
    people = named(session, [i for g in grants for i in (g.proposed_by_id, g.approved_by_id, g.revoked_by_id)])
    scopes = {kind: scope_names(session, kind, [getattr(g, f"{kind}_id") for g in grants]) for kind in SCOPES}
    return [
        GrantRow(
            grant,
            user,
            next((scopes[kind][i] for kind in SCOPES if (i := getattr(grant, f"{kind}_id"))), None),
            state_of(grant, case, on),
            case,
            people.get(grant.proposed_by_id),
            people.get(grant.approved_by_id),
            people.get(grant.revoked_by_id),
        )
        for grant, user, case in found
    ]


def scope_names(session: Session, kind: str, ids: Iterable[int | None]) -> dict[int, str]:
    """Names of regions, offices or warehouses by id; no query when there is nothing to look up."""
    wanted = {i for i in ids if i is not None}
    if not wanted:
        return {}
    model = SCOPES[kind]
    return {row.id: row.name for row in session.execute(select(model.id, model.name).where(model.id.in_(wanted)))}


def grants_of_user(session: Session, actor: Actor, user_id: int, now: datetime) -> list[GrantRow]:
    """Every grant an account ever had, newest first."""
    if user_id != actor.user_id:
        require(actor, "people.read")
    found = session.execute(every_grant().where(RoleGrant.user_id == user_id).order_by(RoleGrant.id.desc()))
    return _rows(session, found, local_day(now))


def sight(session: Session, actor: Actor, grant_id: int, now: datetime) -> Sight:
    """One grant as this administrator sees it. Raises `NotFound`."""
    require(actor, "people.read")
    found = session.execute(every_grant().where(RoleGrant.id == grant_id)).one_or_none()
    if found is None:
        raise NotFound
    row = _rows(session, [found], local_day(now))[0]
    refusals: tuple[Refusal, ...] = ()
    if row.case is not None and row.state == "proposed":
        refusals = why_not_decide(session, row.grant, row.case, actor, now) or approvals.why_not(
            session, row.case, actor
        )
    return Sight(row, refusals, row.case is not None and row.case.submitter_id == actor.user_id)


def choices(session: Session, on: date) -> dict[str, list[tuple[int, str]]]:
    """The regions, offices and warehouses in force on a day, to choose from."""
    found = {}
    for kind, model in SCOPES.items():
        query = select(model.id, model.name).where(in_force(model.from_on, model.to_on, on)).order_by(model.code)
        found[kind] = [(row.id, row.name) for row in session.execute(query)]
    return found


def content_of(session: Session, grant: RoleGrant, user: User) -> dict[str, Any]:
    """What the second administrator examines, whole."""
    kind = SCOPE_OF_ROLE.get(Role(grant.role))
    names = scope_names(session, kind, [grant.scope_id]) if kind else {}
    scope = {"kind": kind, "id": grant.scope_id, "name": names.get(grant.scope_id or 0)} if kind else None
    return {
        "user": {"id": user.id, "login": user.login, "name": user.name, "person_id": user.person_id},
        "role": grant.role,
        "scope": scope,
        "period": {"from_on": grant.from_on.isoformat(), "to_on": grant.to_on.isoformat() if grant.to_on else None},
    }


def why_not_decide(
    session: Session, grant: RoleGrant, case: ApprovalCase, actor: Actor, now: datetime
) -> tuple[Refusal, ...]:
    """Why this administrator cannot decide on this grant, beside what the chain itself refuses."""
    proposers = frozenset(
        session.scalars(select(User.person_id).where(User.id.in_({grant.proposed_by_id or 0, case.submitter_id})))
    )
    beneficiary = session.scalar(select(User.person_id).where(User.id == grant.user_id)) or 0
    days = policy_on(session, local_day(now)).integer("grant.reset_bars_days")
    pairs = resets_of(session, actor.person_id, now - timedelta(days=days))
    return rules.why_not_approve(actor.person_id, beneficiary, proposers, pairs, now, days)
