"""What would run until this time tomorrow: each duty counted at its own moment, and only what comes by then."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest
from flask import Flask

from jobs.duty import Duty, Errand
from jobs.runner import Runner
from jobs.timetable import Timing, next_at_work
from tests.builders import actor
from tests.complaints import scenes
from tests.complaints.facts import at, calendar_2026
from tests.conftest import StandingClock
from tests.grading.scenes import APR, FEB, JAN, MAR
from tests.grading.scenes import Scene as Levels
from tests.jobs.test_papers import customer, paper
from tests.jobs.world import duty, fill, runner
from tierflow.common.db import db, transaction
from tierflow.common.runs import Heartbeat
from tierflow.common.users import User
from tierflow.complaints.service import intake
from tierflow.kernel.months import Day


def counted(app: Flask, scheduler: Runner) -> dict[str, int | None]:
    with app.app_context():
        lines = scheduler.forecast(scheduler.setup.clock(), count=True)
        db.session.remove()
    return {line.duty.key: line.outstanding for line in lines}


def sweep(app: Flask, scheduler: Runner) -> None:
    with app.app_context():
        scheduler.sweep()


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-23 08:29", "2026-11-23 08:30"),
        ("2026-11-23 08:30", "2026-11-23 08:30"),
        ("2026-11-23 17:29", "2026-11-23 17:29"),
        ("2026-11-23 17:30", "2026-11-24 08:30"),
        ("2026-11-20 17:30", "2026-11-23 08:30"),  # Friday evening
        ("2026-11-21 12:00", "2026-11-23 08:30"),
        ("2026-09-30 18:00", "2026-10-08 08:30"),
        ("2026-10-10 12:00", "2026-10-10 12:00"),  # a Saturday made up for
    ],
)
def test_the_next_time_the_office_is_open(moment: str, opens: str) -> None:
    assert next_at_work(calendar_2026(), time(8, 30), time(17, 30), at(moment)) == at(opens)


def test_complaints_count_that_fall_due_by_this_time_tomorrow(
    both_app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    scheduler = runner(both_app, tmp_path, [duty("complaint-clocks"), duty("complaint-digest")])
    with both_app.app_context(), transaction() as session:
        company = scenes.build(session)
        manager = actor(session, session.get_one(User, company["am"]), clock())
        for severity in ("general", "general", "major", "serious"):
            command = {
                "customer_id": company.customer,
                "product_id": company.product,
                "severity": severity,
                "channel": "phone",
                "said_at": clock(),
                "facts": "熔指偏低。",
            }
            intake.take(session, manager, command, clock())
    # Received on Monday 10:00: the general ones' warning falls on Tuesday 09:00, the others' later.
    assert counted(both_app, scheduler)["complaint-clocks"] == 2
    sweep(both_app, scheduler)
    assert counted(both_app, scheduler)["complaint-digest"] == 1, "Tuesday 08:30: two fall due that day"
    clock.at = at("2026-11-23 08:59")
    assert counted(both_app, scheduler)["complaint-clocks"] == 0


def test_a_duty_is_counted_at_its_next_moment(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    scheduler = runner(app, tmp_path, [duty("papers")])

    def plant(session, who):  # type: ignore[no-untyped-def]
        paper(session, who, customer(session, who, 1), date(2026, 12, 24))  # 30 days before it: tomorrow

    fill(app, plant)
    sweep(app, scheduler)
    with app.app_context():
        assert duty("papers").outstanding(db.session(), Errand(Day.at(clock()), clock(), scheduler.setup)) == 0
    assert counted(app, scheduler) == {"papers": 1}


def test_what_does_not_come_by_tomorrow_is_not_counted(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    daily = Duty("daily", "daily", Timing(Day, time(1, 0)), whole=lambda *_: {})
    office = Duty("office", "office", Timing(Day, time(9, 0), at_work=True), whole=lambda *_: {})
    scheduler = runner(app, tmp_path, [daily, office])
    clock.at = at("2026-11-20 10:00")
    sweep(app, scheduler)
    assert counted(app, scheduler) == {"daily": 1, "office": None}, "the office opens on Monday"
    clock.at = at("2026-11-22 08:29")
    assert counted(app, scheduler)["office"] is None
    clock.at = at("2026-11-22 08:30")
    with app.app_context():
        [_, line] = scheduler.forecast(clock(), count=True)
    assert line.runs_at == datetime(2026, 11, 23, 0, 30, tzinfo=UTC), "missed since Saturday: at the opening"
    assert line.outstanding == 1


@pytest.mark.rule("CHEM-9.5")
def test_levels_are_counted_as_the_duties_will_find_them(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    scene = Levels(app)
    for month in (JAN, FEB, MAR):
        scene.lift("a", month, "2500")
    scene.close(JAN)
    keys = ("month-close", "reviews", "levels-watch")
    clock.at = at("2026-03-01 10:00")  # a Sunday: the month is proposed on Monday at 07:00
    scheduler = runner(app, tmp_path, [duty(key) for key in keys])
    sweep(app, scheduler)
    assert counted(app, scheduler) == {"month-close": 1, "reviews": 0, "levels-watch": 0}
    clock.at = at("2026-03-02 07:30")
    sweep(app, runner(app, tmp_path, [duty(key) for key in keys]))
    assert counted(app, runner(app, tmp_path, [duty(key) for key in keys]))["month-close"] == 0
    scene.confirm(2, at("2026-03-02 09:00"))  # what the duty proposed
    scene.close(MAR)
    scene.lift("a", APR, "1999")
    clock.at = at("2026-04-20 10:00")
    scheduler = runner(app, tmp_path, [duty("levels-watch")])
    with app.app_context(), transaction() as session:
        session.get_one(Heartbeat, "scheduler").at = clock()
    sweep(app, scheduler)
    assert counted(app, scheduler) == {"levels-watch": 1}
    clock.at = at("2026-04-21 09:30")
    scheduler = runner(app, tmp_path, [duty("levels-watch")])
    sweep(app, scheduler)
    assert counted(app, scheduler) == {"levels-watch": 0}, "once a month"
