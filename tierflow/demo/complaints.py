"""The demo company's complaints and inquiries, each taken as far as its table says, through the services people use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.reference import Department, Product
from tierflow.complaints.models import Complaint, Consultation, Measure
from tierflow.complaints.service import answering, extensions, handling, inquiries, intake, opinions, raising, templates
from tierflow.complaints.service.sweep import sweep
from tierflow.demo import company
from tierflow.demo.diary import Story
from tierflow.demo.grievances import GRIEVANCES, QUESTIONS, TEMPLATES, Grievance, Question
from tierflow.demo.openings import Cast
from tierflow.kernel.months import local_day
from tierflow.kernel.tonnage import parse_tonnes

SWEPT_DAYS = 40  # working days of which the scheduler's notices are told
HOUR = timedelta(hours=1)


def stories(cast: Cast) -> list[Story]:
    """Every complaint and inquiry, the reply templates, and the scheduler beside them."""
    told = [_told(_Case(cast, grievance)) for grievance in GRIEVANCES]
    return [_templates(cast), _scheduler(cast), *told, *(_asked(cast, question) for question in QUESTIONS)]


def _scheduler(cast: Cast) -> Story:
    """Notes what is due at nine and after closing, as the scheduler does every minute."""
    for ago in range(SWEPT_DAYS, 0, -1):
        for hour, minute in ((9, 0), (17, 31)):
            at = cast.diary.at(ago, hour, minute)
            yield at
            sweep(cast.session, at)
            raising.run(cast.session, at)


def _templates(cast: Cast) -> Story:
    at = cast.diary.at(150, 10, 0)
    yield at
    for purpose, name, body in TEMPLATES:
        command = {"name": name, "body": body, "purpose": purpose, "is_active": True}
        templates.save(cast.session, cast.actor(company.SALES_MANAGER_OF["EAST"], at), None, command, at)


def _customer(cast: Cast, region: str, nth: int) -> Customer:
    """The n-th of the region's customers by number, in turn."""
    query = select(Customer).where(Customer.region_id == cast.region_ids[region]).order_by(Customer.number)
    found = cast.session.scalars(query).all()
    return found[nth % len(found)]


def _product(cast: Cast, code: str) -> int:
    return cast.session.scalars(select(Product.id).where(Product.code == code)).one()


@dataclass
class _Case:
    """One complaint as its story goes on."""

    cast: Cast
    grievance: Grievance
    id: int = 0
    manager: str = ""

    def at(self, days_later: int, hour: int) -> datetime:
        """So many working days after the customer spoke."""
        minute = self.grievance.ago * 7 % 50
        return self.cast.diary.at(self.grievance.ago - days_later, hour, minute)

    def act(self, verb: Any, login: str, subject: int, at: datetime, **command: Any) -> Any:
        """One act of somebody."""
        return verb(self.cast.session, self.cast.actor(login, at), subject, command, at)

    @property
    def sales_manager(self) -> str:
        return company.SALES_MANAGER_OF[self.grievance.region]

    def take(self, at: datetime) -> None:
        """The account manager notes what the customer said a quarter of an hour before."""
        grievance, session = self.grievance, self.cast.session
        whose: dict[str, Any] = {"customer_name": grievance.customer_name}
        self.manager = company.MANAGERS_OF[grievance.region][0]
        if grievance.nth is not None:
            customer = _customer(self.cast, grievance.region, grievance.nth)
            whose = {"customer_id": customer.id}
            logins = {user.id: login for login, user in self.cast.users.items()}
            self.manager = logins[customer.account_manager_id]
        command = {
            **whose,
            "region_id": self.cast.region_ids[grievance.region],
            "product_id": _product(self.cast, grievance.product),
            "batch": grievance.batch,
            "quantity_grams": parse_tonnes(grievance.tonnes) if grievance.tonnes else None,
            "severity": grievance.severity,
            "channel": grievance.channel,
            "said_at": at - timedelta(minutes=15),
            "facts": grievance.facts,
            "demand": grievance.demand,
        }
        self.id = intake.take(session, self.cast.actor(self.manager, at), command, at).id

    def consult(self, at: datetime) -> None:
        """The plant's office is asked."""
        factory = self.cast.session.scalars(select(Department.id).where(Department.code == "FACTORY")).one()
        question = "请核对该批次出厂检验记录与留样，并说明装置当日运行情况。"
        self.act(handling.consult, self.manager, self.id, at, department_id=factory, question=question)

    def answer(self, at: datetime) -> None:
        """And answers."""
        asked = select(Consultation.id).where(Consultation.complaint_id == self.id, Consultation.answered_at.is_(None))
        words = "出厂检验合格；留样复检个别指标偏下限，当日有一次牌号切换，详见附表。"
        self.act(handling.answer, "luogang", self.cast.session.scalars(asked).one(), at, answer=words)

    def meet(self, at: datetime) -> None:
        """The general manager's special meeting."""
        self.act(
            handling.record_meeting,
            company.GENERAL_MANAGER,
            self.id,
            at,
            held_at=at - HOUR,
            place="三楼会议室",
            present="高军、周建国、林晓峰、罗刚",
            conclusion="责任在我方，同意退货并补偿直接损失；驻厂管理部一周内提交整改报告。",
        )

    def propose(self, at: datetime) -> None:
        """An opinion with one measure, handed in."""
        kind, what = self.grievance.measure
        measure = {
            "kind": kind,
            "what": what,
            "owner_id": self.cast.users[self.manager].id,
            "due_on": local_day(at) + timedelta(days=10),
            "quantity_grams": None,
            "amount_fen": None,
        }
        proposal = f"{what}；向客户书面说明原因。"
        command = {"cause": self.grievance.cause, "proposal": proposal, "measures": [measure], "submit": True}
        self.act(opinions.save, self.manager, self.id, at, **command)

    def decide(self, verb: Any, kind: str, login: str, at: datetime) -> None:
        """A verdict on the newest opinion or extension of the complaint."""
        newest = select(ApprovalCase).where(
            ApprovalCase.subject_type == kind,
            ApprovalCase.title.contains(self.cast.session.get_one(Complaint, self.id).number),
        )
        case = self.cast.session.scalars(newest.order_by(ApprovalCase.id.desc()).limit(1)).one()
        command = {"version": case.version, "step": case.step, "verdict": "approve", "reason": "同意。"}
        self.act(verb, login, case.subject_id, at, **command)

    def approve(self, at: datetime) -> None:
        """Whoever leads: the sales manager, for serious ones the general manager too."""
        self.decide(opinions.decide, "complaint_opinion", self.leader, at)

    @property
    def leader(self) -> str:
        return company.GENERAL_MANAGER if self.grievance.severity == "serious" else self.sales_manager

    def tell(self, at: datetime) -> None:
        """The customer is told."""
        reply = f"已告知处理意见：{self.grievance.measure[1]}，客户表示认可。"
        told_to = "采购部经理"
        self.act(answering.tell, self.manager, self.id, at, channel="phone", told_at=at, told_to=told_to, reply=reply)

    def settle(self, at: datetime) -> Story:
        """The measure done, checked an hour later, and the complaint closed after another."""
        undone = select(Measure.id).where(Measure.complaint_id == self.id, Measure.done_at.is_(None))
        measures = self.cast.session.scalars(undone).all()
        for measure in measures:
            self.act(answering.complete, self.manager, measure, at, proof="客户签收单与回执已归档。")
        at += HOUR
        yield at
        for measure in measures:
            self.act(answering.check, self.sales_manager, measure, at, verdict="pass", remark="")
        at += HOUR
        yield at
        note = "客户电话回访，对处理表示满意。" if self.grievance.satisfaction > 3 else "客户认为处理偏慢。"
        self.act(answering.close, self.manager, self.id, at, satisfaction=self.grievance.satisfaction, note=note)


