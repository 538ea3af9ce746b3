"""Duties that run always: how they are doing is written down, shown, and alarming when it stays bad."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from jobs import ledger
from jobs.board import answer_requests, publish
from jobs.duty import Duty
from jobs.runner import Runner
from jobs.schedule import TIMETABLE
from jobs.setup import Setup
from tests.builders import csrf_of, sign_in
from tests.conftest import NOW, StandingClock
from tests.jobs.world import fill, read, runner
from tierflow.common import runs
from tierflow.common.db import db, transaction
from tierflow.common.runs import FAILING_AFTER, JobDuty, JobRequest
from tierflow.common.users import User


class Work:
    """Work that fails while it is told to."""

    def __init__(self) -> None:
        self.is_broken = False
        self.times = 0

    def __call__(self, _now: datetime, _setup: Setup) -> None:
        self.times += 1
        if self.is_broken:
            raise ExceptionGroup("work", [ValueError("the pipe is blocked")])


def minute(key: str, work: Callable[[datetime, Setup], None]) -> Duty:
    return Duty(key, next((duty.label for duty in TIMETABLE if duty.key == key), key), always=work)


def wake(app: Flask, scheduler: Runner) -> None:
    """One minute of the process: the alarms of `jobs.process`."""
    with app.app_context():
        scheduler.always()
        answer_requests(scheduler)
        publish(scheduler, scheduler.setup.clock(), count=False)
        db.session.remove()


def state(app: Flask, key: str) -> tuple[datetime | None, str, int]:
    [row] = read(app, select(JobDuty.last_ok_at, JobDuty.last_error, JobDuty.tries).where(JobDuty.key == key))
    return tuple(row)


def test_what_fails_every_minute_is_written_down(both_app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    broken, sound = Work(), Work()
    scheduler = runner(both_app, tmp_path, [minute("complaint-clocks", broken), minute("imports", sound)])
    wake(both_app, scheduler)
    assert state(both_app, "complaint-clocks") == (NOW, "", 0)
    broken.is_broken = True
    for _ in range(3):
        clock.forward(minutes=1)
        wake(both_app, scheduler)
    assert state(both_app, "complaint-clocks") == (NOW, "ValueError: the pipe is blocked", 3)
    assert state(both_app, "imports") == (clock(), "", 0), "it kept no other waiting"
    broken.is_broken = False
    clock.forward(minutes=1)
    wake(both_app, scheduler)
    assert state(both_app, "complaint-clocks") == (clock(), "", 0)


def test_a_failure_before_the_timetable_is_published_is_kept(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    with app.app_context():
        for _ in range(2):
            with transaction() as session:
                ledger.note(session, "imports", "imports", "x" * 600, clock())
        db.session.remove()
    assert state(app, "imports") == (None, "x" * 500, 2)


def test_run_by_hand_it_runs_alone_and_says_how_it_went(both_app: Flask, tmp_path: Path) -> None:
    one, other = Work(), Work()
    one.is_broken = True
    scheduler = runner(both_app, tmp_path, [minute("imports", one), minute("deliveries", other)])
    with both_app.app_context():
        assert scheduler.run_by_hand("imports", "", None) is False
        assert scheduler.run_by_hand("deliveries", "", None) is True
    assert (one.times, other.times) == (1, 1)
    assert state(both_app, "imports")[1:] == ("ValueError: the pipe is blocked", 1)


@pytest.mark.parametrize("door", ["page", "api"])
def test_administrators_see_it_and_run_it(app: Flask, clock: StandingClock, tmp_path: Path, door: str) -> None:
    fill(app, lambda _session, _who: None)
    client = sign_in(app, read(app, select(User.id).where(User.login == "admin"))[0][0])
    broken = Work()
    broken.is_broken = True
    scheduler = runner(app, tmp_path, [minute("complaint-clocks", broken), minute("imports", Work())])

    def health() -> tuple[int, str, str]:
        own = client.get("/healthz/scheduler")
        return own.status_code, own.get_json()["status"], client.get("/healthz").get_json()["scheduler"]

    for _ in range(FAILING_AFTER - 1):
        wake(app, scheduler)
    assert health() == (200, "ok", "ok")
    assert "反复失败" not in client.get("/notices").text
    wake(app, scheduler)
    assert health() == (503, "failing", "failing")
    assert "有定时任务反复失败" in client.get("/notices").text
    page = client.get("/admin/jobs").text
    assert "ValueError: the pipe is blocked" in page
    assert f"连续失败 {FAILING_AFTER} 次" in page
    assert '<option value="complaint-clocks"' in page, "the form offers it"
    body = client.get("/api/v1/jobs").get_json()
    told = {duty["key"]: (duty["last_error"], duty["tries"], duty["last_ok_at"] is None) for duty in body["duties"]}
    assert told["complaint-clocks"] == ("ValueError: the pipe is blocked", FAILING_AFTER, True)
    assert told["imports"] == ("", 0, False)
    assert body["status"] == "failing"

    token = csrf_of(client)
    for _ in range(2):  # asked while it is broken, and when it is mended
        if door == "api":
            client.post("/api/v1/jobs/runs", json={"job": "complaint-clocks"}, headers={"X-CSRFToken": token})
        else:
            client.post("/admin/jobs/runs", data={"job": "complaint-clocks", "period": "", "csrf_token": token})
        with app.app_context():
            answer_requests(scheduler)
            db.session.remove()
        broken.is_broken = False
    assert [row[0] for row in read(app, select(JobRequest.is_ok).order_by(JobRequest.id))] == [False, True]
    assert health() == (200, "ok", "ok")


def test_a_duty_that_runs_always_never_makes_a_silent_scheduler_less_late(
    app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    work = Work()
    work.is_broken = True
    scheduler = runner(app, tmp_path, [minute("imports", work)])
    for _ in range(FAILING_AFTER):
        wake(app, scheduler)
    clock.forward(minutes=6)
    with app.app_context():
        assert runs.pulse(db.session(), clock()) is runs.Pulse.LATE
