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
from tests import builders
from tests.builders import actor, line
from tests.common.test_imports import ALONE, csv_file
from tests.complaints import scenes
from tests.conftest import StandingClock
from tests.jobs.test_papers import customer, paper
from tests.jobs.world import Killed, duty, killed_at, runner, waiting_case
from tests.ops.stubs import robot
from tierflow.common import files
from tierflow.common.calendars import built_in_years, load_year
from tierflow.common.customers import CustomerLine
from tierflow.common.db import Base, db, transaction
from tierflow.common.idempotency import IdempotencyKey
from tierflow.common.imports import service as imports
from tierflow.common.notices import Channel, notify
from tierflow.common.reference import Product
from tierflow.common.runs import Run
from tierflow.common.sessions import LoginAttempt
from tierflow.common.users import User
from tierflow.common.verify import job_periods
from tierflow.complaints.service import extensions, handling, inquiries, intake
from tierflow.grading.service import runs
from tierflow.kernel.months import Month
from tierflow.kernel.text import Text
from tierflow.onboarding.models import Contract, Handover

# The duties run on Monday 2026-11-23 at 10:00 in Shanghai.
TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = (datetime(2026, 11, day, 2, 0, tzinfo=UTC) for day in (17, 18, 19, 20))
MORNING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
# How often something was tried and how much the last try had left to do; what says only that the scheduler lives.
VOLATILE = {"heartbeat", "job_duty", "job_request"}
COUNTED = {("run", "tries"), ("run", "id"), ("run", "result")}
# What a process that died had in hand is left alone for a while: these finish an hour later, and their times say so.
LEASED = {"deliveries", "imports"}
LATER = {
    *(("delivery", name) for name in ("tries", "next_try_at", "sent_at")),
    *(("notice", name) for name in ("created_at", "dedupe_key")),
    ("import_batch", "checked_at"),
}
# It looks and changes nothing; the ledger alone says that it was done.
CHANGES_NOTHING = {"proof"}


def plant(session: Session, robot_url: str) -> None:
    """Work for every duty: approvals that wait, papers near their end, complaints late, ended rows, a new calendar …"""
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
        if received is THURSDAY:
            ask = {"department_id": company.department, "question": "留样结果？"}
            handling.consult(session, actor(session, accounts["am"], received), taken.id, ask, received)
        if received is TUESDAY:
            more = {"to_day": 6, "circumstance": "需送检"}
            extensions.ask(session, actor(session, accounts["am"], WEDNESDAY), taken.id, more, WEDNESDAY)
    question = {"customer_id": company.customer, "channel": "phone", "asked_at": FRIDAY, "question": "有货吗？"}
    inquiries.note(session, actor(session, accounts["am"], FRIDAY), question, FRIDAY)
    for days in (1, 8):
        at = THURSDAY - timedelta(days=days)
        session.add(IdempotencyKey(user_id=accounts["am"].id, key=f"{days}", request_hash="", at=at))
        session.add(LoginAttempt(login="x", address="", at=at))
    plant_levels(session, company)
    plant_portfolio(session, company, accounts)
    plant_messages(session, accounts, robot_url)
    amended = {**built_in_years()[2026], date(2026, 11, 24): (False, "放假")}
    load_year(session, 2026, amended, "tests", None, THURSDAY)


def plant_levels(session: Session, company: scenes.Company) -> None:
    """A month still being worked out, one nobody confirmed, one not proposed yet; reviews to open."""
    first = session.scalars(select(Product.product_line_id).where(Product.id == company.product)).one()
    lines = [first, line(session, "PE", "聚乙烯").id, line(session, "PP", "聚丙烯").id]
    for line_id in lines:
        held = {"customer_class": "dealer", "from_on": date(2025, 12, 1), "to_on": None}
        session.add(CustomerLine(customer_id=company.customer, product_line_id=line_id, **held))
    session.flush()
    closing, october = datetime(2026, 11, 2, 2, 0, tzinfo=UTC), Month(2026, 10)
    manager = actor(session, session.get_one(User, company["sm"]), closing)
    runs.start(session, manager, lines[1], october, closing)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "AT_ONCE", 0)
        runs.start(session, manager, lines[0], october, THURSDAY)


