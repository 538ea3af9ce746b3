"""Plain builders with valid defaults, for tests that need people and customers."""

from __future__ import annotations

from datetime import date, datetime

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.conftest import NOW
from tierflow.common import sessions
from tierflow.common.db import transaction
from tierflow.common.policies import PolicyVersion
from tierflow.common.reference import Office, OfficeTie, Product, ProductLine, Region, Warehouse
from tierflow.common.users import Delegation, Person, RoleGrant, User, actor_of
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, Role
from tierflow.web.context import COOKIE
from tierflow.web.signing_in import hash_password

FROM = date(2020, 1, 1)
PASSWORD = "correct horse battery"


def region(session: Session, code: str = "EAST", name: str = "华东") -> Region:
    row = Region(code=code, name=name, from_on=FROM)
    session.add(row)
    session.flush()
    return row


def adopt(session: Session, changes: dict[str, object], from_on: date = FROM) -> PolicyVersion:
    """A further policy version with these values, in force from a day; the one before stays as it was adopted."""
    newest = session.scalars(select(PolicyVersion).order_by(PolicyVersion.version.desc()).limit(1)).one()
    row = PolicyVersion(
        version=newest.version + 1,
        state="adopted",
        in_force_from=max(from_on, newest.in_force_from or from_on),
        values={**newest.values, **changes},
        drafter="销售部",
        source="试行",
        adopted_at=NOW,
    )
    session.add(row)
    session.flush()
    return row


def office(session: Session, code: str = "OFF1", name: str = "驻厂办") -> Office:
    """A resident office, concerned with every line in every region."""
    row = Office(code=code, name=name, from_on=FROM)
    session.add(row)
    session.flush()
    session.add(OfficeTie(office_id=row.id, from_on=FROM))
    session.flush()
    return row


def warehouse(session: Session, code: str = "WH1", name: str = "一号库", office_id: int | None = None) -> Warehouse:
    row = Warehouse(code=code, name=name, address="厂区", office_id=office_id, from_on=FROM)
    session.add(row)
    session.flush()
    return row


def line(session: Session, code: str = "PO", name: str = "聚烯烃", scheme: str = "polyolefin") -> ProductLine:
    row = ProductLine(code=code, name=name, name_en="Polyolefin", scheme=scheme, from_on=FROM)
    session.add(row)
    session.flush()
    session.add(Product(product_line_id=row.id, code=f"{code}-1", name=name, name_en=code, from_on=FROM))
    session.flush()
    return row


def user(
    session: Session,
    login: str,
    *roles: Role | tuple[Role, int],
    name: str | None = None,
    person_id: int | None = None,
    email: str | None = None,
    now: datetime = NOW,
) -> User:
    """An account with roles; `(role, scope id)` for those that have a region, office or warehouse."""
    if person_id is None:
        person = Person(name=name or login)
        session.add(person)
        session.flush()
        person_id = person.id
    row = User(
        person_id=person_id,
        login=login,
        name=name or login,
        email=email,
        password_hash=hash_password(PASSWORD),
        created_at=now,
    )
    session.add(row)
    session.flush()
    for role in roles:
        grant(session, row, role, now=now)
    return row


def grant(session: Session, holder: User, role: Role | tuple[Role, int], *, now: datetime = NOW) -> RoleGrant:
    role_, scope = role if isinstance(role, tuple) else (role, None)
    row = RoleGrant(
        user_id=holder.id,
        role=role_.value,
        region_id=scope if role_ is Role.SALES_MANAGER else None,
        office_id=scope if role_ is Role.RESIDENT_OFFICE else None,
        warehouse_id=scope if role_ is Role.WAREHOUSE_KEEPER else None,
        from_on=FROM,
        approved_at=now,
    )
    session.add(row)
    session.flush()
    return row


def delegation(session: Session, absent: User, stand_in: User, from_on: date, to_on: date) -> Delegation:
    row = Delegation(
        from_user_id=absent.id,
        to_user_id=stand_in.id,
        from_on=from_on,
        to_on=to_on,
        reason="出差",
        set_by_id=absent.id,
        set_at=NOW,
    )
    session.add(row)
    session.flush()
    return row


def actor(session: Session, account: User, now: datetime = NOW) -> Actor:
    return actor_of(session, account, local_day(now))


def sign_in(app: Flask, account: User | int, client: FlaskClient | None = None) -> FlaskClient:
    """A client with a session of this account, without the cost of a password."""
    client = client or app.test_client()
    user_id = account if isinstance(account, int) else account.id
    with app.app_context(), transaction() as session:
        holder = session.get_one(User, user_id)
        now = app.config["CLOCK"]()
        secret = sessions.start_session(session, holder, now, 12, "127.0.0.1", "test", second_factor=True)
    client.set_cookie(COOKIE, secret)
    return client


def csrf_of(client: FlaskClient) -> str:
    """A CSRF token for this client's browser session, as its pages carry it."""
    import re

    page = client.get("/login", follow_redirects=True).get_data(as_text=True)
    found = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert found, page[:500]
    return found.group(1)
