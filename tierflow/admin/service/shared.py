"""What several services need: stale forms, unique keys, and telling the other administrators."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common.audit import AuditEntry
from tierflow.common.notices import notify
from tierflow.common.users import Person, RoleGrant, User, holders, live_grants
from tierflow.kernel.approval import digest
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import Text, text

RESETS = ("password.reset", "second_factor.reset")


def stamp(row: object, fields: Iterable[str]) -> str:
    """A short hash of what a form shows; sent back with it, it tells whether somebody else was faster."""
    return digest([plain(getattr(row, field)) for field in sorted(fields)])[:16]


def plain(value: Any) -> Any:
    """A column's value as JSON."""
    return value.isoformat() if isinstance(value, date) else value


def refuse_stale(row: object, fields: Iterable[str], seen: str | None) -> None:
    """Raise `Conflict` when the row is no longer what the form showed. None: the caller did not look."""
    if seen is not None and seen != stamp(row, fields):
        raise Conflict(Refusal("conflict", text("Somebody changed this meanwhile: look at it again.")))


def values_of(row: object, fields: Iterable[str]) -> dict[str, Any]:
    """These columns as JSON, for the audit."""
    return {field: plain(getattr(row, field)) for field in fields}


def add_unique(session: Session, row: object, field: str, sentence: Text) -> None:
    """Insert a row whose key may be taken; raises `Invalid` on the field when it is, also by a rival just now."""
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError as error:
        raise Invalid({field: [sentence]}) from error


def account(session: Session, user_id: int) -> User:
    """The account, or `NotFound`."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound
    return user


def lock_rows(session: Session, model: Any, ids: Iterable[int]) -> None:
    """Let acts that concern the same rows follow each other; SQLite's writers queue anyway."""
    query = select(model.id).where(model.id.in_(sorted(set(ids)))).order_by(model.id)
    session.execute(query.with_for_update())


def administrator_persons(session: Session, on: date) -> frozenset[int]:
    """The persons who hold the administrator's role themselves on a day, through enabled accounts."""
    return frozenset(
        session.scalars(
            select(User.person_id)
            .join(RoleGrant, RoleGrant.user_id == User.id)
            .where(RoleGrant.role == Role.ADMINISTRATOR.value, User.disabled_at.is_(None), *live_grants(on))  # type: ignore[arg-type]
        )
    )


def lock_administrators(session: Session, on: date) -> frozenset[int]:
    """The same, locked: of two acts that would leave no administrator, the second sees the first."""
    lock_rows(session, Person, administrator_persons(session, on))
    session.flush()
    session.expire_all()
    return administrator_persons(session, on)


def resets_of(session: Session, person_id: int, since: datetime) -> list[tuple[int, datetime]]:
    """Who (person) reset a password or second factor of this person's accounts, and when. One query."""
    theirs = select(User.id).where(User.person_id == person_id)
    found = session.execute(
        select(User.person_id, AuditEntry.at)
        .join(User, User.id == AuditEntry.actor_id)
        .where(
            AuditEntry.subject_type == "user",
            AuditEntry.subject_id.in_(theirs),
            AuditEntry.action.in_(RESETS),
            AuditEntry.at > since,
        )
    )
    return [(row.person_id, row.at) for row in found]


def tell_administrators(
    session: Session,
    actor: Actor,
    kind: str,
    message: Text,
    subject: tuple[str, int],
    now: datetime,
    *,
    besides: Iterable[int] = (),
    also: Iterable[int] = (),
    key: str = "",
) -> None:
    """A notice to every administrator but the actor's person and `besides` (persons), and to `also` (accounts)."""
    left_out = {actor.person_id, *besides}
    told = {user.id for user in holders(session, Role.ADMINISTRATOR, local_day(now)) if user.person_id not in left_out}
    told |= set(also) - {actor.user_id}
    notify(session, told, kind, message, subject, now, dedupe_key=f"{kind}:{subject[1]}:{key or now.isoformat()}")


def named(session: Session, user_ids: Iterable[int | None]) -> Mapping[int, User]:
    """Accounts by id. One query."""
    ids = {user_id for user_id in user_ids if user_id is not None}
    if not ids:
        return {}
    return {user.id: user for user in session.scalars(select(User).where(User.id.in_(ids)))}
