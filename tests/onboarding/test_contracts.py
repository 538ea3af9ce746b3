"""The contract register (CHEM-4): number, file, period, value, custody, renewal warned of in time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import select

from jobs import contracts as duty
from jobs.duty import Errand
from tests import builders
from tests.conftest import NOW
from tests.onboarding import scenes
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice, as_text
from tierflow.common.uploads import Upload
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.onboarding.models import Contract
from tierflow.onboarding.rules.contracts import days_left, refusals_to_enter, state_of
from tierflow.onboarding.service import contracts as service
from tierflow.web.i18n import show

TODAY = date(2026, 11, 23)


def _day(offset: int) -> date:
    return TODAY + timedelta(days=offset)


@pytest.mark.rule("CHEM-4")
@pytest.mark.parametrize(
    ("first", "last", "more", "state"),
    [
        (-10, 61, {}, "running"),
        (-10, 60, {}, "ending"),
        (-10, 0, {}, "ending"),  # its last day is a day it holds
        (-10, -1, {}, "over"),
        (1, 300, {}, "to_come"),
        (0, 300, {}, "running"),
        (-10, -1, {"is_renewed": True}, "renewed"),
        (-10, 300, {"is_ended": True}, "ended"),
    ],
)
def test_where_a_contract_stands_on_a_day(first: int, last: int, more: dict[str, bool], state: str) -> None:
    given: dict[str, Any] = {"is_ended": False, "is_renewed": False, "warn_days": (60, 30, 7), **more}
    assert state_of(_day(first), _day(last + 1), TODAY, **given) == state
    assert days_left(_day(last + 1), TODAY) == last


@pytest.mark.parametrize(
    ("last", "renewed", "fields"),
    [
        (0, None, []),
        (-1, None, ["last_on"]),
        (10, (1, _day(10)), []),
        (9, (1, _day(10)), ["last_on"]),  # a renewal older than what it renews
        (10, (2, _day(10)), ["renews_id"]),
    ],
)
def test_what_cannot_be_entered(last: int, renewed: Any, fields: list[str]) -> None:
    assert [refusal.field for refusal in refusals_to_enter(TODAY, _day(last + 1), renewed, 1)] == fields


class House:
    """li's customer, and contracts with it."""

    def __init__(self) -> None:
        with transaction() as session:
            self.place = scenes.company(session)
            approved = scenes.submitted(session, self.place, 1)
            for who in ("sales", "finance", "gm"):
                scenes.approve(session, self.place, approved, who)
            self.customer = session.scalars(select(Customer.id)).one()

    def data(self, **changed: Any) -> dict[str, Any]:
        return {
            "number": "HT-2026-001",
            "customer_id": self.customer,
            "title": "2026 年度购销协议",
            "from_on": date(2026, 1, 1),
            "last_on": date(2026, 12, 31),
            "value": 1_234_500_00,
            "custodian_id": self.place.id_of("finance"),
            "place": "档案室 3 号柜",
            **changed,
        }

    def enter(self, who: str = "li", **changed: Any) -> int:
        with transaction() as session:
            actor = self.place.actor(session, who)
            return service.enter(session, actor, self.data(**changed), Upload("合同.pdf", scenes.pdf()), NOW).id

    def states(self, who: str = "li") -> list[tuple[str, str]]:
        actor = self.place.actor(db.session(), who)
        page = service.list_contracts(db.session(), actor, {}, NOW)
        return [(row.contract.number, row.state) for row in page.rows]


@pytest.fixture
def house(app: Flask) -> Iterator[House]:
    with app.app_context():
        yield House()


