"""Form of sale by level, invoice records, one ERP line taken back: service and both doors (CHEM-2, 5, 9.1)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests.builders import csrf_of, sign_in
from tests.complaints.facts import at
from tests.conftest import StandingClock
from tests.lifting.scenes import PRICE, Scene, T
from tests.lifting.test_doors import Door
from tierflow.common import audit, offtake
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import db, transaction
from tierflow.common.offtake import Lifting, Offtake
from tierflow.common.standing import StandingRow
from tierflow.kernel.errors import NotFound, Refused
from tierflow.kernel.months import Month
from tierflow.lifting.models import Invoice, LiftingOrder
from tierflow.lifting.rules.ledger import why_not_reverse
from tierflow.lifting.rules.orders import why_not_form
from tierflow.lifting.service import ledger, money

OCTOBER = Month(2026, 10)


@pytest.fixture
def scene(both_app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-11-23 10:00")
    return Scene(both_app)


@pytest.fixture(params=["page", "api"])
def door(request: pytest.FixtureRequest, app: Flask, clock: StandingClock) -> Door:
    clock.at = at("2026-11-23 10:00")
    return Door(Scene(app), request.param)


@pytest.mark.rule("CHEM-9.1")
@pytest.mark.parametrize(
    ("level", "form", "refused"),
    [
        ("auction", "planned", True),
        ("auction", "auction", False),
        ("ordinary", "planned", False),
        ("ordinary", "auction", False),
        ("three_star", "auction", False),
        (None, "planned", False),  # a line without levels
    ],
)
def test_form_of_sale_follows_the_level(level: str | None, form: str, refused: bool) -> None:
    found = why_not_form(level, form)
    assert bool(found) is refused
    assert {(each.clause, each.field) for each in found} == ({("CHEM-9.1", "form_of_sale")} if refused else set())


def at_auction(scene: Scene, from_on: date = date(2026, 11, 1)) -> None:
    company = scene.company
    with scene.app.app_context(), transaction() as session:
        session.add(
            StandingRow(
                customer_id=company.customer,
                product_line_id=company.line,
                level="auction",
                basis="run",
                from_on=from_on,
                month=date(2026, 10, 1),
                recorded_at=at("2026-11-02 10:00"),
            )
        )


@pytest.mark.rule("CHEM-9.1")
def test_an_auction_customer_buys_by_auction_only_and_a_direct_one_is_never_at_auction(scene: Scene) -> None:
    at_auction(scene, date(2026, 11, 24))
    assert scene.place(when="2026-11-23 10:00"), "still ordinary that day"
    with pytest.raises(Refused) as told:
        scene.place(when="2026-11-24 10:00")
    assert [(each.clause, each.field) for each in told.value.refusals] == [("CHEM-9.1", "form_of_sale")]
    assert scene.place(form_of_sale="auction", when="2026-11-24 10:00")
    with scene.app.app_context(), transaction() as session:
        session.execute(update(CustomerLine).values(customer_class="direct"))
    assert scene.place(when="2026-11-24 11:00"), "CHEM-9.3: managed as planned ordinary"


@pytest.mark.rule("CHEM-9.1")
def test_may_i_sell_today_says_by_auction_only(door: Door) -> None:
    client, _token = door.client("am")
    path = f"/customers/{door.scene.company.customer}"

    def told() -> bool:
        if door.kind == "page":
            return "可以，仅限网拍" in client.get(path, headers={"Accept-Language": "zh"}).text
        lines = client.get(f"/api/v1{path}/selling").get_json()["lines"]
        return [line["may_sell"] and line["by_auction_only"] for line in lines] == [True, False]

    assert not told()
    at_auction(door.scene)
    assert told()


@pytest.mark.rule("CHEM-9.1")
def test_another_form_than_auction_is_refused_at_its_field_through_either_door(door: Door) -> None:
    at_auction(door.scene)
    company = door.scene.company
    values = {"product_id": company.product, "warehouse_id": company.warehouse, "tonnes": "30", "price": "8200.50"}
    who = {"customer_id": company.customer} if door.kind == "api" else {"customer": "C-000001"}
    told, fields = door.send("am", "/orders/new", "/orders", form_of_sale="planned", **who, **values)
    assert (told, fields) == ("refused", set() if door.kind == "api" else {"form_of_sale"})
    with door.scene.app.app_context():
        assert db.session().scalar(select(LiftingOrder.id)) is None
    assert door.send("am", "/orders/new", "/orders", form_of_sale="auction", **who, **values)[0] == "ok"


def settled(scene: Scene) -> int:
    order = scene.place(2)
    scene.receive(order, 2 * PRICE)
    scene.weigh(scene.release(order, 2 * T).code, 2 * T)
    scene.do(money.settle, "finance", order, {})
    return order


def change(scene: Scene, when: str, **new: str) -> None:
    """What onboarding writes when a change of examined particulars comes into force."""
    with scene.app.app_context(), transaction() as session:
        customer = session.get_one(Customer, scene.company.customer)
        old = {name: getattr(customer, name) for name in new}
        for name, value in new.items():
            setattr(customer, name, value)
        actor = scene.actor(session, "finance", at(when))
        audit.record(session, actor, "customer.change", "customer", customer.id, at(when), before=old, after=new)


@pytest.mark.rule("CHEM-5", "CHEM-8.1")
def test_a_back_dated_invoice_keeps_the_particulars_of_its_own_day(scene: Scene) -> None:
    order = settled(scene)
    change(scene, "2026-11-25 15:00", bank_account="111", bank_name="工商银行")
    change(scene, "2026-11-27 09:00", bank_account="222", invoice_phone="0574-1")
    with scene.app.app_context(), transaction() as session:  # proposed, and in force nowhere
        actor, customer = scene.actor(session, "am", at("2026-11-27 10:00")), scene.company.customer
        told = {"before": {"bank_account": "222"}, "after": {"bank_account": "999"}}
        audit.record(session, actor, "customer.propose", "customer", customer, at("2026-11-27 10:00"), **told)
    days = ("2026-11-24", "2026-11-25", "2026-11-26", "2026-11-27", "2026-11-28")
    for day in days:
        given = {"number": day, "invoiced_on": date.fromisoformat(day), "fen": 100}
        scene.do(money.invoice, "finance", order, given, when="2026-11-28 10:00")
    with scene.app.app_context():
        rows = db.session().scalars(select(Invoice).order_by(Invoice.number)).all()
        kept = [(row.particulars["bank_account"], row.particulars["bank_name"]) for row in rows]
        phones = [row.particulars["invoice_phone"] == "0574-1" for row in rows]
    first = kept[0]
    assert first[0] == "397172638814"
    assert kept == [first, ("111", "工商银行"), ("111", "工商银行"), ("222", "工商银行"), ("222", "工商银行")]
    assert phones == [False, False, False, True, True]


@pytest.mark.rule("CHEM-5")
def test_invoice_records_are_listed_filtered_and_exported(app: Flask, clock: StandingClock) -> None:
    clock.at = at("2026-11-28 10:00")
    scene = Scene(app)
    order = settled(scene)
    for number, day, fen in (("24330001", "2026-11-24", 500_00), ("24330002", "2026-11-26", -100_00)):
        given = {"number": number, "invoiced_on": date.fromisoformat(day), "fen": fen}
        scene.do(money.invoice, "finance", order, given, when="2026-11-28 10:00")
    finance = sign_in(app, scene.company["finance"])

    def numbers(query: str) -> list[str]:
        return [row["number"] for row in finance.get(f"/api/v1/invoices?{query}").json["rows"]]

    assert numbers("") == ["24330002", "24330001"]
    assert numbers("first=2026-11-25") == ["24330002"]
    assert numbers("last=2026-11-25") == ["24330001"]
    assert numbers("kind=red") == ["24330002"]
    assert numbers("q=24330001") == ["24330001"]
    assert numbers(f"customer_id={scene.company.other_customer}") == []
    assert finance.get("/api/v1/invoices?first=soon").status_code == 422
    page = finance.get("/invoices?kind=blue").text
    assert "24330001" in page
    assert "24330002" not in page
    assert "¥500.00" in page
    sent = {"csrf_token": csrf_of(finance), "form": "csv", "last": "2026-11-25"}
    file = finance.post("/invoices/export", data=sent)
    assert "24330001" in file.text
    assert "24330002" not in file.text
    assert "397172638814" in file.text
    other = sign_in(app, scene.company["am2"])
    assert other.get("/api/v1/invoices").json["rows"] == [], "another's customer"
    keeper = sign_in(app, scene.company["keeper"])
    assert keeper.get("/invoices").status_code == 403
    assert keeper.post("/invoices/export", data={"csrf_token": csrf_of(keeper)}).status_code == 403


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize(
    ("facts", "allowed"),
    [((True, False, 1), True), ((True, False, 0), False), ((True, True, 1), False), ((False, False, 1), False)],
)
def test_only_a_line_of_the_erp_that_still_counts_is_taken_back(facts: tuple[bool, bool, int], allowed: bool) -> None:
    assert (why_not_reverse(*facts) == ()) is allowed


def erp(scene: Scene, number: str = "CK-1", grams: int = 30 * T) -> int:
    company = scene.company
    row = Lifting(company.customer, company.product, company.line, date(2026, 10, 9), grams, "planned", number)
    with scene.app.app_context(), transaction() as session:
        return offtake.record(session, "erp", [row], at("2026-10-10 09:00"))[0]


def grams_of(scene: Scene) -> int:
    with scene.app.app_context():
        session, company = db.session(), scene.company
        assert list(offtake.verify(session)) == []
        found = offtake.monthly(session, [company.customer], company.line, OCTOBER, OCTOBER)
        return found.get(company.customer, {}).get(OCTOBER, 0)


@pytest.mark.rule("CHEM-2")
def test_one_line_is_reversed_in_its_month_beside_the_others_and_may_come_again(scene: Scene) -> None:
    line, _other = erp(scene), erp(scene, "CK-2", 5 * T)
    with scene.app.app_context(), transaction() as session:
        offtake.reverse(session, line, 10 * T, "part", at("2026-10-11 09:00"))

    def reverse(login: str, line_id: int) -> Any:
        now = at("2026-11-23 10:00")
        with scene.app.app_context(), transaction() as session:
            return ledger.reverse(session, scene.actor(session, login, now), line_id, {"reason": "ERP 录错客户"}, now)

    assert reverse("finance", line).left_grams == 0
    assert grams_of(scene) == 5 * T
    with pytest.raises(Refused, match="taken back already"):
        reverse("finance", line)
    with scene.app.app_context():
        session = db.session()
        reversal = session.scalars(
            select(Offtake).where(Offtake.reverses_id == line).order_by(Offtake.id.desc())
        ).first()
        assert reversal is not None
        assert (reversal.grams, reversal.month) == (-20 * T, OCTOBER.start)
        entry = session.scalars(select(audit.AuditEntry).where(audit.AuditEntry.action == "offtake.reverse")).one()
        assert (entry.reason, entry.after["tonnes"]) == ("ERP 录错客户", "20")
        reversal_id = reversal.id
    with pytest.raises(Refused, match="itself a reversal"):
        reverse("finance", reversal_id)
    with pytest.raises(NotFound):
        reverse("sm2", line)  # another region's customer
    order = scene.place(2)
    scene.receive(order, 2 * PRICE)
    weighed = scene.weigh(scene.release(order, 2 * T).code, 2 * T)
    with pytest.raises(Refused, match="through the gate"):
        reverse("finance", weighed.offtake_id)


@pytest.mark.rule("CHEM-2")
def test_a_line_is_taken_back_through_either_door_with_a_reason(door: Door) -> None:
    scene, line = door.scene, erp(door.scene)
    address = f"/offtake/lines/{line}/reverse"
    assert door.send("am", address, reason="x")[0] == "forbidden"
    assert door.send("finance", address, reason="") == ("invalid", {"reason"})
    assert grams_of(scene) == 30 * T
    client, _token = door.client("finance")
    assert "CK-1" in client.get("/offtake/lines?month=2026-10&source=erp").text
    assert "CK-1" in client.get(f"/offtake/lines/{line}").text
    assert client.get("/api/v1/offtake/lines?number=CK-1").json["rows"][0]["left"] == "30"
    assert door.send("finance", address, reason="ERP 录错客户")[0] == "ok"
    assert grams_of(scene) == 0
    assert door.send("finance", address, reason="ERP 录错客户")[0] == "refused"
    assert door.send("finance", "/offtake/lines/99999/reverse", reason="x")[0] == "missing"
    assert [row["tonnes"] for row in client.get("/api/v1/offtake/lines?source=erp").json["rows"]] == ["-30", "30"]
