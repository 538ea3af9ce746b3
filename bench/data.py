"""A company of any size, by executemany: one application made by hand, then as many like it as wanted.

Used by the benchmark and by the drills; numbers, codes and hashes differ as they would in life.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, text
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import NOW
from tests.onboarding import scenes
from tierflow.common.db import Base
from tierflow.kernel import approval
from tierflow.kernel.roles import Role
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING, FINANCE, MANAGEMENT, SALES

CHUNK = 2000
FIRST = 1_000_000  # ids of what is multiplied; far from those made by hand
STEPS = (SALES, FINANCE, MANAGEMENT)
ROLE_OF = {step.key: step.role.value for step in ACCOUNT_OPENING.steps}
Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Who works at the big company: ids of regions and accounts."""

    regions: list[int]
    managers: list[int]  # account managers, in turn one of each region
    sales: list[int]  # one sales manager a region
    finance: list[int]
    bosses: list[int]
    offices: list[int]
    line: int
    template: int  # the application the others are made after


def people(session: Session, *, regions: int = 10, managers: int = 200, rivals: int = 2) -> Place:
    """Regions, people, one product line, and one complete application handed in."""
    company = scenes.company(session)
    template = scenes.submitted(session, company, 1)
    found = [builders.region(session, f"R{number:02}", f"第{number}区").id for number in range(regions)]
    managers_ = [builders.user(session, f"am{n}", Role.ACCOUNT_MANAGER, name=f"经理{n}").id for n in range(managers)]
    sales = [builders.user(session, f"sm{n}", (Role.SALES_MANAGER, region)).id for n, region in enumerate(found)]
    finance = [builders.user(session, f"fr{n}", Role.FINANCE_REVIEWER).id for n in range(rivals)]
    bosses = [builders.user(session, f"gm{n}", Role.GENERAL_MANAGER).id for n in range(rivals)]
    offices = [builders.office(session, f"OF{n}", f"驻厂办{n}").id for n in range(2)]
    return Place(found, managers_, sales, finance, bosses, offices, company.polyolefin, template.id)