@pytest.mark.rule("CHEM-4")
def test_a_contract_is_kept_with_file_custody_and_renewal(house: House) -> None:
    first = house.enter()
    assert house.states() == [("HT-2026-001", "ending")]
    with pytest.raises(Invalid):
        house.enter()  # the number is taken
    renewal = {"number": "HT-2027-001", "from_on": date(2027, 1, 1), "last_on": date(2027, 12, 31), "renews_id": first}
    with pytest.raises(Refused):
        house.enter(**{**renewal, "last_on": date(2026, 6, 30), "from_on": date(2026, 1, 1)})
    house.enter(**renewal)
    assert house.states() == [("HT-2026-001", "renewed"), ("HT-2027-001", "to_come")]
    with pytest.raises(Invalid):
        house.enter(**{**renewal, "number": "HT-2027-002"})  # renewed once
    with transaction() as session:
        keeper = {"custodian_id": house.place.id_of("li"), "place": "随身", "seen_version": 1}
        service.change_custody(session, house.place.actor(session, "sales"), first, keeper, NOW)
    with pytest.raises(Conflict), transaction() as session:
        service.change_custody(session, house.place.actor(session, "sales"), first, keeper, NOW)
    row = service.get(db.session(), house.place.actor(db.session(), "li"), first, NOW)
    assert (row.custodian.login, row.contract.place) == ("li", "随身")


@pytest.mark.parametrize(
    ("who", "error"), [("wang", Invalid), ("sales", None), ("sales_west", Invalid), ("finance", Forbidden)]
)
def test_contracts_are_entered_by_who_has_the_customer(house: House, who: str, error: Any) -> None:
    if error is None:
        assert house.enter(who)
    else:
        with pytest.raises(error):
            house.enter(who)


def test_a_contract_is_seen_by_who_sees_its_customer(house: House) -> None:
    made = house.enter()
    for who in ("li", "sales", "finance", "gm"):
        assert service.get(db.session(), house.place.actor(db.session(), who), made, NOW)
    for who in ("wang", "sales_west"):
        with pytest.raises(NotFound):
            service.get(db.session(), house.place.actor(db.session(), who), made, NOW)


@pytest.mark.rule("CHEM-4")
def test_renewal_is_warned_of_once_a_distance_and_not_for_what_asks_for_nothing(house: House) -> None:
    setup: Any = None
    near = house.enter(number="A", last_on=_day(30))
    house.enter(number="B", last_on=_day(61))
    ended = house.enter(number="C", last_on=_day(10))
    with transaction() as session:
        service.end(session, house.place.actor(session, "li"), ended, "解除", NOW)
    assert duty.near_their_end(db.session(), Errand(None, NOW, setup)) == [f"{near}.30"]
    with transaction() as session:
        assert duty.warn(session, Errand(None, NOW, setup, f"{near}.30")) == {"notices": 2}
    assert duty.near_their_end(db.session(), Errand(None, NOW, setup)) == []
    told = set(db.session().scalars(select(Notice.user_id).where(Notice.kind == "contract.expiry")))
    assert told == {house.place.id_of("li"), house.place.id_of("finance")}
    later = NOW + timedelta(days=25)  # an outage over the 7 days: warned of once, for the nearest
    assert f"{near}.7" in duty.near_their_end(db.session(), Errand(None, later, setup))


@pytest.mark.rule("CHEM-4")
def test_what_ran_out_while_nothing_warned_is_warned_of_once(both_app: Flask) -> None:
    setup: Any = None
    with both_app.app_context():
        house = House()
        missed, told = house.enter(number="A", last_on=_day(10)), house.enter(number="B", last_on=_day(10))
        house.enter(number="C", last_on=_day(-1))  # over when it was entered: the register's past
        renewed = house.enter(number="D", last_on=_day(10))
        house.enter(number="E", from_on=_day(11), last_on=_day(400), renews_id=renewed)
        near = NOW + timedelta(days=5)
        with transaction() as session:
            duty.warn(session, Errand(None, near, setup, f"{told}.7"))
        last = duty.near_their_end(db.session(), Errand(None, NOW + timedelta(days=10), setup))
        assert last == [f"{missed}.7"], "on its last day it runs still"
        later = NOW + timedelta(days=11)
        assert duty.near_their_end(db.session(), Errand(None, later, setup)) == [f"{missed}.over"]
        db.session().rollback()
        with transaction() as session:
            assert duty.warn(session, Errand(None, later, setup, f"{missed}.over")) == {"notices": 3}
        assert duty.near_their_end(db.session(), Errand(None, later, setup)) == []
        query = select(Notice).where(Notice.kind == "contract.expiry").order_by(Notice.id.desc()).limit(3)
        notices = db.session().scalars(query).all()
        assert {row.user_id for row in notices} == {house.place.id_of(who) for who in ("li", "finance", "sales")}
        with both_app.test_request_context():
            assert "已于 2026-12-03 到期，尚未续签" in show(as_text(notices[0].msgid, notices[0].params))


