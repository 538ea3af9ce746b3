"""Workers that rival for one import, each a thread with a session of its own: every step is done once (CHEM-2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, text

from tests.conftest import StandingClock
from tests.lifting.scenes import T
from tests.lifting.test_offtake_import import MORE, OCTOBER, Desk, csv_of
from tierflow.common import offtake
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, is_sqlite, transaction
from tierflow.common.imports import ImportBatch, ImportChunk, service, work
from tierflow.common.offtake import Offtake
from tierflow.kernel.months import Month
from tierflow.lifting.service.offtake_import import OFFTAKE

WORKERS = 3
THERE = {Month(2026, 10): 1000 * T + 1, Month(2026, 11): 2_500_000}


@pytest.fixture
def desk(both_app: Flask, clock: StandingClock) -> Iterator[Desk]:
    with both_app.app_context():
        yield Desk(both_app, clock)


def in_thread(desk: Desk, act: Callable[[], Any]) -> Any:
    with desk.scene.app.app_context():
        try:
            return act()
        finally:
            db.session.remove()


def crowd(desk: Desk, act: Callable[[], Any], many: int = WORKERS) -> list[Any]:
    """All at once; what each of them answers."""
    start = threading.Barrier(many)

    def run(_number: int) -> Any:
        start.wait()
        return in_thread(desk, act)

    with ThreadPoolExecutor(many) as pool:
        return list(pool.map(run, range(many)))


def settled(asked: Sequence[Future[Any]]) -> bool:
    """Every one has answered or waits for a lock."""
    if is_sqlite(db.session()):
        return False
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return sum(each.done() for each in asked) + (db.session().scalar(waiting) or 0) >= len(asked)


@contextmanager
def meanwhile(desk: Desk, act: Callable[[], Any], many: int = WORKERS) -> Iterator[list[Future[Any]]]:
    """What these do while the transaction of the block is open: they wait for it, or do without."""
    with ThreadPoolExecutor(many) as pool:
        asked: list[Future[Any]] = []
        with transaction() as session:
            yield asked
            session.flush()
            asked += [pool.submit(in_thread, desk, act) for _ in range(many)]
            for _ in range(10 if is_sqlite(session) else 100):
                if settled(asked):
                    break
                time.sleep(0.05)


def waiting_to(desk: Desk, state: str) -> int:
    """An import of two lines that waits for this step."""
    batch_id: int = desk.act(service.receive, "offtake.csv", csv_of(OCTOBER, MORE), spoken=str).id
    desk.act(service.set_mapping, batch_id, desk.batch(batch_id).mapping)
    if state == "to_check":
        return batch_id
    work.work_off(desk.clock, pause=0)
    desk.act(service.hand_in, batch_id, {})
    if state == "to_revert":
        work.work_off(desk.clock, pause=0)
        desk.act(service.revert, batch_id, "错误文件")
    return batch_id


def comparing(monkeypatch: pytest.MonkeyPatch, compare: Callable[..., None]) -> None:
    monkeypatch.setattr(work, "importer_of_batch", lambda _batch_id: replace(OFFTAKE, compare=compare))


def notes(action: str) -> int:
    return db.session().scalar(select(func.count()).select_from(AuditEntry).where(AuditEntry.action == action)) or 0


@pytest.mark.parametrize("state", ["to_check", "to_apply", "to_revert"])
def test_one_worker_claims_and_the_others_go_away(desk: Desk, state: str) -> None:
    batch_id = waiting_to(desk, state)
    with meanwhile(desk, lambda: work._claim(desk.clock())) as asked:
        db.session().execute(select(ImportBatch.id).where(ImportBatch.id == batch_id).with_for_update())
    claims = [found for each in asked if (found := each.result()) is not None]
    assert claims in ([], [(batch_id, state)]), "one step in the hands of two"
    claims += [found for found in crowd(desk, lambda: work._claim(desk.clock())) if found is not None]
    assert claims == [(batch_id, state)]


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize("state", ["to_check", "to_apply", "to_revert"])
def test_however_many_workers_look_a_step_is_done_once(desk: Desk, state: str) -> None:
    batch_id = waiting_to(desk, state)
    steps = crowd(desk, lambda: work.work_off(desk.clock, pause=0), 6)
    assert sum(steps) == 1
    batch = desk.batch(batch_id)
    after = {"to_check": "checked", "to_apply": "applied", "to_revert": "reverted"}
    assert (batch.state, batch.failure, batch.total, batch.good) == (after[state], None, 2, 2)
    assert desk.months() == (THERE if state == "to_apply" else {})


@pytest.mark.rule("CHEM-2")
def test_two_that_hold_the_same_application_add_its_lines_once(desk: Desk) -> None:
    batch_id = waiting_to(desk, "to_apply")

    def apply() -> str:
        try:
            work._apply(batch_id, OFFTAKE, desk.clock, str, 0)
        except work.Overtaken:
            return "overtaken"
        return "applied"

    assert sorted(crowd(desk, apply)) == ["applied", "overtaken", "overtaken"]
    assert (desk.months(), notes("import.apply")) == (THERE, 1)
    assert desk.batch(batch_id).result == {"lines": 2, "confirmed": 0}


@pytest.mark.rule("CHEM-2")
def test_two_that_hold_the_same_reversal_take_its_lines_off_once(desk: Desk) -> None:
    batch_id = waiting_to(desk, "to_revert")

    def revert() -> str:
        try:
            work._revert(batch_id, OFFTAKE, desk.clock, str, 0)
        except work.Overtaken:
            return "overtaken"
        return "reverted"

    assert sorted(crowd(desk, revert)) == ["overtaken", "overtaken", "reverted"]
    assert (desk.months(), notes("import.revert"), desk.batch(batch_id).state) == ({}, 1, "reverted")


@pytest.mark.rule("CHEM-2")
def test_an_import_adds_to_the_months_what_it_wrote_and_nothing_else(desk: Desk) -> None:
    batch_id = waiting_to(desk, "to_apply")
    work.work_off(desk.clock, pause=0)
    with transaction() as session:
        assert offtake.record_import(session, "erp", [], desk.clock(), batch_id) == 0
    assert desk.months() == THERE


@pytest.mark.parametrize("ends", [True, False])
def test_a_checker_that_was_thought_dead_leaves_it_to_the_next(
    desk: Desk, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch_id, awake = waiting_to(desk, "to_check"), threading.Event()

    def compare(*given: Any) -> None:
        if not awake.is_set():  # it slept beyond its lease, and another took the work over
            awake.set()
            desk.clock.forward(minutes=6)
            act = (lambda: work.work_off(desk.clock, pause=0)) if ends else (lambda: work._claim(desk.clock()))
            assert crowd(desk, act, 1) in ([1], [(batch_id, "to_check")])
        OFFTAKE.compare(*given)

    comparing(monkeypatch, compare)
    work.work_off(desk.clock, pause=0)
    batch = desk.batch(batch_id)
    assert (batch.state, batch.failure) == ("checked" if ends else "to_check", None)
    kept = db.session().scalar(select(func.count()).select_from(ImportChunk))
    assert (batch.good, kept) == ((2, 1) if ends else (0, 0))


def test_what_is_given_up_while_it_is_checked_stays_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    batch_id = waiting_to(desk, "to_check")

    def compare(*given: Any) -> None:
        crowd(desk, lambda: desk.act(service.discard, batch_id), 1)
        OFFTAKE.compare(*given)

    comparing(monkeypatch, compare)
    work.work_off(desk.clock, pause=0)
    assert desk.batch(batch_id).state == "discarded"
    assert db.session().scalar(select(func.count()).select_from(ImportChunk)) == 0


@pytest.mark.rule("CHEM-2")
def test_a_line_taken_back_by_hand_while_its_import_is_taken_back_is_taken_off_once(desk: Desk) -> None:
    batch_id = waiting_to(desk, "to_revert")
    with meanwhile(desk, lambda: work.work_off(desk.clock, pause=0), 1) as asked:
        line = db.session().scalars(select(Offtake).where(Offtake.external_number == "CK-2")).one()
        offtake.reverse(db.session(), line.id, line.grams, f"CK-2/R{line.id}", desk.clock())
    assert [each.result() for each in asked] == [1]
    batch = desk.batch(batch_id)
    assert (batch.state, batch.failure, desk.months()) == ("reverted", None, {})
