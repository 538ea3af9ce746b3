"""Changes to the file, supplements, disqualification and readmission, distribution (CHEM-8.1, CHEM-8.2, CHEM-17)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import NOW
from tests.onboarding import keeping, scenes
from tierflow.common import suspension
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import db, transaction
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.months import local_day
from tierflow.onboarding.models import Application, Disqualified, DisqualifiedName, UploadLink
from tierflow.onboarding.service import (
    changing,
    disqualifying,
    drafts,
    examining,
    links,
    renewing,
    supplementing,
)

TODAY = local_day(NOW)


@dataclass
class Room:
    """Verbs in the customer file, each in a transaction of its own."""

    file: keeping.File

    def propose(self, reason: str = "工商变更", **data: Any) -> int:
        with self.file.app.app_context(), transaction() as session:
            li = self.file.place.actor(session, "li")
            return changing.propose(session, li, self.file.customer, data, NOW, reason=reason).id

    def examine(self, change: int, who: str, verdict: str = "approve", reason: str = "") -> None:
        with self.file.app.app_context(), transaction() as session:
            seen = self._seen(session, changing.SUBJECT, change)
            actor = self.file.place.actor(session, who)
            changing.decide(session, actor, change, seen, Verdict(verdict), NOW, reason=reason)

    def correct(self, change: int, who: str = "li", **data: Any) -> None:
        with self.file.app.app_context(), transaction() as session:
            actor = self.file.place.actor(session, who)
            changing.correct(session, actor, change, data, NOW, reason="按营业执照更正")

    def accuse(self, who: str = "sales", ground: str = "fraud") -> int:
        with self.file.app.app_context(), transaction() as session:
            actor = self.file.place.actor(session, who)
            data = {"ground": ground, "facts": "提供虚假营业执照"}
            return disqualifying.propose(session, actor, self.file.customer, data, keeping.scan(), NOW).id

    def judge(self, row: int, who: str = "gm", verdict: str = "approve", reason: str = "") -> None:
        with self.file.app.app_context(), transaction() as session:
            seen = self._seen(session, disqualifying.SUBJECT, row)
            actor = self.file.place.actor(session, who)
            disqualifying.decide(session, actor, row, seen, Verdict(verdict), NOW, reason=reason)

    def _seen(self, session: Any, subject: str, subject_id: int) -> Seen:
        case = examining.case_of(session, (subject, subject_id))
        return Seen(case.version, case.step or "")

    def customer(self) -> Customer:
        with self.file.app.app_context():
            return db.session.get_one(Customer, self.file.customer)

    def approve(self, number: int) -> None:
        with self.file.app.app_context(), transaction() as session:
            scenes.hand_in(session, self.file.place, session.get_one(Application, number))
            for who in ("sales", "finance", "gm"):
                scenes.approve(session, self.file.place, session.get_one(Application, number), who)


@pytest.fixture
def room(both_app: Flask) -> Room:
    return Room(keeping.opened(both_app))


@pytest.mark.rule("CHEM-8.1")
def test_the_old_value_serves_until_the_examiner_of_the_field_approves(room: Room) -> None:
    change = room.propose(bank_name="中国建设银行", bank_account="6222020200112233")
    assert room.customer().bank_name == "中国工商银行上海分行"
    with pytest.raises((Forbidden, Refused, NotFound)):
        room.examine(change, "sales")
    room.examine(change, "finance")
    assert (room.customer().bank_name, room.customer().version) == ("中国建设银行", 2)
    with room.file.app.app_context():
        query = select(AuditEntry).where(AuditEntry.action == "customer.change")
        entry = db.session.scalars(query).one()
        assert entry.before["bank_name"] == "中国工商银行上海分行"
        assert (entry.after["bank_name"], entry.reason) == ("中国建设银行", "工商变更")


@pytest.mark.rule("CHEM-8.1")
@pytest.mark.parametrize(
    ("field", "value", "steps"),
    [
        ("name", "华东新材料有限公司", ["sales", "finance"]),  # on the papers and on the invoices
        ("address", "上海市浦东新区新路2号", ["sales"]),
        ("invoice_address", "上海市浦东新区新路2号", ["finance"]),
    ],
)
def test_a_field_is_examined_by_the_step_that_examined_it(room: Room, field: str, value: str, steps: list[str]) -> None:
    change = room.propose(**{field: value})
    for who in steps:
        assert getattr(room.customer(), field) != value
        room.examine(change, who)
    assert getattr(room.customer(), field) == value


@pytest.mark.rule("CHEM-8.1")
def test_a_rejected_change_leaves_the_file_and_another_may_follow(room: Room) -> None:
    change = room.propose(address="上海市浦东新区新路2号")
    with pytest.raises(Refused):
        room.propose(address="上海市浦东新区新路3号")
    room.examine(change, "sales", "reject", "与营业执照不符")
    assert room.customer().address == "上海市浦东新区世纪大道1号"
    room.examine(room.propose(address="上海市浦东新区新路3号"), "sales")
    assert room.customer().address == "上海市浦东新区新路3号"


@pytest.mark.rule("CHEM-8.1")
def test_a_change_that_comes_back_is_corrected_and_examined_again(room: Room) -> None:
    change = room.propose(address="上海市浦东新区新路2号")
    with pytest.raises(Conflict):
        room.correct(change, address="上海市浦东新区新路3号")  # nobody has sent it back
    with pytest.raises(Refused) as error:
        room.examine(change, "sales", "return")
    assert [row.field for row in error.value.refusals] == ["reason"]
    room.examine(change, "sales", "return", "门牌号与营业执照不符")
    assert room.customer().address == "上海市浦东新区世纪大道1号"
    with pytest.raises(Refused):
        room.propose(address="上海市浦东新区新路3号")  # it waits for its correction
    with pytest.raises((Forbidden, NotFound)):
        room.correct(change, "wang", address="上海市浦东新区新路3号")
    with pytest.raises(Refused):
        room.correct(change, address="上海市浦东新区新路3号", bank_account="6222020200112233")  # finance was not asked
    with pytest.raises(Invalid):
        room.correct(change, address="上海市浦东新区世纪大道1号")  # as on file
    room.correct(change, address="上海市浦东新区新路3号")
    assert room.customer().address == "上海市浦东新区世纪大道1号"
    room.examine(change, "sales")
    assert room.customer().address == "上海市浦东新区新路3号"
    with pytest.raises(Conflict):
        room.correct(change, address="上海市浦东新区新路4号")


@pytest.mark.rule("CHEM-8.1")
def test_a_corrected_field_of_two_examiners_is_asked_of_both_again(room: Room) -> None:
    change = room.propose(name="华东新材料有限公司")
    room.examine(change, "sales")
    room.examine(change, "finance", "return", "与登记通知书不符")
    room.correct(change, name="华东新材料科技有限公司")
    for who in ("sales", "finance"):
        assert room.customer().name == "华东塑料第1有限公司"
        room.examine(change, who)
    assert room.customer().name == "华东新材料科技有限公司"


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"address": ""}, "address"),
        ({"credit_code": "123"}, "credit_code"),
        ({"address": "上海市浦东新区世纪大道1号"}, "_schema"),  # nothing differs
        ({"credit_code": None, "organisation_code": None}, "credit_code"),
    ],
)
def test_a_change_is_refused_at_its_field(app: Flask, data: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as error:
        Room(keeping.opened(app)).propose(**data)
    assert list(error.value.errors) == [field]


@pytest.mark.rule("CHEM-8.1")
def test_lines_and_classes_change_through_the_whole_chain(room: Room) -> None:
    place = room.file.place
    with room.file.app.app_context(), transaction() as session:
        li = place.actor(session, "li")
        application = supplementing.begin(session, li, room.file.customer, NOW)
        wanted = scenes.lines((place.polyolefin, "direct"), (place.other_line, "dealer"))
        checks = scenes.answers("direct", "dealer")
        data = {"lines": wanted, "checks": checks}
        drafts.save_draft(session, li, application.id, data, NOW, seen_version=application.version)
        with pytest.raises(Refused):
            supplementing.begin(session, li, room.file.customer, NOW)
        number = application.id
    with room.file.app.app_context():
        held = select(CustomerLine.customer_class).where(CustomerLine.to_on.is_(None))
        assert db.session.scalars(held).all() == ["dealer"]
    room.approve(number)
    with room.file.app.app_context():
        query = select(CustomerLine.product_line_id, CustomerLine.customer_class).where(CustomerLine.to_on.is_(None))
        assert dict(db.session.execute(query).all()) == {place.polyolefin: "direct", place.other_line: "dealer"}
        assert len(db.session.scalars(select(Customer.id)).all()) == 1


@pytest.mark.rule("CHEM-7.2", "CHEM-8.1")
@pytest.mark.parametrize("asked", ["direct", "dealer"], ids=["class change struck", "held line struck"])
def test_a_line_struck_in_a_supplement_leaves_what_is_held(room: Room, asked: str) -> None:
    place = room.file.place
    tomorrow = NOW + timedelta(days=1)
    with room.file.app.app_context(), transaction() as session:
        li = place.actor(session, "li", tomorrow)
        application = supplementing.begin(session, li, room.file.customer, tomorrow)
        wanted = scenes.lines((place.polyolefin, asked), (place.other_line, "direct"))
        data = {"lines": wanted, "checks": scenes.answers("dealer", "direct")}
        drafts.save_draft(session, li, application.id, data, tomorrow, seen_version=application.version)
        scenes.hand_in(session, place, application, now=tomorrow)
        struck = {place.polyolefin: "现有类别不变"}
        items = [row for row in scenes.passes(session, application) if row.key != f"line.{place.polyolefin}"]
        scenes.approve(session, place, application, "sales", tomorrow, struck=struck, items=items)
        for who in ("finance", "gm"):
            scenes.approve(session, place, application, who, tomorrow)
    with room.file.app.app_context():
        rows = db.session.execute(select(CustomerLine).order_by(CustomerLine.product_line_id)).scalars()
        assert [(row.product_line_id, row.customer_class, row.from_on, row.to_on) for row in rows] == [
            (place.polyolefin, "dealer", TODAY, None),
            (place.other_line, "direct", local_day(tomorrow), None),
        ]
        entry = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "customer.supplement")).one()
        line = f"line.{place.other_line}"
        lines = {key: value for key, value in entry.after.items() if key.startswith("line.")}
        assert (entry.before, lines) == ({line: None}, {line: "direct"})


@pytest.mark.rule("CHEM-8.1")
def test_a_supplement_leaves_the_particulars_alone(app: Flask) -> None:
    room = Room(keeping.opened(app))
    with app.app_context(), transaction() as session:
        li = room.file.place.actor(session, "li")
        application = supplementing.begin(session, li, room.file.customer, NOW)
        data = {"address": "别处"}
        drafts.save_draft(session, li, application.id, data, NOW, seen_version=application.version)
        with pytest.raises(Refused) as error:
            scenes.hand_in(session, room.file.place, application)
        assert [(row.clause, row.field) for row in error.value.refusals] == [("CHEM-8.1", "address")]


@pytest.mark.rule("CHEM-17")
def test_a_disqualified_customer_is_stopped_listed_and_its_open_matters_closed(room: Room) -> None:
    file = room.file
    room.examine(room.propose(name="华东新材料有限公司"), "sales")
    with file.app.app_context(), transaction() as session:
        room_case = session.scalars(select(ApprovalCase).where(ApprovalCase.subject_type == changing.SUBJECT)).one()
        assert room_case.step == "finance"
    room.examine(1, "finance")  # a new name: the former one stays known
    room.propose(address="上海市浦东新区新路2号")
    renewal = file.renew(NOW)
    with file.app.app_context(), transaction() as session:
        li = file.place.actor(session, "li")
        links.make(session, li, file.customer, "merged_licence", NOW, is_proof=False, days=3)
        supplementing.begin(session, li, file.customer, NOW)
    row = room.accuse()
    with pytest.raises(Refused):
        room.accuse()
    for who in ("sales", "finance", "li"):
        with pytest.raises((Forbidden, Refused)):
            room.judge(row, who)
    assert room.customer().disqualified_on is None
    room.judge(row)
    assert room.customer().disqualified_on == TODAY
    with file.app.app_context():
        session = db.session()
        assert [one.clause for one in suspension.refusals(session, file.customer, TODAY)] == ["CHEM-17"]
        listed = session.scalars(select(Disqualified)).one()
        assert (listed.credit_code, listed.legal_representative) == (scenes.credit_code(1), "赵1")
        names = set(session.scalars(select(DisqualifiedName.name)))
        assert names == {"华东新材料有限公司", "华东塑料第1有限公司"}
        shown = disqualifying.disqualified(session, file.place.actor(session, "li")).rows
        assert [(one.row.name, one.former_names) for one in shown] == [
            ("华东新材料有限公司", ["华东塑料第1有限公司"]),
        ]
        states = dict(
            session.execute(
                select(ApprovalCase.subject_type, ApprovalCase.state).where(ApprovalCase.state != "approved")
            ).all()
        )
        assert states == dict.fromkeys(("application", "customer_change", "paper_renewal"), "discarded")
        assert session.scalars(select(UploadLink.revoked_at)).one() == NOW
    with pytest.raises(Conflict):
        file.decide(renewal, "sales", NOW)


@pytest.mark.rule("CHEM-17")
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({}, "credit_code"),
        ({"number": 2, "name": "华东塑料第1有限公司"}, "name"),
    ],
)
def test_the_list_is_checked_when_an_account_is_opened(room: Room, changed: dict[str, Any], field: str) -> None:
    room.judge(room.accuse())
    with room.file.app.app_context(), transaction() as session:
        application = scenes.drafted(
            session, room.file.place, changed.get("number", 1), name=changed.get("name", "新名")
        )
        with pytest.raises(Refused) as error:
            scenes.hand_in(session, room.file.place, application)
        assert [(row.clause, row.field) for row in error.value.refusals] == [("CHEM-17", field)]


@pytest.mark.rule("CHEM-17")
def test_readmission_is_the_general_managers_on_a_new_application(room: Room) -> None:
    room.judge(room.accuse())
    with room.file.app.app_context(), transaction() as session:
        number = scenes.drafted(session, room.file.place, 1, readmission_reason="整改完毕").id
    room.approve(number)
    customer = room.customer()
    assert (customer.disqualified_on, customer.number) == (None, "C000001")
    with room.file.app.app_context():
        assert db.session.scalars(select(Disqualified.readmitted_on)).one() == TODAY
        assert suspension.refusals(db.session(), customer.id, TODAY) == ()


@pytest.mark.rule("CHEM-17")
def test_nobody_hands_in_papers_of_a_disqualified_company_any_more(app: Flask) -> None:
    room = Room(keeping.opened(app))
    room.judge(room.accuse())
    with app.app_context(), transaction() as session:
        li, kind = room.file.place.actor(session, "li"), "merged_licence"
        for act in (
            lambda: links.make(session, li, room.file.customer, kind, NOW, is_proof=False, days=3),
            lambda: supplementing.begin(session, li, room.file.customer, NOW),
            lambda: changing.propose(session, li, room.file.customer, {"address": "新址"}, NOW, reason="迁址"),
            lambda: renewing.renew(session, li, room.file.customer, kind, keeping.licence(), keeping.scan(), NOW),
        ):
            with pytest.raises(Refused) as error:
                act()
            assert [row.clause for row in error.value.refusals] == ["CHEM-17"]


@pytest.mark.rule("CHEM-17")
def test_a_refused_proposal_changes_nothing(app: Flask) -> None:
    room = Room(keeping.opened(app))
    row = room.accuse()
    with pytest.raises(Refused):
        room.judge(row, verdict="reject")
    room.judge(row, verdict="reject", reason="证据不足")
    assert room.customer().disqualified_on is None
    room.accuse()


@pytest.mark.parametrize("who", ["li", "finance", "gm", "sales_west"])
def test_only_the_regions_sales_manager_proposes(app: Flask, who: str) -> None:
    with pytest.raises((Forbidden, NotFound)):
        Room(keeping.opened(app)).accuse(who)
