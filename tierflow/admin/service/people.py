"""People and their accounts: list, create, edit, disable, reset. No account is ever deleted."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import exists, func, or_, select, update
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.admin.service.shared import (
    account,
    add_unique,
    lock_administrators,
    refuse_stale,
    stamp,
    tell_administrators,
    values_of,
)
from tierflow.common import audit, desks, portfolios, sessions
from tierflow.common.db import in_force
from tierflow.common.reference import Department
from tierflow.common.sessions import UserSession, end_sessions_of, revoke_tokens_of
from tierflow.common.users import Person, RoleGrant, User, grants_of, live_grants
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Grant, Role, require
from tierflow.kernel.text import text
from tierflow.web.paging import Page, Sort, page_of
from tierflow.web.signing_in import hash_password

EDITABLE = ("name", "email", "phone", "department_id", "locale")

# Without 0/O, 1/l/I: it is read aloud and typed once.
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True)
class AccountRow:
    """A line of the list of accounts."""

    user: User
    person_name: str
    department: str | None
    grants: frozenset[Grant]

    @property
    def stamp(self) -> str:
        """Tells whether the account is still as it was seen."""
        return stamp(self.user, EDITABLE)


def one_time_password() -> str:
    """Sixteen characters, 93 random bits, in groups of four."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))


def list_accounts(
    session: Session, actor: Actor, filters: Mapping[str, Any], now: datetime, *, cursor: str | None = None
) -> Page[AccountRow]:
    """Accounts by login: `q` (name, login, e-mail, telephone), `role`, `state` (enabled, disabled). Three queries."""
    require(actor, "people.read")
    on = local_day(now)
    query: Any = (
        select(User, Person.name, Department.name)
        .join(Person, Person.id == User.person_id)
        .outerjoin(Department, Department.id == User.department_id)
    )
    page = page_of(session, _narrowed(query, filters, on), [Sort("login", User.login)], cursor=cursor)
    grants = grants_of(session, [row[0].id for row in page.rows], on)
    rows = [AccountRow(user, person, department, grants[user.id]) for user, person, department in page.rows]
    return Page(rows, page.after, page.before, page.size)


def _narrowed(query: Any, filters: Mapping[str, Any], on: date) -> Any:
    if wanted := filters.get("q"):
        like = f"%{_escaped(wanted.casefold())}%"
        columns = (User.login, User.name, Person.name, User.email, User.phone)
        query = query.where(or_(*[func.lower(column).like(like, escape="\\") for column in columns]))
    if role := filters.get("role"):
        held = exists().where(RoleGrant.user_id == User.id, RoleGrant.role == role, *live_grants(on))  # type: ignore[arg-type]
        query = query.where(held)
    if state := filters.get("state"):
        query = query.where(User.disabled_at.is_(None) if state == "enabled" else User.disabled_at.is_not(None))
    return query


def _escaped(wanted: str) -> str:
    return wanted.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def get(session: Session, actor: Actor, user_id: int, now: datetime) -> AccountRow:
    """One account. Raises `NotFound`."""
    require(actor, "people.read")
    user = account(session, user_id)
    department = session.get(Department, user.department_id) if user.department_id else None
    return AccountRow(
        user,
        session.get_one(Person, user.person_id).name,
        department.name if department else None,
        grants_of(session, [user.id], local_day(now))[user.id],
    )


def accounts_of(session: Session, actor: Actor, person_id: int) -> list[User]:
    """Every account of a person: four eyes are counted per person."""
    require(actor, "people.read")
    return list(session.scalars(select(User).where(User.person_id == person_id).order_by(User.id)))


def enabled(session: Session, actor: Actor) -> list[User]:
    """Every account in use, by name, to choose from."""
    require(actor, "people.read")
    return list(session.scalars(select(User).where(User.disabled_at.is_(None)).order_by(User.name, User.id)))


