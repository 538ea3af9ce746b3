"""Imports beside their floors: `python -m bench.imports [--rows N] [--rounds N] [--engines sqlite,postgresql]`.

The floor of an import is a bare loop over the same file: parse, validate with the same library calls, insert customer,
line and paper in one transaction, and nothing else. The floor of reading xlsx is the bare calamine reader.
"""

from __future__ import annotations

import argparse
import csv
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook
from sqlalchemy import Engine, func, insert, select

from bench.measure import row_of, server_of, timed
from tests.conftest import NOW, StandingClock
from tests.databases import fresh_databases
from tests.onboarding import lists, scenes
from tierflow import create_app
from tierflow.common import files, identifiers, seeds
from tierflow.common.approvals import Seen
from tierflow.common.customers import Customer, CustomerLine, name_key
from tierflow.common.db import db, make_engine, transaction, write_access
from tierflow.common.imports import ImportBatch, reading, service, work
from tierflow.common.imports.importer import importer_of
from tierflow.onboarding.models import Paper
from tierflow.onboarding.rules.takeover import read_day, read_lines, read_validity
from tierflow.onboarding.service.takeover import CUSTOMERS

CHUNK = 1000


def bare_import(engine: Engine, content: bytes, place: scenes.Company, file_id: int) -> int:
    """Parse, validate, insert: the least anybody could do, all or nothing."""
    keys = list(lists.HEADS)
    regions, managers = {"华东": place.region}, {name: place.id_of(name) for name in ("li", "wang")}
    lines = {"po": (place.polyolefin, "聚烯烃", "polyolefin")}
    on, count = date(2026, 11, 23), 0
    with write_access(), engine.begin() as connection:
        customers: list[dict[str, Any]] = []
        more: list[tuple[list[tuple[int, str]], tuple[Any, ...], str]] = []

        def flush() -> None:
            before = connection.scalar(select(func.max(Customer.id))) or 0
            connection.execute(insert(Customer), customers)
            ids = {
                row.number: row.id
                for row in connection.execute(select(Customer.number, Customer.id).where(Customer.id > before))
            }
            held, papers = [], []
            for customer, (classes, validity, issuer) in zip(customers, more, strict=True):
                customer_id = ids[customer["number"]]
                held += [
                    {"customer_id": customer_id, "product_line_id": one, "class": name, "from_on": on}
                    for one, name in classes
                ]
                papers.append(
                    {
                        "customer_id": customer_id,
                        "kind": "merged_licence",
                        "number": customer["credit_code"],
                        "issuer": issuer,
                        "valid_from": validity[0],
                        "valid_to": validity[1],
                        "is_long_term": validity[2],
                        "file_id": file_id,
                        "added_by_id": place.id_of("gm"),
                        "added_at": NOW,
                    }
                )
            connection.execute(insert(CustomerLine), held)
            connection.execute(insert(Paper), papers)
            customers.clear()
            more.clear()

        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        next(reader)
        for count, cells in enumerate(reader, start=1):
            row = dict(zip(keys, cells, strict=True))
            code, phone = identifiers.credit_code(row["credit_code"]), identifiers.phone(row["phone"])
            account = identifiers.bank_account(row["bank_account"]).number
            customers.append(
                {
                    "number": f"C{count:06d}",
                    "name": row["name"],
                    "name_key": name_key(row["name"]),
                    "credit_code": code,
                    "organisation_code": identifiers.organisation_code_within(code),
                    "needs_credit_code": False,
                    "legal_representative": row["legal_representative"],
                    "address": row["address"],
                    "contact_name": row["contact_name"],
                    "phone": phone.shown,
                    "phone_key": phone.key,
                    "bank_name": row["bank_name"],
                    "bank_account": account,
                    "account_key": account,
                    "invoice_address": "",
                    "invoice_phone": "",
                    "region_id": regions[row["region"]],
                    "account_manager_id": managers[row["account_manager"]],
                    "approved_at": NOW,
                    "approved_on": read_day(row["since"]),
                    "version": 1,
                }
            )
            licence = read_validity(
                "merged_licence", row["merged_licence.valid_from"], row["merged_licence.valid_to"], on
            )
            more.append((read_lines(row["lines"], lines), licence, row["merged_licence.issuer"]))
            if len(customers) == CHUNK:
                flush()
        if customers:
            flush()
    return count


Step = tuple[str, Callable[[], object]]