class Multiplier:
    """Writes applications like the template, waiting or approved, and customers for the approved ones."""

    def __init__(self, connection: Connection, place: Place) -> None:
        self.connection, self.place = connection, place
        self.person = dict(connection.execute(text("SELECT id, person_id FROM user_account")).tuples().all())
        self.application = self._one("application", id=place.template)
        self.lines = self._all("application_line", application_id=place.template)
        self.checks = self._all("entry_check", application_id=place.template)
        self.papers = self._all("paper", application_id=place.template)
        self.case = self._one("approval_case", subject_id=place.template)
        self.round = self._one("approval_round", case_id=self.case["id"])
        self.rows: dict[str, list[Row]] = {}

    def waiting(self, start: int, count: int, step_of: Callable[[int], str | None] = lambda n: STEPS[n % 3]) -> None:
        """Open applications `start … start + count - 1`, each waiting for the step `step_of` its number says."""
        for n in range(start, start + count):
            self._one_application(n, step_of(n), approved=False)
            self._flush(n)
        self._flush()

    def customers(self, start: int, count: int) -> None:
        """Customers, each with the application it came from."""
        for n in range(start, start + count):
            self._one_application(n, None, approved=True)
            self._flush(n)
        self._flush()

    # One of them ---------------------------------------------------------------------------------

    def _one_application(self, n: int, step: str | None, *, approved: bool) -> None:
        at = NOW - timedelta(minutes=n % 500_000)
        region_at = n % len(self.place.regions)
        region, manager = self.place.regions[region_at], self.place.managers[n % len(self.place.managers)]
        own = {
            "id": FIRST + n,
            "number": f"B{n:08d}",
            "name": f"华东塑料第{n}有限公司",
            "name_key": f"华东塑料第{n}",
            "credit_code": scenes.credit_code(n, "330000"),
            "organisation_code": None,
            "phone_key": f"139{n:08d}",
            "phone": f"139{n:08d}",
            "account_key": f"2001{n:012d}",
            "bank_account": f"2001{n:012d}",
            "region_id": region,
            "account_manager_id": manager,
            "submitter_id": manager,
            "customer_id": FIRST + n if approved else None,
            "updated_by_id": manager,
            "created_at": at,
            "updated_at": at,
        }
        own["organisation_code"] = own["credit_code"][8:17]
        self._add("application", {**self.application, **own})
        for table, rows in (("application_line", self.lines), ("entry_check", self.checks), ("paper", self.papers)):
            for place, row in enumerate(rows):
                changed: Row = {"id": (FIRST + n) * 20 + place, "application_id": FIRST + n}
                if table == "paper":
                    number = own["credit_code"] if row["kind"] == "merged_licence" else row["number"]
                    changed |= {"number": number, "customer_id": own["customer_id"]}
                self._add(table, {**row, **changed})
        self._case(n, own, step, region_at, approved, at)
        if approved:
            self._customer(n, own, at)

    def _case(self, n: int, own: Row, step: str | None, region_at: int, approved: bool, at: datetime) -> None:
        content = dict(self.round["content"])
        content["particulars"] = {
            **content["particulars"],
            **{key: own[key] for key in ("name", "credit_code", "organisation_code", "phone", "region_id")},
        }
        content["invoicing"] = {**content["invoicing"], "name": own["name"], "bank_account": own["bank_account"]}
        whole, hashes = approval.digest(content), approval.step_hashes(ACCOUNT_OPENING, content)
        passed = STEPS if approved else STEPS[: STEPS.index(step)] if step else ()
        self._add(
            "approval_case",
            {
                **self.case,
                "id": FIRST + n,
                "subject_id": FIRST + n,
                "title": own["name"],
                "region_id": own["region_id"],
                "submitter_id": own["submitter_id"],
                "state": "approved" if approved else "in_approval",
                "step": step,
                "waiting_role": ROLE_OF[step] if step else None,
                "waiting_since": at,
                "due_at": at + timedelta(days=2),
                "version": 1 + len(passed),
                "content_hash": whole,
                "all_green": n % 2 == 0,
                "opened_at": at,
                "ended_at": at if approved else None,
            },
        )
        self._add(
            "approval_round",
            {**self.round, "id": FIRST + n, "case_id": FIRST + n, "content": content, "content_hash": whole}
            | {"submitted_by_id": own["submitter_id"], "submitted_at": at},
        )
        self._seat(n, own["submitter_id"], "submit")
        for place, key in enumerate(passed):
            user_id = {SALES: self.place.sales[region_at], FINANCE: self.place.finance[0]}.get(
                key, self.place.bosses[0]
            )
            self._seat(n, user_id, key)
            self._add(
                "approval_decision",
                {
                    "id": (FIRST + n) * 5 + place,
                    "case_id": FIRST + n,
                    "round": 1,
                    "step": key,
                    "verdict": "approve",
                    "reason": "",
                    "items": [],
                    "details": {},
                    "content_hash": hashes[key],
                    "moved_to": "in_approval" if place + 1 < len(STEPS) else "approved",
                    "next_step": STEPS[place + 1] if place + 1 < len(STEPS) else None,
                    "user_id": user_id,
                    "person_id": self.person[user_id],
                    "on_behalf_of_id": None,
                    "policy_version": 1,
                    "decided_at": at,
                },
            )

    def _seat(self, n: int, user_id: int, step: str) -> None:
        self._add("approval_seat", {"case_id": FIRST + n, "person_id": self.person[user_id], "step": step})

    def _customer(self, n: int, own: Row, at: datetime) -> None:
        table = Base.metadata.tables["customer"]
        same = {column.name: own.get(column.name, self.application.get(column.name)) for column in table.columns}
        since = date(2026, 1, 5)
        self._add(
            "customer",
            {**same, "id": FIRST + n, "number": f"K{n:08d}", "version": 1, "needs_credit_code": False}
            | {"approved_at": at, "approved_on": since},
        )
        line = {"id": FIRST + n, "customer_id": FIRST + n, "product_line_id": self.place.line, "class": "dealer"}
        self._add("customer_line", {**line, "from_on": since, "to_on": None})
        office = self.place.offices[n % len(self.place.offices)]
        self._add("customer_office", {"customer_id": FIRST + n, "office_id": office, "since": at})

    # Rows and tables -----------------------------------------------------------------------------

    def _add(self, table: str, row: Row) -> None:
        self.rows.setdefault(table, []).append(row)

    def _flush(self, n: int = 0) -> None:
        if n % CHUNK == 0:
            for table in Base.metadata.sorted_tables:
                if rows := self.rows.pop(table.name, None):
                    self.connection.execute(insert(table), rows)

    def _all(self, table: str, **where: int) -> list[Row]:
        columns = Base.metadata.tables[table]
        query = select(columns).where(*[columns.c[name] == value for name, value in where.items()])
        return [dict(row) for row in self.connection.execute(query).mappings()]

    def _one(self, table: str, **where: int) -> Row:
        return self._all(table, **where)[0]


def settle(connection: Connection) -> None:
    """Let the planner know how large the tables are now, and the counters what was given out."""
    connection.execute(text("ANALYZE"))
