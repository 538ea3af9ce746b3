"""`python -m bench.grading [--customers N] [--months N] [--engines …]`: month closes beside the bare statements.

Floors, on the same database before each close: one `INSERT … SELECT … GROUP BY` that turns twelve months into a tier
for each customer, once over the liftings themselves by their covering index, once over the monthly sums. Rival: what a
typical application does, a loop over customers through the ORM, on a sample. A close is all of it: facts, rule, stored
explanations, hashes, confirmation, levels in force, audit, notices. A tenth of the company goes first, for the growth.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bench import measure as measuring
from bench.grading_company import FIRST, MONTHS, bare, fill
from tests.builders import actor
from tests.databases import fresh_databases
from tierflow import create_app
from tierflow.common import seeds
from tierflow.common.db import db, is_sqlite, make_engine, transaction, write_access
from tierflow.common.offtake import KEY, SUMS, Offtake, OfftakeMonth
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.grading.models import BackTest, GradingRun
from tierflow.grading.rules.levels import Level, decide_level, level_policy
from tierflow.grading.rules.levels import Month as Facts
from tierflow.grading.service import closing, drafts, late, runs, trials
from tierflow.kernel.months import Month
from tierflow.kernel.roles import SYSTEM

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
SAMPLE = 2_000
RIVAL = "ORM loop, a customer"

TIER = "CASE WHEN g >= 36000000000 THEN 3 WHEN g >= 24000000000 THEN 2 WHEN g >= 12000000000 THEN 1 ELSE 0 END"
FLOOR = (
    f"INSERT INTO bench_tier SELECT id, g, {TIER} FROM (SELECT c.id AS id, coalesce(sum(m.grams), 0) AS g"
    " FROM customer c LEFT JOIN offtake_month m ON m.customer_id = c.id GROUP BY c.id) AS sums"
)
FLOOR_LIFTINGS = (
    f"INSERT INTO bench_tier SELECT customer_id, g, {TIER} FROM (SELECT customer_id, sum(grams) AS g FROM offtake"
    f" WHERE month BETWEEN '{FIRST.start}' AND '{FIRST.plus(MONTHS - 1).start}' GROUP BY customer_id) AS sums"
)


@dataclass
class Figures:
    """Seconds, by what was done."""

    customers: int
    liftings: int = 0
    changed: list[int] = field(default_factory=list)
    floor: list[float] = field(default_factory=list)
    floor_liftings: list[float] = field(default_factory=list)
    close: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    others: dict[str, float] = field(default_factory=dict)
    worked: dict[str, float] = field(default_factory=dict)  # CPU seconds of some of them
    peak_mib: int | None = None
    cpu: list[tuple[float, float, float]] = field(default_factory=list)  # CPU seconds of floors and close


def timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def floor(url: str, statement: str) -> float:
    """The bare statement into an empty table."""
    engine = make_engine(url)
    with write_access(), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM bench_tier")
    with write_access(), engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL enable_hashagg = off")  # the ordered index, which its planner shuns
        took = timed(lambda: connection.exec_driver_sql(statement))
        begun = time.perf_counter()
    took += time.perf_counter() - begun  # the commit is part of it
    engine.dispose()
    return took


def close(session: Session, line_id: int, month: Month, now: datetime, pause: float) -> None:
    """Propose, decide, confirm."""
    runs.AT_ONCE = 0
    with transaction(session):
        run_id = runs.start(session, SYSTEM, line_id, month, now).id
    size = None if pause or not is_sqlite(session) else 20_000
    closing.compute(session, run_id, size=size, pause=pause)
    with transaction(session):
        confirmer = actor(session, session.scalars(select(User).where(User.login == "sm")).one(), now)
        runs.confirm(session, confirmer, run_id, "", now)


def loop(session: Session, line_id: int, month: Month) -> float:
    """A customer at a time through the ORM: load its rows, decide, add; one commit. Seconds a customer."""
    policy = level_policy(policy_on(session, month.last_day))
    with transaction(session):

        def each() -> None:
            for customer_id in range(1, SAMPLE + 1):
                query = select(OfftakeMonth).where(OfftakeMonth.customer_id == customer_id)
                rows = session.scalars(query.where(OfftakeMonth.product_line_id == line_id)).all()
                grams = sum(row.grams for row in rows if row.month == month.start)
                decide_level("dealer", Level.ORDINARY, Facts(grams, {}), 0, policy)
                session.execute(text("INSERT INTO bench_save (words) VALUES ('decided')"))

        return timed(each) / SAMPLE


def saver(url: str, waits: list[float], stop: threading.Event) -> None:
    """A clerk who saves every 50 ms while a month is closed."""
    engine = make_engine(url)
    while not stop.is_set():

        def save() -> None:
            with write_access(), engine.begin() as connection:
                connection.exec_driver_sql("INSERT INTO bench_save (words) VALUES ('a clerk')")

        waits.append(timed(save))
        time.sleep(0.05)
    engine.dispose()


def touch(session: Session, line_id: int, month: Month, every: int, customers: int) -> int:
    """Late liftings for one customer in `every`: ledger and sums, as lifting writes them."""
    product = session.scalar(text("SELECT min(id) FROM product"))
    chosen = f"FROM customer WHERE id % {every} = 0"
    day = month.start.replace(day=15)
    absent = ("id", "reverses_id", "import_id")
    names = ", ".join(column.name for column in Offtake.__table__.columns if column.name not in absent)
    values = f"id, {product}, {line_id}, '{day}', '{month.start}', 5000000000, 'planned', 'late', 'L' || id, 1,"
    values += f" '{NOW:%Y-%m-%d %H:%M:%S}'"
    execute = bare(session)
    execute(f"INSERT INTO offtake ({names}) SELECT {values} {chosen}")
    sums = ", ".join("5000000000" if name in ("grams", "week_2") else "0" for name in SUMS)
    added = ", ".join(f"{name} = offtake_month.{name} + excluded.{name}" for name in SUMS)
    execute(
        f"INSERT INTO {OfftakeMonth.__tablename__} ({', '.join(KEY + SUMS)})"
        f" SELECT id, {line_id}, '{month.start}', {sums} {chosen} ON CONFLICT ({', '.join(KEY)}) DO UPDATE SET {added}"
    )
    return customers // every


def peak(*, anew: bool = False) -> int | None:
    """The process's peak memory in MiB, counted anew from here on if asked; None where the system does not tell."""
    try:
        if anew:
            Path("/proc/self/clear_refs").write_text("5")
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024


