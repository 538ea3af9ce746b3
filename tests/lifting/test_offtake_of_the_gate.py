"""Rows of the ERP that bear a number of our own gate, before it has weighed and after (CHEM-2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.builders import csrf_of, sign_in
from tests.conftest import StandingClock
from tests.lifting.scenes import PRICE, T
from tests.lifting.test_offtake_import import LINE, OCTOBER, Desk, csv_of
from tierflow.common.imports import ImportBatch, outcome, service, work
from tierflow.kernel.errors import Refused
from tierflow.kernel.months import Month
from tierflow.web.i18n import translator


@pytest.fixture
def desk(both_app: Flask, clock: StandingClock) -> Iterator[Desk]:
    with both_app.app_context():
        yield Desk(both_app, clock)


def why(batch: ImportBatch) -> str:
    """Why the last work on it ended, in Chinese."""
    failure = outcome.failure_of(batch)
    assert failure is not None
    return failure.render(translator("zh"))


def released(desk: Desk) -> Any:
    """A slip of 10 t that the gate has not weighed yet."""
    order = desk.scene.place(10)
    desk.scene.receive(order, 10 * PRICE)
    return desk.scene.release(order, 10 * T, when="2026-11-20 09:00")


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize("of_pass", ["", "-1"])
def test_a_row_of_our_own_gate_waits_until_it_is_weighed(desk: Desk, of_pass: str) -> None:
    slip = released(desk)
    content = csv_of((slip.number + of_pass, "C-000001", "PO-1", "2026-11-20", "4", ""), OCTOBER)
    batch = desk.checked(content)
    assert desk.found(batch.id) == [(2, "number", "bad")]
    with pytest.raises(Refused):
        desk.act(service.hand_in, batch.id, {})
    desk.scene.weigh(slip.code, 4 * T, when="2026-11-20 10:00")
    desk.act(service.check_again, batch.id)
    work.work_off(desk.clock, pause=0)
    desk.act(service.hand_in, batch.id, {})
    work.work_off(desk.clock, pause=0)
    assert desk.batch(batch.id).result == {"lines": 1, "confirmed": 1}
    assert desk.months() == {Month(2026, 10): 1000 * T + 1, Month(2026, 11): 4 * T}, "weighed once, counted once"


@pytest.mark.rule("CHEM-2")
def test_what_the_gate_did_between_check_and_application_is_looked_up_again(desk: Desk) -> None:
    number = desk.scene.order(desk.scene.place(10)).number[:-1] + "2-1"  # what the next order's slip will be called
    row = (number, "C-000001", "PO-1", "2026-11-20", "4", "")
    early = desk.checked(csv_of(row))
    assert (early.good, early.bad) == (1, 0), "no slip of ours as yet"
    desk.act(service.hand_in, early.id, {})
    slip = released(desk)
    assert slip.number == number
    work.work_off(desk.clock, pause=0)
    told = desk.batch(early.id)
    assert (told.state, told.bad, desk.months()) == ("checked", 1, {})
    assert "门岗" in why(told)
    desk.scene.weigh(slip.code, 4 * T, when="2026-11-20 10:00")
    desk.act(service.check_again, early.id)
    work.work_off(desk.clock, pause=0)
    desk.act(service.hand_in, early.id, {})
    desk.scene.weigh(slip.code, 4 * T, when="2026-11-20 11:00")
    work.work_off(desk.clock, pause=0)
    told = desk.batch(early.id)
    assert (told.state, told.bad, desk.months()) == ("checked", 1, {Month(2026, 11): 8 * T}), "which of the two is it?"


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize("kind", ["page", "api", "lines"])
def test_every_door_keeps_a_row_that_our_gate_has_yet_to_weigh(desk: Desk, kind: str) -> None:
    slip = released(desk)
    client = sign_in(desk.scene.app, desk.scene.company["finance"])
    headers = {"X-CSRFToken": csrf_of(client)}
    line = {**LINE, "number": slip.number, "lifted_on": "2026-11-20", "tonnes": "4"}

    def lines() -> Any:
        return client.post("/api/v1/offtake/lines", json={"lines": [line]}, headers=headers)

    if kind == "lines":
        answer = lines()
        assert (answer.status_code, list(answer.get_json()["errors"]["lines"]["0"])) == (422, ["number"])
    else:
        batch = desk.checked(csv_of((*line.values(), "")))
        base = {"page": "", "api": "/api/v1"}[kind] + f"/offtake/imports/{batch.id}"
        assert client.post(f"{base}/hand-in", json={} if kind == "api" else None, headers=headers).status_code == 409
    desk.scene.weigh(slip.code, 4 * T, when="2026-11-20 10:00")
    if kind == "lines":
        assert lines().get_json()["result"] == {"lines": 0, "confirmed": 1}
    assert desk.months() == {Month(2026, 11): 4 * T}
