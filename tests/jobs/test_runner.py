"""The ledger is the truth: every period once, whatever fails, dies or runs twice. On both engines."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from jobs.board import publish
from jobs.duty import Duty, Errand
from jobs.runner import Held
from jobs.timetable import CatchUp, Timing
from tests.conftest import StandingClock
from tests.jobs.world import Killed, fill, killed_at, ledger, read, runner
from tierflow.common import runs
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.runs import Heartbeat, JobDuty, Run
from tierflow.common.sessions import LoginAttempt
from tierflow.common.users import User, actor_of
from tierflow.common.verify import job_periods
from tierflow.kernel.errors import Invalid, NotFound, Refused
from tierflow.kernel.months import Day, Month, local_day


class Effects:
    """A duty's effects are rows, so that they commit with the mark or not at all."""

    def __init__(self) -> None:
        self.broken: set[str] = set()

    def whole(self, session: Session, errand: Errand) -> dict[str, object]:
        if str(errand.period) in self.broken:
            raise ValueError(f"{errand.period} is broken")
        session.add(LoginAttempt(login="effect", address=str(errand.period), at=errand.now))
        return {"done": 1}

    def items(self, session: Session, errand: Errand) -> Sequence[str]:
        have = set(session.scalars(select(LoginAttempt.address).where(LoginAttempt.login == "item")))
        return [name for name in ("a", "b", "c") if name not in have]

    def each(self, session: Session, errand: Errand) -> dict[str, object]:
        if errand.item in self.broken:
            raise ValueError(f"{errand.item} is broken")
        session.add(LoginAttempt(login="item", address=errand.item, at=errand.now))
        return {}


def daily(effects: Effects, catch_up: CatchUp = CatchUp.EACH) -> Duty:
    return Duty("daily", "daily", Timing(Day, clock_time(9, 0), catch_up=catch_up), whole=effects.whole)


def itemised(effects: Effects) -> Duty:
    return Duty("items", "items", Timing(Day, clock_time(9, 0)), items=effects.items, each=effects.each)


def done(app: Flask, login: str = "effect") -> list[str]:
    query = select(LoginAttempt.address).where(LoginAttempt.login == login).order_by(LoginAttempt.id)
    return [row[0] for row in read(app, query)]


def rows(app: Flask, job: str, *, items: bool = False) -> list[tuple[str, str, str]]:
    with app.app_context():
        found = ledger(db.session(), job, items=items)
        db.session.remove()
    return found


def sweep(app: Flask, scheduler: object) -> None:
    with app.app_context():
        scheduler.sweep()  # type: ignore[attr-defined]


