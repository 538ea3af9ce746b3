"""How a company begins: two administrators, each approved by the other. Nobody is there yet who could do it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from tierflow.common import audit, identifiers
from tierflow.common.identifiers import BadIdentifier
from tierflow.common.users import Person, RoleGrant, User
from tierflow.kernel.errors import Invalid
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SYSTEM, Role
from tierflow.kernel.text import text
from tierflow.web.signing_in import set_password


class Founder(NamedTuple):
    """One of the two who begin."""

    login: str
    name: str
    password: str


def found(session: Session, pair: Sequence[Founder], now: datetime) -> tuple[User, User]:
    """Two different people as administrators of an empty company.

    Raises `Invalid` for a user name the form of accounts would refuse, for a person without a name, and for a weak
    password.
    """
    first, second = (_account(session, founder, now) for founder in pair)
    for user, other in ((first, second), (second, first)):
        session.add(
            RoleGrant(
                user_id=user.id,
                role=Role.ADMINISTRATOR.value,
                from_on=local_day(now),
                proposed_by_id=other.id,
                approved_by_id=other.id,
                approved_at=now,
            )
        )
        after = {"login": user.login, "role": Role.ADMINISTRATOR.value}
        audit.record(session, SYSTEM, "company.init", "user", user.id, now, after=after)
    session.flush()
    return first, second


def as_founder(login: str, name: str, password: str) -> Founder:
    """What was typed, as it is kept. Raises `Invalid`."""
    if not name.strip():
        raise Invalid({"name": [text("A person needs a name.")]})
    try:
        return Founder(identifiers.login(login), name.strip(), password)
    except BadIdentifier as bad:
        raise Invalid({"login": [bad.reason]}) from bad


def _account(session: Session, given: Founder, now: datetime) -> User:
    founder = as_founder(*given)
    person = Person(name=founder.name)
    session.add(person)
    session.flush()
    user = User(person_id=person.id, login=founder.login, name=founder.name, password_hash="", created_at=now)
    set_password(session, user, founder.password, now)
    session.add(user)
    session.flush()
    return user
