"""`python -m bench.offtake_import [--rows N] [--customers N] [--engines …]`: lines of the ERP beside a bare loop.

Floor: csv.reader over the same file, the same readers of cells, keys looked up in dicts, numbers seen once, a list of
errors, executemany (SQLite) or COPY (PostgreSQL) into the very same ledger with its indexes, keys and triggers, the
sums of months and weeks kept; one transaction. Ours: upload, opening, check, preview, handing in, applying. Both begin
with a ledger of their own that holds nothing. The reading process counts as ours, the database's processes as whoever's
turn it is. Beside them: executemany or COPY alone of rows made ready, into the ledger and into a table without indexes.
"""

from __future__ import annotations

import argparse
import csv
import io
import random
import resource
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import xlsxwriter
from flask import Flask
from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

from bench.imports import measure_xlsx
from bench.measure import row_of, server_of, timed
from tests.builders import actor, line, region, user
from tests.databases import fresh_databases
from tierflow import create_app
from tierflow.common import offtake, seeds
from tierflow.common.db import db, is_sqlite, make_engine, transaction, write_access
from tierflow.common.imports import ImportBatch, outcome, service, work
from tierflow.common.offtake import Offtake, OfftakeMonth
from tierflow.common.reference import Product
from tierflow.common.users import User
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role
from tierflow.lifting.rules import rows as rules
from tierflow.lifting.service.offtake_import import OFFTAKE

NOW = datetime(2026, 11, 23, 2, tzinfo=UTC)
FIRST = date(2025, 11, 1)
HEADS = ("单据号", "客户编号", "产品", "提货日期", "提货量", "销售形式")
AT_ONCE = 10_000
SOURCE = "erp"
COLUMNS = (
    "customer_id", "product_id", "product_line_id", "lifted_on", "month", "grams", "form_of_sale", "source",
    "external_number", "take", "recorded_at", "import_id",
)  # fmt: skip


