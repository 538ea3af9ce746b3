"""The demo company's contracts, a handover, and the customers it takes over from an old list (CHEM-3.3, CHEM-4)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO

from sqlalchemy import select

from tierflow.common.approvals import Seen
from tierflow.common.calendars import working_calendar
from tierflow.common.customers import Customer
from tierflow.common.db import transaction
from tierflow.common.imports import service as imports
from tierflow.common.imports import work
from tierflow.common.uploads import Upload
from tierflow.common.users import User, actor_of
from tierflow.demo import codes, company, scans
from tierflow.demo.diary import Diary, Story
from tierflow.demo.openings import Cast
from tierflow.kernel.months import local_day
from tierflow.onboarding.service import contracts, handover
from tierflow.onboarding.service.takeover import CUSTOMERS

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Signed:
    """A contract: with whom, its number and title, the days it has left, its value in fen."""

    customer: str
    number: str
    title: str
    days_left: int
    value: int | None


CONTRACTS = (
    Signed("苏州金鸡湖塑业有限公司", "HT-华东-031", "聚烯烃年度购销框架合同", 21, 1_860_000_000),
    Signed("宁波海曙塑料制品有限公司", "HT-华东-044", "聚烯烃年度购销框架合同", 240, 3_200_000_000),
)


def stories(cast: Cast) -> Iterator[Story]:
    """What is kept and handed over, as far as it has come."""
    yield from (_contract(cast, signed, place) for place, signed in enumerate(CONTRACTS))
    yield _handover(cast)


def _contract(cast: Cast, signed: Signed, place: int) -> Story:
    """A contract in the register, its paper in a named cabinet; the first is near its end."""
    at = cast.diary.at(9, 10, 30 + place)
    yield at
    customer = cast.session.scalar(select(Customer).where(Customer.name == signed.customer))
    if customer is None:
        return
    last = cast.diary.today + timedelta(days=signed.days_left)
    begins = last - YEAR + timedelta(days=1)
    rows = [("合同编号", signed.number), ("合同名称", signed.title), ("合同期限", f"{begins}至{last}")]
    scan = scans.form("购销合同", customer.name, rows, customer.legal_representative)
    login = next(login for login, user in cast.users.items() if user.id == customer.account_manager_id)
    data = {
        "number": signed.number,
        "customer_id": customer.id,
        "title": signed.title,
        "from_on": begins,
        "last_on": last,
        "value": signed.value,
        "custodian_id": customer.account_manager_id,
        "place": "销售部档案柜 A-3",
    }
    contracts.enter(cast.session, cast.actor(login, at), data, Upload("购销合同.pdf", scan), at)


def _handover(cast: Cast) -> Story:
    """A portfolio to be given over: the giver has signed, the taker has it to sign."""
    proposed, signed = cast.diary.at(2, 16, 10), cast.diary.at(2, 16, 25)
    giver, taker = cast.users[company.GIVER], cast.users[company.TAKER]
    yield proposed
    data = {
        "giver_id": giver.id,
        "taker_id": taker.id,
        "effective_on": cast.diary.today + timedelta(days=10),
        "reason": "调往市场部，客户整体移交。",
    }
    row = handover.propose(cast.session, cast.actor(company.GIVER, proposed), data, proposed)
    yield signed
    handover.sign(cast.session, cast.actor(company.GIVER, signed), row.id, "giver", signed)


# What the company's own spreadsheet calls its columns.
HEADS = {
    "name": "客户名称",
    "credit_code": "统一社会信用代码",
    "legal_representative": "法定代表人",
    "address": "注册地址",
    "contact_name": "联系人",
    "phone": "联系电话",
    "region": "销售区域",
    "account_manager": "客户经理",
    "lines": "产品线与类别",
    "since": "开户日期",
    "bank_name": "开户银行",
    "bank_account": "银行账号",
    "merged_licence.issuer": "营业执照发证机关",
    "merged_licence.valid_from": "营业执照有效期起",
    "merged_licence.valid_to": "营业执照有效期至",
}
OLD = (
    ("天津滨海塑化贸易有限公司", "韩志国", "长期"),
    ("天津津南管材有限公司", "秦月", "2031-05-17"),
    ("天津东丽薄膜制品有限公司", "贺伟", "2029-09-30"),
    ("天津港保税区化工物资有限公司", "田英", "长期"),
    ("天津武清包装材料有限公司", "孟庆", "2028-02-28"),
)
FIRST_SERIAL = 700


def take_over(now: datetime) -> None:
    """Two imports of the north's old list: one reverted, since it was an old copy; one in force, its scans owed.

    After `plant`, in transactions of its own: the worker that reads imports keeps its own.
    """
    with transaction() as session:
        diary = Diary.before(now, working_calendar(session), 1)
        ids = {user.login: user.id for user in session.scalars(select(User))}
    outdated = _import(diary, ids, "华北老客户名单-旧.csv", _list(OLD[:3]), 44)
    with transaction() as session:
        at = diary.at(1, 17, 48)
        gm = actor_of(session, session.get_one(User, ids[company.GENERAL_MANAGER]), local_day(at))
        imports.revert(session, gm, CUSTOMERS, outdated, "名单是上年的旧稿，换新名单重新接收。", at)
    work.work_off(lambda: at, pause=0)
    _import(diary, ids, "华北老客户名单.csv", _list(OLD), 52)


def _import(diary: Diary, ids: dict[str, int], name: str, content: bytes, minute: int) -> int:
    """Prepared by the north's sales manager, approved by the general manager."""
    prepared, approved = diary.at(1, 17, minute), diary.at(1, 17, minute + 2)
    sales, gm = ids[company.SALES_MANAGER_OF["NORTH"]], ids[company.GENERAL_MANAGER]
    with transaction() as session:
        actor = actor_of(session, session.get_one(User, sales), local_day(prepared))
        batch = imports.receive(session, actor, CUSTOMERS, name, content, prepared, spoken=str).id
        mapping = {key: place for place, key in enumerate(HEADS)}
        imports.set_mapping(session, actor, CUSTOMERS, batch, mapping, prepared)
    work.work_off(lambda: prepared, pause=0)
    with transaction() as session:
        actor = actor_of(session, session.get_one(User, sales), local_day(prepared))
        imports.hand_in(session, actor, CUSTOMERS, batch, {"doubts_seen": True}, prepared)
    with transaction() as session:
        actor = actor_of(session, session.get_one(User, gm), local_day(approved))
        imports.apply(session, actor, CUSTOMERS, batch, Seen(version=1, step="management"), approved)
    work.work_off(lambda: approved, pause=0)
    return batch


def _list(old: tuple[tuple[str, str, str], ...]) -> bytes:
    """The list as the company's spreadsheet has it, in GB18030."""
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADS.values())
    for place, (name, person, until) in enumerate(old):
        serial = FIRST_SERIAL + place
        code = codes.credit_code("120116", codes.organisation_code("MA", serial))
        phone, account = codes.mobile(serial), codes.bank_account(serial)
        row = [name, code, person, f"天津市滨海新区第三大街{place + 11}号", person, phone, "华北", company.TAKER]
        row += [
            "PO=经销商",
            f"2019-0{place + 3}-12",
            "中国银行天津滨海分行",
            account,
            "天津市市场监督管理委员会",
        ]
        writer.writerow([*row, "2016-04-08", until])
    return out.getvalue().encode("gb18030")
