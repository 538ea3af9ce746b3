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
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook
from sqlalchemy import Engine, delete, func, insert, select

from tests.conftest import NOW, StandingClock
from tests.databases import fresh_databases
from tests.onboarding import lists, scenes
from tierflow import create_app
from tierflow.common import identifiers, seeds
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


def our_import(content: bytes, place: scenes.Company, clock: StandingClock) -> tuple[dict[str, float], int]:
    """Upload, check, hand in, approve, apply: seconds by step, and the batch."""
    seconds: dict[str, float] = {}

    def timed(name: str, act: Callable[[], Any]) -> Any:
        begun = time.perf_counter()
        found = act()
        seconds[name] = time.perf_counter() - begun
        return found

    def received() -> int:
        with transaction() as session:
            actor = place.actor(session, "sales")
            return service.receive(session, actor, CUSTOMERS, "list", content, NOW, spoken=str).id

    batch_id = timed("upload", received)
    timed("open", lambda: work.work_off(clock, pause=0))
    with transaction() as session:
        mapping = session.get_one(ImportBatch, batch_id).mapping
        service.set_mapping(session, place.actor(session, "sales"), CUSTOMERS, batch_id, mapping, NOW)
    timed("check", lambda: work.work_off(clock, pause=0))
    with transaction() as session:
        service.hand_in(session, place.actor(session, "sales"), CUSTOMERS, batch_id, {}, NOW)
        service.apply(session, place.actor(session, "gm"), CUSTOMERS, batch_id, NOW)
    settle = work._STEPS.pop("applied")  # search keys follow in chunks; timed by themselves
    work._STEPS["applied"] = lambda *_args: None
    timed("apply", lambda: _one_step(clock))
    work._STEPS["applied"] = settle
    return seconds, batch_id


def _one_step(clock: StandingClock) -> None:
    claimed = work._claim(clock())
    assert claimed is not None
    work._apply(claimed[0], importer_of(CUSTOMERS.kind), clock, str, 0)


def empty(engine: Engine) -> None:
    """Take the bare loop's rows away again."""
    with write_access(), engine.begin() as connection:
        for table in (Paper, CustomerLine, Customer):
            connection.execute(delete(table))


def measure(url: str, rows: int, rounds: int) -> None:
    """Floor and product in turn."""
    clock = StandingClock()
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": clock})
    engine = make_engine(url)
    with app.app_context():
        with transaction() as session:
            seeds.plant(session, NOW, policy={"second_factor.roles": []})
            place = scenes.company(session)
            from tierflow.common import files

            file_id = files.store(session, b"x", "x.pdf", "pdf", ("bench", 1), place.id_of("gm"), NOW).id
        for round_ in range(rounds):
            listed = [lists.customer(number + round_ * rows) for number in range(1, rows + 1)]
            content = lists.as_csv(listed)
            begun = time.perf_counter()
            assert bare_import(engine, content, place, file_id) == rows
            floor = time.perf_counter() - begun
            empty(engine)
            seconds, batch_id = our_import(content, place, clock)
            total = sum(seconds.values())
            steps = ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
            print(f"| {rows:,} rows | {floor:.1f} | {total:.1f} | {total / floor:.2f} | {steps} |", flush=True)
            begun = time.perf_counter()
            work.work_off(clock, pause=0)
            print(f"  search keys afterwards: {time.perf_counter() - begun:.1f} s", flush=True)
            if round_ + 1 < rounds:
                with transaction() as session:
                    service.revert(session, place.actor(session, "gm"), CUSTOMERS, batch_id, "bench", NOW)
                begun = time.perf_counter()
                work.work_off(clock, pause=0)
                print(f"  reverted: {time.perf_counter() - begun:.1f} s", flush=True)
        db.session.remove()
    engine.dispose()


def measure_xlsx(rows: int, rounds: int) -> None:
    """Reading alone: our limited process beside calamine in this one."""
    content = lists.as_xlsx(lists.customer(number) for number in range(1, rows + 1))
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
    what = f"xlsx {rows:,} rows, {len(content) / 1e6:.1f} MB"
    print(f"| {what} | {floor:.2f} | {our:.2f} | {our / floor:.2f} | {_peak(content)} MB |")


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
    print("| what | floor s | tierflow s | ratio | peak memory of the reading process |\n|---|---|---|---|---|")
    measure_xlsx(given.rows, max(given.rounds, 3))
    for engine in filter(None, given.engines.split(",")):
        print(
            f"\n{engine}\n\n| what | floor s | tierflow s | ratio | seconds by step |\n|---|---|---|---|---|",
            flush=True,
        )
        with fresh_databases(engine) as fresh:
            measure(fresh(), given.rows, given.rounds)


if __name__ == "__main__":
    main()
