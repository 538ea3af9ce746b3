"""The chain in real tables: who is asked, in which order, and what approval brings about (CHEM-7.2)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import NOW
from tests.onboarding import scenes
from tierflow.common import approvals, decisions, files
from tierflow.common.approvals import ApprovalDecision, ApprovalSeat
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import transaction
from tierflow.common.notices import Notice
from tierflow.common.uploads import Upload
from tierflow.common.users import RoleGrant
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Conflict, Forbidden, NotFound, Refused
from tierflow.kernel.roles import Role
from tierflow.onboarding import service
from tierflow.onboarding.models import Application, ApplicationLine, Disqualified, DisqualifiedName, Paper
from tierflow.onboarding.rules.chain import Given
from tierflow.onboarding.service import creating
from tierflow.onboarding.service.listing import Filters


@dataclass
class Stage:
    """One transaction's session, and the company."""

    session: Session
    place: scenes.Company

    def actor(self, who: str) -> Any:
        return self.place.actor(self.session, who)

    def state(self, application: Application) -> tuple[str, int, str | None]:
        case = service.case_of(self.session, application.id)
        return case.state, case.round, case.step

    def told(self, kind: str) -> set[str]:
        names = {user.id: name for name, user in self.place.users.items()}
        rows = self.session.scalars(select(Notice.user_id).where(Notice.kind == f"application.{kind}"))
        return {names.get(user_id, "?") for user_id in rows}

    def save(self, application: Application, who: str = "li", **data: Any) -> Application:
        actor, version = self.actor(who), application.version
        return service.save_draft(self.session, actor, application.id, data, NOW, seen_version=version)


@pytest.fixture
def stage(app: Flask) -> Iterator[Stage]:
    """On SQLite, for what the rules and services decide."""
    yield from _stage(app)


@pytest.fixture
def each_stage(both_app: Flask) -> Iterator[Stage]:
    """On each engine in turn, for what rests on constraints, locks or the planner."""
    yield from _stage(both_app)


def _stage(app: Flask) -> Iterator[Stage]:
    with app.app_context(), transaction() as session:
        yield Stage(session, scenes.company(session))
    with app.app_context(), transaction() as session:
        assert list(decisions.verify(session)) == [], "every stored decision can be made again"


