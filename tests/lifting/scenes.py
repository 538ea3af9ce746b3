"""A small company that sells polyolefin: who works there, and the acts of an order with valid defaults."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.builders import actor, line, region, user, warehouse
from tests.complaints.facts import at
from tests.complaints.scenes import customer
from tierflow.common import suspension
from tierflow.common.customers import CustomerLine
from tierflow.common.db import transaction
from tierflow.common.reference import Product
from tierflow.common.standing import StandingRow
from tierflow.common.suspension import PaperCover
from tierflow.common.users import User
from tierflow.kernel.roles import Actor, Role
from tierflow.lifting.models import LiftingOrder, Slip
from tierflow.lifting.service import gate, money, orders

T = 1_000_000  # grams
MONDAY = "2026-11-23 10:00"
PRICE = 820_050  # 8,200.50 yuan a tonne


@dataclass(frozen=True)
class Company:
    """Ids of everybody and everything."""

    region: int
    line: int
    other_line: int
    product: int
    other_product: int
    warehouse: int
    other_warehouse: int
    customer: int
    other_customer: int
    people: dict[str, int]

    def __getitem__(self, login: str) -> int:
        return self.people[login]


def licence(session: Session, customer_id: int) -> None:
    """A merged licence on file for good: without one, business stands still (CHEM-15)."""
    on, source = date(2026, 1, 5), ("paper", customer_id)
    suspension.accept(session, customer_id, "merged_licence", source, (on, None), on, at("2026-01-05 10:00"))


def build(session: Session) -> Company:
    east, west = region(session), region(session, "WEST", "西部")
    polyolefin, glycol = line(session), line(session, "EG", "乙二醇", "other")
    first, second = warehouse(session), warehouse(session, "WH2", "二号库")
    people = {
        "am": user(session, "am", Role.ACCOUNT_MANAGER, name="周敏"),
        "am2": user(session, "am2", Role.ACCOUNT_MANAGER, name="李文博"),
        "sm": user(session, "sm", (Role.SALES_MANAGER, east.id), name="林国强"),
        "sm2": user(session, "sm2", (Role.SALES_MANAGER, west.id), name="赵建平"),
        "gm": user(session, "gm", Role.GENERAL_MANAGER, name="陈立"),
        "finance": user(session, "finance", Role.FINANCE_REVIEWER, name="孙丽娟"),
        "keeper": user(session, "keeper", (Role.WAREHOUSE_KEEPER, first.id), name="吴刚"),
        "keeper2": user(session, "keeper2", (Role.WAREHOUSE_KEEPER, second.id), name="郑强"),
        "admin": user(session, "admin", Role.ADMINISTRATOR, name="管理员"),
    }
    ours = customer(session, east.id, people["am"].id)
    theirs = customer(
        session,
        west.id,
        people["am2"].id,
        "C-000002",
        name="西安丰源塑业有限公司",
        bank_account="6222000011112222",
        account_key="6222000011112222",
    )
    for each in (ours, theirs):
        licence(session, each.id)
        session.add(
            CustomerLine(
                customer_id=each.id,
                product_line_id=polyolefin.id,
                customer_class="dealer",
                from_on=date(2026, 1, 5),
            )
        )
        # Ordinary since February: planned, and free to bid (CHEM-9.1).
        session.add(
            StandingRow(
                customer_id=each.id,
                product_line_id=polyolefin.id,
                level="ordinary",
                basis="run",
                from_on=date(2026, 2, 1),
                month=date(2026, 1, 1),
                recorded_at=at("2026-02-02 10:00"),
            )
        )
    session.flush()
    products = {row.product_line_id: row.id for row in session.scalars(select(Product))}
    return Company(
        east.id,
        polyolefin.id,
        glycol.id,
        products[polyolefin.id],
        products[glycol.id],
        first.id,
        second.id,
        ours.id,
        theirs.id,
        {login: account.id for login, account in people.items()},
    )


class Scene:
    """Acts, each in its own transaction at a time given in Shanghai's words."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        with app.app_context(), transaction() as session:
            self.company = build(session)

    def actor(self, session: Session, login: str, now: datetime) -> Actor:
        return actor(session, session.get_one(User, self.company[login]), now)

    def do(self, verb: Any, login: str, *given: Any, when: str = MONDAY) -> Any:
        """Run a verb; the row it acted on, as it then was."""
        now = at(when)
        with self.app.app_context(), transaction() as session:
            row = verb(session, self.actor(session, login, now), *given, now)
            session.flush()
            session.refresh(row)
            session.expunge_all()
            return row

    def place(self, tonnes: int = 30, *, login: str = "am", when: str = MONDAY, **changed: Any) -> int:
        command = {
            "customer_id": self.company.customer,
            "product_id": self.company.product,
            "warehouse_id": self.company.warehouse,
            "form_of_sale": "planned",
            "quantity_grams": tonnes * T,
            "price_fen": PRICE,
            **changed,
        }
        placed: int = self.do(orders.place, login, command, when=when).id
        return placed

    def receive(self, order: int, fen: int, *, when: str = MONDAY, **changed: Any) -> LiftingOrder:
        command = {"fen": fen, "value_on": at(when).date(), **changed}
        row: LiftingOrder = self.do(money.receive, "finance", order, command, when=when)
        return row

    def release(self, order: int, grams: int, *, login: str = "am", when: str = MONDAY) -> Slip:
        self.do(orders.release, login, order, {"grams": grams, "vehicle": "浙B12345"}, when=when)
        with self.app.app_context(), transaction() as session:
            slip = session.scalars(select(Slip).where(Slip.order_id == order).order_by(Slip.id.desc()).limit(1)).one()
            session.expunge_all()
            return slip

    def weigh(self, code: str, grams: int, *, login: str = "keeper", when: str = MONDAY) -> Any:
        return self.do(gate.weigh, login, code, {"grams": grams}, when=when)

    def take_back(self, code: str, number: str, grams: int, *, when: str = MONDAY) -> Any:
        command = {"pass_number": number, "grams": grams, "reason": "质量问题"}
        return self.do(gate.take_back, "keeper", code, command, when=when)

    def expire(self, last: str) -> None:
        """Let the customer's only licence end with that day."""
        with self.app.app_context(), transaction() as session:
            session.execute(update(PaperCover).values(valid_to=date.fromisoformat(last)))

    def order(self, order_id: int) -> LiftingOrder:
        with self.app.app_context(), transaction() as session:
            row = session.get_one(LiftingOrder, order_id)
            session.expunge_all()
            return row
