"""Handing a portfolio over (CHEM-3.3): signed by both, whole or not at all, and nobody leaves before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from jobs import handovers as duty
from jobs.duty import Errand
from tests import builders
from tests.conftest import NOW, StandingClock
from tests.onboarding import scenes
from tierflow.admin.service import granting, people
from tierflow.common import notices, portfolios
from tierflow.common.approvals import ApprovalCase
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.users import Delegation, RoleGrant, User
from tierflow.complaints.models import Inquiry
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.text import text
from tierflow.onboarding.models import Application, Handover
from tierflow.onboarding.rules.handover import Standing, refusals_to_propose, standing
from tierflow.onboarding.service import handover as service

TODAY = date(2026, 11, 23)
TOMORROW = TODAY + timedelta(days=1)


def _times(**given: Any) -> Handover:
    plain: dict[str, Any] = {"giver_signed_at": None, "taker_signed_at": None, "done_at": None, "ended_at": None}
    return Handover(**{"effective_on": TODAY, **plain, **given})


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize(
    ("times", "found"),
    [
        ({}, Standing.PROPOSED),
        ({"giver_signed_at": NOW}, Standing.PROPOSED),
        ({"taker_signed_at": NOW}, Standing.PROPOSED),
        ({"giver_signed_at": NOW, "taker_signed_at": NOW}, Standing.DUE),
        ({"giver_signed_at": NOW, "taker_signed_at": NOW, "effective_on": TOMORROW}, Standing.SIGNED),
        ({"giver_signed_at": NOW, "taker_signed_at": NOW, "done_at": NOW}, Standing.DONE),
        ({"ended_at": NOW}, Standing.ENDED),
    ],
)
def test_where_a_handover_stands_follows_from_its_times(times: dict[str, Any], found: Standing) -> None:
    assert standing(_times(**times), TODAY) is found


@pytest.mark.parametrize(
    ("giver", "taker", "day", "fields"),
    [
        (1, 2, TODAY, []),
        (1, 2, TOMORROW, []),
        (1, 2, TODAY - timedelta(days=1), ["effective_on"]),
        (1, 1, TODAY, ["taker_id"]),
    ],
)
def test_what_cannot_be_proposed(giver: int, taker: int, day: date, fields: list[str]) -> None:
    assert [refusal.field for refusal in refusals_to_propose(giver, taker, day, TODAY)] == fields


class House:
    """li has a customer, a draft, an application in approval, an inquiry, a warning and a stand-in."""

    def __init__(self) -> None:
        with transaction() as session:
            self.place = scenes.company(session)
            approved = scenes.submitted(session, self.place, 1)
            for who in ("sales", "finance", "gm"):
                scenes.approve(session, self.place, approved, who)
            self.waiting = scenes.submitted(session, self.place, 2).id
            self.draft = scenes.drafted(session, self.place, 3).id
            self.customer = session.scalars(select(Customer.id)).one()
            li, wang = (session.get_one(User, self.place.id_of(name)) for name in ("li", "wang"))
            builders.delegation(session, li, wang, TODAY, TODAY + timedelta(days=9))
            session.add(_inquiry(self.place.region, li.id))
            warning = text("This is not valid.")
            notices.notify(session, [li.id], "paper.expiry", warning, ("customer", self.customer), NOW, dedupe_key="w")

    def propose(self, who: str = "sales", **changed: Any) -> int:
        data = {
            "giver_id": self.place.id_of("li"),
            "taker_id": self.place.id_of("wang"),
            "effective_on": TODAY,
            "reason": "离职",
            **changed,
        }
        with transaction() as session:
            return service.propose(session, self.place.actor(session, who), data, NOW).id

    def sign(self, handover_id: int, who: str, side: str, absence: str = "", now: Any = NOW) -> None:
        with transaction() as session:
            service.sign(session, self.place.actor(session, who, now), handover_id, side, now, absence=absence)

    def owner_of(self, model: Any, row_id: int, column: str = "account_manager_id") -> str:
        db.session().rollback()
        owner = getattr(db.session().get_one(model, row_id, populate_existing=True), column)
        return next(name for name, user in self.place.users.items() if user.id == owner)

    def handover(self, handover_id: int) -> Handover:
        db.session().rollback()
        return db.session().get_one(Handover, handover_id, populate_existing=True)


def _inquiry(region_id: int, owner_id: int) -> Inquiry:
    return Inquiry(
        number="ZX-1",
        customer_name="x",
        contact_name="x",
        contact_phone="x",
        region_id=region_id,
        channel="phone",
        question="?",
        asked_at=NOW,
        keyed_at=NOW,
        due_at=NOW,
        taken_by_id=owner_id,
        owner_id=owner_id,
    )


@pytest.fixture
def house(both_app: Flask) -> Iterator[House]:
    with both_app.app_context():
        yield House()


@pytest.mark.rule("CHEM-3.3")
def test_everything_goes_over_in_one_step_once_both_have_signed(house: House) -> None:
    made = house.propose()
    house.sign(made, "li", "giver")
    assert house.owner_of(Customer, house.customer) == "li"
    house.sign(made, "wang", "taker")
    found = house.handover(made)
    assert found.done_at == NOW
    assert found.moved == {
        "customers": 1,
        "applications": 2,
        "cases": 2,
        "delegations": 1,
        "inquiries": 1,
        "notices": found.moved["notices"],
    }
    for model, row_id in ((Customer, house.customer), (Application, house.waiting), (Application, house.draft)):
        assert house.owner_of(model, row_id) == "wang"
    assert house.owner_of(Inquiry, 1, "owner_id") == "wang"
    case = db.session().scalars(select(ApprovalCase.id).where(ApprovalCase.subject_id == house.draft)).one()
    assert house.owner_of(ApprovalCase, case, "submitter_id") == "wang"
    assert db.session().scalars(select(Delegation)).one().revoked_at is not None
    told = db.session().scalars(select(notices.Notice.kind).where(notices.Notice.user_id == house.place.id_of("wang")))
    assert "paper.expiry" in set(told)


@pytest.mark.rule("CHEM-3.3")
def test_nobody_leaves_or_loses_the_office_while_open_work_lies_with_them(house: House) -> None:
    li = house.place.id_of("li")
    with transaction() as session:
        session.add(
            RoleGrant(user_id=house.place.id_of("wang"), role="finance_reviewer", from_on=TODAY, approved_at=NOW)
        )
        grant = session.scalars(select(RoleGrant.id).where(RoleGrant.user_id == li)).one()
    with pytest.raises(Refused) as refused, transaction() as session:
        people.disable(session, house.place.actor(session, "admin"), li, "离职", NOW)
    assert {refusal.clause for refusal in refused.value.refusals} == {"CHEM-3.3"}
    assert len(refused.value.refusals) == 4  # customers, applications, cases, the inquiry
    with pytest.raises(Refused), transaction() as session:
        granting.revoke(session, house.place.actor(session, "admin"), grant, "调岗", NOW)
    made = house.propose()
    house.sign(made, "li", "giver")
    house.sign(made, "wang", "taker")
    with transaction() as session:
        people.disable(session, house.place.actor(session, "admin"), li, "离职", NOW)
    assert db.session().get_one(User, li, populate_existing=True).disabled_at == NOW


def test_a_later_day_takes_effect_by_the_scheduler_or_by_a_word_when_it_stands_still(
    house: House, clock: StandingClock
) -> None:
    made = house.propose(effective_on=TOMORROW)
    house.sign(made, "li", "giver")
    house.sign(made, "wang", "taker")
    assert house.handover(made).done_at is None
    with pytest.raises(Refused), transaction() as session:
        service.complete(session, house.place.actor(session, "wang"), made, NOW)
    later = NOW + timedelta(days=1)
    setup: Any = None
    assert duty.due(db.session(), Errand(None, NOW, setup)) == []
    assert duty.due(db.session(), Errand(None, later, setup)) == [str(made)]
    with transaction() as session:
        assert duty.complete(session, Errand(None, later, setup, str(made))) == {"done": True}
    assert house.owner_of(Customer, house.customer) == "wang"
    assert duty.due(db.session(), Errand(None, later, setup)) == []


def test_a_taker_who_cannot_any_more_keeps_everything_where_it_is(house: House) -> None:
    made = house.propose(effective_on=TOMORROW)
    house.sign(made, "li", "giver")
    house.sign(made, "wang", "taker")
    with transaction() as session:
        session.get_one(User, house.place.id_of("wang")).disabled_at = NOW
    later = NOW + timedelta(days=1)
    with transaction() as session:
        assert service.complete_due(session, made, later) is False
    assert house.owner_of(Customer, house.customer) == "li"
    sales = house.place.id_of("sales")
    told = db.session().scalars(select(notices.Notice.dedupe_key).where(notices.Notice.user_id == sales)).all()
    assert f"handover.{made}.stuck" in told


def test_an_absent_giver_is_signed_for_by_the_sales_manager_with_a_reason(house: House) -> None:
    made = house.propose()
    with pytest.raises(Invalid):
        house.sign(made, "sales", "giver")
    for who in ("wang", "sales_west"):
        with pytest.raises((Forbidden, NotFound)):
            house.sign(made, who, "giver", "不在")
    house.sign(made, "sales", "giver", "已离岗，无法签字")
    house.sign(made, "wang", "taker")
    found = house.handover(made)
    assert (found.absence, found.giver_signed_by_id) == ("已离岗，无法签字", house.place.id_of("sales"))
    assert found.done_at == NOW


@pytest.mark.parametrize(
    ("who", "changed", "error"),
    [
        ("li", {}, None),
        ("sales", {}, None),
        ("sales_west", {}, Refused),  # answers for none of these customers
        ("wang", {}, Refused),
        ("finance", {}, Forbidden),
        ("sales", {"taker": "finance"}, Refused),  # no account manager
        ("sales", {"taker": "li"}, Refused),
        ("sales", {"effective_on": TODAY - timedelta(days=1)}, Refused),
    ],
)
def test_who_may_propose_what(app: Flask, who: str, changed: dict[str, Any], error: Any) -> None:
    with app.app_context():
        house = House()
        if "taker" in changed:
            changed = {"taker_id": house.place.id_of(changed["taker"])}
        if error is None:
            assert house.propose(who, **changed)
            with pytest.raises(Conflict):  # one at a time
                house.propose(who, **changed)
        else:
            with pytest.raises(error):
                house.propose(who, **changed)


def test_given_up_nothing_is_moved_and_a_new_one_can_be_proposed(house: House) -> None:
    made = house.propose()
    with transaction() as session:
        service.end(session, house.place.actor(session, "wang"), made, "不能接收", NOW)
    with pytest.raises(Conflict):
        house.sign(made, "li", "giver")
    assert house.owner_of(Customer, house.customer) == "li"
    assert house.propose()


def test_every_share_counts_what_it_moves(house: House) -> None:
    li, wang = house.place.id_of("li"), house.place.id_of("wang")
    before = {held.share.key: held.number for held in portfolios.held_by(db.session(), li, TODAY)}
    with transaction() as session:
        actor = house.place.actor(session, "sales")
        moved = portfolios.move_all(session, portfolios.Change(li, wang, actor, NOW))
    assert moved == before
    left = {held.share.key for held in portfolios.held_by(db.session(), li, TODAY)}
    assert left <= {"notices"}  # they stay with who was told, too


@pytest.mark.parametrize("kind", ["page", "api"])
def test_both_doors_lead_to_the_same_handover(app: Flask, kind: str) -> None:
    with app.app_context():
        house = House()
        ids = {name: house.place.id_of(name) for name in ("li", "wang", "sales")}
    clients = {name: builders.sign_in(app, user_id) for name, user_id in ids.items()}
    tokens = {name: {"X-CSRFToken": builders.csrf_of(client)} for name, client in clients.items()}
    data = {"giver_id": ids["li"], "taker_id": ids["wang"], "effective_on": "2026-11-23", "reason": "离职"}

    def post(who: str, page: str, api: str, body: dict[str, Any]) -> int:
        if kind == "page":
            return clients[who].post(page, data=body, headers=tokens[who]).status_code
        return clients[who].post(f"/api/v1{api}", json=body, headers=tokens[who]).status_code

    good = (302,) if kind == "page" else (200, 201)
    assert post("sales", "/handovers/new", "/handovers", {**data, "reason": ""}) == 422
    assert post("sales", "/handovers/new", "/handovers", data) in good
    assert post("sales", "/handovers/1/sign", "/handovers/1/signatures", {"side": "taker"}) == 403
    waiting = clients["wang"].get("/handovers/1").get_data(as_text=True)
    assert waiting.count('<span class="step-verdict">待签字</span>') == 2
    assert post("li", "/handovers/1/sign", "/handovers/1/signatures", {"side": "giver"}) in good
    waiting = clients["wang"].get("/handovers/1").get_data(as_text=True)
    assert [waiting.count(f'<span class="step-verdict">{word}</span>') for word in ("签字", "待签字", "待审批")] == [
        1,
        1,
        0,
    ]
    assert post("wang", "/handovers/1/sign", "/handovers/1/signatures", {"side": "taker"}) in good
    assert post("wang", "/handovers/1/end", "/handovers/1/end", {"reason": "x"}) == 409
    shown = clients["wang"].get("/handovers/1").get_data(as_text=True)
    assert "已移交的内容" in shown
    assert clients["wang"].get("/handovers").status_code == 200
    with app.app_context():
        assert house.owner_of(Customer, house.customer) == "wang"
