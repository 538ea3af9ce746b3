"""Plain SQL past every service: the database itself refuses what CHEM-2, CHEM-15 and CHEM-17 refuse."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.complaints.facts import at
from tests.lifting.scenes import MONDAY, PRICE, Scene, T
from tierflow.common import suspension
from tierflow.common.customers import Customer
from tierflow.common.db import transaction
from tierflow.lifting.models import LiftingOrder, Slip, Weighing
from tierflow.lifting.service import orders

TUESDAY = "2026-11-24 10:00"


@pytest.fixture
def scene(both_app: Flask) -> Scene:
    return Scene(both_app)


def copied(session: Session, row: Any, changed: Mapping[str, Any]) -> None:
    """The row once more, by an INSERT written by hand, with some values of its own."""
    values = {column.name: getattr(row, column.key) for column in row.__table__.columns if column.name != "id"}
    values |= {name: value.isoformat(" ") if hasattr(value, "hour") else value for name, value in changed.items()}
    if session.get_bind().dialect.name == "sqlite":
        values = {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    session.execute(text(f"INSERT INTO {row.__tablename__} ({names}) VALUES ({places})"), values)


def refuses(scene: Scene, row_of: Any, why: str, **changed: Any) -> None:
    """That the database refuses a row like this one, for the reason given."""
    with scene.app.app_context(), pytest.raises(IntegrityError, match=why), transaction() as session:
        copied(session, session.scalars(select(row_of).limit(1)).one(), changed)


def takes(scene: Scene, row_of: Any, before: str = "", **changed: Any) -> None:
    """That the same row is taken where nothing is wrong with it; put back afterwards."""
    with scene.app.app_context(), transaction() as session:
        inner = session.begin_nested()
        if before:
            session.execute(text(before))
        copied(session, session.scalars(select(row_of).limit(1)).one(), changed)
        inner.rollback()


@pytest.mark.rule("CHEM-2", "CHEM-15")
def test_no_order_is_stored_for_whoever_is_suspended(scene: Scene) -> None:
    scene.place(10)
    takes(scene, LiftingOrder, number="TD-X")
    scene.expire("2026-11-23")
    takes(scene, LiftingOrder, number="TD-X", placed_at=at("2026-11-23 23:59"))
    refuses(scene, LiftingOrder, "stands still", number="TD-X", placed_at=at("2026-11-24 00:00"))


@pytest.mark.rule("CHEM-2", "CHEM-17")
def test_no_order_is_stored_for_whoever_was_disqualified(scene: Scene) -> None:
    scene.place(10)
    with scene.app.app_context(), transaction() as session:
        session.get_one(Customer, scene.company.customer).disqualified_on = date(2026, 11, 24)
    takes(scene, LiftingOrder, number="TD-X", placed_at=at("2026-11-23 23:59"))
    refuses(scene, LiftingOrder, "stands still", number="TD-X", placed_at=at("2026-11-24 00:00"))


@pytest.mark.rule("CHEM-2")
def test_no_slip_is_stored_unpaid_or_beyond_the_order(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 8 * PRICE)
    scene.release(order, 6 * T)
    more = {"number": "S-X", "code": "X", "lifted_grams": 0}
    raised = "UPDATE lifting_order SET released_grams = 8000000"
    takes(scene, Slip, raised, **more, grams=2 * T)
    refuses(scene, Slip, "unpaid, more than ordered", **more, grams=1)  # the order says nothing of it
    with scene.app.app_context(), transaction() as session:  # an order that lies about its money
        session.execute(text("UPDATE lifting_order SET received_fen = received_fen * 2, released_grams = 10000000"))
    refuses(scene, Slip, "unpaid, more than ordered", **more, grams=2 * T + 1)
    takes(scene, Slip, **more, grams=2 * T)
    refuses(scene, Slip, "unpaid, more than ordered", **more, grams=T, warehouse_id=scene.company.other_warehouse)


@pytest.mark.rule("CHEM-2", "CHEM-15")
def test_no_slip_is_stored_for_whoever_is_suspended(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    scene.release(order, 6 * T)
    raised = "UPDATE lifting_order SET released_grams = 7000000"
    more = {"number": "S-X", "code": "X", "grams": T}
    scene.expire("2026-11-23")
    takes(scene, Slip, raised, **more, released_at=at("2026-11-23 23:59"))
    with scene.app.app_context(), transaction() as session:
        session.execute(text(raised))
    refuses(scene, Slip, "stands still", **more, released_at=at("2026-11-24 00:00"))


@pytest.mark.rule("CHEM-2")
def test_a_slip_stays_as_it_was_written(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    scene.release(order, 6 * T)
    for change in ("grams = grams + 1", "code = 'X'", f"warehouse_id = {scene.company.other_warehouse}"):
        with scene.app.app_context(), pytest.raises(IntegrityError, match="stays as it is"), transaction() as session:
            session.execute(text(f"UPDATE lifting_slip SET {change}"))


def weighed(scene: Scene) -> dict[str, Any]:
    """10 t paid and released, 4 of them lifted; what a second weighing would say."""
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    scene.weigh(scene.release(order, 10 * T).code, 4 * T)
    scene.weigh(scene.release(_other(scene), T).code, T)
    with scene.app.app_context(), transaction() as session:
        # a line of the ledger nothing refers to, as an ERP's would be
        session.execute(
            text(
                "INSERT INTO offtake (customer_id, product_id, product_line_id, lifted_on, month, grams, form_of_sale, "
                "source, external_number, take, recorded_at) SELECT customer_id, product_id, product_line_id, "
                "lifted_on, month, grams, form_of_sale, 'erp', 'E1', 1, recorded_at FROM offtake WHERE id = 1"
            )
        )
        ledger = session.execute(text("SELECT max(id) FROM offtake")).scalar_one()
    return {"number": "W-X", "offtake_id": ledger}


def _other(scene: Scene) -> int:
    order = scene.place(1)
    scene.receive(order, PRICE)
    return order


@pytest.mark.rule("CHEM-2")
def test_no_weighing_is_stored_beyond_what_its_slip_has_lifted(scene: Scene) -> None:
    more = weighed(scene)
    lifted = "UPDATE lifting_slip SET lifted_grams = 10000000 WHERE id = 1"
    takes(scene, Weighing, lifted, **more, grams=6 * T)
    refuses(scene, Weighing, "more than released", **more, grams=1)  # the slip says nothing of it
    with scene.app.app_context(), transaction() as session:
        session.execute(text(lifted))
    refuses(scene, Weighing, "more than released", **more, grams=6 * T + 1)
    refuses(scene, Weighing, "more than released", **more, grams=T, order_id=2)  # another order's goods


@pytest.mark.rule("CHEM-2", "CHEM-15")
def test_no_weighing_is_stored_for_whoever_is_suspended_but_what_was_let_out(scene: Scene) -> None:
    more = weighed(scene) | {"grams": T}
    with scene.app.app_context(), transaction() as session:
        session.execute(text("UPDATE lifting_slip SET lifted_grams = 10000000 WHERE id = 1"))
    takes(scene, Weighing, **more, recorded_at=at(TUESDAY))
    scene.expire("2026-11-23")
    takes(scene, Weighing, **more, recorded_at=at(MONDAY))
    refuses(scene, Weighing, "stands still", **more, recorded_at=at(TUESDAY))
    scene.do(orders.let_out, "gm", 1, {"reason": "客户已在换证"}, when=TUESDAY)
    takes(scene, Weighing, **more, recorded_at=at(TUESDAY))


def renewed(scene: Scene, first: str, last: str) -> None:
    """One more licence, of these days."""
    with scene.app.app_context(), transaction() as session:
        days, source = (date.fromisoformat(first), date.fromisoformat(last)), ("proof", 1)
        now = at(f"{first} 08:00")
        suspension.accept(session, scene.company.customer, "merged_licence", source, days, days[0], now)


@pytest.mark.rule("CHEM-2", "CHEM-15")
def test_what_was_let_out_stays_in_once_another_stop_has_begun(scene: Scene) -> None:
    more = weighed(scene) | {"grams": T}
    with scene.app.app_context(), transaction() as session:
        session.execute(text("UPDATE lifting_slip SET lifted_grams = 10000000 WHERE id = 1"))
    scene.expire("2026-11-23")
    scene.do(orders.let_out, "gm", 1, {"reason": "客户已在换证"}, when="2026-11-25 10:00")
    renewed(scene, "2026-11-27", "2026-11-29")
    for day in ("25", "26", "27", "29"):
        takes(scene, Weighing, **more, recorded_at=at(f"2026-11-{day} 10:00"))
    refuses(scene, Weighing, "stands still", **more, recorded_at=at("2026-11-30 10:00"))
    scene.do(orders.let_out, "gm", 1, {"reason": "客户已在换证"}, when="2026-11-30 10:00")
    takes(scene, Weighing, **more, recorded_at=at("2026-11-30 10:00"))
    takes(scene, Weighing, **more, recorded_at=at("2026-12-31 10:00"))


@pytest.mark.rule("CHEM-2", "CHEM-15")
def test_a_paper_that_ends_in_the_midst_of_a_stop_begins_no_other(scene: Scene) -> None:
    more = weighed(scene) | {"grams": T}
    with scene.app.app_context(), transaction() as session:
        session.execute(text("UPDATE lifting_slip SET lifted_grams = 10000000 WHERE id = 1"))
        days = (date(2026, 1, 5), date(2026, 11, 27))
        company, source = scene.company.customer, ("paper", 99)
        suspension.accept(session, company, "business_licence", source, days, days[0], at(MONDAY))
    scene.expire("2026-11-23")
    with scene.app.app_context(), transaction() as session:
        session.execute(text("UPDATE paper_cover SET valid_to = '2026-11-27' WHERE kind = 'business_licence'"))
    scene.do(orders.let_out, "gm", 1, {"reason": "客户已在换证"}, when=TUESDAY)
    takes(scene, Weighing, **more, recorded_at=at("2026-11-30 10:00"))


@pytest.mark.rule("CHEM-2", "CHEM-15", "CHEM-17")
def test_what_was_let_out_of_a_suspension_stays_in_once_the_customer_is_disqualified(scene: Scene) -> None:
    more = weighed(scene) | {"grams": T}
    with scene.app.app_context(), transaction() as session:
        session.execute(text("UPDATE lifting_slip SET lifted_grams = 10000000 WHERE id = 1"))
    scene.expire("2026-11-23")
    scene.do(orders.let_out, "gm", 1, {"reason": "客户已在换证"}, when=TUESDAY)
    with scene.app.app_context(), transaction() as session:
        session.get_one(Customer, scene.company.customer).disqualified_on = date(2026, 11, 26)
    takes(scene, Weighing, **more, recorded_at=at("2026-11-25 10:00"))
    refuses(scene, Weighing, "stands still", **more, recorded_at=at("2026-11-26 00:00"))