def persons(session: Session, actor: Actor) -> list[Person]:
    """Everybody, by name, to give a further account to."""
    require(actor, "people.read")
    return list(session.scalars(select(Person).order_by(Person.name, Person.id)))


def departments(session: Session, on: date) -> list[Department]:
    """The departments in force on a day, by code."""
    condition = in_force(Department.from_on, Department.to_on, on)
    return list(session.scalars(select(Department).where(condition).order_by(Department.code)))


def create(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> tuple[User, str]:
    """A new account, for `person_id` or a new person, and its one-time password. No roles yet. Raises `Invalid`."""
    require(actor, "people.write")
    _check_department(session, data, now)
    person_id = data.get("person_id")
    if person_id is None:
        person = Person(name=data["name"])
        session.add(person)
        session.flush()
        person_id = person.id
    elif session.get(Person, person_id) is None:
        raise Invalid({"person_id": [text("Choose one of the list.")]})
    password = one_time_password()
    user = User(
        person_id=person_id,
        login=data["login"],
        name=data["name"],
        email=data.get("email"),
        phone=data.get("phone"),
        department_id=data.get("department_id"),
        locale=data.get("locale") or "zh",
        password_hash=hash_password(password),
        must_change_password=True,
        created_at=now,
    )
    add_unique(session, user, "login", text("This user name is taken."))
    after = {"login": user.login, "person_id": person_id, **values_of(user, EDITABLE)}
    audit.record(session, actor, "user.create", "user", user.id, now, after=after)
    return user, password


def edit(session: Session, actor: Actor, user_id: int, data: Mapping[str, Any], now: datetime) -> User:
    """Change name, e-mail, telephone, department or language; a key that is absent is left as it is."""
    require(actor, "people.write")
    user = account(session, user_id)
    refuse_stale(user, EDITABLE, data.get("seen"))
    _check_department(session, data, now)
    if "department_id" in data and data["department_id"] != user.department_id and user.disabled_at is None:
        refuse_if_any(desks.why_not_quit(session, user))
    before = values_of(user, EDITABLE)
    for field in EDITABLE:
        if field in data:
            setattr(user, field, data[field])
    others = session.scalar(select(func.count()).where(User.person_id == user.person_id, User.id != user.id))
    if not others:  # with one account, the person is called as the account is
        session.get_one(Person, user.person_id).name = user.name
    changed = audit.changes(before, values_of(user, EDITABLE))
    if changed[1]:
        audit.record(session, actor, "user.edit", "user", user.id, now, before=changed[0], after=changed[1])
    session.flush()
    return user


def _check_department(session: Session, data: Mapping[str, Any], now: datetime) -> None:
    department_id = data.get("department_id")
    if department_id is not None and department_id not in {row.id for row in departments(session, local_day(now))}:
        raise Invalid({"department_id": [text("Choose one of the list.")]})


def disable(session: Session, actor: Actor, user_id: int, reason: str, now: datetime) -> User:
    """Close an account: its sessions and tokens end at once. What it did stays as it was.

    Raises `Refused` for one's own account, for the last administrator and while open work lies with it, `Conflict`
    when it is closed already.
    """
    require(actor, "people.write")
    user = account(session, user_id)
    if user.person_id == actor.person_id:
        refuse_if_any([Refusal(rules.HOUSE, text("Nobody disables their own account."))])
    left = lock_administrators(session, local_day(now))
    if user.person_id in left and _is_sole_account(session, user, local_day(now)):
        refuse_if_any(rules.why_not_without(left, user.person_id))
    on = local_day(now)
    refuse_if_any(
        [
            *portfolios.why_not_leave(session, user.id, on),
            *desks.why_not_vacate(session, user, on),
            *desks.why_not_quit(session, user),
        ]
    )
    _switch(session, user, disabled_at=now)
    end_sessions_of(session, user.id)
    revoke_tokens_of(session, user.id, now)
    audit.record(session, actor, "user.disable", "user", user.id, now, after={"state": "disabled"}, reason=reason)
    message = text("%(who)s disabled the account %(login)s.", who=actor.name, login=user.login)
    tell_administrators(session, actor, "account", message, ("user", user.id), now)
    return user


def _is_sole_account(session: Session, user: User, on: date) -> bool:
    accounts = session.scalars(
        select(User.id).where(User.person_id == user.person_id, User.disabled_at.is_(None), User.id != user.id)
    )
    others = grants_of(session, accounts, on)
    return not any(grant.role is Role.ADMINISTRATOR for grants in others.values() for grant in grants)


def enable(session: Session, actor: Actor, user_id: int, reason: str, now: datetime) -> User:
    """Open a closed account again: its roles in force count again, its tokens stay revoked."""
    require(actor, "people.write")
    user = account(session, user_id)
    _switch(session, user, disabled_at=None)
    audit.record(session, actor, "user.enable", "user", user.id, now, after={"state": "enabled"}, reason=reason)
    message = text("%(who)s enabled the account %(login)s again.", who=actor.name, login=user.login)
    tell_administrators(session, actor, "account", message, ("user", user.id), now)
    return user


def _switch(session: Session, user: User, *, disabled_at: datetime | None) -> None:
    state = User.disabled_at.is_(None) if disabled_at is not None else User.disabled_at.is_not(None)
    done = session.execute(
        update(User).where(User.id == user.id, state).values(disabled_at=disabled_at).returning(User.id)
    ).scalar_one_or_none()
    session.refresh(user)
    if done is None:
        raise Conflict(
            Refusal(
                "conflict",
                text("This account is disabled already.") if disabled_at else text("This account is enabled already."),
            )
        )


def reset_password(session: Session, actor: Actor, user_id: int, now: datetime) -> tuple[User, str]:
    """A one-time password, to be changed at once; every browser of the account is signed out.

    Its tokens go on: they were issued by the person, not by the password. Raises `Refused` for one's own account.
    """
    require(actor, "people.write")
    user = account(session, user_id)
    if user.person_id == actor.person_id:
        refuse_if_any([Refusal(rules.HOUSE, text("Change your own password on your own page."))])
    password = one_time_password()
    user.password_hash = hash_password(password)
    user.must_change_password = True
    end_sessions_of(session, user.id)
    audit.record(session, actor, "password.reset", "user", user.id, now)
    kind, detail = "password.reset", f"by {actor.name} ({actor.user_id})"
    sessions.log_security(session, kind, now, user_id=user.id, login=user.login, address="", detail=detail)
    message = text("%(who)s reset the password of %(login)s.", who=actor.name, login=user.login)
    tell_administrators(session, actor, "account", message, ("user", user.id), now, also=[user.id])
    return user, password


def sessions_of(session: Session, actor: Actor, user_id: int, now: datetime) -> list[UserSession]:
    """The account's signed-in browsers, newest first."""
    require(actor, "people.read")
    account(session, user_id)
    return live_sessions(session, user_id, now)


def live_sessions(session: Session, user_id: int, now: datetime) -> list[UserSession]:
    """Sessions that have not run out, newest first."""
    return list(
        session.scalars(
            select(UserSession)
            .where(UserSession.user_id == user_id, UserSession.expires_at > now)
            .order_by(UserSession.created_at.desc(), UserSession.id.desc())
        )
    )


def end_sessions(session: Session, actor: Actor, user_id: int, now: datetime, *, session_id: int | None = None) -> None:
    """End one session of an account, or all. Raises `NotFound` for a session of somebody else."""
    require(actor, "people.write")
    user = account(session, user_id)
    if session_id is None:
        end_sessions_of(session, user.id)
    else:
        row = session.get(UserSession, session_id)
        if row is None or row.user_id != user.id:
            raise NotFound
        session.delete(row)
    audit.record(session, actor, "session.end", "user", user.id, now, after={"session": session_id or "all"})
