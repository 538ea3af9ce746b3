"""The audit log and the security log, as administrators may read them: never a customer's particulars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tierflow.admin.service.log_words import FIELDS
from tierflow.admin.service.shared import named
from tierflow.common.audit import AuditEntry
from tierflow.common.reference import KINDS
from tierflow.common.sessions import SecurityEvent
from tierflow.common.users import User
from tierflow.kernel.months import local_instant
from tierflow.kernel.roles import Actor, require
from tierflow.web.paging import Page, Sort, page_of

# What administrators keep themselves. Everything else may hold a customer's particulars: of such an act they see
# who, when and what was touched, not what it says.
OPEN_SUBJECTS = frozenset(
    {
        "user",
        "role_grant",
        "factor_reset",
        "delegation",
        "api_token",
        "calendar",
        "channel",
        "delivery",
        "policy",
        "job",
        "run",
        *KINDS,
    }
)


@dataclass(frozen=True)
class Difference:
    """A field an act changed. Values are None where they are hidden."""

    field: str
    before: Any
    after: Any

    @property
    def label(self) -> str:
        """What the field is called; one without a word is shown as it is stored."""
        return FIELDS.get(self.field, self.field)


@dataclass(frozen=True)
class AuditRow:
    """An act as shown: `is_hidden` when its content is not the administrator's to see."""

    entry: AuditEntry
    on_behalf_of: str | None
    reason: str
    differences: tuple[Difference, ...]
    is_hidden: bool


@dataclass(frozen=True)
class SecurityRow:
    """What the guards saw, with the account's name."""

    event: SecurityEvent
    user_name: str | None


def audit_log(
    session: Session, actor: Actor, filters: Mapping[str, Any], *, cursor: str | None = None, size: int = 30
) -> Page[AuditRow]:
    """Acts, newest first: `user_id` (who did it, or for whom), `action` (its beginning), `subject_type`,
    `subject_id`, `from_on`, `last_on`. Two queries."""
    require(actor, "log.read")
    page = page_of(session, _audit(filters), [Sort("seq", AuditEntry.seq, descending=True)], cursor=cursor, size=size)
    return Page(shown(session, page.rows), page.after, page.before, page.size)


def _audit(filters: Mapping[str, Any]) -> Any:
    query: Any = select(AuditEntry)
    if user_id := filters.get("user_id"):
        query = query.where(or_(AuditEntry.actor_id == user_id, AuditEntry.on_behalf_of_id == user_id))
    if action := filters.get("action"):
        query = query.where(AuditEntry.action.startswith(action, autoescape=True))
    if subject_type := filters.get("subject_type"):
        query = query.where(AuditEntry.subject_type == subject_type)
    if subject_id := filters.get("subject_id"):
        query = query.where(AuditEntry.subject_id == subject_id)
    return _between(query, AuditEntry.at, filters)


def _between(query: Any, column: Any, filters: Mapping[str, Any]) -> Any:
    first: date | None = filters.get("from_on")
    last: date | None = filters.get("last_on")
    if first is not None:
        query = query.where(column >= local_instant(first, time.min))
    if last is not None:
        query = query.where(column < local_instant(last + timedelta(days=1), time.min))
    return query


def shown(session: Session, entries: Sequence[AuditEntry]) -> list[AuditRow]:
    """Entries as an administrator may see them; accounts by name. One query."""
    mentioned = {
        value
        for entry in entries
        for side in (entry.before, entry.after)
        for field, value in side.items()
        if field.endswith("user_id") and isinstance(value, int)
    }
    people = named(session, [*(entry.on_behalf_of_id for entry in entries), *mentioned])
    return [_row(entry, people) for entry in entries]


def _row(entry: AuditEntry, people: Mapping[int, User]) -> AuditRow:
    hidden = entry.subject_type not in OPEN_SUBJECTS
    principal = people.get(entry.on_behalf_of_id or 0)
    differences = tuple(
        Difference(
            field,
            None if hidden else _told(field, entry.before.get(field), people),
            None if hidden else _told(field, entry.after.get(field), people),
        )
        for field in sorted({*entry.before, *entry.after})
    )
    return AuditRow(entry, principal.name if principal else None, "" if hidden else entry.reason, differences, hidden)


def _told(field: str, value: Any, people: Mapping[int, User]) -> Any:
    if field.endswith("user_id") and isinstance(value, int) and value in people:
        return f"{people[value].name} ({people[value].login})"
    return value


def audit_export(session: Session, actor: Actor, filters: Mapping[str, Any], most: int) -> list[AuditRow]:
    """The same for a file: at most `most` + 1 rows."""
    require(actor, "log.export")
    query = _audit(filters).order_by(AuditEntry.seq.desc()).limit(most + 1)
    return shown(session, session.scalars(query).all())


def security_log(
    session: Session, actor: Actor, filters: Mapping[str, Any], *, cursor: str | None = None, size: int = 30
) -> Page[SecurityRow]:
    """What the guards saw, newest first: `kind`, `user_id`, `login`, `from_on`, `last_on`. One query."""
    require(actor, "log.read")
    sorts = [Sort("id", SecurityEvent.id, descending=True)]
    page = page_of(session, _security(filters), sorts, cursor=cursor, size=size)
    return Page([SecurityRow(event, name) for event, name in page.rows], page.after, page.before, page.size)


def _security(filters: Mapping[str, Any]) -> Any:
    query: Any = select(SecurityEvent, User.name).outerjoin(User, User.id == SecurityEvent.user_id)
    if kind := filters.get("kind"):
        query = query.where(SecurityEvent.kind == kind)
    if user_id := filters.get("user_id"):
        query = query.where(SecurityEvent.user_id == user_id)
    if login := filters.get("login"):
        query = query.where(SecurityEvent.login == login)
    return _between(query, SecurityEvent.at, filters)


def security_export(session: Session, actor: Actor, filters: Mapping[str, Any], most: int) -> list[SecurityRow]:
    """The same for a file: at most `most` + 1 rows."""
    require(actor, "log.export")
    query = _security(filters).order_by(SecurityEvent.id.desc()).limit(most + 1)
    return [SecurityRow(event, name) for event, name in session.execute(query)]


def people_who_acted(session: Session, actor: Actor) -> list[User]:
    """Every account, to choose from."""
    require(actor, "log.read")
    return list(session.scalars(select(User).order_by(User.name, User.id)))