def measure(app: Flask, url: str, customers: int, months: int, *, whole: bool = True) -> Figures:
    """Close month after month, floors and close in turn.

    `whole`: the last month while a clerk saves, then the rival, an adjustment, a draft tried on all of them.
    """
    found = Figures(customers)
    with app.app_context():
        session: Session = db.session()
        with transaction(session):
            seeds.plant(session, NOW, policy={"second_factor.roles": []})
            line_id = fill(session, customers)
        found.liftings = session.scalar(text("SELECT count(*) FROM offtake")) or 0
        session.rollback()
        with write_access(), db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("SET statement_timeout = 0")
                connection.exec_driver_sql("VACUUM ANALYZE")
                connection.exec_driver_sql("RESET statement_timeout")
        now, server = NOW - timedelta(days=1), measuring.server_of(url)
        peak(anew=True)
        newest = select(GradingRun.changed).order_by(GradingRun.id.desc()).limit(1)
        for n in range(months - 1):
            month = FIRST.plus(n)
            marks = [measuring.cpu(server)]
            for act, kept in (
                (lambda: floor(url, FLOOR_LIFTINGS), found.floor_liftings),
                (lambda: floor(url, FLOOR), found.floor),
                (lambda at=month: timed(lambda: close(session, line_id, at, now, 0.0)), found.close),
            ):
                kept.append(act())
                marks.append(measuring.cpu(server))
            found.cpu.append((marks[1] - marks[0], marks[2] - marks[1], marks[3] - marks[2]))
            found.changed.append(session.scalar(newest) or 0)
            session.rollback()
        found.peak_mib = peak()
        if whole:
            _beside(session, found, url, line_id, months, now)
    return found


def _beside(session: Session, found: Figures, url: str, line_id: int, months: int, now: datetime) -> None:
    """What is measured once the closes are: a clerk, the rival, late facts, a draft tried."""
    stop = threading.Event()
    clerk = threading.Thread(target=saver, args=(url, found.waits, stop))
    clerk.start()
    name, month = "a close with pauses, a clerk saving meanwhile", FIRST.plus(months - 1)
    found.others[name] = timed(lambda: close(session, line_id, month, now, closing.PAUSE))
    stop.set()
    clerk.join()
    found.others[RIVAL] = loop(session, line_id, FIRST)
    with transaction(session):
        touched = touch(session, line_id, FIRST.plus(months - 1), 100, found.customers)
    server = measuring.server_of(url)
    with ExitStack() as seen:
        look = f"looking for late facts in {months} closed months"
        _noted(found, look, server, lambda: seen.enter_context(late.looked_for(session, [line_id])))
        with transaction(session):
            adjust = f"adjusting run, {touched:,} customers"
            _noted(found, adjust, server, lambda: late.adjust(session, SYSTEM, line_id, NOW))
    _trial(session, found, server, line_id, months, now)


