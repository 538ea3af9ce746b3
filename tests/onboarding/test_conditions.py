"""What an approval needs besides verdicts: papers in force, nothing missing, lines struck, one company once."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from tests.conftest import NOW
from tests.onboarding import scenes
from tests.onboarding.stages import Stage, refused
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.uploads import Upload
from tierflow.kernel.errors import Refused
from tierflow.onboarding import service
from tierflow.onboarding.models import ApplicationLine, Paper
from tierflow.onboarding.service import creating


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
