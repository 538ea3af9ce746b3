"""`python -m bench.grading [--customers N] [--months N] [--engines …]`: month closes beside the bare statement.

Floor: one `INSERT … SELECT … GROUP BY` that turns twelve months of the same summary into a tier for each customer, on
the same database, before each close. Rival: what a typical application does, a loop over customers through the ORM, on
a sample. A close is all of it: facts, rule, stored explanations, hashes, confirmation, levels in force, audit, notices.
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tests.builders import actor, line, region, user
from tests.databases import fresh_databases
from tierflow import create_app
from tierflow.common import seeds
from tierflow.common.db import db, is_sqlite, make_engine, transaction, write_access
from tierflow.common.offtake import Offtake, OfftakeMonth
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.grading.models import BackTest
from tierflow.grading.rules.levels import Level, decide_level, level_policy
from tierflow.grading.rules.levels import Month as Facts
from tierflow.grading.service import closing, drafts, late, runs, trials
from tierflow.kernel.months import Month
from tierflow.kernel.roles import SYSTEM, Role

FIRST = Month.parse("2025-11")
NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
LIFTED_OF_100, ACTIVE_OF_100 = 78, 32  # as the floors' data: 78 of 100 ever lift, 3.8 months of twelve each
SAMPLE = 2_000

TIER = "CASE WHEN g >= 36000000000 THEN 3 WHEN g >= 24000000000 THEN 2 WHEN g >= 12000000000 THEN 1 ELSE 0 END"
FLOOR = (
    f"INSERT INTO bench_tier SELECT id, g, {TIER} FROM (SELECT c.id AS id, coalesce(sum(m.grams), 0) AS g"
    " FROM customer c LEFT JOIN offtake_month m ON m.customer_id = c.id GROUP BY c.id) AS sums"
)


@dataclass
class Figures:
    """Seconds, by what was done."""

    floor: list[float] = field(default_factory=list)
    close: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    others: dict[str, float] = field(default_factory=dict)


def timed(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def bare(session: Session) -> Callable[[str], object]:
    """Sends a statement as it is; psycopg reads a single % as a place for a value."""
    send, double = session.connection().exec_driver_sql, not is_sqlite(session)
    return lambda statement: send(statement.replace("%", "%%") if double else statement)


def fill(session: Session, customers: int) -> int:
    """Customers by bare statements: what is measured is the close, not the filling."""
    east = region(session).id
    manager = user(session, "am", Role.ACCOUNT_MANAGER).id
    user(session, "sm", (Role.SALES_MANAGER, east))
    line_id = line(session).id
    execute = bare(session)
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {customers})"
    if not is_sqlite(session):
        numbers = f"WITH n(i) AS (SELECT generate_series(1::bigint, {customers}::bigint))"
    fields = (
        "number, name, name_key, credit_code, needs_credit_code, legal_representative, address, contact_name, phone,"
        " phone_key, bank_name, bank_account, account_key, invoice_address, invoice_phone, region_id,"
        " account_manager_id, approved_at, approved_on, version"
    )
    no = "false" if not is_sqlite(session) else "0"
    values = ", ".join(["'C-' || i", "'客户' || i", "'客户' || i", "'9' || i", no, *["'x'"] * 10])
    execute(
        f"INSERT INTO customer (id, {fields}) {numbers} SELECT i, {values}, {east}, {manager},"
        " '2025-01-01 00:00:00', '2025-01-01', 1 FROM n"
    )
    execute(
        "INSERT INTO customer_line (customer_id, product_line_id, class, from_on)"
        f" SELECT id, {line_id}, 'dealer', '2025-01-01' FROM customer"
    )
    for n in range(12):
        month = FIRST.plus(n).start
        lifts = f"i % 100 < {LIFTED_OF_100} AND (i * 31 + {n} * 17) % 100 < {ACTIVE_OF_100 * 100 // LIFTED_OF_100}"
        grams = f"((i % 997) * 4000000 + (i * {n + 7}) % 1000003) * (1 + i % 3)"
        execute(
            f"INSERT INTO offtake_month (customer_id, product_line_id, month, grams) {numbers}"
            f" SELECT i, {line_id}, '{month}', {grams} + 1 FROM n WHERE {lifts}"
        )
    execute("CREATE TABLE bench_tier (id BIGINT PRIMARY KEY, grams BIGINT, tier INTEGER)")
    execute("CREATE TABLE bench_save (words TEXT)")
    return line_id


def floor(url: str) -> float:
    """The bare statement into an empty table."""
    engine = make_engine(url)
    with write_access(), engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM bench_tier")
    with write_access(), engine.begin() as connection:
        took = timed(lambda: connection.exec_driver_sql(FLOOR))
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
    """Late liftings for one customer in `every`: ledger and summary, as lifting writes them."""
    product = session.scalar(text("SELECT min(id) FROM product"))
    chosen = f"FROM customer WHERE id % {every} = 0"
    day = month.start.replace(day=15)
    absent = ("id", "reverses_id", "import_id")
    names = ", ".join(column.name for column in Offtake.__table__.columns if column.name not in absent)
    values = f"id, {product}, {line_id}, '{day}', '{month.start}', 5000000000, 'planned', 'late', 'L' || id, 1,"
    values += f" '{NOW:%Y-%m-%d %H:%M:%S}'"
    execute = bare(session)
    execute(f"INSERT INTO offtake ({names}) SELECT {values} {chosen}")
    for statement in (
        "UPDATE offtake_month SET grams = grams + 5000000000"
        f" WHERE month = '{month.start}' AND customer_id % {every} = 0",
        f"INSERT INTO offtake_month (customer_id, product_line_id, month, grams) SELECT id, {line_id}, '{month.start}',"
        f" 5000000000 {chosen} AND NOT EXISTS (SELECT 1 FROM offtake_month m WHERE m.customer_id = customer.id"
        f" AND m.month = '{month.start}')",
    ):
        execute(statement)
    return customers // every


def measure(app: Flask, url: str, customers: int, months: int) -> Figures:
    """Close month after month, floor and close in turn."""
    found = Figures()
    with app.app_context():
        session: Session = db.session()
        with transaction(session):
            seeds.plant(session, NOW, policy={"second_factor.roles": []})
            line_id = fill(session, customers)
        if not is_sqlite(session):
            with write_access(), db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("ANALYZE")
        now = NOW - timedelta(days=1)
        for n in range(months):
            month = FIRST.plus(n)
            found.floor.append(floor(url))
            found.close.append(timed(lambda month=month: close(session, line_id, month, now, 0.0)))
        if is_sqlite(session):
            stop = threading.Event()
            clerk = threading.Thread(target=saver, args=(url, found.waits, stop))
            clerk.start()
            month = FIRST.plus(months)
            found.others["close with pauses, a clerk saving"] = timed(
                lambda: close(session, line_id, month, now, closing.PAUSE)
            )
            stop.set()
            clerk.join()
            months += 1
        found.others["ORM loop, a customer"] = loop(session, line_id, FIRST)
        with transaction(session):
            touched = touch(session, line_id, FIRST.plus(months - 1), 100, customers)
        with transaction(session):
            found.others[f"adjusting run, {touched} customers"] = timed(
                lambda: late.adjust(session, SYSTEM, line_id, NOW)
            )
        _trial(session, found, line_id, months, now)
    return found


def _trial(session: Session, found: Figures, line_id: int, months: int, now: datetime) -> None:
    """A draft with another threshold over all closed months."""
    trials.AT_ONCE = 0
    with transaction(session):
        values = {"grading.one_star_grams": 900_000_000}
        version = drafts.create(session, SYSTEM, {"source": "bench", "values": values}, now).version
        command = {"product_line_id": line_id, "first": FIRST, "last": FIRST.plus(months - 1)}
        test_id = trials.start(session, SYSTEM, version, command, now).id
    found.others[f"back-test of {months} months"] = timed(lambda: trials.compute(session, test_id, size=20_000))
    assert session.get_one(BackTest, test_id).state == "done"


def show(engine: str, customers: int, found: Figures) -> None:
    """A table in Markdown. The first close has no month before it and is told apart."""
    ratios = [took / bare for took, bare in zip(found.close[1:], found.floor[1:], strict=True)]
    print(f"\n{engine}, {customers:,} customers\n\n| what | figure |\n|---|---|")
    print(f"| bare INSERT … SELECT … GROUP BY over 12 months | {statistics.median(found.floor):.2f} s |")
    print(f"| whole month close, median of {len(ratios)} | {statistics.median(found.close[1:]):.2f} s |")
    middle = statistics.median(ratios)
    print(f"| ratio, median (least..most) | **{middle:.2f}** ({min(ratios):.2f}..{max(ratios):.2f}) |")
    print(f"| the first close, everybody new | {found.close[0]:.2f} s |")
    each = statistics.median(found.close[1:]) / customers
    for name, seconds in found.others.items():
        print(f"| {name} | {seconds:.5f} s |" if seconds < 0.1 else f"| {name} | {seconds:.2f} s |")
    print(f"| ORM loop / close, a customer | {found.others['ORM loop, a customer'] / each:.0f} times |")
    if found.waits:
        ordered = sorted(found.waits)
        p95 = ordered[int(len(ordered) * 0.95)] * 1000
        print(f"| a clerk's save meanwhile: p95, worst of {len(ordered)} | {p95:.1f} ms, {ordered[-1] * 1000:.0f} ms |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.grading", description=__doc__)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--months", type=int, default=6)
    parser.add_argument("--engines", default="sqlite,postgresql")
    given = parser.parse_args()
    for engine in given.engines.split(","):
        with fresh_databases(engine) as fresh:
            url = fresh()
            app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": lambda: NOW})
            show(engine, given.customers, measure(app, url, given.customers, given.months))
            with app.app_context():
                db.session.remove()
                db.engine.dispose()


if __name__ == "__main__":
    main()
