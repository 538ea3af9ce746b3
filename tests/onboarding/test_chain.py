"""The chain in real tables: who is asked, in which order, and what approval brings about (CHEM-7.2)."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from tests import builders
from tests.conftest import NOW
from tests.onboarding import scenes
from tests.onboarding.stages import Stage, refused
from tierflow.common import approvals
from tierflow.common.approvals import ApprovalDecision, ApprovalSeat
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.notices import Notice
from tierflow.common.users import RoleGrant
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Conflict, Forbidden, NotFound, Refused
from tierflow.kernel.roles import Role
from tierflow.onboarding import service
from tierflow.onboarding.models import Disqualified, DisqualifiedName, Paper
from tierflow.onboarding.rules.chain import Given


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
