"""The process dies before SQL statement k of a duty, for every k of every duty of the timetable.

The next process finishes: what is stored is then exactly what an undisturbed run stores. Duties are taken from the
timetable itself, so that a new one is covered from its first day.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.schedule import TIMETABLE
from tests.builders import actor
from tests.complaints import scenes
from tests.conftest import StandingClock
from tests.jobs.test_papers import customer, paper
from tests.jobs.world import Killed, duty, killed_at, runner, waiting_case
from tierflow.common.calendars import built_in_years, load_year
from tierflow.common.db import Base, db, transaction
from tierflow.common.idempotency import IdempotencyKey
from tierflow.common.runs import Run
from tierflow.common.sessions import LoginAttempt
from tierflow.common.users import User
from tierflow.common.verify import job_periods
from tierflow.complaints.service import extensions, intake

# The duties run on Monday 2026-11-23 at 10:00 in Shanghai.
TUESDAY, WEDNESDAY, THURSDAY = (datetime(2026, 11, day, 2, 0, tzinfo=UTC) for day in (17, 18, 19))
# How often something was tried and how much the last try had left to do; what says only that the scheduler lives.
VOLATILE = {"heartbeat", "job_duty", "job_request"}
COUNTED = {("run", "tries"), ("run", "id"), ("run", "result")}


def plant(session: Session) -> None:
    """Work for every duty: approvals that wait, papers near their end, complaints late, ended rows, a new calendar."""
    company = scenes.build(session)
    accounts = {login: session.get_one(User, user_id) for login, user_id in company.people.items()}
    who = {**accounts, "clerk": accounts["am"], "sales": accounts["sm"], "manager": accounts["gm"]}
    waiting_case(session, who, THURSDAY, 1)
    waiting_case(session, who, THURSDAY - timedelta(days=30), 2)
    for number, days in ((40, 40), (10, 10), (1, -1)):
        paper(session, who, customer(session, who, number), date(2026, 11, 23) + timedelta(days=days))
    for received, severity in ((TUESDAY, "major"), (WEDNESDAY, "serious"), (THURSDAY, "general"), (THURSDAY, "major")):
        command = {
            "customer_id": company.customer,
            "product_id": company.product,
            "severity": severity,
            "channel": "phone",
            "said_at": received,
            "facts": "熔指偏低。",
        }
        taken = intake.take(session, actor(session, accounts["am"], received), command, received)
        if received is TUESDAY:
            more = {"to_day": 6, "circumstance": "需送检"}
            extensions.ask(session, actor(session, accounts["am"], WEDNESDAY), taken.id, more, WEDNESDAY)
    for days in (1, 8):
        at = THURSDAY - timedelta(days=days)
        session.add(IdempotencyKey(user_id=accounts["am"].id, key=f"{days}", request_hash="", at=at))
        session.add(LoginAttempt(login="x", address="", at=at))
    amended = {**built_in_years()[2026], date(2026, 11, 24): (False, "放假")}
    load_year(session, 2026, amended, "tests", None, THURSDAY)


def stored(app: Flask, folder: Path) -> dict[str, Any]:
    """Everything in the database but what counts attempts, and the files outside it."""
    found: dict[str, Any] = {}
    with app.app_context():
        for table in Base.metadata.sorted_tables:
            if table.name not in VOLATILE:
                columns = [column for column in table.columns if (table.name, column.name) not in COUNTED]
                found[table.name] = sorted(map(repr, db.session.execute(select(*columns))))
        db.session.remove()
    for name in ("backups", "."):
        place = folder / name
        found[name] = sorted(path.name for path in place.iterdir()) if place.exists() else []
    return found


def run(app: Flask, folder: Path, key: str) -> None:
    """One process wakes once."""
    with app.app_context():
        scheduler = runner(app, folder, [duty(key)])
        scheduler.sweep()
        scheduler.always()
        db.session.remove()


class Fresh:
    """The planted database, and a new copy of it for every run."""

    def __init__(self, app: Flask, path: Path, folder: Path) -> None:
        self.app, self.path, self.folder = app, path, folder
        with app.app_context():
            with transaction() as session:
                plant(session)
            db.session.remove()
            db.engine.dispose()
        self.kept = folder / "fresh.db"
        shutil.copy(path, self.kept)

    def again(self, name: str) -> Path:
        """As planted once more; a folder for what is written outside."""
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()
        for leftover in (f"{self.path}-wal", f"{self.path}-shm"):
            Path(leftover).unlink(missing_ok=True)
        shutil.copy(self.kept, self.path)
        place = self.folder / name
        place.mkdir()
        return place


@pytest.fixture
def fresh(app: Flask, sqlite_url: str, tmp_path: Path) -> Iterator[Fresh]:
    return Fresh(app, Path(sqlite_url.removeprefix("sqlite:///")), tmp_path)


@pytest.mark.rule("CHEM-12.3", "CHEM-15")
@pytest.mark.timeout(900)
@pytest.mark.parametrize("key", [each.key for each in TIMETABLE])
def test_a_duty_killed_before_any_statement_leaves_what_an_undisturbed_run_leaves(
    fresh: Fresh, clock: StandingClock, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The draw of inspections takes its seed by chance: the same one for every run here, or no two would be alike.
    monkeypatch.setattr(secrets, "token_hex", lambda _size: "5eed")
    app = fresh.app
    place = fresh.again("undisturbed")
    before = stored(app, place)
    run(app, place, key)
    wanted = stored(app, place)
    assert wanted != before or duty(key).always is not None, "there was something to do"
    statement = 0
    while True:
        statement += 1
        place = fresh.again(str(statement))
        try:
            with killed_at(app, statement):
                run(app, place, key)
        except Killed:
            run(app, place, key)
        else:
            break  # it ran to its end before a statement of this number
        assert stored(app, place) == wanted, f"killed before statement {statement}"
        with app.app_context():
            assert list(job_periods(db.session(), clock())) == []
            assert set(db.session.scalars(select(Run.state).where(Run.job == key))) <= {"done"}
            db.session.remove()
    assert statement > (3 if duty(key).always is not None else 10)
