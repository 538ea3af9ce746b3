"""Companies disqualified before tierflow: put on the list, checked, taken off it (CHEM-17)."""

from __future__ import annotations

import html
import re
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.conftest import StandingClock
from tests.onboarding import keeping, scenes
from tests.onboarding.listing_desk import SEEN, TODAY, Desk, outcomes, row, told
from tests.onboarding.scenes import credit_code
from tests.onboarding.test_leaving_doors import scan, verdict
from tests.onboarding.test_pages import House
from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.files import StoredFile
from tierflow.common.imports import service
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, Refused
from tierflow.onboarding.models import Disqualified, Listing
from tierflow.onboarding.rules.leaving import read_ground, read_names


@pytest.mark.parametrize(
    ("written", "ground"),
    [("fraud", "fraud"), (" Loss ", "loss"), ("违法被立案调查", "law"), ("失信", "fraud"), ("", None), ("其他", None)],
)
def test_the_ground_is_read_as_people_write_it(written: str, ground: str | None) -> None:
    assert read_ground(written) == ground


def test_former_names_are_read_however_they_are_parted() -> None:
    assert read_names("甲公司；乙公司\n丙公司;甲公司、 现名", "现名") == ["甲公司", "乙公司", "丙公司"]


@pytest.mark.rule("CHEM-17")
def test_a_company_is_on_the_list_once_the_general_manager_says_so(desk: Desk) -> None:
    listing = desk.enter()
    assert desk.fields(name="旧案化工有限公司") == set()
    for who in ("sales", "li", "finance"):
        with pytest.raises((Forbidden, Refused)):
            desk.decide(listing, who)
    desk.decide(listing)
    (listed,) = desk.listed()
    assert (listed.ground, listed.since, listed.customer_id) == ("fraud", date(2018, 5, 1), None)
    for typed in ({"name": "旧案化工有限公司"}, {"name": "旧案 石化有限公司"}):
        assert desk.fields(**typed) == {"name"}
    assert desk.fields(name="新名字有限公司", credit_code=credit_code(77)) == {"code"}
    assert desk.fields(name="新名字有限公司", legal_representative="钱某") == {"legal_representative"}


@pytest.mark.rule("CHEM-17")
def test_the_evidence_belongs_to_its_proposal(desk: Desk) -> None:
    listings = [desk.enter(), desk.enter(name="乙化工有限公司", credit_code=credit_code(78))]
    query = select(StoredFile.subject_type, StoredFile.subject_id).join(Listing, Listing.file_id == StoredFile.id)
    found = db.session().execute(query.order_by(Listing.id)).all()
    assert [tuple(one) for one in found] == [("listing", listing) for listing in listings]


@pytest.mark.rule("CHEM-17")
def test_refused_by_the_general_manager_it_is_not_on_the_list(desk: Desk) -> None:
    listing = desk.enter()
    desk.decide(listing, verdict_="reject", reason="证据不足")
    assert desk.listed() == []
    with pytest.raises(Conflict):
        desk.decide(listing)
    desk.decide(desk.enter())
    assert len(desk.listed()) == 1


