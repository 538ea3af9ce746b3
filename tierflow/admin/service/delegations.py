"""Delegation: who stands in for whom, on which days. No chains; both names are in every record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session, aliased

from tierflow.admin import rules
from tierflow.admin.service.shared import account, administrator_persons, lock_rows, resets_of
from tierflow.common import audit
from tierflow.common.notices import notify
from tierflow.common.policies import policy_on
from tierflow.common.users import Delegation, Person, RoleGrant, User, grants_of, live_grants
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import NEVER_DELEGATED, Actor, is_allowed, require
from tierflow.kernel.text import text
from tierflow.web.paging import Page, Sort, page_of

SUBJECT = "delegation"


@dataclass(frozen=True)
class DelegationRow:
    """A delegation with its names. `state`: to_come, in_force, over, revoked."""

    delegation: Delegation
    absent: User
    stand_in: User
    set_by: User
    state: str


def state_of(row: Delegation, on: date) -> str:
    """Where a delegation stands on a day, in one word."""
    if row.revoked_at is not None:
        return "revoked"
    if row.from_on > on:
        return "to_come"
    return "in_force" if row.to_on > on else "over"


def _query() -> Any:
    absent, stand_in, set_by = aliased(User), aliased(User), aliased(User)
    return (
        select(Delegation, absent, stand_in, set_by)
        .join(absent, absent.id == Delegation.from_user_id)
        .join(stand_in, stand_in.id == Delegation.to_user_id)
        .join(set_by, set_by.id == Delegation.set_by_id)
    )


def list_delegations(
    session: Session, actor: Actor, filters: Mapping[str, Any], now: datetime, *, cursor: str | None = None
) -> Page[DelegationRow]:
    """Everybody's delegations, newest first: `user_id` (either side), `state` (open, ended). One query."""
    require(actor, "people.read")
    on = local_day(now)
    query = _query()
    if user_id := filters.get("user_id"):
        query = query.where(or_(Delegation.from_user_id == user_id, Delegation.to_user_id == user_id))
    if state := filters.get("state"):
        is_open = Delegation.revoked_at.is_(None) & (Delegation.to_on > on)
        query = query.where(is_open if state == "open" else ~is_open)
    page = page_of(session, query, [Sort("id", Delegation.id, descending=True)], cursor=cursor)
    return Page([_row(found, on) for found in page.rows], page.after, page.before, page.size)


def mine(session: Session, actor: Actor, now: datetime) -> list[DelegationRow]:
    """The actor's own, on either side, newest first; the latest fifty."""
    require(actor, "self.read")
    either = or_(Delegation.from_user_id == actor.user_id, Delegation.to_user_id == actor.user_id)
    found = session.execute(_query().where(either).order_by(Delegation.id.desc()).limit(50))
    return [_row(row, local_day(now)) for row in found]


def get(session: Session, actor: Actor, delegation_id: int, now: datetime) -> DelegationRow:
    """One delegation, for either side and administrators. Raises `NotFound`."""
    require(actor, "delegation.own")
    found = session.execute(_query().where(Delegation.id == delegation_id)).one_or_none()
    if found is None or not (actor.user_id in (found[1].id, found[2].id) or is_allowed(actor, "delegation.any")):
        raise NotFound
    return _row(found, local_day(now))


def _row(found: Any, on: date) -> DelegationRow:
    delegation, absent, stand_in, set_by = found
    return DelegationRow(delegation, absent, stand_in, set_by, state_of(delegation, on))


def candidates(session: Session, on: date, *, besides_person_id: int | None = None) -> list[User]:
    """Enabled accounts that can stand in for somebody: they hold a role, and their person is no administrator."""
    query = _holding(on).where(User.person_id.not_in(administrator_persons(session, on)))
    if besides_person_id is not None:
        query = query.where(User.person_id != besides_person_id)
    return list(session.scalars(query))


def absentees(session: Session, on: date) -> list[User]:
    """Enabled accounts that hold a role which can be lent: who can be stood in for."""
    return list(session.scalars(_holding(on, RoleGrant.role.not_in([role.value for role in NEVER_DELEGATED]))))


def _holding(on: date, *conditions: Any) -> Any:
    holding = select(RoleGrant.user_id).where(*live_grants(on), *conditions)  # type: ignore[arg-type]
    return select(User).where(User.id.in_(holding), User.disabled_at.is_(None)).order_by(User.name, User.id)


def lendable(actor: Actor) -> bool:
    """Whether the actor holds a role of their own that can be lent."""
    return any(grant.role not in NEVER_DELEGATED for grant in actor.grants)