def _told(case: _Case) -> Story:
    """A complaint from the customer's words to where it stands now."""
    stands, grievance = case.grievance.stands, case.grievance
    at = case.at(0, grievance.hour)
    yield at
    case.take(at)
    if stands == "handling":
        return
    if stands != "meeting":
        at += timedelta(minutes=20)
        yield at
        case.consult(at)
    if stands in ("consulting", "meeting"):
        return
    if stands in ("extending", "extended"):
        yield from _extended(case)
        return
    at += timedelta(minutes=50)
    yield at
    case.answer(at)
    yield from _answered(case, at)


def _extended(case: _Case) -> Story:
    """More time asked for; granted by both, or waiting for the general manager."""
    at = case.at(1, 9)
    yield at
    circumstance = "须送第三方检测机构，出具报告需四个工作日。"
    case.act(extensions.ask, case.manager, case.id, at, to_day=6, circumstance=circumstance)
    at = case.at(1, 11)
    yield at
    case.decide(extensions.decide, "complaint_extension", case.sales_manager, at)
    if case.grievance.stands == "extended":
        at = case.at(1, 15)
        yield at
        case.decide(extensions.decide, "complaint_extension", company.GENERAL_MANAGER, at)


def _answered(case: _Case, at: datetime) -> Story:
    """Opinion, approval, telling, measures, closing, and sometimes all over again."""
    grievance = case.grievance
    if grievance.severity == "serious":
        at = case.at(1, 9)
        yield at
        case.meet(at)
    at += 2 * HOUR
    yield at
    case.propose(at)
    if grievance.stands == "in_approval":
        return
    at += HOUR
    yield at
    case.approve(at)
    if grievance.stands == "approved":
        return
    at = case.at(grievance.took, 15)
    yield at
    case.tell(at)
    if grievance.stands == "answered":
        return
    at = case.at(grievance.took + 4, 10)
    yield at
    yield from case.settle(at)
    if grievance.breach:
        at += 3 * HOUR
        yield at
        case.act(answering.uphold_breach, case.sales_manager, case.id, at, what=grievance.breach)
    if grievance.stands == "reopened":
        at = case.cast.diary.at(1, 11, 5)
        yield at
        facts = "换货后的批次再次出现封口开线。"
        case.act(answering.reopen, case.manager, case.id, at, said_at=at - timedelta(minutes=20), facts=facts)


def _asked(cast: Cast, question: Question) -> Story:
    """A question, and its answer where there is one."""
    at = cast.diary.at(question.ago, 14, 10)
    yield at
    customer = _customer(cast, question.region, question.nth)
    owner = next(user for user in cast.users.values() if user.id == customer.account_manager_id)
    command: Mapping[str, Any] = {
        "customer_id": customer.id,
        "product_id": _product(cast, question.product),
        "channel": question.channel,
        "question": question.question,
        "asked_at": at - timedelta(minutes=5),
    }
    actor = cast.actor(owner.login, at)
    asked = inquiries.note(cast.session, actor, command, at)
    if question.answer:
        at += HOUR
        yield at
        command = {"answer": question.answer, "satisfaction": question.satisfaction}
        inquiries.answer(cast.session, actor, asked.id, command, at)
