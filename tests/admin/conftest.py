"""A small company: two administrators, somebody to administer, and reference data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests import builders
from tests.conftest import NOW
from tierflow.admin.service import granting
from tierflow.common.db import db, transaction
from tierflow.common.users import User
from tierflow.kernel.roles import Actor, Role

TODAY = date(2026, 11, 23)


@dataclass
class Company:
    """Ids of the people and things; `ann` and `bob` are the administrators."""

    app: Flask
    ids: dict[str, int]

    def __getattr__(self, name: str) -> int:
        return self.ids[name]

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A transaction of its own."""
        with self.app.app_context(), transaction() as session:
            session.expire_on_commit = False  # tests look at what came out afterwards
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A look at what is stored."""
        with self.app.app_context():
            yield db.session()
            db.session.expunge_all()  # what was read stays as it was
            db.session.rollback()

    def actor(self, session: Session, who: str, now: datetime = NOW) -> Actor:
        """Somebody of the company as an actor."""
        return builders.actor(session, session.get_one(User, self.ids[who]), now)

    def call(self, verb: Any, who: str, *args: Any, now: datetime = NOW, **kwargs: Any) -> Any:
        """A service's verb, committed."""
        with self.writing() as session:
            return verb(session, self.actor(session, who, now), *args, now, **kwargs)

    def speak(self, lang: str) -> None:
        """Everybody reads this language."""
        with self.writing() as session:
            session.execute(update(User).values(locale=lang))


class Door:
    """A signed-in browser that posts forms, or the same browser posting JSON."""

    def __init__(self, app: Flask, user_id: int, kind: str) -> None:
        self.client: FlaskClient = builders.sign_in(app, user_id)
        self.kind = kind
        self.token = builders.csrf_of(self.client)

    def post(self, page: str, api: str, data: dict[str, Any], **only_page: Any) -> TestResponse:
        """Send `data`; `only_page` are fields the form carries beside it. A redirect counts as 200."""
        if self.kind == "api":
            headers = {"X-CSRFToken": self.token}
            return self.client.post(f"/api/v1{api}", json=data, headers=headers)
        sent = {key: value for key, value in {**data, **only_page}.items() if value is not None}
        return self.client.post(page, data={**sent, "csrf_token": self.token})


DONE = (200, 201, 202, 302)


def found(app: Flask) -> Company:
    """The company, founded."""
    with app.app_context(), transaction() as session:
        east = builders.region(session)
        office = builders.office(session)
        warehouse = builders.warehouse(session, office_id=office.id)
        line = builders.line(session)
        people = {
            "ann": builders.user(session, "ann", Role.ADMINISTRATOR, name="安娜", email="ann@example.com"),
            "bob": builders.user(session, "bob", Role.ADMINISTRATOR, name="鲍勃"),
            "li": builders.user(session, "li", Role.ACCOUNT_MANAGER, name="李明"),
            "gm": builders.user(session, "gm", Role.GENERAL_MANAGER, name="高总"),
            "fin": builders.user(session, "fin", Role.FINANCE_REVIEWER, name="方琳"),
            "sales": builders.user(session, "sales", (Role.SALES_MANAGER, east.id), name="沈东"),
            "new": builders.user(session, "new", name="新人"),
        }
        ids = {name: user.id for name, user in people.items()}
        ids |= {"region": east.id, "office": office.id, "warehouse": warehouse.id, "line": line.id}
    company = Company(app, ids)
    wanted = {"user_id": ids["new"], "role": "finance_reviewer", "from_on": TODAY, "to_on": None}
    with company.writing() as session:
        ids["grant"] = granting.propose(session, company.actor(session, "bob"), wanted, NOW).id
    return company


@pytest.fixture
def company(app: Flask) -> Company:
    """The company on SQLite."""
    return found(app)


@pytest.fixture
def both(both_app: Flask) -> Company:
    """The company on each engine in turn."""
    return found(both_app)
