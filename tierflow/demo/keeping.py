"""What goes on in the demo company's customer files: renewal, change, disqualification, receipts, inspection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from sqlalchemy import select

from tierflow.common.approvals import Seen
from tierflow.common.customers import Customer
from tierflow.common.reference import Office, Region
from tierflow.common.uploads import Upload
from tierflow.common.users import actor_of
from tierflow.demo import company, scans
from tierflow.demo.diary import Story
from tierflow.demo.openings import Cast
from tierflow.kernel.approval import Verdict
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor
from tierflow.onboarding.models import Distribution, Inspection
from tierflow.onboarding.rules.inspection import ITEMS
from tierflow.onboarding.service import changing, disqualifying, distributing, examining, inspecting, renewing

EAST = company.SALES_MANAGER_OF["EAST"]
DRAWN_DAYS_AGO = 45


def stories(cast: Cast) -> Iterator[Story]:
    """Everything that happened to files after their customers were approved."""
    yield _renewal(cast)
    yield _change(cast)
    yield _disqualification(cast)
    yield _receipts(cast)
    yield _inspection(cast)


def _customer(cast: Cast, name: str) -> Customer | None:
    return cast.session.scalar(select(Customer).where(Customer.name == name))


def _as(cast: Cast, login: str, at: datetime) -> Actor:
    return actor_of(cast.session, cast.users[login], local_day(at))


def _keeper(cast: Cast, customer: Customer, at: datetime) -> Actor:
    login = next(login for login, user in cast.users.items() if user.id == customer.account_manager_id)
    return _as(cast, login, at)


def _renewal(cast: Cast) -> Story:
    """A licence near its end: the new one is accepted by sales and waits for finance."""
    handed_in, examined = cast.diary.at(4, 10, 20), cast.diary.at(3, 11, 5)
    yield handed_in
    if (customer := _customer(cast, "宁波海曙塑料制品有限公司")) is None:
        return
    paper = renewing.latest(cast.session, customer.id, "merged_licence")
    if paper is None or paper.valid_from is None:
        return
    last = date(cast.diary.today.year + 20, 6, 30)
    rows = [("名称", customer.name), ("营业期限", f"{paper.valid_from}至{last}")]
    code = f"统一社会信用代码 {customer.credit_code}"
    scan = scans.licence("营业执照", customer.name, code, rows, paper.issuer, str(cast.diary.today))
    data = {"number": paper.number, "issuer": paper.issuer, "valid_from": paper.valid_from, "valid_to": last}
    upload = Upload("营业执照（换发）.png", scan)
    actor = _keeper(cast, customer, handed_in)
    row = renewing.renew(cast.session, actor, customer.id, "merged_licence", data, upload, handed_in)
    yield examined
    case = examining.case_of(cast.session, (renewing.SUBJECT, row.id))
    seen = Seen(case.version, case.step or "")
    renewing.decide(
        cast.session, _as(cast, EAST, examined), row.id, seen, Verdict.APPROVE, examined, reason="真实有效。"
    )


def _change(cast: Cast) -> Story:
    """A customer changes its bank: finance has it in the inbox, the old account serves."""
    at = cast.diary.at(3, 14, 40)
    yield at
    if (customer := _customer(cast, "苏州金鸡湖塑业有限公司")) is not None:
        data = {"bank_name": "中国建设银行苏州工业园区支行", "bank_account": "32250198863600001927"}
        reason = "原开户网点撤并，账户迁移。"
        changing.propose(cast.session, _keeper(cast, customer, at), customer.id, data, at, reason=reason)


def _disqualification(cast: Cast) -> Story:
    """A proposal that waits for the general manager."""
    at = cast.diary.at(2, 10, 10)
    yield at
    if (customer := _customer(cast, "上海浦汇塑胶有限公司")) is not None:
        rows = [("名称", customer.name), ("案由", "涉嫌合同诈骗")]
        scan = scans.form("立案告知书（复印件）", customer.name, rows, "上海市公安局浦东分局")
        data = {"ground": "law", "facts": "因涉嫌合同诈骗被公安机关立案侦查，营业执照过期未换发。"}
        upload = Upload("立案告知书.png", scan)
        disqualifying.propose(cast.session, _as(cast, EAST, at), customer.id, data, upload, at)


def _receipts(cast: Cast) -> Story:
    """Finance and the offices acknowledge what they are sent; the last days' wait, and one is late."""
    for days_ago in range(300, 4, -5):
        at = cast.diary.at(days_ago, 16, 30)
        yield at
        offices = dict(cast.session.execute(select(Office.id, Office.code)).all())
        clerks = {"ZHENHAI": "luogang", "MAOMING": "hexue"}
        waiting = select(Distribution).where(Distribution.acknowledged_at.is_(None)).order_by(Distribution.id)
        for row in cast.session.scalars(waiting).all():
            login = company.FINANCE[0] if row.office_id is None else clerks.get(offices[row.office_id])
            if login is not None:
                distributing.acknowledge(cast.session, _as(cast, login, at), row.id, at)


def _inspection(cast: Cast) -> Story:
    """The half-year's draw; some files of the east inspected, one finding mended, one open."""
    drawn = cast.diary.at(DRAWN_DAYS_AGO, 9, 0)
    yield drawn
    inspecting.open_round(cast.session, drawn, seed="2b7e151628aed2a6")
    at = cast.diary.at(12, 15, 0)
    yield at
    sales = _as(cast, EAST, at)
    query = (
        select(Inspection)
        .join(Customer, Customer.id == Inspection.customer_id)
        .join(Region, Region.id == Customer.region_id)
        .where(Region.code == "EAST")
        .order_by(Inspection.place)
        .limit(4)
    )
    found = []
    for number, row in enumerate(cast.session.scalars(query).all()):
        answers = [{"key": key, "verdict": "pass"} for key in ITEMS]
        if number in (1, 2):
            answers[-1] = {"key": "contact", "verdict": "fail", "remark": "联系人已离职，电话停机。"}
        inspecting.inspect(cast.session, sales, row.id, answers, at)
        found += [(one.id, row.customer_id) for one in inspecting.view(cast.session, sales, row.id).findings]
    mended = cast.diary.at(8, 9, 40)
    yield mended
    if found:
        finding_id, customer_id = found[0]
        actor = _keeper(cast, cast.session.get_one(Customer, customer_id), mended)
        inspecting.mend(cast.session, actor, finding_id, "已联系新的采购负责人，并提交联系人变更。", mended)
