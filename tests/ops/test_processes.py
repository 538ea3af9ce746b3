"""The real processes: two schedulers on one database, killed and ended; and what `make run` starts."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from urllib.error import HTTPError

from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.builders import adopt
from tests.jobs.test_papers import customer, paper
from tests.jobs.world import fill, read
from tierflow import create_app
from tierflow.common import audit
from tierflow.common.calendars import load_year
from tierflow.common.clock import system_clock
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.runs import Heartbeat, JobDuty, Run
from tierflow.common.verify import job_periods
from tierflow.kernel.months import SHANGHAI, Day
from tierflow.kernel.roles import SYSTEM

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def process(*arguments: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own group, that is gone afterwards whatever happens."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield child
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait(30)


def wait_for(true: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen in time")


def environment_of(url: str, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "TIERFLOW_DATABASE_URL": url,
        "TIERFLOW_SECRET_KEY": "tests only",
        "TIERFLOW_DATA_DIR": str(folder),
        "TIERFLOW_LOG": "json",
    }


def test_two_schedulers_killed_again_and_again_do_every_period_once(
    both_app: Flask, database_url: str, tmp_path: Path
) -> None:
    """Both are killed at random moments; after the dust has settled nothing is missing and nothing is double."""
    today = system_clock().astimezone(SHANGHAI).date()

    def plant(session: object, who: object) -> None:
        for number in range(12):
            paper(session, who, customer(session, who, number), today + timedelta(days=20 + number))  # type: ignore[arg-type]

    fill(both_app, plant)
    first_day = Day(today).plus(-6)
    with both_app.app_context(), transaction() as session:
        now = system_clock()
        at_work_whenever(session, today)  # people are told in office hours; the processes read the real clock
        for job in ("anchor", "housekeeping", "papers"):
            run = Run(job=job, period=str(first_day), item="", state="done", started_at=now, ended_at=now, result={})
            session.add(run)
    environment = environment_of(database_url, tmp_path)
    log = tmp_path / "log"
    for pause in (1.6, 2.1, 2.6):
        with (
            process("-m", "jobs", environment=environment, log=log),
            process("-m", "jobs", environment=environment, log=log),
        ):
            time.sleep(pause)
    with (
        process("-m", "jobs", environment=environment, log=tmp_path / "one") as one,
        process("-m", "jobs", environment=environment, log=tmp_path / "two") as two,
    ):
        wait_for(lambda: settled(both_app))
        wait_for(lambda: all("scheduler started" in (tmp_path / name).read_text() for name in ("one", "two")))
        for child in (one, two):
            child.send_signal(signal.SIGTERM)
        assert [child.wait(40) for child in (one, two)] == [0, 0], "each ends by itself when it is asked to"
    with both_app.app_context():
        assert list(job_periods(db.session(), system_clock())) == []
        db.session.remove()
    told = read(both_app, select(Notice.dedupe_key, Notice.user_id).where(Notice.kind == "paper.expiry"))
    readers = {row.user_id for row in told}
    assert set(Counter(row.dedupe_key for row in told).values()) == {len(readers)}, "each warning once to each reader"
    assert "Traceback" not in "".join(path.read_text() for path in (log, tmp_path / "one", tmp_path / "two"))


def at_work_whenever(session: Session, today: date) -> None:
    """The office is open now, whatever the day and the hour."""
    adopt(session, {"office.opens_at": "00:00", "office.closes_at": "23:59"}, today - timedelta(days=30))
    days = [today + timedelta(days=n) for n in (-1, 0, 1)]
    load_year(session, today.year, dict.fromkeys(days, (True, "")), "test", None, system_clock())


def settled(app: Flask) -> bool:
    done = read(app, select(Run.job, func.count()).where(Run.item == "", Run.state == "done").group_by(Run.job))
    counts = {row[0]: row[1] for row in done}
    missed = read(app, select(func.sum(JobDuty.missed)).where(JobDuty.key.in_(("anchor", "housekeeping"))))
    return counts.get("anchor", 0) >= 6 and counts.get("housekeeping", 0) >= 6 and missed[0][0] == 0


def test_a_scheduler_started_by_hand_beats_and_ends(app: Flask, sqlite_url: str, tmp_path: Path) -> None:
    environment = environment_of(sqlite_url, tmp_path)
    with process("-m", "jobs", environment=environment, log=tmp_path / "log") as child:
        wait_for(lambda: bool(read(app, select(Heartbeat.name))) and bool(read(app, select(JobDuty.key))))
        child.send_signal(signal.SIGINT)
        assert child.wait(40) == 0


def test_verify_and_write_go_on_together(both_app: Flask, database_url: str, tmp_path: Path) -> None:
    """`tierflow verify` reads one moment: somebody who writes meanwhile is no lie."""
    with both_app.app_context():
        for number in range(80):
            with transaction() as session:
                audit.record(session, SYSTEM, "write", "test", number, system_clock())
        db.session.remove()
    log = tmp_path / "log"
    with process("-m", "tierflow", "verify", environment=environment_of(database_url, tmp_path), log=log) as child:
        while child.poll() is None:
            with both_app.app_context(), transaction() as session:
                audit.record(session, SYSTEM, "write", "test", 0, system_clock())
            time.sleep(0.02)
        assert child.returncode == 0, log.read_text()


def get(address: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def test_make_run_starts_the_demo_and_ctrl_c_ends_it_without_leftovers(tmp_path: Path) -> None:
    """What `make run` calls: on a fresh directory, twice; the second start keeps the data."""
    command = (ROOT / "Makefile").read_text().split("\nrun:")[1].splitlines()[1]
    assert command == "\t@$(PY) -m tierflow demo"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIERFLOW_")}
    environment = {**kept, "TIERFLOW_DATA_DIR": str(tmp_path / "var"), "PYTHONUNBUFFERED": "1"}
    people: list[int] = []
    for start in (1, 2):
        log = tmp_path / f"log{start}"
        with process("-m", "tierflow", "demo", environment=environment, log=log) as child:
            wait_for(lambda: "Ctrl-C ends it" in log.read_text() or child.poll() is not None, 180)  # noqa: B023
            told = log.read_text()
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", told)
            assert found, told
            address = found[0]
            status, body = get(f"{address}healthz")
            assert (status, '"database":"ok"' in body.replace(" ", "")) == (200, True)
            page = get(f"{address}login")[1]
            for login in logins_in(told):
                assert login in page, "the logins printed are those of the page"
            wait_for(lambda: get(f"{address}healthz/scheduler")[0] == 200)  # noqa: B023
            below = descendants(child.pid)
            assert len(below) >= 3, "web server, its worker, scheduler"
            if start == 1:
                os.kill(child.pid, signal.SIGINT)
                assert child.wait(60) == 0, log.read_text()
            else:  # killed outright, it takes its children along all the same
                os.kill(child.pid, signal.SIGKILL)
        wait_for(lambda: not any(alive(pid) for pid in below), 30)  # noqa: B023
        assert "Traceback" not in log.read_text()
        people.append(count_people(tmp_path / "var" / "demo.db"))
    assert people[0] == people[1] > 5
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o077 == 0


def logins_in(told: str) -> list[str]:
    found = re.findall(r"^  ([a-z]\w+) +\S+-\S+ +\S", told, re.MULTILINE)
    assert len(found) > 5, told
    return [str(name) for name in found]


def count_people(path: Path) -> int:
    from tierflow.common.users import Person

    app = create_app({"SQLALCHEMY_DATABASE_URI": f"sqlite:///{path}", "SECRET_KEY": "tests only"})
    with app.app_context():
        count = db.session.scalar(select(func.count()).select_from(Person))
        db.session.remove()
        db.engine.dispose()
    return int(count or 0)


def descendants(pid: int) -> list[int]:
    """Every process below this one."""
    found, queue = [], [pid]
    while queue:
        parent = queue.pop()
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            children = [int(word) for word in task.read_text().split()]
            found += children
            queue += children
    return found


def alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