def our_import(content: bytes, place: scenes.Company, clock: StandingClock) -> Iterator[Step]:
    """The steps of an import by name, each to be done when it comes: upload to applied, and what follows."""
    held: dict[str, int] = {}

    def received() -> None:
        with transaction() as session:
            actor = place.actor(session, "sales")
            held["id"] = service.receive(session, actor, CUSTOMERS, "list", content, NOW, spoken=str).id

    def checked() -> None:
        with transaction() as session:
            mapping = session.get_one(ImportBatch, held["id"]).mapping
            service.set_mapping(session, place.actor(session, "sales"), CUSTOMERS, held["id"], mapping, NOW)
        work.work_off(clock)

    def applied() -> None:
        with transaction() as session:
            batch = service.hand_in(session, place.actor(session, "sales"), CUSTOMERS, held["id"], {}, NOW)
            case = service.case_of(session, batch)
            assert case is not None
            seen = Seen(case.version, case.step or "")
            service.apply(session, place.actor(session, "gm"), CUSTOMERS, held["id"], seen, NOW)
        settle = work._STEPS["applied"]  # search keys follow in chunks; timed by themselves
        work._STEPS["applied"] = lambda *_args: None
        claimed = work._claim(clock())
        assert claimed is not None
        work._apply(claimed[0], importer_of(CUSTOMERS.kind), clock, str, 0)
        work._STEPS["applied"] = settle

    def reverted() -> None:
        with transaction() as session:
            service.revert(session, place.actor(session, "gm"), CUSTOMERS, held["id"], "bench", NOW)
        work.work_off(clock)
        db.session().rollback()
        assert db.session().get_one(ImportBatch, held["id"], populate_existing=True).state == "reverted"

    yield "upload", received
    yield "open", lambda: work.work_off(clock)
    yield "check", checked
    yield "hand in, decide, apply", applied
    yield "search keys, afterwards", lambda: work.work_off(clock)
    yield "taken back whole, afterwards", reverted


def measure(fresh: Callable[[], str], rows: int, *, quiet: bool = False) -> None:
    """Floor and product, each on a database of its own."""
    clock, content = StandingClock(), lists.as_csv(lists.customer(number) for number in range(1, rows + 1))
    took: list[tuple[str, tuple[float, float]]] = []
    for which in ("floor", "ours"):
        url = fresh()
        server, engine = server_of(url), make_engine(url)
        app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": clock})
        with app.app_context():
            with transaction() as session:
                seeds.plant(session, NOW, policy={"second_factor.roles": []})
                place = scenes.company(session)
                file_id = files.store(session, b"x", "x.pdf", "pdf", ("bench", 1), place.id_of("gm"), NOW).id
            if which == "floor":
                floor = timed(server, lambda: bare_import(engine, content, place, file_id))  # noqa: B023
            else:
                took = [(name, timed(server, act)) for name, act in our_import(content, place, clock)]
                assert db.session().scalar(select(func.count()).select_from(Customer)) == 0
            db.session.remove()
            db.engine.dispose()
        engine.dispose()
    if quiet:
        return
    steps, later = took[:4], took[4:]
    whole = (sum(wall for _name, (wall, _cpu) in steps), sum(worked for _name, (_wall, worked) in steps))
    print(f"| floor: parse, validate, insert, {rows:,} rows | {row_of(floor, floor)} |")
    print(f"| **tierflow: upload to applied** | {row_of(whole, floor)} |")
    for name, each in [*((f"— {name}", each) for name, each in steps), *later]:
        print(f"| {name} | {row_of(each, floor)} |", flush=True)


def measure_xlsx(content: bytes, rows: int, rounds: int) -> None:
    """Reading alone: our limited process beside calamine in this one; seconds, ratio, the process's peak memory."""
    floors, ours = [], []
    for _ in range(rounds):
        begun = time.perf_counter()
        with reading.opened(content, "xlsx") as table:
            assert sum(len(batch) for batch in table.rows()) == rows
        ours.append(time.perf_counter() - begun)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list.xlsx"
            path.write_bytes(content)
            begun = time.perf_counter()
            book = CalamineWorkbook.from_path(str(path))
            assert len(book.get_sheet_by_index(0).to_python()) == rows + 1
            floors.append(time.perf_counter() - begun)
    floor, our = statistics.median(floors), statistics.median(ours)
    what = f"read xlsx, {rows:,} rows, {len(content) / 1e6:.1f} MB"
    print("| what | floor s | tierflow s | ratio | peak memory of the reading process |\n|---|---|---|---|---|")
    print(f"| {what} | {floor:.2f} | {our:.2f} | {our / floor:.2f} | {_peak(content)} MB |", flush=True)


# A process counts the memory of whoever forked it as its own: a small one in between keeps this bench out of it.
_WATCHED = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-I", *sys.argv[1:]], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def _peak(content: bytes) -> int:
    """The most memory the reading process takes, in MB."""
    with tempfile.NamedTemporaryFile(suffix=".xlsx") as file:
        file.write(content)
        file.flush()
        command = [sys.executable, "-c", _WATCHED, str(reading._SCRIPT), "xlsx", file.name, "600"]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--engines", default="sqlite,postgresql")
    given = parser.parse_args()
    measure_xlsx(lists.as_xlsx(lists.customer(number) for number in range(1, given.rows + 1)), given.rows, 3)
    for engine in filter(None, given.engines.split(",")):
        print(f"\n{engine}\n\n| what | s | CPU s | × the floor | × in CPU |\n|---|---|---|---|---|", flush=True)
        with fresh_databases(engine) as fresh:
            measure(fresh, 500, quiet=True)  # a warm-up
            for _ in range(given.rounds):
                measure(fresh, given.rows)


if __name__ == "__main__":
    main()