def plant_portfolio(session: Session, company: scenes.Company, accounts: dict[str, User]) -> None:
    """A contract near its end, a handover both have signed whose day is today, a customer of nobody's, an office."""
    builders.office(session)
    customer(session, {**accounts, "clerk": accounts["qa"]}, 77)
    giver, taker = accounts["am"], accounts["am2"]
    scan = files.store(session, b"%PDF", "a.pdf", "pdf", ("customer", company.customer), giver.id, THURSDAY)
    contract = Contract(
        number="HT-1",
        customer_id=company.customer,
        title="年度购销协议",
        from_on=date(2026, 1, 1),
        to_on=date(2026, 12, 1),
        custodian_id=accounts["finance"].id,
        place="档案室",
        file_id=scan.id,
        entered_by_id=giver.id,
        entered_at=THURSDAY,
    )
    session.add(contract)
    signed = {"giver_signed_at": THURSDAY, "giver_signed_by_id": giver.id, "taker_signed_at": THURSDAY}
    given = {"giver_id": giver.id, "taker_id": taker.id, "proposed_by_id": accounts["sm"].id, "proposed_at": THURSDAY}
    session.add(Handover(**given, **signed, effective_on=date(2026, 11, 23), reason="离职", moved={}))
    session.flush()


def plant_messages(session: Session, accounts: dict[str, User], robot_url: str) -> None:
    """A notice on its way to a robot, and a file whose rows are to be checked."""
    session.add(Channel(kind="wecom", name="robot", settings={"url": f"{robot_url}/hook"}, topics=["test.robot"]))
    session.flush()
    admin = accounts["admin"]
    notify(session, [admin.id], "test.robot", Text("x"), ("test", 1), THURSDAY, dedupe_key="robot")
    acting, content = actor(session, admin, THURSDAY), csv_file(("D1", "部一", ""), ("D2", "部二", ""))
    batch = imports.receive(session, acting, ALONE, "f.csv", content, THURSDAY, spoken=str)
    imports.set_mapping(session, acting, ALONE, batch.id, batch.mapping, THURSDAY)


def stored(app: Flask, folder: Path, key: str) -> dict[str, Any]:
    """Everything in the database but what counts attempts, and the files outside it; as bare rows, which is quick."""
    found: dict[str, Any] = {}
    left_out = COUNTED | LATER if key in LEASED else COUNTED
    with app.app_context():
        for table in Base.metadata.sorted_tables:
            if table.name not in VOLATILE:
                columns = [column for column in table.columns if (table.name, column.name) not in left_out]
                rows = db.session.connection().exec_driver_sql(str(select(*columns).compile(db.engine)))
                found[table.name] = sorted(map(repr, rows))
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


def finish(app: Flask, folder: Path, key: str, clock: StandingClock) -> None:
    """A process wakes, and again when nobody's hand lies on anything any more."""
    run(app, folder, key)
    if key in LEASED:
        clock.at = MORNING + timedelta(hours=1)
        run(app, folder, key)
        clock.at = MORNING


def effects(found: dict[str, Any]) -> dict[str, Any]:
    """What was done: everything but the ledger's own lines."""
    return {name: rows for name, rows in found.items() if name != "run"}


class Fresh:
    """The planted database, and a new copy of it for every run."""

    def __init__(self, app: Flask, path: Path, folder: Path, robot_url: str) -> None:
        self.app, self.path, self.folder = app, path, folder
        with app.app_context():
            with transaction() as session:
                plant(session, robot_url)
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
    with robot() as hook:
        yield Fresh(app, Path(sqlite_url.removeprefix("sqlite:///")), tmp_path, hook.url)


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
    before = stored(app, place, key)
    assert clock() == MORNING
    finish(app, place, key, clock)
    wanted = stored(app, place, key)
    assert effects(wanted) != effects(before) or key in CHANGES_NOTHING, "there was something to do"
    statement = 0
    while True:
        statement += 1
        place = fresh.again(str(statement))
        try:
            with killed_at(app, statement):
                run(app, place, key)
        except Killed:
            finish(app, place, key, clock)
        else:
            break  # it ran to its end before a statement of this number
        assert stored(app, place, key) == wanted, f"killed before statement {statement}"
        with app.app_context():
            assert list(job_periods(db.session(), clock())) == []
            assert set(db.session.scalars(select(Run.state).where(Run.job == key))) <= {"done"}
            db.session.remove()
    assert statement > 10