def test_missed_days_are_caught_up_oldest_first(both_app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    scheduler = runner(both_app, tmp_path, [daily(Effects())])
    sweep(both_app, scheduler)
    assert done(both_app) == ["2026-11-23"]
    sweep(both_app, scheduler)
    assert done(both_app) == ["2026-11-23"], "a second look does nothing"
    clock.forward(days=3)
    sweep(both_app, runner(both_app, tmp_path, [daily(Effects())]))
    assert done(both_app) == ["2026-11-23", "2026-11-24", "2026-11-25", "2026-11-26"]
    assert [row[0] for row in rows(both_app, "daily")] == [f"2026-11-2{n}" for n in range(2, 7)]


def test_a_state_is_asked_for_once_after_an_outage(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    duty = daily(Effects(), CatchUp.LATEST)
    sweep(app, runner(app, tmp_path, [duty]))
    clock.forward(days=4)
    sweep(app, runner(app, tmp_path, [duty]))
    assert done(app) == ["2026-11-23", "2026-11-27"]
    with app.app_context():
        covered = {run.period: run.result for run in db.session.scalars(select(Run)) if "covered_by" in run.result}
        assert covered == {f"2026-11-2{n}": {"covered_by": "2026-11-27"} for n in (4, 5, 6)}
        assert list(job_periods(db.session(), clock())) == []


def test_a_failing_period_keeps_no_other_waiting(both_app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    effects = Effects()
    scheduler = runner(both_app, tmp_path, [daily(effects)])
    sweep(both_app, scheduler)
    clock.forward(days=3)
    effects.broken = {"2026-11-25"}
    sweep(both_app, scheduler)
    assert done(both_app) == ["2026-11-23", "2026-11-24", "2026-11-26"]
    failed = read(both_app, select(Run.period, Run.error, Run.tries).where(Run.state == "failed"))
    assert [tuple(row) for row in failed] == [("2026-11-25", "ValueError: 2026-11-25 is broken", 1)]
    sweep(both_app, scheduler)
    assert read(both_app, select(Run.tries).where(Run.state == "failed"))[0][0] == 1, "left alone for a minute"
    clock.forward(minutes=1)
    sweep(both_app, scheduler)
    assert read(both_app, select(Run.tries).where(Run.state == "failed"))[0][0] == 2
    effects.broken = set()
    clock.forward(minutes=2)
    sweep(both_app, scheduler)
    assert done(both_app)[-1] == "2026-11-25"
    assert {row[2] for row in rows(both_app, "daily")} == {"done"}


def test_a_failing_item_keeps_no_other_waiting(both_app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    effects = Effects()
    effects.broken = {"b"}
    scheduler = runner(both_app, tmp_path, [itemised(effects)])
    sweep(both_app, scheduler)
    assert done(both_app, "item") == ["a", "c"]
    assert rows(both_app, "items", items=True)[1:] == [
        ("2026-11-23", "", "failed"),
        ("2026-11-23", "a", "done"),
        ("2026-11-23", "b", "failed"),
        ("2026-11-23", "c", "done"),
    ]
    clock.forward(days=1)
    effects.broken = set()
    sweep(both_app, scheduler)
    assert done(both_app, "item") == ["a", "c", "b"]
    assert {row[2] for row in rows(both_app, "items", items=True)} == {"done"}, "what is settled needs nobody"


def test_a_run_by_hand_leaves_the_clocks_slot_alone(both_app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    clock.at = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)  # 08:00, an hour before the duty is due
    scheduler = runner(both_app, tmp_path, [daily(Effects())])
    with both_app.app_context():
        scheduler.sweep()
        assert scheduler.run_by_hand("daily", "2026-11-23", None)
    assert done(both_app) == ["2026-11-22", "2026-11-23"]
    clock.forward(hours=2)
    sweep(both_app, scheduler)
    assert done(both_app) == ["2026-11-22", "2026-11-23", "2026-11-23"], "the clock's own run took place"
    with both_app.app_context():
        assert scheduler.run_by_hand("daily", "2026-08-01", None), "long ago, before the ledger began"
        assert list(job_periods(db.session(), clock())) == []
    assert [row[0] for row in rows(both_app, "daily")] == ["2026-11-21", "2026-11-22", "2026-11-23"]


def test_a_run_by_hand_fills_a_slot_that_was_missed(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    effects = Effects()
    scheduler = runner(app, tmp_path, [daily(effects)])
    sweep(app, scheduler)
    clock.forward(days=1)
    with app.app_context():
        assert scheduler.run_by_hand("daily", "2026-11-24", None)
    sweep(app, scheduler)
    assert done(app) == ["2026-11-23", "2026-11-24"]


def test_a_run_by_hand_wants_a_period_of_its_kind_that_has_begun(app: Flask, tmp_path: Path) -> None:
    monthly = Duty("monthly", "monthly", Timing(Month, clock_time(3, 0), after=True), whole=Effects().whole)
    scheduler = runner(app, tmp_path, [monthly])
    with app.app_context():
        for written in ("2026-11-23", "2026-13", "", "november"):
            with pytest.raises(Invalid):
                scheduler.run_by_hand("monthly", written, None)
        with pytest.raises(Refused):
            scheduler.run_by_hand("monthly", "2026-12", None)
        with pytest.raises(NotFound):
            scheduler.run_by_hand("nothing", "2026-11", None)
        assert scheduler.run_by_hand("monthly", "2026-11", None)


def test_two_schedulers_at_once_do_no_harm(both_app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    sweep(both_app, runner(both_app, tmp_path, [daily(Effects()), itemised(Effects())]))
    clock.forward(days=20)
    with both_app.app_context(), transaction() as session:
        for row in session.scalars(select(LoginAttempt).where(LoginAttempt.login == "item")):
            session.delete(row)
    start = threading.Barrier(3)
    failures: list[BaseException] = []

    def scheduler() -> None:
        one = runner(both_app, tmp_path, [daily(Effects()), itemised(Effects())])
        start.wait()
        try:
            sweep(both_app, one)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=scheduler) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert sorted(done(both_app)) == [str(Day.at(clock()).plus(n)) for n in range(-20, 1)]
    assert sorted(done(both_app, "item")) == ["a", "b", "c"]
    with both_app.app_context():
        assert list(job_periods(db.session(), clock())) == []


@pytest.mark.parametrize("kind", ["daily", "items"])
def test_a_kill_before_any_statement_misses_and_doubles_nothing(
    app: Flask, clock: StandingClock, tmp_path: Path, kind: str
) -> None:
    duties = [daily(Effects())] if kind == "daily" else [itemised(Effects())]
    login = "effect" if kind == "daily" else "item"
    sweep(app, runner(app, tmp_path, duties))
    statement, whole = 1, False
    while not whole:
        with app.app_context(), transaction() as session:
            for row in session.scalars(select(LoginAttempt)):
                session.delete(row)
        clock.forward(days=2)
        try:
            with killed_at(app, statement) as count:
                sweep(app, runner(app, tmp_path, duties))
            whole = count[0] < statement
        except Killed:
            pass
        sweep(app, runner(app, tmp_path, duties))
        today = Day.at(clock())
        expected = [str(today.previous()), str(today)] if kind == "daily" else ["a", "b", "c"]
        assert done(app, login) == expected, f"killed before statement {statement}"
        statement += 1
    assert statement > 15
    with app.app_context():
        assert list(job_periods(db.session(), clock())) == []


def test_two_schedulers_may_start_in_the_same_moment(both_app: Flask, tmp_path: Path) -> None:
    for _ in range(3):
        with both_app.app_context(), transaction() as session:
            session.execute(delete(Heartbeat))
            session.execute(delete(JobDuty))
        start = threading.Barrier(4)
        failures: list[BaseException] = []

        def scheduler(start: threading.Barrier, failures: list[BaseException]) -> None:
            one = runner(both_app, tmp_path, [daily(Effects())])
            start.wait()
            try:
                with both_app.app_context():
                    assert one.watch.may_work(one.setup.clock())
                    publish(one, one.setup.clock(), count=True)
                    db.session.remove()
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=scheduler, args=(start, failures)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert failures == []
        assert [tuple(row) for row in read(both_app, select(JobDuty.key, JobDuty.outstanding))] == [("daily", 1)]


def held(app: Flask) -> str | None:
    found = read(app, select(Heartbeat.held_since, Heartbeat.hold_reason))
    return found[0][1] if found and found[0][0] is not None else None


def test_a_jump_holds_everything_until_an_administrator_confirms(
    both_app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    fill(both_app, lambda _session, _who: None)
    ticks = [0.0]
    scheduler = runner(both_app, tmp_path, [daily(Effects())])
    scheduler.watch._steady = lambda: ticks[0]
    sweep(both_app, scheduler)
    clock.forward(days=40)
    ticks[0] += 60
    sweep(both_app, scheduler)
    assert done(both_app) == ["2026-11-23"]
    assert held(both_app) == "forward"
    with both_app.app_context():
        with pytest.raises(Held):
            scheduler.run_by_hand("daily", "2026-11-23", None)
        restarted = runner(both_app, tmp_path, [daily(Effects())])
        restarted.sweep()
    assert done(both_app) == ["2026-11-23"], "a restart changes nothing"
    with both_app.app_context():
        with transaction() as session:
            admin = actor_of(
                session, session.scalars(select(User).where(User.login == "admin")).one(), local_day(clock())
            )
            with pytest.raises(Refused):
                runs.release(session, admin, clock(), seen_on=local_day(clock()) - timedelta(days=40))
        with transaction() as session:
            runs.release(session, admin, clock(), seen_on=local_day(clock()))
    ticks[0] += 60
    clock.forward(minutes=1)
    sweep(both_app, scheduler)
    assert done(both_app) == [str(Day.at(clock()).plus(n)) for n in range(-40, 1)], "oldest first"


def test_a_long_silence_at_start_holds_and_a_shorter_one_does_not(
    app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    sweep(app, runner(app, tmp_path, [daily(Effects())]))
    clock.forward(days=35)
    sweep(app, runner(app, tmp_path, [daily(Effects())]))
    assert held(app) is None
    assert len(done(app)) == 36
    clock.forward(days=35, seconds=1)
    sweep(app, runner(app, tmp_path, [daily(Effects())]))
    assert held(app) == "gap"
    assert len(done(app)) == 36


def test_a_clock_set_back_holds(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    scheduler = runner(app, tmp_path, [daily(Effects())])
    scheduler.watch._steady = time.monotonic
    sweep(app, scheduler)
    clock.forward(hours=-2)
    sweep(app, scheduler)
    assert held(app) == "back"


def test_the_forecast_counts_and_runs_nothing(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    scheduler = runner(app, tmp_path, [daily(Effects()), itemised(Effects())])
    with app.app_context():
        lines = scheduler.forecast(clock(), count=True)
        assert [(line.duty.key, [str(p) for p in line.missed], line.outstanding) for line in lines] == [
            ("daily", ["2026-11-23"], 1),
            ("items", ["2026-11-23"], 3),
        ]
        assert db.session.scalar(select(func.count()).select_from(Run)) == 0
        assert db.session.scalar(select(func.count()).select_from(Notice)) == 0


def test_duties_that_send_wait_for_office_hours(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    duty = Duty("work", "work", Timing(Day, clock_time(9, 0), at_work=True), whole=Effects().whole)
    clock.at = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)  # Saturday noon
    scheduler = runner(app, tmp_path, [duty])
    sweep(app, scheduler)
    clock.at = datetime(2026, 11, 22, 23, 0, tzinfo=UTC)  # Monday 07:00
    sweep(app, scheduler)
    assert done(app) == []
    clock.at = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)  # Monday 09:00
    sweep(app, scheduler)
    assert done(app) == ["2026-11-23"], "once, for the weekend too"
