"""Open applications by the thousand: one made by the services, the others after it, each sound by itself.

Names, codes, numbers and hashes differ as they would in life, so that every check of an approval is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select
from sqlalchemy.orm import Session

from tests import builders
from tests.onboarding import scenes
from tierflow.common.db import Base
from tierflow.kernel import approval
from tierflow.kernel.roles import Role
from tierflow.onboarding.rules.chain import FINANCE, MANAGEMENT, SALES

CHUNK = 2000
FIRST = 1_000_000  # ids of what is multiplied; far from those made by hand
Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Who works there: accounts by step, all of one region."""

    region: int
    author: int
    rivals: dict[str, list[int]]
    template: int  # the application the others are made after


def people(session: Session, rivals: int) -> Place:
    """A region, its account manager, `rivals` people for every step, and one complete application handed in."""
    company = scenes.company(session)
    template = scenes.submitted(session, company, 1)
    held: dict[str, Any] = {
        SALES: (Role.SALES_MANAGER, company.region),
        FINANCE: Role.FINANCE_REVIEWER,
        MANAGEMENT: Role.GENERAL_MANAGER,
    }
    found = {
        step: [builders.user(session, f"rival-{step}-{n}", role).id for n in range(rivals)]
        for step, role in held.items()
    }
    return Place(company.region, company.id_of("li"), found, template.id)


class Multiplier:
    """Writes applications like the template, by executemany."""

    def __init__(self, connection: Connection, place: Place) -> None:
        self.connection = connection
        self.application = self._one("application", id=place.template)
        self.lines = self._all("application_line", application_id=place.template)
        self.checks = self._all("entry_check", application_id=place.template)
        self.papers = self._all("paper", application_id=place.template)
        self.case = self._one("approval_case", subject_id=place.template)
        self.round = self._one("approval_round", case_id=self.case["id"])
        self.seat = self._one("approval_seat", case_id=self.case["id"])
        self.rows: dict[str, list[Row]] = {}

    def waiting(self, count: int) -> list[int]:
        """`count` open applications, all waiting for the first step; their ids."""
        for n in range(1, count + 1):
            self._application(n)
            if n % CHUNK == 0:
                self._flush()
        self._flush()
        return [FIRST + n for n in range(1, count + 1)]

    def _application(self, n: int) -> None:
        code = scenes.credit_code(1000 + n, "330000")  # clear of those made by hand
        own: Row = {
            "id": FIRST + n,
            "number": f"B{n:08d}",
            "name": f"华北塑料第{n}有限公司",
            "name_key": f"华北塑料第{n}",
            "credit_code": code,
            "organisation_code": code[8:17],
            "legal_representative": f"钱{n}",
            "phone": f"139{n:08d}",
            "phone_key": f"139{n:08d}",
            "bank_account": f"2001{n:012d}",
            "account_key": f"2001{n:012d}",
        }
        self._add("application", {**self.application, **own})
        for table, rows in (("application_line", self.lines), ("entry_check", self.checks), ("paper", self.papers)):
            for place, row in enumerate(rows):
                changed: Row = {"id": (FIRST + n) * 20 + place, "application_id": FIRST + n}
                if row.get("kind") == "merged_licence":
                    changed["number"] = code
                self._add(table, {**row, **changed})
        content = {group: dict(values) for group, values in self.round["content"].items()}
        content["particulars"] |= {key: own[key] for key in content["particulars"] if key in own}
        content["invoicing"] |= {"name": own["name"], "taxpayer_number": code, "bank_account": own["bank_account"]}
        for group in (content["papers"], content["tax_papers"]):
            if "merged_licence" in group:
                group["merged_licence"] = {**group["merged_licence"], "number": code}
        whole = {"content_hash": approval.digest(content)}
        case = {"id": FIRST + n, "subject_id": FIRST + n, "title": own["name"], **whole}
        self._add("approval_case", {**self.case, **case})
        self._add("approval_round", {**self.round, "id": FIRST + n, "case_id": FIRST + n, "content": content, **whole})
        self._add("approval_seat", {**self.seat, "case_id": FIRST + n})

    # Rows and tables -----------------------------------------------------------------------------

    def _add(self, table: str, row: Row) -> None:
        self.rows.setdefault(table, []).append(row)

    def _flush(self) -> None:
        for table in Base.metadata.sorted_tables:
            if rows := self.rows.pop(table.name, None):
                self.connection.execute(insert(table), rows)

    def _all(self, table: str, **where: int) -> list[Row]:
        columns = Base.metadata.tables[table]
        query = select(columns).where(*[columns.c[name] == value for name, value in where.items()])
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def _one(self, table: str, **where: int) -> Row:
        return self._all(table, **where)[0]
