"""Orders on real databases: paid before released, released before lifted, settled exactly, seen by the right people."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from tests import builders
from tests.complaints.facts import at
from tests.lifting.scenes import MONDAY, PRICE, Scene, T
from tierflow.common import offtake
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.offtake import Offtake
from tierflow.common.users import User
from tierflow.kernel.errors import Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.months import Month
from tierflow.lifting.models import Invoice, LiftingOrder, Money, Settlement
from tierflow.lifting.rules.orders import cost_fen
from tierflow.lifting.service import gate, money, orders
from tierflow.lifting.service.figures import verify


@pytest.fixture
def scene(both_app: Flask) -> Scene:
    return Scene(both_app)


def months(scene: Scene) -> dict[Month, int]:
    with scene.app.app_context():
        found = offtake.monthly(
            db.session(), [scene.company.customer], scene.company.line, Month(2026, 1), Month(2027, 12)
        )
        assert list(offtake.verify(db.session())) == []
        assert list(verify(db.session())) == []
        return found.get(scene.company.customer, {})


def refused(act: Callable[[], Any]) -> set[str]:
    with pytest.raises(Refused) as told:
        act()
    return {refusal.clause for refusal in told.value.refusals}


@pytest.mark.rule("CHEM-2", "CHEM-5")
def test_an_order_goes_from_payment_to_the_gate_to_settlement(scene: Scene) -> None:
    order = scene.place(30)
    assert refused(lambda: scene.release(order, 1)) == {"CHEM-2"}, "nothing is paid"
    assert scene.receive(order, cost_fen(20 * T, PRICE)).state == "paid"
    assert refused(lambda: scene.release(order, 20 * T + 1)) == {"CHEM-2"}, "one gram more than paid"
    slip = scene.release(order, 20 * T)
    assert refused(lambda: scene.weigh(slip.code, 20 * T + 1)) == {"CHEM-2"}
    first = scene.weigh(slip.code, 12 * T, when="2026-11-30 23:59")
    scene.weigh(slip.code, 8 * T, when="2026-12-01 00:01")
    assert first.number == f"{slip.number}-1"
    assert months(scene) == {Month(2026, 11): 12 * T, Month(2026, 12): 8 * T}, "the month of the weighing"
    assert scene.order(order).state == "lifted"
    settled = scene.do(money.settle, "finance", order, {}, when="2026-12-01 09:00")
    assert (settled.state, settled.settled_fen, settled.owes_fen) == ("settled", 20 * PRICE, 0)
    assert refused(lambda: scene.release(order, 1)) == {"CHEM-5", "CHEM-2"}


@pytest.mark.rule("CHEM-2")
def test_a_return_reverses_the_lifting_it_names_in_its_month_and_settles_anew(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE + 500)
    slip = scene.release(order, 10 * T)
    lifting = scene.weigh(slip.code, 10 * T, when="2026-11-28 08:00")
    scene.do(money.settle, "finance", order, {}, when="2026-12-01 09:00")
    assert scene.order(order).owes_fen == 500
    assert refused(lambda: scene.take_back(slip.code, lifting.number, 10 * T + 1)) == {"CHEM-2"}
    scene.take_back(slip.code, lifting.number, 4 * T, when="2026-12-09 08:00")
    assert months(scene) == {Month(2026, 11): 6 * T}
    after = scene.order(order)
    assert (after.settled_fen, after.owes_fen) == (6 * PRICE, 4 * PRICE + 500)
    with pytest.raises(Invalid):
        scene.take_back(slip.code, "TD-2026-000009-1-1", 1)
    assert refused(lambda: scene.take_back(slip.code, lifting.number, 7 * T)) == {"CHEM-2"}
    refund = {"fen": after.owes_fen, "value_on": at("2026-12-10 00:00").date()}
    too_much = {**refund, "fen": after.owes_fen + 1}
    assert refused(lambda: scene.do(money.refund, "finance", order, too_much, when="2026-12-10 09:00")) == {"CHEM-2"}
    assert scene.do(money.refund, "finance", order, refund, when="2026-12-10 09:00").owes_fen == 0
    with scene.app.app_context():
        values = db.session().scalars(select(Settlement.value_fen).order_by(Settlement.number)).all()
    assert values == [10 * PRICE, 6 * PRICE], "what was settled before is kept"
    months(scene)


@pytest.mark.rule("CHEM-2")
def test_goods_taken_back_before_settlement_can_be_released_again(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    slip = scene.release(order, 10 * T)
    lifting = scene.weigh(slip.code, 10 * T)
    scene.take_back(slip.code, lifting.number, 3 * T)
    again = scene.release(order, 3 * T)
    assert (again.number, again.code == slip.code) == (f"{scene.order(order).number}-2", False)
    assert refused(lambda: scene.weigh(slip.code, 1)) == {"CHEM-2"}, "the first slip is used up"
    scene.weigh(again.code, 3 * T)
    assert months(scene) == {Month(2026, 11): 10 * T}


@pytest.mark.rule("CHEM-9.6")
def test_an_order_is_paid_on_the_last_value_date_however_receipts_are_matched(scene: Scene) -> None:
    first, second = scene.place(10), scene.place(10)
    later = "2026-12-01 09:00"

    def paid(order: int, fen: int, day: str) -> date | None:
        return scene.receive(order, fen, when=later, value_on=date.fromisoformat(day)).paid_on

    assert paid(first, 6 * PRICE, "2026-11-30") is None
    assert paid(first, 4 * PRICE, "2026-11-20") == date(2026, 11, 30)
    assert paid(first, PRICE, "2026-11-10") == date(2026, 11, 30)
    back = {"fen": 2 * PRICE, "value_on": date(2026, 12, 1)}
    assert scene.do(money.refund, "finance", first, back, when=later).paid_on is None, "it wants a tonne again"
    assert paid(second, 11 * PRICE, "2026-11-25") == date(2026, 11, 25)
    carry = {"fen": PRICE, "to_order": scene.order(first).number}
    assert scene.do(money.carry, "finance", second, carry, when="2026-12-02 09:00").paid_on == date(2026, 11, 25)
    assert scene.order(first).paid_on == date(2026, 12, 2)


@pytest.mark.rule("CHEM-2")
def test_money_that_pays_for_released_goods_stays(scene: Scene) -> None:
    order, day = scene.place(10), at("2026-11-23 00:00").date()
    scene.receive(order, 10 * PRICE)
    slip = scene.release(order, 6 * T)
    back = {"fen": 4 * PRICE + 1, "value_on": day}
    assert refused(lambda: scene.do(money.refund, "finance", order, back)) == {"CHEM-2"}
    scene.do(money.refund, "finance", order, {**back, "fen": 4 * PRICE})
    assert refused(lambda: scene.release(order, 1)) == {"CHEM-2"}
    assert refused(lambda: scene.do(orders.cancel, "am", order, {"reason": "改"})) == {"CHEM-2"}
    scene.do(orders.withdraw, "am", order, {"slip_id": slip.id, "reason": "改"})
    assert refused(lambda: scene.weigh(slip.code, 1)) == {"CHEM-2"}, "a slip that was taken back is worth nothing"
    cancelled = scene.do(orders.cancel, "am", order, {"reason": "改"})
    assert (cancelled.state, cancelled.owes_fen) == ("cancelled", 6 * PRICE)
    assert scene.do(money.refund, "finance", order, {"fen": 6 * PRICE, "value_on": day}).owes_fen == 0
    assert months(scene) == {}


@pytest.mark.rule("CHEM-5")
def test_a_balance_is_carried_to_another_order_of_the_same_customer_only(scene: Scene) -> None:
    first, second = scene.place(2), scene.place(3)
    third = scene.place(1, login="am2", customer_id=scene.company.other_customer)
    scene.receive(first, 2 * PRICE + 700)
    scene.weigh(scene.release(first, 2 * T).code, 2 * T)
    scene.do(money.settle, "finance", first, {})
    number = scene.order(third).number
    carry = {"fen": 700, "to_order": number}
    assert refused(lambda: scene.do(money.carry, "finance", first, carry)) == {"CHEM-5"}
    carry["to_order"] = scene.order(second).number
    assert refused(lambda: scene.do(money.carry, "finance", first, {**carry, "fen": 701})) == {"CHEM-2"}
    assert scene.do(money.carry, "finance", first, carry).owes_fen == 0
    assert scene.order(second).received_fen == 700
    with pytest.raises(Invalid):
        scene.do(money.carry, "finance", first, {**carry, "to_order": "TD-1"})
    months(scene)


@pytest.mark.rule("CHEM-5")
def test_an_invoice_keeps_the_particulars_in_force_and_never_passes_the_settlement(scene: Scene) -> None:
    order, day = scene.place(2), at("2026-11-23 00:00").date()
    invoice = {"number": "24332000000012345678", "invoiced_on": day, "fen": 2 * PRICE}
    assert refused(lambda: scene.do(money.invoice, "finance", order, invoice)) == {"CHEM-5"}, "not settled"
    scene.receive(order, 2 * PRICE)
    scene.weigh(scene.release(order, 2 * T).code, 2 * T)
    scene.do(money.settle, "finance", order, {})
    assert refused(lambda: scene.do(money.invoice, "finance", order, {**invoice, "fen": 2 * PRICE + 1})) == {"CHEM-5"}
    scene.do(money.invoice, "finance", order, invoice)
    with pytest.raises(Invalid):
        scene.do(money.invoice, "finance", order, invoice)
    red = {**invoice, "number": "2", "fen": -2 * PRICE - 1}
    assert refused(lambda: scene.do(money.invoice, "finance", order, red)) == {"CHEM-5"}
    scene.do(money.invoice, "finance", order, {**red, "fen": -2 * PRICE})
    with scene.app.app_context():
        kept = db.session().scalars(select(Invoice).order_by(Invoice.id)).first()
        assert kept is not None
        assert kept.particulars["bank_account"] == "397172638814"


@pytest.mark.rule("CHEM-2")
def test_another_payer_is_flagged(scene: Scene) -> None:
    order = scene.place(2)
    scene.receive(order, 1, payer_name="宁波海曙化工有限公司", payer_account="3971 7263 8814")
    scene.receive(order, 1, payer_name="宁波海曙化工有限公司", payer_account="1")
    scene.receive(order, 1, payer_name="上海别家贸易有限公司")
    with scene.app.app_context():
        flags = db.session().scalars(select(Money.is_other_payer).order_by(Money.id)).all()
    assert flags == [False, True, True]


@pytest.mark.rule("CHEM-9.1")
def test_no_class_on_the_line_no_order(scene: Scene) -> None:
    assert refused(lambda: scene.place(1, product_id=scene.company.other_product)) == {"CHEM-9.1"}


@pytest.mark.rule("CHEM-2")
def test_a_keeper_sees_its_own_warehouse_alone(scene: Scene) -> None:
    order = scene.place(2)
    scene.receive(order, 2 * PRICE)
    slip = scene.release(order, 2 * T)
    with pytest.raises(NotFound):
        scene.weigh(slip.code, T, login="keeper2")
    with pytest.raises(Forbidden):
        scene.weigh(slip.code, T, login="am")
    wrong = slip.code[:-1] + ("2" if slip.code[-1] != "2" else "3")
    with pytest.raises(Invalid):
        scene.weigh(wrong, T)
    for login, error in (("am2", NotFound), ("sm2", NotFound), ("gm", Forbidden), ("finance", Forbidden)):
        with pytest.raises(error):
            scene.release(order, T, login=login)
    with pytest.raises(Forbidden):
        scene.do(money.receive, "am", order, {"fen": 1, "value_on": at("2026-11-23 00:00").date()})


def _lies(order: int) -> dict[str, dict[str, Any]]:
    return {
        "released and not paid": {"released_grams": 11 * T, "quantity_grams": 11 * T},
        "released and not ordered": {"released_grams": 10 * T + 1},
        "lifted and not released": {"lifted_grams": 6 * T + 1},
        "paid out and not received": {"paid_out_fen": 10 * PRICE + 1},
        "refunded under released goods": {"paid_out_fen": 4 * PRICE + 1},
        "settled with goods waiting": {"settled_fen": 1, "state": "settled"},
        "settled in figures alone": {"state": "settled"},
        "cancelled with goods out": {"state": "cancelled"},
        "a state nobody knows": {"state": "lost"},
    }


@pytest.mark.rule("CHEM-2", "CHEM-5")
def test_the_database_refuses_what_the_rules_refuse(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    scene.release(order, 6 * T)
    with scene.app.app_context(), transaction() as session:
        for what, values in _lies(order).items():
            outer = session.begin_nested()
            try:
                session.execute(update(LiftingOrder).where(LiftingOrder.id == order).values(**values))
            except IntegrityError:
                outer.rollback()
            else:
                pytest.fail(f"the database stored an order {what}")


def test_figures_that_were_tampered_with_are_named(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    slip = scene.release(order, 6 * T)
    scene.weigh(slip.code, 5 * T)
    with scene.app.app_context():
        assert list(verify(db.session())) == []
        with transaction() as session:
            values = {"received_fen": 10 * PRICE + 1, "lifted_grams": 6 * T, "state": "lifted"}
            session.execute(update(LiftingOrder).values(**values))
        found = list(verify(db.session()))
    assert len(found) == 2
    assert any("received" in lie for lie in found)
    assert any("lifted" in lie for lie in found)


@pytest.mark.rule("CHEM-2")
def test_a_weighing_is_one_line_of_the_ledger(scene: Scene) -> None:
    order = scene.place(10, form_of_sale="auction")
    scene.receive(order, 10 * PRICE)
    weighing = scene.weigh(scene.release(order, 6 * T).code, 5 * T)
    with scene.app.app_context():
        line = db.session().get_one(Offtake, weighing.offtake_id)
    assert (line.source, line.external_number, line.grams, line.form_of_sale) == (
        gate.SOURCE,
        weighing.number,
        5 * T,
        "auction",
    )


@pytest.mark.rule("CHEM-2", "CHEM-15")
def test_orders_of_a_suspended_customer_are_held_and_go_on_where_they_stood(scene: Scene) -> None:
    paid, out = scene.place(10), scene.place(10)
    scene.receive(paid, 10 * PRICE)
    scene.receive(out, 10 * PRICE)
    slip = scene.release(out, 5 * T)
    leave = {"reason": "车已到库"}
    assert refused(lambda: scene.do(orders.let_out, "gm", out, leave)) == {"CHEM-15"}, "nothing holds it"
    scene.expire("2026-11-23")
    scene.weigh(slip.code, 1 * T, when="2026-11-23 23:59")  # the last valid day
    after = "2026-11-24 00:01"
    assert refused(lambda: scene.place(1, when=after)) == {"CHEM-15"}
    assert refused(lambda: scene.release(paid, T, when=after)) == {"CHEM-15"}
    assert refused(lambda: scene.weigh(slip.code, T, when=after)) == {"CHEM-15"}
    assert scene.receive(paid, 5, when="2026-11-24 09:00").state == "paid", "money is taken all the same"
    assert refused(lambda: scene.do(orders.let_out, "gm", paid, leave, when=after)) == {"CHEM-15"}, "nothing is out"
    with pytest.raises(Forbidden):
        scene.do(orders.let_out, "sm", out, leave, when=after)
    scene.do(orders.let_out, "gm", out, leave, when=after)
    scene.weigh(slip.code, T, when="2026-11-24 00:02")
    assert refused(lambda: scene.release(out, T, when="2026-11-24 00:03")) == {"CHEM-15"}, "only what was released"
    scene.expire("2027-11-23")
    assert scene.release(paid, T, when="2026-11-25 09:00").grams == T
    scene.expire("2026-11-25")
    assert refused(lambda: scene.weigh(slip.code, T, when="2026-11-26 09:00")) == {"CHEM-15"}, (
        "leave ends with its stop"
    )


@pytest.mark.rule("CHEM-2", "CHEM-17")
def test_a_disqualified_customer_gets_no_order(scene: Scene) -> None:
    with scene.app.app_context(), transaction() as session:
        session.get_one(Customer, scene.company.customer).disqualified_on = at("2026-11-20 00:00").date()
    assert refused(lambda: scene.place(1)) == {"CHEM-17"}


def test_whoever_sells_as_a_stand_in_is_named_together_with_the_absent(scene: Scene) -> None:
    """An account manager who stands in for another, beside orders of their own customers."""
    with scene.app.app_context(), transaction() as session:
        absent, stand_in = (session.get_one(User, scene.company[login]) for login in ("am", "am2"))
        builders.delegation(session, absent, stand_in, at(MONDAY).date(), at(MONDAY).date() + timedelta(days=5))
    order = scene.place(login="am2")
    scene.receive(order, 30 * PRICE)
    scene.release(order, 2 * T, login="am2")
    own = scene.place(login="am2", customer_id=scene.company.other_customer)
    with scene.app.app_context():
        entries = db.session().scalars(select(AuditEntry).where(AuditEntry.actor_id == scene.company["am2"]))
        told = {(row.action, row.subject_id): row.on_behalf_of_id for row in entries}
    lent = scene.company["am"]
    assert told == {("order.place", order): lent, ("order.release", order): lent, ("order.place", own): None}


@pytest.mark.rule("CHEM-2")
def test_a_keeper_who_weighs_at_the_gate_of_another_is_named_with_the_other(scene: Scene) -> None:
    order = scene.place(30)
    scene.receive(order, cost_fen(20 * T, PRICE))
    slip = scene.release(order, 20 * T)
    with scene.app.app_context(), transaction() as session:
        absent, stand_in = (session.get_one(User, scene.company[who]) for who in ("keeper", "keeper2"))
        builders.delegation(session, absent, stand_in, at(MONDAY).date(), at(MONDAY).date() + timedelta(days=9))
    weighing = scene.weigh(slip.code, 12 * T, login="keeper2")
    back = {"pass_number": weighing.number, "grams": T, "reason": "退回"}
    scene.do(gate.take_back, "keeper2", slip.code, back)
    with scene.app.app_context():
        acts = ("order.lift", "order.take_back")
        entries = db.session().scalars(select(AuditEntry).where(AuditEntry.action.in_(acts)))
        told = {row.action: (row.actor_id, row.on_behalf_of_id) for row in entries}
    assert told == dict.fromkeys(acts, (scene.company["keeper2"], scene.company["keeper"]))
