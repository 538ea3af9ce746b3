"""The demo company's house: what administrators set up before the first customer, through their own services."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from tierflow.admin.founding import Founder, found
from tierflow.admin.service import granting, grants, office_ties, people, reference
from tierflow.common.approvals import Seen
from tierflow.common.users import User, actor_of
from tierflow.demo import company
from tierflow.demo.company import Employee, Place
from tierflow.kernel.approval import Verdict
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SCOPE_OF_ROLE, Actor
from tierflow.web import signing_in


@dataclass(frozen=True)
class House:
    """Accounts by login, ids by code."""

    users: Mapping[str, User]
    regions: Mapping[str, int]
    offices: Mapping[str, int]
    warehouses: Mapping[str, int]
    lines: Mapping[str, int]


def furnish(session: Session, now: datetime) -> House:
    """Two administrators, what they keep, and everybody with the role they hold."""
    with _quick_hashes():
        pair = found(session, [Founder(who.login, who.name, company.PASSWORD) for who in company.ADMINISTRATORS], now)
        builder = _Builder(session, now, *pair)
        regions = builder.places("region", company.REGIONS)
        departments = builder.places("department", company.DEPARTMENTS)
        offices = builder.places("office", company.OFFICES)
        warehouses = builder.places("warehouse", company.WAREHOUSES, offices)
        lines = builder.lines()
        builder.tie(offices, lines, regions)
        scopes = {"region": regions, "office": offices, "warehouse": warehouses}
        users = {who.login: builder.hire(who, departments[who.department], scopes) for who in company.PEOPLE}
        users |= {user.login: user for user in pair}
    return House(users, regions, offices, warehouses, lines)


@contextmanager
def _quick_hashes() -> Iterator[None]:
    """The demo's password stands on its login page: a costly hash would guard nothing and take half a minute."""
    before = signing_in.HASHER
    signing_in.HASHER = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    try:
        yield
    finally:
        signing_in.HASHER = before


@dataclass(frozen=True)
class _Builder:
    session: Session
    now: datetime
    first: User
    second: User

    @property
    def today(self) -> date:
        return local_day(self.now)

    def actor(self, user: User) -> Actor:
        return actor_of(self.session, user, self.today)

    def entry(self, kind: str, **data: Any) -> int:
        data["from_on"] = self.today
        return reference.create(self.session, self.actor(self.first), kind, data, self.now).id

    def places(self, kind: str, rows: tuple[Place, ...], offices: Mapping[str, int] | None = None) -> dict[str, int]:
        """Regions, departments, offices, or warehouses with their office."""
        found: dict[str, int] = {}
        for row in rows:
            data: dict[str, Any] = {"code": row.code, "name": row.name}
            if offices is not None:
                data |= {"address": row.address, "office_id": offices.get(row.office)}
            found[row.code] = self.entry(kind, **data)
        return found

    def lines(self) -> dict[str, int]:
        """Product lines with their products."""
        found = {}
        for line in company.LINES:
            found[line.code] = line_id = self.entry(
                "product_line", code=line.code, name=line.name, name_en=line.name_en, scheme=line.scheme
            )
            for code, name, name_en in line.products:
                self.entry("product", code=code, name=name, name_en=name_en, product_line_id=line_id)
        return found

    def tie(self, offices: Mapping[str, int], lines: Mapping[str, int], regions: Mapping[str, int]) -> None:
        """Which lines and regions each resident office is concerned with."""
        for office, ties in company.TIES.items():
            for line, region in ties:
                data = {"product_line_id": lines.get(line), "region_id": regions.get(region), "from_on": self.today}
                office_ties.tie(self.session, self.actor(self.first), offices[office], data, self.now)

    def hire(self, who: Employee, department_id: int, scopes: Mapping[str, Mapping[str, int]]) -> User:
        """An account whose owner has set a password, and a role that both administrators agree on."""
        data = {
            "login": who.login,
            "name": who.name,
            "email": f"{who.login}@example.com",
            "phone": None,
            "department_id": department_id,
        }
        user, once = people.create(self.session, self.actor(self.first), data, self.now)
        signing_in.change_password(self.session, self.actor(user), once, company.PASSWORD, self.now, None)
        wanted: dict[str, Any] = {"user_id": user.id, "role": who.role.value, "from_on": self.today}
        if kind := SCOPE_OF_ROLE.get(who.role):
            wanted[f"{kind}_id"] = scopes[kind][who.scope]
        grant = granting.propose(self.session, self.actor(self.first), wanted, self.now)
        other = self.actor(self.second)
        case = grants.sight(self.session, other, grant.id, self.now).row.case
        if case is None or case.step is None:
            raise RuntimeError("a proposal waits for the second administrator")
        seen = Seen(case.version, case.step)
        granting.decide(self.session, other, grant.id, seen, Verdict.APPROVE, "", self.now)
        return user