def refused(error: pytest.ExceptionInfo[Refused]) -> list[tuple[str, str | None]]:
    return [(refusal.clause, refusal.field) for refusal in error.value.refusals]


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.groundwork("CHEM-5")
def test_sales_then_finance_then_the_general_manager_make_a_customer(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    application = scenes.submitted(session, place)
    assert application.number == "KH-2026-00001"
    assert each_stage.told("waiting") == {"sales"}
    steps = []
    for who in ("sales", "finance", "gm"):
        steps.append(each_stage.state(application)[2])
        assert session.scalar(select(func.count(Customer.id))) == 0
        scenes.approve(session, place, application, who)
    assert steps == ["sales", "finance", "management"]
    assert each_stage.state(application) == ("approved", 1, None)
    customer = session.scalars(select(Customer)).one()
    assert (customer.number, customer.approved_on) == ("C000001", date(2026, 11, 23))
    assert (customer.credit_code, customer.needs_credit_code) == (application.credit_code, False)
    line = session.scalars(select(CustomerLine)).one()
    assert (line.customer_class, line.from_on, line.to_on) == ("dealer", date(2026, 11, 23), None)
    assert set(session.scalars(select(Paper.customer_id))) == {customer.id}
    assert each_stage.told("waiting") == {"sales", "finance", "finance2", "gm"}
    assert each_stage.told("approved") == {"li"}


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.groundwork("CHEM-5")
def test_a_correction_of_the_bank_account_asks_finance_and_the_manager_again(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    scenes.approve(session, place, application, "sales")
    scenes.send_back(session, place, application, "finance", "bank_account", "账号有误")
    assert stage.state(application) == ("returned", 1, None)
    assert stage.told("returned") == {"li"}
    view = service.view(session, stage.actor("li"), application.id)
    assert view.returned == {"bank_name": "账号有误", "bank_account": "账号有误"}
    stage.save(application, bank_account="1001000000000099")
    scenes.hand_in(session, place, application)
    assert stage.state(application) == ("in_approval", 2, "finance")
    seen = service.view(session, stage.actor("finance"), application.id).changes
    assert [(change.field, change.new) for change in seen] == [("bank_account", "1001000000000099")]
    scenes.approve(session, place, application, "finance")
    scenes.approve(session, place, application, "gm")
    assert stage.state(application)[0] == "approved"


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.parametrize(
    ("changed", "first"),
    [
        ({"address": "别处"}, "sales"),
        ({"name": "华东塑料新名有限公司"}, "sales"),
        ({"invoice_phone": "400-820-5555"}, "finance"),
        ({"bank_account": " 1001 0000 0000 0001 "}, "management"),  # the same account, written otherwise
        ({}, "management"),
    ],
)
def test_returned_by_the_manager_only_those_concerned_are_asked_again(
    stage: Stage, changed: dict[str, str], first: str
) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    scenes.approve(session, place, application, "sales")
    scenes.approve(session, place, application, "finance")
    scenes.send_back(session, place, application, "gm", "particulars", "请核对")
    version = application.version
    stage.save(application, **changed)
    assert (application.version == version) == (first == "management"), "a save that changes nothing is none"
    scenes.hand_in(session, place, application)
    assert stage.state(application) == ("in_approval", 2, first)


@pytest.mark.rule("CHEM-7.2")
def test_after_a_change_of_name_sales_and_finance_are_both_asked(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    scenes.approve(session, place, application, "sales")
    scenes.approve(session, place, application, "finance")
    scenes.send_back(session, place, application, "gm", "particulars", "请核对")
    stage.save(application, name="华东塑料新名有限公司")
    scenes.hand_in(session, place, application)
    scenes.approve(session, place, application, "sales")
    assert stage.state(application)[2] == "finance", "invoices bear the name"


@pytest.mark.rule("CHEM-7.2")
def test_a_verdict_needs_every_item(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    items = scenes.passes(session, application)
    keys = {item.key for item in items}
    assert {"name_and_code", f"line.{place.polyolefin}", "checklist.dealer", "paper.merged_licence"} <= keys
    bad: list[tuple[Verdict, list[Given], str, list[str | None]]] = [
        (Verdict.APPROVE, items[1:], "", [f"items.{items[0].key}"]),
        (Verdict.APPROVE, [Given(items[0].key, "fail", "不符"), *items[1:]], "", [f"items.{items[0].key}"]),
        (Verdict.APPROVE, [Given(items[0].key, "na"), *items[1:]], "", [f"items.{items[0].key}"]),
        (Verdict.APPROVE, [*items, Given("bank_account", "pass")], "", ["items.bank_account"]),
        (Verdict.APPROVE, [*items, items[0]], "", ["items"]),
        (Verdict.RETURN, [], "不行", ["items"]),
        (Verdict.RETURN, [Given("address", "fail")], "", ["items.address"]),
        (Verdict.REJECT, [], "", ["reason"]),
    ]
    for verdict, given, reason, fields in bad:
        seen, actor = scenes.seen(session, application), stage.actor("sales")
        with pytest.raises(Refused) as error:
            service.decide(session, actor, application.id, seen, verdict, NOW, reason=reason, items=given)
        assert [field for _, field in refused(error)] == fields, (verdict, given)
    scenes.approve(session, place, application, "sales", items=[Given(items[0].key, "na", "不适用"), *items[1:]])
    assert stage.state(application)[2] == "finance"


@pytest.mark.rule("CHEM-7.2")
def test_reject_ends_it_and_a_new_application_shows_the_old(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    seen = scenes.seen(session, application)
    service.decide(session, stage.actor("sales"), application.id, seen, Verdict.REJECT, NOW, reason="无经营场所")
    assert stage.state(application)[0] == "rejected"
    assert stage.told("rejected") == {"li"}
    with pytest.raises(Conflict):
        stage.save(application, name="别名公司")
    copy = service.create_draft(session, stage.actor("li"), NOW, copy_of=application.id)
    view = service.view(session, stage.actor("li"), copy.id)
    assert view.copied_from is not None
    assert view.copied_from.id == application.id
    assert view.application.credit_code == application.credit_code
    assert {row.paper.kind for row in view.papers} == {"merged_licence", "annex1_signed"}
    assert [row.line.customer_class for row in view.lines] == ["dealer"]
    scenes.hand_in(session, place, copy)
    assert stage.state(copy) == ("in_approval", 1, "sales")
    with pytest.raises(Conflict):
        service.create_draft(session, stage.actor("li"), NOW, copy_of=copy.id)


@pytest.mark.rule("CHEM-7.2")
def test_nobody_decides_twice_nor_on_their_own(stage: Stage) -> None:
    session, place = stage.session, stage.place
    person = place.users["sales"].person_id
    second = builders.user(session, "sales-as-finance", Role.FINANCE_REVIEWER, person_id=person)
    place.users["second"] = second
    applicant = builders.user(
        session, "li-as-sales", (Role.SALES_MANAGER, place.region), person_id=place.users["li"].person_id
    )
    place.users["applicant"] = applicant
    application = scenes.submitted(session, place)
    assert "?" not in stage.told("waiting")
    assert "applicant" not in stage.told("waiting"), "who cannot decide is not asked"
    with pytest.raises(Refused) as error:
        scenes.approve(session, place, application, "applicant")
    assert refused(error) == [("CHEM-7.2", None)]
    scenes.approve(session, place, application, "sales")
    with pytest.raises(Refused) as error:
        scenes.approve(session, place, application, "second")
    assert refused(error) == [("CHEM-7.2", None)], "the person counts, not the account"
    view = service.view(session, stage.actor("second"), application.id)
    assert not view.may.decide
    assert view.may.decide_refusals


@pytest.mark.rule("CHEM-7.2")
def test_a_stand_in_decides_in_the_absent_ones_name_and_both_are_recorded(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    day = date(2026, 11, 23)
    builders.delegation(session, place.users["finance"], place.users["committee"], day, day + timedelta(days=5))
    builders.delegation(session, place.users["gm"], place.users["finance2"], day, day + timedelta(days=5))
    application = scenes.submitted(session, place)
    scenes.approve(session, place, application, "sales")
    assert "committee" in each_stage.told("waiting")
    row = scenes.approve(session, place, application, "committee")
    assert (row.user_id, row.on_behalf_of_id) == (place.id_of("committee"), place.id_of("finance"))
    place.users["finance-as-gm"] = builders.user(
        session, "finance-as-gm", Role.GENERAL_MANAGER, person_id=place.users["finance"].person_id
    )
    with pytest.raises(Refused):
        scenes.approve(session, place, application, "finance-as-gm")
    row = scenes.approve(session, place, application, "finance2")
    assert row.on_behalf_of_id == place.id_of("gm")
    assert each_stage.state(application)[0] == "approved"


@pytest.mark.rule("CHEM-7.2")
def test_who_writes_for_an_absent_account_manager_keeps_both_from_deciding(stage: Stage) -> None:
    session, place = stage.session, stage.place
    day = date(2026, 11, 23)
    builders.delegation(session, place.users["li"], place.users["wang"], day, day + timedelta(days=5))
    builders.grant(session, place.users["li"], (Role.SALES_MANAGER, place.region))
    actor = stage.actor("wang")
    data = {**scenes.particulars(place), "account_manager_id": place.id_of("li")}
    application = service.create_draft(session, actor, NOW, data)
    assert application.account_manager_id == place.id_of("li")
    case = service.case_of(session, application.id)
    assert case.submitter_id == place.id_of("li"), "a return goes to the account manager's inbox and the stand-in's"
    seats = set(session.scalars(select(ApprovalSeat.person_id).where(ApprovalSeat.case_id == case.id)))
    assert seats == {place.users["li"].person_id, place.users["wang"].person_id}


@pytest.mark.rule("CHEM-7.2")
def test_the_office_and_the_region_decide_who_may(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    for who, error in (("sales_west", NotFound), ("finance", Forbidden), ("gm", Forbidden), ("committee", Forbidden)):
        with pytest.raises(error):
            scenes.approve(session, place, application, who)
    for grant in session.scalars(select(RoleGrant).where(RoleGrant.user_id == place.id_of("sales"))):
        stale_actor = stage.actor("sales")
        grant.revoked_at, grant.revoked_by_id = NOW, place.id_of("admin")
        session.flush()
    with pytest.raises(Forbidden):  # an actor read a moment ago
        service.decide(
            session,
            stale_actor,
            application.id,
            scenes.seen(session, application),
            Verdict.APPROVE,
            NOW,
            items=scenes.passes(session, application),
        )
    assert session.scalar(select(func.count(ApprovalDecision.id))) == 0


@pytest.mark.rule("CHEM-7.2")
def test_a_stale_verdict_says_where_the_case_is_now(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    seen, items = scenes.seen(session, application), scenes.passes(session, application)
    scenes.approve(session, place, application, "sales")
    with pytest.raises(Conflict) as error:
        service.decide(session, stage.actor("sales"), application.id, seen, Verdict.APPROVE, NOW, items=items)
    assert "finance department" in str(error.value.refusals[0].reason)


@pytest.mark.rule("CHEM-7.2")
def test_one_line_is_struck_and_the_rest_passes(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    asked = scenes.lines((place.polyolefin, "dealer"), (place.other_line, "direct"))
    application = scenes.submitted(session, place, lines=asked)
    struck = {place.other_line: "该产品本区域暂不发展直销"}
    bad: list[tuple[dict[int, str], list[str]]] = [
        ({place.other_line: ""}, [f"struck.{place.other_line}"]),
        ({999: "x"}, ["struck.999"]),
        ({place.other_line: "x", place.polyolefin: "x"}, ["struck"]),
    ]
    for given, fields in bad:
        with pytest.raises(Refused) as error:
            scenes.approve(session, place, application, "sales", struck=given)
        assert [field for _, field in refused(error)] == fields
    left = [item for item in scenes.passes(session, application) if item.key != f"line.{place.other_line}"]
    scenes.approve(session, place, application, "sales", struck=struck, items=left)
    with pytest.raises(Refused) as error:
        scenes.approve(session, place, application, "finance", struck={place.polyolefin: "x"})
    assert ("CHEM-7.2", "struck") in refused(error), "finance does not examine lines"
    scenes.send_back(session, place, application, "finance", "bank_account", "账号有误")
    with pytest.raises(Refused):
        each_stage.save(application, lines=scenes.lines((place.polyolefin, "dealer")))
    each_stage.save(application, bank_account="1001000000000099", lines=asked)
    scenes.hand_in(session, place, application)
    assert each_stage.state(application)[2] == "finance", "striking a line asks nobody again"
    scenes.approve(session, place, application, "finance")
    scenes.approve(session, place, application, "gm")
    assert list(session.scalars(select(CustomerLine.product_line_id))) == [place.polyolefin]
    gone = session.scalars(select(ApplicationLine).where(ApplicationLine.struck_at.is_not(None))).one()
    assert (gone.product_line_id, gone.struck_reason) == (place.other_line, struck[place.other_line])


@pytest.mark.rule("CHEM-7.1", "CHEM-7.2")
def test_a_paper_that_ran_out_meanwhile_stops_the_approval(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.drafted(session, place)
    licence = session.scalars(select(Paper).where(Paper.kind == "merged_licence")).one()
    printed = {"is_long_term": False, "valid_to": date(2026, 11, 24)}
    service.change_paper(session, stage.actor("li"), licence.id, printed, NOW)
    scenes.hand_in(session, place, application)
    last_day, day_after = NOW + timedelta(days=1), NOW + timedelta(days=2)
    scenes.approve(session, place, application, "sales", last_day)
    with pytest.raises(Refused) as error:
        scenes.approve(session, place, application, "finance", day_after)
    assert refused(error) == [("CHEM-7.1", "papers.merged_licence.valid_to")]


@pytest.mark.rule("CHEM-7.1")
def test_what_is_missing_is_told_all_at_once(stage: Stage) -> None:
    session = stage.session
    application = service.create_draft(session, stage.actor("li"), NOW, {"name": "华东塑料有限公司"})
    with pytest.raises(Refused) as error:
        service.submit(session, stage.actor("li"), application.id, NOW, seen_version=application.version)
    fields = {field for _, field in refused(error)}
    assert {"credit_code", "region_id", "bank_account", "lines", "papers.merged_licence"} <= fields
    assert "name" not in fields
    assert stage.state(application) == ("draft", 0, None)


@pytest.mark.rule("CHEM-7.1")
def test_a_company_becomes_a_customer_once(stage: Stage) -> None:
    session, place = stage.session, stage.place
    first = scenes.submitted(session, place)
    with pytest.raises(Refused) as error:
        scenes.submitted(session, place, who="wang")
    assert refused(error) == [("CHEM-7.1", "credit_code")]
    for who in ("sales", "finance", "gm"):
        scenes.approve(session, place, first, who)
    with pytest.raises(Refused) as error:
        scenes.submitted(session, place)
    assert refused(error) == [("CHEM-7.1", "credit_code")]
    found = service.find_matches(session, stage.actor("wang"), {"credit_code": scenes.credit_code(1)})
    assert [(match.label, match.holder) for match in found if match.source == "customer"] == [("C000001", "人li")]
    mine = service.find_matches(session, stage.actor("li"), {"name": "华东塑料第1股份有限公司"})
    assert ("customer", "name", "C000001 华东塑料第1有限公司") in [(m.source, m.field, m.label) for m in mine]


@pytest.mark.rule("CHEM-17")
def test_a_disqualified_company_comes_back_only_through_the_manager(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    row = Disqualified(
        name="旧名塑料", credit_code=None, organisation_code=None, ground="fraud", since=date(2025, 1, 1)
    )
    session.add(row)
    session.flush()
    session.add(DisqualifiedName(disqualified_id=row.id, name="华东塑料第1公司", name_key="华东塑料第1"))
    session.flush()
    application = scenes.drafted(session, place)
    with pytest.raises(Refused) as error:
        scenes.hand_in(session, place, application)
    assert refused(error) == [("CHEM-17", "name")]
    each_stage.save(application, readmission_reason="整改完毕，已结清欠款")
    scenes.hand_in(session, place, application)
    case = service.case_of(session, application.id)
    assert not case.all_green
    for who in ("sales", "finance"):
        scenes.approve(session, place, application, who)
    assert row.readmitted_on is None
    scenes.approve(session, place, application, "gm")
    assert (row.readmitted_on, row.readmitted_application_id) == (date(2026, 11, 23), application.id)


@pytest.mark.rule("CHEM-7.2")
def test_withdrawn_corrected_and_handed_in_again(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    with pytest.raises(Conflict):
        stage.save(application, address="别处")
    service.withdraw(session, stage.actor("li"), application.id, NOW, reason="地址有误")
    assert stage.told("withdrawn") == {"sales"}
    stage.save(application, address="别处")
    scenes.hand_in(session, place, application)
    assert stage.state(application) == ("in_approval", 2, "sales")
    service.withdraw(session, stage.actor("li"), application.id, NOW, reason="不办了")
    service.discard(session, stage.actor("li"), application.id, NOW, reason="不办了")
    assert stage.state(application)[0] == "discarded"
    with pytest.raises(Conflict):
        scenes.hand_in(session, place, application)


@pytest.mark.rule("CHEM-7.2")
def test_an_opinion_is_asked_without_moving_the_chain(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    before = stage.state(application)
    with pytest.raises(Forbidden):
        service.ask(session, stage.actor("finance"), application.id, place.id_of("wang"), "?", "ask", NOW)
    with pytest.raises(NotFound):
        service.get_visible(session, stage.actor("wang"), application.id)
    asked = service.ask(session, stage.actor("sales"), application.id, place.id_of("wang"), "了解吗？", "ask", NOW)
    assert service.get_visible(session, stage.actor("wang"), application.id).id == application.id
    scan = service.view(session, stage.actor("wang"), application.id).papers[0].file
    assert service.file_for(session, stage.actor("wang"), scan.id).id == scan.id
    approvals.answer(session, asked.id, "信誉良好", stage.actor("wang"), NOW)
    copied = service.ask(session, stage.actor("li"), application.id, place.id_of("committee"), "", "copy", NOW)
    assert copied.kind == "copy"
    assert stage.state(application) == before
    opinions = service.view(session, stage.actor("sales"), application.id).opinions
    assert [(row.user.id, row.opinion.answer) for row in opinions] == [
        (place.id_of("wang"), "信誉良好"),
        (place.id_of("committee"), None),
    ]
    kinds = session.scalars(select(Notice.user_id).where(Notice.kind == "opinion.asked")).all()
    assert set(kinds) == {place.id_of("wang"), place.id_of("committee")}


@pytest.mark.rule("CHEM-7.2")
def test_the_queue_goes_by_urgency_and_around(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    made = []
    for number in range(3):
        application = scenes.drafted(session, place, number + 1)
        scenes.hand_in(session, place, application, now=NOW + timedelta(days=number))
        made.append(application.id)
    other = scenes.submitted(session, place, 9, region_id=place.other_region)
    sales = each_stage.actor("sales")
    assert service.next_in_queue(session, sales) == made[0]
    assert [service.next_in_queue(session, sales, here) for here in made] == [made[1], made[2], made[0]]
    scenes.approve(session, place, session.get_one(Application, made[0]), "sales")
    assert service.next_in_queue(session, sales, made[0]) == made[1]
    assert service.next_in_queue(session, each_stage.actor("finance")) == made[0]
    assert service.next_in_queue(session, each_stage.actor("sales_west")) == other.id
    assert service.next_in_queue(session, each_stage.actor("gm")) is None


def test_the_list_is_narrowed_and_scoped(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    east = scenes.submitted(session, place, 1)
    west = scenes.submitted(session, place, 2, who="wang", region_id=place.other_region)
    draft = scenes.drafted(session, place, 3, lines=scenes.lines((place.other_line, "exclusive_agent")))

    def ids(who: str, **narrowed: Any) -> list[int]:
        page = service.list_applications(session, each_stage.actor(who), Filters(**narrowed))
        return [row.application.id for row in page.rows]

    assert ids("gm") == [draft.id, west.id, east.id]
    assert ids("sales") == [draft.id, east.id]
    assert ids("li") == [draft.id, east.id]
    assert ids("wang") == [west.id]
    assert ids("gm", state="in_approval") == [west.id, east.id]
    assert ids("gm", step="finance") == []
    assert ids("gm", region_id=place.other_region) == [west.id]
    assert ids("gm", account_manager_id=place.id_of("li")) == [draft.id, east.id]
    assert ids("gm", product_line_id=place.other_line) == [draft.id]
    assert ids("gm", customer_class="dealer") == [west.id, east.id]
    assert ids("gm", q="第2") == [west.id]
    assert ids("gm", q="KH-2026-00003") == [draft.id]
    assert ids("gm", q=scenes.credit_code(1)[-6:]) == [east.id]
    assert ids("gm", over_quota=True) == []
    first = service.list_applications(session, each_stage.actor("gm"), Filters(), size=2)
    second = service.list_applications(session, each_stage.actor("gm"), Filters(), size=2, cursor=first.after)
    assert [row.application.id for row in (*first.rows, *second.rows)] == [draft.id, west.id, east.id]


@pytest.mark.groundwork("CHEM-10.8")
def test_one_dealer_too_many_is_flagged_to_the_approvers(stage: Stage) -> None:
    session, place = stage.session, stage.place
    for number in range(20):
        customer = Customer(
            number=f"X{number}",
            region_id=place.region,
            account_manager_id=place.id_of("li"),
            approved_at=NOW,
            approved_on=date(2026, 1, 1),
            credit_code=scenes.credit_code(1000 + number),
            **dict.fromkeys(
                (
                    "name",
                    "name_key",
                    "legal_representative",
                    "address",
                    "contact_name",
                    "phone",
                    "phone_key",
                    "bank_name",
                    "bank_account",
                    "account_key",
                    "invoice_address",
                    "invoice_phone",
                ),
                f"x{number}",
            ),
        )
        session.add(customer)
        session.flush()
        session.add(
            CustomerLine(
                customer_id=customer.id,
                product_line_id=place.polyolefin,
                customer_class="dealer",
                from_on=date(2026, 1, 1),
            )
        )
    flagged = scenes.submitted(session, place, 1)
    assert flagged.over_quota
    assert not service.case_of(session, flagged.id).all_green
    elsewhere = scenes.submitted(session, place, 2, region_id=place.other_region)
    assert not elsewhere.over_quota
    assert service.case_of(session, elsewhere.id).all_green


def test_summary_and_changes_are_told_in_words(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.submitted(session, place)
    case = service.case_of(session, application.id)
    content = approvals.current_content(session, case)
    sections = service.summary(session, content)
    assert [section.title.msgid for section in sections][:2] == ["company particulars", "product lines and classes"]
    rows = {str(label): str(value) for section in sections for label, value in section.rows}
    assert rows["sales region"] == "华东"
    assert rows["聚烯烃"] == "dealer"
    assert rows["merged business licence"].startswith(f"No. {application.credit_code}")
    service.withdraw(session, stage.actor("li"), application.id, NOW, reason="改")
    stage.save(application, region_id=place.other_region, address="别处")
    scenes.hand_in(session, place, application)
    shown = service.show_changes(session, service.changes_since(session, application.id, 1))
    assert [(str(row.field), str(row.old), str(row.new)) for row in shown] == [
        ("registered address", "上海市浦东新区世纪大道1号", "别处"),
        ("sales region", "华东", "华西"),
    ]


def test_content_is_the_same_until_something_changes(stage: Stage) -> None:
    session, place = stage.session, stage.place
    application = scenes.drafted(session, place)
    before = service.content_of(session, application)
    actor = stage.actor("li")
    paper = session.scalars(select(Paper).where(Paper.kind == "annex1_signed")).one()
    scan = service.file_for(session, actor, paper.file_id)
    same = Upload(scan.name, files.content_of(session, scan))
    service.change_paper(session, actor, paper.id, {}, NOW, upload=same)
    stage.save(application, **scenes.particulars(place))
    assert service.content_of(session, application) == before
    service.change_paper(session, actor, paper.id, {}, NOW, upload=Upload(scan.name, scenes.pdf()))
    assert service.content_of(session, application) != before


@pytest.mark.rule("CHEM-7.1")
def test_old_papers_make_a_customer_flagged_for_its_new_code(stage: Stage) -> None:
    session, place = stage.session, stage.place
    actor = stage.actor("li")
    data = scenes.particulars(place, credit_code=None, organisation_code="60003734-1")
    data["lines"], data["checks"] = scenes.lines((place.polyolefin, "direct")), scenes.answers("direct")
    application = service.create_draft(session, actor, NOW, data)
    for kind in ("business_licence", "organisation_code_certificate", "tax_registration_joint", "annex1_signed"):
        printed = {} if kind == "annex1_signed" else scenes.printed("60003734-1")
        service.add_paper(session, actor, application.id, kind, Upload("a.png", scenes.png()), printed, NOW)
    scenes.hand_in(session, place, application)
    for who in ("sales", "finance", "gm"):
        scenes.approve(session, place, application, who)
    customer = session.scalars(select(Customer)).one()
    assert (customer.credit_code, customer.organisation_code) == (None, "600037341")
    assert customer.needs_credit_code
    found = service.find_matches(session, actor, {"credit_code": "91110000600037341L"})
    assert [(match.source, match.field) for match in found] == [("customer", "code")], "known by the code inside"


def test_a_rival_with_the_same_code_is_refused_by_the_database_itself(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    first = scenes.submitted(session, place)
    for who in ("sales", "finance", "gm"):
        scenes.approve(session, place, first, who)
    late = scenes.drafted(session, place)
    found = service.preview_admission(session, each_stage.actor("gm"), late.id, NOW)
    with pytest.raises(Refused) as error:
        creating.admit(session, late, found, each_stage.actor("gm"), NOW)
    assert refused(error) == [("CHEM-7.1", "credit_code")]
    assert session.scalar(select(func.count(Customer.id))) == 1


def test_a_page_asks_the_database_no_more_for_more_data(each_stage: Stage) -> None:
    session, place = each_stage.session, each_stage.place
    counted: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        counted.append(statement)

    def queries(ask: Any) -> int:
        session.flush()
        session.expire_all()
        actor = each_stage.actor("gm")
        event.listen(session.get_bind(), "before_cursor_execute", note)
        counted.clear()
        ask(actor)
        event.remove(session.get_bind(), "before_cursor_execute", note)
        return len(counted)

    def asked() -> dict[str, int]:
        return {
            "application": queries(lambda actor: service.view(session, actor, 1)),
            "customer": queries(lambda actor: service.customer_view(session, actor, 1, NOW)),
            "applications": queries(lambda actor: service.list_applications(session, actor, Filters())),
            "customers": queries(lambda actor: service.list_customers(session, actor, service.CustomerFilters(), NOW)),
        }

    for number in (1, 2, 3, 4):
        application = scenes.submitted(session, place, number)
        for who in ("sales", "finance", "gm"):
            scenes.approve(session, place, application, who)
        if number == 1:
            few = asked()
    assert asked() == few
    assert few["customer"] <= 8
    assert few["customers"] <= 3
    assert few["applications"] == 1
    assert few["application"] <= 12