def _noted(found: Figures, name: str, server: int | None, act: Callable[[], object]) -> None:
    found.others[name], found.worked[name] = measuring.timed(server, act)


def _trial(session: Session, found: Figures, server: int | None, line_id: int, months: int, now: datetime) -> None:
    """A draft with another threshold over all closed months."""
    trials.AT_ONCE = 0
    with transaction(session):
        values = {"grading.one_star_grams": 900_000_000}
        version = drafts.create(session, SYSTEM, {"source": "bench", "values": values}, now).version
        command = {"product_line_id": line_id, "first": FIRST, "last": FIRST.plus(months - 1)}
        test_id = trials.start(session, SYSTEM, version, command, now).id
    _noted(found, f"back-test of {months} months", server, lambda: trials.compute(session, test_id, size=20_000))
    assert session.get_one(BackTest, test_id).state == "done"


def show(engine: str, small: Figures, found: Figures) -> None:
    """A table in Markdown. The first close has no month before it and is told apart."""
    took = statistics.median(found.close[1:])
    changes = f"{min(found.changed[1:]):,} to {max(found.changed[1:]):,}"
    print(
        f"\n{engine}: {found.customers:,} customers, {found.liftings:,} liftings in 12 months, {changes} levels changed"
    )
    print("a month\n\n| what | figure |\n|---|---|")
    print(f"| bare INSERT … SELECT … GROUP BY over the liftings | {statistics.median(found.floor_liftings):.2f} s |")
    print(f"| the same over the monthly sums | {statistics.median(found.floor):.2f} s |")
    print(f"| whole month close, median of {len(found.close) - 1} | {took:.2f} s |")
    for name, floors in (("liftings", found.floor_liftings), ("monthly sums", found.floor)):
        ratios = [each / bare_ for each, bare_ in zip(found.close[1:], floors[1:], strict=True)]
        middle = statistics.median(ratios)
        print(f"| close / bare over the {name} | **{middle:.2f}** ({min(ratios):.2f}..{max(ratios):.2f}) |")
    for at, name in enumerate(("liftings", "monthly sums")):  # what it took of the processor, whoever else was busy
        middle = statistics.median(each[2] / each[at] for each in found.cpu[1:])
        print(f"| the same in CPU seconds, over the {name} | {middle:.2f} |")
    print(f"| the first close, everybody new | {found.close[0]:.2f} s |")
    growth = took / statistics.median(small.close[1:])
    print(f"| close of {found.customers:,} / of {small.customers:,} customers | {growth:.1f} times |")
    closed, smaller = (statistics.median(each[2] for each in figures.cpu[1:]) for figures in (found, small))
    print(f"| the same in CPU seconds | {closed / smaller:.1f} times |")
    if found.peak_mib is not None and small.peak_mib is not None:
        print(f"| peak memory of the closes, and with a tenth | {found.peak_mib} MiB, {small.peak_mib} MiB |")
    for name, seconds in found.others.items():
        print(f"| {name} | {seconds:.5f} s |" if seconds < 0.1 else f"| {name} | {seconds:.2f} s |")
        if name in found.worked:
            share = found.worked[name] / closed
            print(f"| the same in CPU seconds, and as a share of a close | {found.worked[name]:.2f} s, {share:.3f} |")
    print(f"| ORM loop / close, a customer | {found.others[RIVAL] / (took / found.customers):.0f} times |")
    if found.waits:
        ordered = sorted(found.waits)
        p95 = ordered[int(len(ordered) * 0.95)] * 1000
        print(f"| a clerk's save meanwhile: p95, worst of {len(ordered)} | {p95:.1f} ms, {ordered[-1] * 1000:.0f} ms |")
        print(f"| the worst / a close without pauses | {ordered[-1] / took:.2f} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.grading", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=6, help="3 to 12")
    parser.add_argument("--engines", default="sqlite,postgresql")
    given = parser.parse_args()
    for engine in given.engines.split(","):
        with fresh_databases(engine) as fresh:
            small = company(fresh(), given.customers // 10, given.months, whole=False)
            show(engine, small, company(fresh(), given.customers, given.months))


def company(url: str, customers: int, months: int, *, whole: bool = True) -> Figures:
    """Measure a company in a database of its own."""
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": lambda: NOW})
    found = measure(app, url, customers, months, whole=whole)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    return found


if __name__ == "__main__":
    main()
