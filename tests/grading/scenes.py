"""A small company that grades its customers: who works there, what is lifted, months closed one after another."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.builders import actor, line, region, user
from tests.complaints.scenes import customer
from tierflow.common import suspension
from tierflow.common.customers import CustomerLine
from tierflow.common.db import transaction
from tierflow.common.indicators import MonthFacts
from tierflow.common.offtake import Lifting, record
from tierflow.common.reference import Product
from tierflow.common.suspension import PaperCover
from tierflow.common.users import User
from tierflow.grading.models import GradingRun, LevelDecisionRow
from tierflow.grading.service import runs
from tierflow.kernel.months import Month
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.tonnage import parse_tonnes

JAN, FEB, MAR, APR, MAY = (Month.parse(f"2026-0{n}") for n in range(1, 6))


def at(written: str) -> datetime:
    """A moment in Shanghai's words, in UTC."""
    local = datetime.fromisoformat(f"{written}+08:00")
    return local.astimezone(UTC)


def after(month: Month) -> datetime:
    """A working morning after the month."""
    return at(f"{month.next()}-06 10:00")


class Scene:
    """Customers by a letter: `a`, `b`, … dealers; `d` direct."""

    def __init__(self, app: Flask, customers: str = "abd") -> None:
        self.app = app
        self.numbers = 0
        with app.app_context(), transaction() as session:
            east, west = region(session), region(session, "WEST", "西部")
            polyolefin = line(session)
            self.line = polyolefin.id
            self.other_line = line(session, "AR", "芳烃", "other").id
            self.product = session.scalars(select(Product.id).where(Product.product_line_id == self.line)).one()
            people = {
                "am": user(session, "am", Role.ACCOUNT_MANAGER, name="周敏"),
                "am2": user(session, "am2", Role.ACCOUNT_MANAGER, name="李文博"),
                "sm": user(session, "sm", (Role.SALES_MANAGER, east.id), name="林国强"),
                "sm2": user(session, "sm2", (Role.SALES_MANAGER, west.id), name="赵建平"),
                "gm": user(session, "gm", Role.GENERAL_MANAGER, name="陈立"),
                "finance": user(session, "finance", Role.FINANCE_REVIEWER, name="孙丽娟"),
            }
            self.people = {login: row.id for login, row in people.items()}
            self.regions = {"east": east.id, "west": west.id}
            self.customers: dict[str, int] = {}
            for letter in customers:
                self.admit(session, letter)

    def admit(self, session: Session, letter: str, from_on: date = date(2025, 12, 1)) -> int:
        """A customer of the account manager `am`, in the east; `d` is a direct one."""
        number = f"C-{len(self.customers) + 1:06d}"
        row = customer(session, self.regions["east"], self.people["am"], number, name=f"客户{letter}有限公司")
        kind = "direct" if letter == "d" else "dealer"
        session.add(
            CustomerLine(
                customer_id=row.id, product_line_id=self.line, customer_class=kind, from_on=from_on, to_on=None
            )
        )
        session.flush()
        suspension.accept(
            session, row.id, "merged_licence", ("paper", row.id), (from_on, None), from_on, at("2025-12-01 09:00")
        )
        self.customers[letter] = row.id
        return row.id

    def actor(self, session: Session, login: str, now: datetime) -> Actor:
        return actor(session, session.get_one(User, self.people[login]), now)

    def lift(self, letter: str, month: Month, tonnes: str, now: datetime | None = None) -> None:
        self.numbers += 1
        day = month.start.replace(day=10)
        lifting = Lifting(
            self.customers[letter], self.product, self.line, day, parse_tonnes(tonnes), "planned", f"N{self.numbers}"
        )
        with self.app.app_context(), transaction() as session:
            record(session, "erp", [lifting], now or at(f"{month}-11 09:00"))

    def know(self, letter: str, month: Month, now: datetime | None = None, **values: int) -> None:
        with self.app.app_context(), transaction() as session:
            key = (self.line, month.start, self.customers[letter])
            row = session.get(MonthFacts, key) or MonthFacts(
                product_line_id=self.line, month=month.start, customer_id=self.customers[letter]
            )
            for name, value in values.items():
                setattr(row, name, value)
            row.updated_at = now or at(f"{month}-20 09:00")
            session.add(row)

    def act(self, verb: Callable[..., Any], login: str, when: datetime | str, *args: Any) -> int:
        """Run a verb in a transaction of its own; the id of what it made."""
        now = at(when) if isinstance(when, str) else when
        with self.app.app_context(), transaction() as session:
            made: int = verb(session, self.actor(session, login, now), *args, now).id
            return made

    def propose(self, month: Month, when: datetime | None = None, login: str = "sm") -> int:
        return self.act(runs.start, login, when or after(month), self.line, month)

    def propose_again(self, month: Month, when: datetime) -> int:
        """Decide a month that waits anew, from the facts as they are now."""
        query = select(GradingRun.id).where(GradingRun.month == month.start, GradingRun.state == "proposed")
        run_id: int = self.ask(lambda session: session.scalars(query).one())
        return self.act(runs.again, "sm", when, run_id)

    def let_papers_end(self, letter: str, last: date) -> None:
        """A customer's only licence ends with that day."""
        with self.app.app_context(), transaction() as session:
            mine = PaperCover.customer_id == self.customers[letter]
            session.execute(update(PaperCover).where(mine).values(valid_to=last))

    def confirm(self, run_id: int, when: datetime, login: str = "sm") -> int:
        return self.act(runs.confirm, login, when, run_id, "")

    def close(self, *months: Month) -> int:
        """Propose and confirm months; the last run's id."""
        run_id = 0
        for month in months:
            run_id = self.propose(month)
            self.confirm(run_id, after(month))
        return run_id

    def decisions(self, run_id: int) -> dict[str, LevelDecisionRow]:
        letters = {customer_id: letter for letter, customer_id in self.customers.items()}
        with self.app.app_context(), transaction() as session:
            rows = session.scalars(select(LevelDecisionRow).where(LevelDecisionRow.run_id == run_id)).all()
            session.expunge_all()
            return {letters[row.customer_id]: row for row in rows}

    def run(self, run_id: int) -> GradingRun:
        with self.app.app_context(), transaction() as session:
            row = session.get_one(GradingRun, run_id)
            session.expunge_all()
            return row

    def ask(self, question: Callable[..., Any], *args: Any) -> Any:
        """The answer of a question that only needs a session."""
        with self.app.app_context(), transaction() as session:
            answer = question(session, *args)
            session.expunge_all()
            return answer


def lifted(app: Flask) -> Scene:
    """From January to April `a` lifts 1,500 t a month and `b` 900 t."""
    made = Scene(app)
    for month in (JAN, FEB, MAR, APR):
        made.lift("a", month, "1500")
        made.lift("b", month, "900")
    return made