@pytest.mark.rule("CHEM-17")
def test_nothing_is_renewed_or_entered_with_a_disqualified_company(house: House) -> None:
    setup: Any = None
    near = house.enter(last_on=_day(7))
    assert duty.near_their_end(db.session(), Errand(None, NOW, setup)) == [f"{near}.7"]
    db.session().rollback()
    with transaction() as session:
        session.scalars(select(Customer)).one().disqualified_on = TODAY
    assert duty.near_their_end(db.session(), Errand(None, NOW, setup)) == []
    with pytest.raises(Refused) as error:
        house.enter(number="B")
    assert [row.clause for row in error.value.refusals] == ["CHEM-17"]


def test_ended_early_it_is_over_once(house: House) -> None:
    made = house.enter()
    with transaction() as session:
        service.end(session, house.place.actor(session, "li"), made, "解除", NOW)
    with pytest.raises(Conflict), transaction() as session:
        service.end(session, house.place.actor(session, "li"), made, "解除", NOW)
    assert house.states() == [("HT-2026-001", "ended")]


@pytest.mark.parametrize("kind", ["page", "api"])
def test_both_doors_keep_the_register(app: Flask, kind: str) -> None:
    with app.app_context():
        house = House()
        li, finance = house.place.id_of("li"), house.place.id_of("finance")
    client = builders.sign_in(app, li)
    headers = {"X-CSRFToken": builders.csrf_of(client)}
    base = "" if kind == "page" else "/api/v1"
    data = {
        "number": "HT-1",
        "customer_id": str(house.customer),
        "title": "年度协议",
        "from_on": "2026-01-01",
        "last_on": "2026-12-31",
        "value": "1,234.50",
        "custodian_id": str(finance),
        "place": "档案室",
    }

    def enter(**changed: str) -> Any:
        body = {**data, **changed, "file": (io.BytesIO(scenes.pdf()), "合同.pdf")}
        return client.post(f"{base}/contracts{'/new' if kind == 'page' else ''}", data=body, headers=headers)

    assert enter(value="1.234").status_code == 422
    assert enter(last_on="2025-12-31").status_code == 409
    assert enter().status_code in (302, 201)
    with app.app_context():
        assert db.session().scalars(select(Contract.value)).one() == 123450
    assert "年度协议" in client.get("/contracts?q=HT-1").get_data(as_text=True)
    assert "年度协议" in client.get(f"/customers/{house.customer}/of/contracts").get_data(as_text=True)
    scan = client.get(f"{base}/contracts/1/file")
    assert (scan.data[:4], scan.mimetype) == (b"%PDF", "application/pdf")
    assert client.get("/contracts/new?renews=1").status_code == 200
    sent: dict[str, Any] = {"data" if kind == "page" else "json": {"form": "xlsx", "q": "HT-1"}}
    answer = client.post(f"{base}/contracts/export", headers=headers, **sent)
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.data)).active.values)  # type: ignore[union-attr]
    assert rows[1][:3] == ("HT-1", "华东塑料第1有限公司", "年度协议")
    body = {"reason": "解除"}
    path = f"{base}/contracts/1/end"
    ended = (
        client.post(path, data=body, headers=headers)
        if kind == "page"
        else client.post(path, json=body, headers=headers)
    )
    assert ended.status_code in (302, 200)
    assert client.get("/contracts/1").status_code == 200