@pytest.mark.rule("CHEM-17")
@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"credit_code": "91310000000000000X"}, {"credit_code"}),
        ({"organisation_code": "000000019"}, {"organisation_code"}),
        ({"name": "——"}, {"name"}),
        ({"ground": "other"}, {"ground"}),
        ({"since": TODAY + timedelta(days=1)}, {"since"}),
        ({"since": date(1900, 1, 1)}, {"since"}),
    ],
)
def test_what_cannot_be_entered(desk: Desk, changed: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(Invalid) as invalid:
        desk.enter(**changed)
    assert set(invalid.value.errors) == fields


@pytest.mark.rule("CHEM-17")
def test_nobody_is_entered_twice_and_no_customer(desk: Desk) -> None:
    first = desk.enter()
    with pytest.raises(Refused) as waiting:
        desk.enter()
    assert [one.field for one in waiting.value.refusals] == ["name"]
    desk.decide(first)
    with pytest.raises(Refused) as twice:
        desk.enter(name="另一个名字有限公司")
    assert [one.field for one in twice.value.refusals] == ["credit_code"]
    with pytest.raises(Refused) as named:
        desk.enter(credit_code=None, name="旧案石化有限公司")
    assert [one.field for one in named.value.refusals] == ["name"]
    with transaction() as session:
        customer = session.get_one(Customer, keeping.admitted(session, desk.place, 5))
        code = customer.credit_code
    with pytest.raises(Refused) as ours:
        desk.enter(name="我们的客户", credit_code=code)
    assert [one.clause for one in ours.value.refusals] == ["CHEM-17"]


@pytest.mark.rule("CHEM-17")
def test_a_proposal_of_the_same_code_under_another_name_waits_for_the_first(desk: Desk) -> None:
    desk.enter()
    with pytest.raises(Refused) as waiting:
        desk.enter(name="另一个名字有限公司")
    assert [one.field for one in waiting.value.refusals] == ["credit_code"]


@pytest.mark.rule("CHEM-17")
def test_a_company_that_came_on_the_list_meanwhile_is_not_put_on_it_again(desk: Desk) -> None:
    listing = desk.enter()
    batch = desk.upload(row(1, credit_code=credit_code(77)))
    desk.act("sales", service.hand_in, batch.id, {})
    desk.act("gm", service.apply, batch.id, SEEN)
    with pytest.raises(Refused) as refused:
        desk.decide(listing)
    assert [(one.clause, one.field) for one in refused.value.refusals] == [("CHEM-17", "credit_code")]
    assert [one.name for one in desk.listed()] == ["旧名单第1有限公司"]
    assert outcomes() == [None]
    desk.decide(listing, verdict_="reject", reason="已在名单中")
    assert outcomes() == ["rejected"]


@pytest.mark.rule("CHEM-17")
def test_a_company_that_became_a_customer_meanwhile_is_not_put_on_the_list(desk: Desk) -> None:
    listing = desk.enter(credit_code=credit_code(5))
    with transaction() as session:
        number = session.get_one(Customer, keeping.admitted(session, desk.place, 5)).number
    with pytest.raises(Refused) as refused:
        desk.decide(listing)
    assert [one.reason.params["number"] for one in refused.value.refusals] == [number]
    assert (desk.listed(), outcomes()) == ([], [None])


@pytest.mark.rule("CHEM-17")
def test_a_company_readmitted_meanwhile_is_not_taken_off_anew(desk: Desk) -> None:
    desk.decide(desk.enter())
    strike = desk.strike(desk.listed()[0].id)
    with transaction() as session:
        session.get_one(Disqualified, desk.listed()[0].id).readmitted_on = TODAY - timedelta(days=1)
    with pytest.raises(Refused):
        desk.decide(strike)
    assert desk.listed()[0].readmitted_on == TODAY - timedelta(days=1)


@pytest.mark.rule("CHEM-17")
def test_a_customer_disqualified_long_ago_is_on_the_list_and_no_customer(desk: Desk) -> None:
    desk.disqualify(5)
    with pytest.raises(Refused) as refused:
        desk.enter(credit_code=credit_code(5))
    assert ["number" in one.reason.params for one in refused.value.refusals] == [False]
    batch = desk.upload(row(1, credit_code=credit_code(5)), row(2))
    assert (batch.good, batch.duplicate, batch.bad) == (1, 1, 0)


@pytest.mark.rule("CHEM-17")
def test_taken_off_the_list_it_is_checked_no_more(desk: Desk) -> None:
    desk.decide(desk.enter())
    (listed,) = desk.listed()
    strike = desk.strike(listed.id)
    with pytest.raises(Conflict):
        desk.strike(listed.id)
    assert desk.fields(name="旧案化工有限公司") == {"name"}
    desk.decide(strike)
    assert desk.fields(name="旧案化工有限公司", credit_code=credit_code(77), legal_representative="钱某") == set()
    (listed,) = desk.listed()
    assert (listed.readmitted_on, listed.readmitted_application_id) == (TODAY, None)
    with pytest.raises(Refused):
        desk.strike(listed.id)
    desk.decide(desk.enter())  # and may come on it anew
    assert len(desk.listed()) == 2


@pytest.mark.rule("CHEM-17")
def test_a_former_customer_comes_back_by_an_application_alone(desk: Desk) -> None:
    with transaction() as session:
        customer = keeping.admitted(session, desk.place, 5)
        session.add(Disqualified(name="x", ground="law", since=TODAY, customer_id=customer))
    (listed,) = desk.listed()
    with pytest.raises(Refused) as refused:
        desk.strike(listed.id)
    assert [one.clause for one in refused.value.refusals] == ["CHEM-17"]


@pytest.mark.rule("CHEM-17")
@pytest.mark.parametrize("door", ["page", "api"])
def test_a_company_goes_on_the_list_and_off_it_through_either_door(app: Flask, door: str) -> None:
    with app.app_context(), transaction() as session:
        house = House(app, scenes.company(session))
    sales, gm = house.screen("sales"), house.screen("gm")
    form = {**told(), "since": "2018-05-01"}
    base, headers = ("", {}) if door == "page" else ("/api/v1", {"X-CSRFToken": sales.token})

    def post(path: str, data: dict[str, Any]) -> None:
        more = {"csrf_token": sales.token} if door == "page" else {}
        answer = sales.client.post(f"{base}{path}", data={**more, **data}, headers=headers)
        assert answer.status_code in (201, 302), answer.get_data(as_text=True)

    def decide(listing: int) -> None:
        said = verdict(gm, f"/listings/{listing}", reason="同意")
        assert f"/listings/{listing}" in gm.get("/")
        if door == "page":
            assert gm.post(f"/listings/{listing}/decide", said).status_code == 302
        else:
            answer = gm.client.post(
                f"/api/v1/listings/{listing}/decisions", json=said, headers={"X-CSRFToken": gm.token}
            )
            assert answer.get_json()["outcome"] == "accepted"

    assert "曾用名" in sales.get("/listings/new")
    post("/listings", {**form, **scan()})
    assert "拟列入名单" in sales.get("/disqualified")
    decide(1)
    page = sales.get("/disqualified")
    assert "旧案贸易有限公司" in page
    assert "拟列入名单" not in page
    assert "旧案化工有限公司" in sales.get("/disqualified/1/strike")
    post("/disqualified/1/strike" if door == "page" else "/disqualified/1/strikes", {"reason": "另有其人"})
    decide(2)
    assert "移出名单" in sales.get("/disqualified")
    with app.app_context():
        assert [one.outcome for one in db.session().scalars(select(Listing).order_by(Listing.id))] == ["accepted"] * 2
        cases = select(ApprovalCase.state).where(ApprovalCase.subject_type == "listing")
        assert set(db.session().scalars(cases)) == {"approved"}


@pytest.mark.rule("CHEM-17")
def test_every_proposal_that_waits_is_on_some_page(app: Flask, clock: StandingClock) -> None:
    with app.app_context():
        desk = Desk(clock)
        for number in range(31):
            desk.enter(name=f"待定第{number}有限公司", credit_code=credit_code(100 + number))
    house = House(app, desk.place)
    first = house.screen("gm").get("/disqualified")
    assert "待定第29有限公司" in first
    assert "待定第30有限公司" not in first
    onwards = re.search(r'rel="next" href="([^"]+)"', first)
    assert onwards
    second = house.screen("gm").get("/disqualified" + html.unescape(onwards[1]))
    assert "待定第30有限公司" in second
    assert "待定第29有限公司" not in second
    assert 'rel="prev"' in second


@pytest.mark.rule("CHEM-17")
def test_the_form_says_at_which_field_it_is_wrong_and_keeps_what_was_typed(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        house = House(app, scenes.company(session))
    sales = house.screen("sales")
    answer = sales.post("/listings", {**told(), "since": "2018-05-01", "credit_code": "123", **scan()})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "2018年提供虚假营业执照" in page
    assert 'aria-invalid="true"' in page