def set_delegation(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> Delegation:
    """Let `to_user_id` stand in for `from_user_id` (default: the actor) on [`from_on`, `to_on`).

    One's own needs `delegation.own`, anybody else's `delegation.any`. Both are told. Raises `Refused` when the
    house rules do not allow it, `Invalid` for an account that does not exist.
    """
    absent_id = data.get("from_user_id") or actor.user_id
    require(actor, "delegation.own" if absent_id == actor.user_id else "delegation.any")
    absent, stand_in = session.get(User, absent_id), session.get(User, data["to_user_id"])
    missing = {"from_user_id": absent, "to_user_id": stand_in}
    if absent is None or stand_in is None:
        raise Invalid({key: [text("Choose one of the list.")] for key, user in missing.items() if user is None})
    lock_rows(session, Person, [absent.person_id, stand_in.person_id])
    on = local_day(now)
    span = rules.Span(data["from_on"], data["to_on"])
    begins = max(on, span.from_on)
    grants = grants_of(session, [absent.id, stand_in.id], begins)
    administrators = administrator_persons(session, on) | administrator_persons(session, begins)
    policy = policy_on(session, on)
    since = now - timedelta(days=policy.integer("grant.reset_bars_days"))
    did_reset = any(by == actor.person_id for by, _at in resets_of(session, stand_in.person_id, since))
    refuse_if_any(
        rules.why_not_delegate(
            rules.Account(absent.id, absent.person_id, absent.disabled_at is None, grants[absent.id]),
            rules.Account(
                stand_in.id,
                stand_in.person_id,
                stand_in.disabled_at is None,
                grants[stand_in.id],
                is_administrator=stand_in.person_id in administrators,
            ),
            span,
            _standing(session, {absent.person_id, stand_in.person_id}),
            rules.Setter(actor.person_id, may_be_stand_in=did_reset),
            on,
            policy.integer("delegation.max_days"),
        )
    )
    row = Delegation(
        from_user_id=absent.id,
        to_user_id=stand_in.id,
        from_on=span.from_on,
        to_on=data["to_on"],
        reason=data.get("reason") or "",
        set_by_id=actor.user_id,
        set_at=now,
    )
    session.add(row)
    session.flush()
    audit.record(session, actor, "delegation.set", SUBJECT, row.id, now, after=_plain(row), reason=row.reason)
    message = text(
        "%(stand_in)s stands in for %(absent)s from %(first)s on.",
        stand_in=stand_in.name,
        absent=absent.name,
        first=row.from_on.isoformat(),
    )
    _tell(session, actor, row, message, now, "set")
    return row


def _standing(session: Session, person_ids: set[int]) -> list[rules.Standing]:
    absent, stand_in = aliased(User), aliased(User)
    found = session.execute(
        select(Delegation, absent.person_id, stand_in.person_id)
        .join(absent, absent.id == Delegation.from_user_id)
        .join(stand_in, stand_in.id == Delegation.to_user_id)
        .where(
            Delegation.revoked_at.is_(None),
            absent.person_id.in_(person_ids) | stand_in.person_id.in_(person_ids),
        )
    )
    return [
        rules.Standing(row.from_user_id, absent_person, stand_in_person, rules.Span(row.from_on, row.to_on))
        for row, absent_person, stand_in_person in found
    ]


def revoke(session: Session, actor: Actor, delegation_id: int, reason: str, now: datetime) -> Delegation:
    """End a delegation at once: by whoever is stood in for, by the stand-in, or by an administrator.

    Raises `NotFound` for somebody else's, `Conflict` when it has ended.
    """
    row = session.get(Delegation, delegation_id)
    is_party = row is not None and actor.user_id in (row.from_user_id, row.to_user_id)
    require(actor, "delegation.own")
    if row is None or not (is_party or is_allowed(actor, "delegation.any")):
        raise NotFound
    on = local_day(now)
    done = session.execute(
        update(Delegation)
        .where(Delegation.id == delegation_id, Delegation.revoked_at.is_(None), Delegation.to_on > on)
        .values(revoked_by_id=actor.user_id, revoked_at=now)
        .returning(Delegation.id)
    ).scalar_one_or_none()
    session.refresh(row)
    if done is None:
        raise Conflict(Refusal("conflict", text("This delegation has ended already.")))
    audit.record(session, actor, "delegation.revoke", SUBJECT, row.id, now, before=_plain(row), reason=reason)
    absent, stand_in = account(session, row.from_user_id), account(session, row.to_user_id)
    message = text("%(stand_in)s no longer stands in for %(absent)s.", stand_in=stand_in.name, absent=absent.name)
    _tell(session, actor, row, message, now, "revoked")
    return row


def _tell(session: Session, actor: Actor, row: Delegation, message: Any, now: datetime, what: str) -> None:
    told = {row.from_user_id, row.to_user_id} - {actor.user_id}
    notify(session, told, SUBJECT, message, (SUBJECT, row.id), now, dedupe_key=f"{SUBJECT}:{row.id}:{what}")


def _plain(row: Delegation) -> dict[str, Any]:
    return {
        "from_user_id": row.from_user_id,
        "to_user_id": row.to_user_id,
        "from_on": row.from_on.isoformat(),
        "to_on": row.to_on.isoformat(),
    }
