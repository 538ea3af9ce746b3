"""Rivals at one order: whatever the timing, no gram goes out unpaid, none twice (CHEM-2)."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from flask import Flask

from tests.complaints.facts import at
from tests.lifting.scenes import PRICE, Scene, T
from tierflow.common import offtake
from tierflow.common.db import db
from tierflow.kernel.errors import Refused
from tierflow.kernel.months import Month
from tierflow.lifting.service import money
from tierflow.lifting.service.figures import verify

RIVALS = 4


@pytest.fixture
def scene(both_app: Flask) -> Scene:
    return Scene(both_app)


def race(*acts: Callable[[], Any]) -> list[bool]:
    """All at once; which of them the rules let through."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> bool:
        start.wait()
        try:
            act()
        except Refused:
            return False
        return True

    with ThreadPoolExecutor(len(acts)) as crowd:
        return list(crowd.map(run, acts))


def sound(scene: Scene) -> int:
    """Nothing in the tables lies; what the customer lifted in the month."""
    with scene.app.app_context():
        assert list(verify(db.session())) == []
        assert list(offtake.verify(db.session())) == []
        month = Month(2026, 11)
        sums = offtake.monthly(db.session(), [scene.company.customer], scene.company.line, month, month)
        return sums.get(scene.company.customer, {}).get(month, 0)


@pytest.mark.rule("CHEM-2")
def test_of_rival_releases_only_what_is_paid_goes_through(scene: Scene) -> None:
    order = scene.place(30)
    scene.receive(order, 10 * PRICE)
    through = race(*[lambda: scene.release(order, 4 * T)] * RIVALS)
    assert sum(through) == 2, "two of four fit into ten tonnes"
    assert scene.order(order).released_grams == 8 * T
    sound(scene)


@pytest.mark.rule("CHEM-2")
def test_of_rival_weighings_only_what_is_released_goes_through(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    code = scene.release(order, 10 * T).code
    through = race(*[lambda: scene.weigh(code, 3 * T)] * RIVALS)
    assert sum(through) == 3
    assert sound(scene) == 9 * T


@pytest.mark.rule("CHEM-2")
def test_a_refund_and_a_release_never_both_take_the_same_money(scene: Scene) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    back = {"fen": 10 * PRICE, "value_on": at("2026-11-23 00:00").date()}
    through = race(lambda: scene.release(order, T), lambda: scene.do(money.refund, "finance", order, back))
    assert sum(through) == 1
    sound(scene)


@pytest.mark.rule("CHEM-2")
def test_money_carried_both_ways_at_once_is_neither_lost_nor_made(scene: Scene) -> None:
    first, second = scene.place(10), scene.place(10)
    for order in (first, second):
        scene.receive(order, 1000)
    there = {"fen": 1000, "to_order": scene.order(second).number}
    back = {"fen": 1000, "to_order": scene.order(first).number}
    race(
        lambda: scene.do(money.carry, "finance", first, there),
        lambda: scene.do(money.carry, "finance", second, back),
    )
    held = [scene.order(order) for order in (first, second)]
    assert sum(order.received_fen - order.paid_out_fen for order in held) == 2000
    sound(scene)
