"""A small company that hears complaints: who works there, and the acts of a complaint with valid defaults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Flask
from sqlalchemy import Engine, event, select
from sqlalchemy.orm import Session

from tests.builders import actor, line, region, user
from tests.complaints.facts import at
from tierflow.common.customers import Customer, name_key
from tierflow.common.db import transaction
from tierflow.common.reference import Department, Product
from tierflow.common.users import User
from tierflow.complaints.models import Clock, Complaint
from tierflow.complaints.service import answering, extensions, handling, intake, opinions, scope
from tierflow.kernel.roles import Actor, Role

MONDAY = at("2026-11-23 10:00")


@contextmanager
def statements_of(engine: Engine) -> Iterator[list[str]]:
    """The statements sent while this lasts."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


@dataclass(frozen=True)
class Company:
    """Ids of everybody and everything."""

    region: int
    other_region: int
    product: int
    customer: int
    department: int
    people: dict[str, int]

    def __getitem__(self, login: str) -> int:
        return self.people[login]


def customer(session: Session, region_id: int, manager_id: int, number: str = "C-000001", **given: Any) -> Customer:
    name = given.pop("name", "宁波海曙化工有限公司")
    values: dict[str, Any] = {
        "number": number,
        "name": name,
        "name_key": name_key(name),
        "credit_code": f"91330203MA2AE{number[-4:]}X",
        "legal_representative": "钱海峰",
        "address": "宁波",
        "contact_name": "钱海峰",
        "phone": "13857401120",
        "phone_key": "13857401120",
        "bank_name": "中国银行",
        "bank_account": "397172638814",
        "account_key": "397172638814",
        "invoice_address": "宁波",
        "invoice_phone": "0574-87361120",
        "region_id": region_id,
        "account_manager_id": manager_id,
        "approved_at": at("2026-01-05 10:00"),
        "approved_on": at("2026-01-05 10:00").date(),
    }
    row = Customer(**(values | given))
    session.add(row)
    session.flush()
    return row


def build(session: Session) -> Company:
    east, west = region(session), region(session, "WEST", "西部")
    polyolefin = line(session)
    quality = Department(code="QA", name="质量部", from_on=at("2020-01-01 00:00").date())
    session.add(quality)
    session.flush()
    people = {
        "am": user(session, "am", Role.ACCOUNT_MANAGER, name="周敏"),
        "am2": user(session, "am2", Role.ACCOUNT_MANAGER, name="李文博"),
        "sm": user(session, "sm", (Role.SALES_MANAGER, east.id), name="林国强"),
        "sm2": user(session, "sm2", (Role.SALES_MANAGER, west.id), name="赵建平"),
        "gm": user(session, "gm", Role.GENERAL_MANAGER, name="陈立"),
        "finance": user(session, "finance", Role.FINANCE_REVIEWER, name="孙丽娟"),
        "admin": user(session, "admin", Role.ADMINISTRATOR, name="管理员"),
        "qa": user(session, "qa", name="何伟"),
    }
    people["qa"].department_id = quality.id
    session.flush()
    ours = customer(session, east.id, people["am"].id)
    product = session.scalars(select(Product).where(Product.product_line_id == polyolefin.id)).one()
    ids = {login: account.id for login, account in people.items()}
    return Company(east.id, west.id, product.id, ours.id, quality.id, ids)


def found(app: Flask) -> Company:
    with app.app_context(), transaction() as session:
        return build(session)


class Scene:
    """Acts, each in its own transaction at a time given in Shanghai's words."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.company = found(app)

    def actor(self, session: Session, login: str, now: datetime) -> Actor:
        return actor(session, session.get_one(User, self.company[login]), now)

    def act(self, verb: Any, login: str, subject: int, when: datetime | str, **command: Any) -> int:
        """Run a verb and return the id of what it acted on."""
        now = at(when) if isinstance(when, str) else when
        with self.app.app_context(), transaction() as session:
            acted: int = verb(session, self.actor(session, login, now), subject, command, now).id
            return acted

    def take(self, when: datetime | str = MONDAY, login: str = "am", **changed: Any) -> int:
        now = at(when) if isinstance(when, str) else when
        command = {
            "customer_id": self.company.customer,
            "product_id": self.company.product,
            "severity": "general",
            "channel": "phone",
            "said_at": now,
            "facts": "熔指偏低，无法加工。",
            **changed,
        }
        with self.app.app_context(), transaction() as session:
            taken: int = intake.take(session, self.actor(session, login, now), command, now).id
            return taken

    def propose(self, complaint: int, when: str, login: str = "am", **changed: Any) -> int:
        command = {"cause": "批次波动", "proposal": "换货", "measures": [], "submit": True, **changed}
        return self.act(opinions.save, login, complaint, when, **command)

    def approve(self, opinion: int, when: str, login: str = "sm", verdict: str = "approve", **changed: Any) -> Any:
        with self.app.app_context(), transaction() as session:
            case = opinions.case_of(session, opinion)
            seen = {"version": case.version, "step": case.step or "sales_manager"}
        return self.act(opinions.decide, login, opinion, when, **{"verdict": verdict, "reason": "", **seen, **changed})

    def tell(self, complaint: int, when: str, login: str = "am", **changed: Any) -> Any:
        command = {"channel": "phone", "told_at": at(when), "told_to": "钱海峰", "reply": "同意换货", **changed}
        return self.act(answering.tell, login, complaint, when, **command)

    def answered(self, received: str, told: str, **changed: Any) -> int:
        """A complaint taken, approved and told, the approval an hour before the telling."""
        complaint = self.take(received, **changed)
        opinion = self.propose(complaint, received)
        self.approve(opinion, received)
        self.tell(complaint, told)
        return complaint

    def extend(self, complaint: int, when: str, to_day: int = 7, login: str = "am") -> int:
        self.act(extensions.ask, login, complaint, when, to_day=to_day, circumstance="需送检")
        with self.app.app_context(), transaction() as session:
            newest = select(extensions.Extension).order_by(extensions.Extension.id.desc()).limit(1)
            request: int = session.scalars(newest).one().id
            return request

    def decide_extension(self, request: int, login: str, when: str, verdict: str = "approve") -> Any:
        with self.app.app_context(), transaction() as session:
            case = extensions.case_of(session, request)
            seen = {"version": case.version, "step": case.step or "sales_manager"}
        return self.act(extensions.decide, login, request, when, verdict=verdict, reason="同意", **seen)

    def meet(self, complaint: int, when: str) -> Any:
        command = {"held_at": at(when), "place": "三楼会议室", "present": "陈立、林国强", "conclusion": "同意退货"}
        return self.act(handling.record_meeting, "gm", complaint, when, **command)

    def clock(self, complaint: int) -> Clock:
        with self.app.app_context(), transaction() as session:
            clock = scope.present_clock(session, session.get_one(Complaint, complaint))
            session.flush()
            session.expunge_all()
            return clock

    def complaint(self, complaint: int) -> Complaint:
        with self.app.app_context(), transaction() as session:
            row = session.get_one(Complaint, complaint)
            session.expunge_all()
            return row