def lines(rows: int, customers: int) -> Iterator[tuple[str, ...]]:
    """A year's lines in the order of their days; a few customers lift often, most seldom."""
    chance = random.Random(20261123)
    for number in range(rows):
        day = FIRST + timedelta(days=number * 365 // rows)
        customer = int(customers * chance.random() ** 2) + 1
        tonnes = f"{chance.randrange(1, 60)}.{chance.randrange(1000):03d}"
        if tonnes.endswith(".000"):
            tonnes = tonnes[:-4]
        form = "网拍" if chance.random() < 0.2 else "计划"
        yield f"CK{day:%Y%m%d}-{number:07d}", f"C-{customer}", f"PO-{number % 10}", day.isoformat(), tonnes, form


def as_csv(rows: Iterable[tuple[str, ...]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADS)
    writer.writerows(rows)
    return out.getvalue().encode()


def as_xlsx(rows: Iterable[tuple[str, ...]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADS)
        for at, row in enumerate(rows, start=1):
            sheet.write_row(at, 0, (*row[:4], float(row[4]), row[5]))
    return out.getvalue()


def fill(url: str, customers: int) -> int:
    """The company, its products and customers; the id of who imports."""
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": lambda: NOW})
    with app.app_context(), transaction() as session:
        seeds.plant(session, NOW, policy={"second_factor.roles": []})
        east, manager = region(session).id, user(session, "am", Role.ACCOUNT_MANAGER).id
        line_id = line(session, "BENCH").id
        session.add_all(
            Product(product_line_id=line_id, code=f"PO-{n}", name=f"牌号{n}", name_en="", from_on=FIRST)
            for n in range(10)
        )
        numbers, no = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {customers})", "0"
        if not is_sqlite(session):
            numbers, no = f"WITH n(i) AS (SELECT generate_series(1::bigint, {customers}::bigint))", "false"
        fields = (
            "number, name, name_key, credit_code, needs_credit_code, legal_representative, address, contact_name,"
            " phone, phone_key, bank_name, bank_account, account_key, invoice_address, invoice_phone, region_id,"
            " account_manager_id, approved_at, approved_on, version"
        )
        words = ", ".join(["'C-' || i", "'客户' || i", "'客户' || i", "'9' || i", no, *["'x'"] * 10])
        session.connection().exec_driver_sql(
            f"INSERT INTO customer ({fields}) {numbers} SELECT {words}, {east}, {manager},"
            " '2025-01-01 00:00:00', '2025-01-01', 1 FROM n"
        )
        importer = user(session, "finance", Role.FINANCE_REVIEWER).id
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    return importer


def write(connection: Connection, table: str, rows: list[tuple[Any, ...]]) -> None:
    """Rows made ready, as fast as the engine takes them."""
    if not rows:
        return
    names = ", ".join(COLUMNS)
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(COLUMNS))
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({places})", rows)
        return
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def ready(connection: Connection, content: bytes, today: date) -> Iterator[tuple[Any, ...]]:
    """Parse and validate: rows for the ledger. Raises for the first file with errors."""
    customers = {row.number: row.id for row in connection.execute(text("SELECT number, id FROM customer"))}
    found = connection.execute(text("SELECT code, id, product_line_id FROM product"))
    products = {rules.key(row.code): (row.id, row.product_line_id) for row in found}
    at = NOW.replace(tzinfo=None).isoformat(sep=" ") if connection.dialect.name == "sqlite" else NOW.isoformat()
    seen: set[str] = set()
    errors: list[tuple[int, str]] = []
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    next(reader)
    for place, cells in enumerate(reader, start=2):
        try:
            number = rules.read_words(cells[0])
            customer = customers[rules.read_words(cells[1], 120)]
            product, line_id = products[rules.key(rules.read_words(cells[2]))]
            day = rules.read_day(cells[3], today)
            grams = rules.read_grams(cells[4])
            form = rules.read_form(cells[5])
            if number in seen:
                raise ValueError(number)
        except (ValueError, KeyError) as error:
            errors.append((place, str(error)))
            continue
        seen.add(number)
        month, on = day.replace(day=1).isoformat(), day.isoformat()
        yield customer, product, line_id, on, month, grams, form, SOURCE, number, 1, at, 1
    if errors:
        raise ValueError(errors[:3])


def bare(url: str, content: bytes, rows: int) -> None:
    """Parse, validate, write: the least anybody could do, all or nothing."""
    engine = make_engine(url)
    with write_access(), engine.begin() as connection:
        batch: list[tuple[Any, ...]] = []
        for row in ready(connection, content, local_day(NOW)):
            batch.append(row)
            if len(batch) == AT_ONCE:
                write(connection, "offtake", batch)
                batch = []
        write(connection, "offtake", batch)
        # The sums in one statement, the product's own: sums in a dict and a row each take the engine far longer.
        offtake.sums.add_from(
            Session(connection), offtake.sums_of(select(Offtake).where(Offtake.import_id == 1).subquery())
        )
        assert connection.scalar(select(func.count()).select_from(Offtake)) == rows
    engine.dispose()


def _is_sound(url: str) -> None:
    """The bare loop kept the very sums the product keeps."""
    engine = make_engine(url)
    with Session(engine) as session:
        assert list(offtake.verify(session)) == []
    engine.dispose()


def alone(url: str, content: bytes, rows: int, table: str) -> Callable[[], None]:
    """Rows made ready beforehand; what is returned writes them, and nothing else."""
    engine = make_engine(url)
    with engine.connect() as connection:
        made = list(ready(connection, content, local_day(NOW)))
    with write_access(), engine.begin() as connection:
        kinds = ["BIGINT"] * 3 + ["DATE"] * 2 + ["BIGINT"] + ["TEXT"] * 3 + ["BIGINT", "TEXT", "BIGINT"]
        fields = ", ".join(f"{name} {kind}" for name, kind in zip(COLUMNS, kinds, strict=True))
        connection.exec_driver_sql(f"CREATE TABLE bench_bare ({fields})")

    def act() -> None:
        with write_access(), engine.begin() as connection:
            for start in range(0, rows, AT_ONCE):
                write(connection, table, made[start : start + AT_ONCE])
        engine.dispose()

    return act


def ours(app: Flask, importer: int, content: bytes, rows: int) -> Iterator[tuple[str, Callable[[], object]]]:
    """The steps of an import by name, each to be done when it comes."""
    held: dict[str, int] = {}

    def ask(verb: Callable[..., ImportBatch], *given: Any, **more: Any) -> ImportBatch:
        with transaction() as session:
            who = actor(session, session.get_one(User, importer), NOW)
            batch = verb(session, who, OFFTAKE, *given, NOW, **more)
            held["id"] = batch.id
            return batch

    def worked() -> int:
        return work.work_off(lambda: NOW)

    def mapped() -> None:
        mapping = db.session().get_one(ImportBatch, held["id"]).mapping
        ask(service.set_mapping, held["id"], dict(mapping))
        worked()

    def previewed() -> None:
        batch = db.session().get_one(ImportBatch, held["id"])
        assert (batch.state, batch.good, batch.bad) == ("checked", rows, 0), (batch.state, batch.total, batch.good)
        assert not db.session().scalars(outcome.findings(batch.id).limit(50)).all()

    def applied() -> None:
        ask(service.hand_in, held["id"], {})
        worked()
        db.session().rollback()
        batch = db.session().get_one(ImportBatch, held["id"], populate_existing=True)
        assert (batch.state, batch.result) == ("applied", {"lines": rows, "confirmed": 0}), batch.failure

    def reverted() -> None:
        ask(service.revert, held["id"], "bench")
        worked()
        db.session().rollback()
        batch = db.session().get_one(ImportBatch, held["id"], populate_existing=True)
        assert batch.state == "reverted", batch.failure

    with app.app_context():
        yield "upload", lambda: ask(service.receive, "offtake.csv", content, spoken=str)
        yield "open", worked
        yield "check", mapped
        yield "preview", previewed
        yield "apply", applied
        assert list(offtake.verify(db.session())) == []
        yield "revert", reverted
        assert list(offtake.verify(db.session())) == []
        db.session().rollback()
        left = db.session().scalar(select(func.sum(OfftakeMonth.grams)))
        assert not left, left
        db.session.remove()
        db.engine.dispose()


def measure(fresh: Callable[[], str], rows: int, customers: int, *, quiet: bool = False) -> None:
    """Floor and product, each on a database of its own, and the engine alone."""
    content = as_csv(lines(rows, customers))
    said: Callable[[str], None] = (lambda _line: None) if quiet else (lambda line: print(line, flush=True))
    said("| what | s | CPU s | × the floor | × in CPU |")
    said("|---|---|---|---|---|")

    url = fresh()
    fill(url, customers)
    server = server_of(url)
    floor = timed(server, lambda: bare(url, content, rows))
    _is_sound(url)
    said(f"| floor: parse, validate, write, {rows:,} rows, {len(content) / 1e6:.0f} MB | {row_of(floor, floor)} |")

    url = fresh()
    importer = fill(url, customers)
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": lambda: NOW})
    total, steps, later = [0.0, 0.0], [], []
    for name, act in ours(app, importer, content, rows):
        took = timed(server, act)
        if name == "revert":
            later.append(f"| taken back whole, afterwards | {row_of(took, floor)} |")
            continue
        total = [total[0] + took[0], total[1] + took[1]]
        steps.append(f"| — {name} | {row_of(took, floor)} |")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    said(f"| **tierflow: upload to applied** | {row_of((total[0], total[1]), floor)} |")
    for step in [*steps, *later]:
        said(step)
    for table, name in (("offtake", "the ledger"), ("bench_bare", "a table without indexes")):
        url = fresh()
        fill(url, customers)
        took = timed(server, alone(url, content, rows, table))
        verb = "executemany" if url.startswith("sqlite") else "COPY"
        said(f"| {verb} alone, into {name} | {row_of(took, floor)} |")
    said(f"\npeak memory of the process after floor and product, file included: {peak} MB")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.offtake_import", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--customers", type=int, default=50_000)
    parser.add_argument("--engines", default="sqlite,postgresql")
    parser.add_argument("--xlsx", action="store_true", help="reading such a workbook alone, instead")
    given = parser.parse_args()
    if given.xlsx:
        measure_xlsx(as_xlsx(lines(given.rows, given.customers)), given.rows, 1)
        return
    for engine in filter(None, given.engines.split(",")):
        print(f"\n{engine}: {given.rows:,} lines of {given.customers:,} customers\n", flush=True)
        with fresh_databases(engine) as fresh:
            measure(fresh, 2_000, 100, quiet=True)  # a warm-up
            measure(fresh, given.rows, given.customers)


if __name__ == "__main__":
    main()
