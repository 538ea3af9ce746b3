"""A withdrawn status ends the company's open orders at once: unlifted paid goods are refunded, unpaid cancelled."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.complaints.facts import at
from tests.lifting.scenes import MONDAY, PRICE, Scene, T
from tests.onboarding.keeping import scan
from tierflow.common.approvals import Seen
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.users import User
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Refused
from tierflow.lifting.models import LiftingOrder, Settlement
from tierflow.lifting.rules.orders import cost_fen, value_fen
from tierflow.lifting.service import money, orders
from tierflow.lifting.service.figures import verify
from tierflow.onboarding.service import disqualifying, examining

LATER = "2026-11-24 09:00"


def disqualify(scene: Scene) -> None:
    now = at(MONDAY) + timedelta(hours=2)
    with scene.app.app_context(), transaction() as session:
        data = {"ground": "fraud", "facts": "伪造营业执照"}
        manager = scene.actor(session, "sm", now)
        row = disqualifying.propose(session, manager, scene.company.customer, data, scan(), now).id
    with scene.app.app_context(), transaction() as session:
        case = examining.case_of(session, (disqualifying.SUBJECT, row))
        seen = Seen(case.version, case.step or "")
        disqualifying.decide(session, scene.actor(session, "gm", now), row, seen, Verdict.APPROVE, now)


@pytest.mark.rule("CHEM-17")
def test_disqualified_at_once_nothing_more_goes_out_and_money_goes_back(both_app: Flask) -> None:
    scene = Scene(both_app)
    unpaid, paid, out, partly, whole = (scene.place(10) for _each in range(5))
    other = scene.place(1, login="am2", customer_id=scene.company.other_customer)
    for order in (paid, out, partly, whole):
        scene.receive(order, cost_fen(10 * T, PRICE))
    idle = scene.release(out, 4 * T)
    begun = scene.release(partly, 6 * T)
    scene.weigh(begun.code, 2 * T)
    scene.weigh(scene.release(whole, 10 * T).code, 10 * T)
    disqualify(scene)

    full = cost_fen(10 * T, PRICE)
    found = {number: scene.order(number) for number in (unpaid, paid, out, partly, whole, other)}
    assert {number: (row.state, row.owes_fen) for number, row in found.items()} == {
        unpaid: ("cancelled", 0),
        paid: ("cancelled", full),
        out: ("cancelled", full),
        partly: ("settled", full - value_fen(2 * T, PRICE)),
        whole: ("lifted", 0),  # nothing of it is left: finance settles it as ever
        other: ("placed", 0),
    }
    for slip in (idle, begun):
        with pytest.raises(Refused):
            scene.weigh(slip.code, T, when=LATER)
    with pytest.raises(Refused):
        scene.do(orders.let_out, "gm", out, {"reason": "车已到库"}, when=LATER)
    with pytest.raises(Refused):
        scene.receive(unpaid, 1, when=LATER)
    with both_app.app_context():
        session = db.session()
        assert list(verify(session)) == []
        assert session.scalars(select(Settlement.order_id)).all() == [partly]
        finance = session.scalars(select(User.id).where(User.login == "finance")).one()
        told = session.scalars(select(Notice).where(Notice.kind == "order.stopped")).one()
        assert (told.user_id, told.params["count"]) == (finance, 3)
        entry: Any = session.scalars(select(AuditEntry).where(AuditEntry.action == "customer.disqualify")).one()
        assert entry.after["orders"] == 4

    refund = {"fen": full, "value_on": at(LATER).date()}
    assert scene.do(money.refund, "finance", paid, refund, when=LATER).owes_fen == 0


@pytest.mark.rule("CHEM-17")
def test_a_refused_proposal_leaves_the_orders_alone(app: Flask) -> None:
    scene = Scene(app)
    order = scene.place(10)
    now = at(MONDAY)
    with app.app_context(), transaction() as session:
        data = {"ground": "loss", "facts": "拖欠"}
        row = disqualifying.propose(session, scene.actor(session, "sm", now), scene.company.customer, data, scan(), now)
        case = examining.case_of(session, (disqualifying.SUBJECT, row.id))
        seen = Seen(case.version, case.step or "")
        gm = scene.actor(session, "gm", now)
        disqualifying.decide(session, gm, row.id, seen, Verdict.REJECT, now, reason="证据不足")
    assert scene.order(order).state == "placed"
    with app.app_context():
        assert db.session().scalars(select(LiftingOrder.id)).all() == [order]
