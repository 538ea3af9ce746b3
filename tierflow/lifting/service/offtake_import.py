"""Offtake from the ERP: its rows read, looked up a chunk at a time, and added to the ledger all or nothing (CHEM-2)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, cast, delete, func, select
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session, aliased

from tierflow.common import audit, offtake
from tierflow.common.customers import Customer, name_key
from tierflow.common.db import in_force, is_sqlite
from tierflow.common.imports import Cells, Column, Finding, ImportBatch, Importer, Row, register
from tierflow.common.imports import service as imports
from tierflow.common.imports.importer import Chunks
from tierflow.common.offtake import Lifting, Offtake
from tierflow.common.reference import Product
from tierflow.kernel.errors import Invalid
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, mark, text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.models import GateConfirmation, Slip, Weighing
from tierflow.lifting.rules import rows as rules
from tierflow.lifting.rules.rows import BadCell
from tierflow.lifting.service import gate

SOURCE = "erp"
MOST_LINES = 5_000  # of one batch by the API
LOOK_UP = 400  # keys a statement

Closed = Callable[[Session], frozenset[Month]]
"""Which months are closed. Grading knows; `app.py` passes its answer in."""
_closed: list[Closed] = []


def months_closed_by(closed: Closed) -> None:
    """Say who knows which months are closed."""
    _closed[:] = [closed]


COLUMNS = (
    Column("number", mark("ERP line number"), ("单据号", "出库单号", "提货单号", "行号", "流水号"), required=True,
           hint=mark("Unique for each line; one of our own exit pass numbers confirms that line."),
           sample="CK20261001-0001", is_code=True),
    Column("customer", mark("Customer"), ("客户编号", "客户编码", "客户", "客户名称"), required=True,
           hint=mark("Our number, the credit code, or the whole name."), sample="C-000001", is_code=True),
    Column("product", mark("Product"), ("产品编码", "产品", "产品名称", "牌号", "物料编码"), required=True,
           hint=mark("Code or name."), sample="PE"),
    Column("lifted_on", mark("Lifted on"), ("提货日期", "出库日期", "过磅日期", "日期"), required=True,
           hint=mark("The day of the gate weighing."), sample="2026-10-01"),
    Column("tonnes", mark("Tonnes"), ("提货量", "数量", "吨数", "净重", "数量(吨)"), required=True,
           hint=mark("At most six decimals."), sample="32.5"),
    Column("form_of_sale", mark("Form of sale"), ("销售形式", "销售方式", "形式"), sample="计划"),
)  # fmt: skip


@dataclass
class Context:
    """What rows refer to, read once. `products`: by folded code or name; None for two of a name."""

    today: date
    products: Mapping[str, tuple[int, int] | None]
    closed: frozenset[Month]


def begin(session: Session, actor: Actor, now: datetime) -> Context:
    """Read the products and the closed months."""
    today = local_day(now)
    products: dict[str, tuple[int, int] | None] = {}
    for row in session.scalars(select(Product).where(in_force(Product.from_on, Product.to_on, today))):
        for word in {rules.key(row.code), rules.key(row.name), rules.key(row.name_en)} - {""}:
            products[word] = None if word in products else (row.id, row.product_line_id)
    return Context(today, products, _closed[0](session) if _closed else frozenset())


def parse(number: int, cells: Cells, context: Context) -> Row:
    """One row in our terms, with everything that is wrong in it."""
    row = Row(number, {})
    readers: dict[str, Callable[[], Any]] = {
        "number": lambda: _filled(rules.read_words(cells.get("number"))),
        "customer": lambda: _filled(rules.read_words(cells.get("customer"), 120)),
        "product": lambda: _product(rules.read_words(cells.get("product")), context),
        "lifted_on": lambda: rules.read_day(cells.get("lifted_on"), context.today).isoformat(),
        "tonnes": lambda: rules.read_grams(cells.get("tonnes")),
        "form_of_sale": lambda: rules.read_form(cells.get("form_of_sale")),
    }
    for field, read in readers.items():
        try:
            row.data[field] = read()
        except BadCell as error:
            row.findings.append(Finding(field, error.reason))
    if "number" in row.data:
        row.unique["number"] = row.data["number"]
    if "lifted_on" in row.data and Month.of(date.fromisoformat(row.data["lifted_on"])) in context.closed:
        reason = text("This month is closed: an adjusting run will show the difference.")
        row.findings.append(Finding("lifted_on", reason, "doubtful"))
    return row


def _filled(words: str) -> str:
    if not words:
        raise BadCell(text("Please fill this in."))
    return words


def _product(words: str, context: Context) -> list[int]:
    found = context.products.get(rules.key(_filled(words)), ())
    if found == ():
        raise BadCell(text("No product is called “%(written)s”.", written=words[:40]))
    if found is None:
        raise BadCell(text("Two products are called “%(written)s”: write the code.", written=words[:40]))
    return list(found)


def compare(session: Session, rows: Sequence[Row], context: Context) -> None:
    """Look a chunk up: its customers, the numbers the ledger has, our own gate's numbers. A few queries a chunk."""
    whole = [row for row in rows if row.verdict != "bad"]
    customers = _customers(session, {row.data["customer"] for row in whole})
    known = _known(session, {row.data["number"] for row in whole})
    ours = _of_the_gate(session, {row.data["number"] for row in whole})
    for row in whole:
        try:
            _place(row, customers, known, ours)
        except BadCell as error:
            row.findings.append(Finding("customer", error.reason))


def _place(
    row: Row,
    customers: Mapping[str, int | None],
    known: Mapping[str, Mapping[str, Any]],
    ours: Mapping[str, Mapping[str, Any]],
) -> None:
    data = row.data
    written = data["customer"]
    found = customers.get(rules.key(written), 0)
    if found == 0:
        raise BadCell(text("No customer is called “%(written)s”.", written=written[:40]))
    if found is None:
        raise BadCell(text("Two customers are called “%(written)s”: write the number.", written=written[:40]))
    product_id, line_id = data.pop("product")
    grams, day = data.pop("tonnes"), data["lifted_on"]
    data |= {"customer_id": found, "product_id": product_id, "product_line_id": line_id, "grams": grams, "take": 1}
    del data["customer"]
    told = {**data, "lifted_on": date.fromisoformat(day)}
    number = data["number"]
    if number in ours:
        line = ours[number]
        if line.get("several"):
            reason = text("Several liftings stand on this slip: write the number of the exit pass.")
            row.findings.append(Finding("number", reason))
        elif rules.differs(told, line):
            reason = text(
                "Our gate weighed %(tonnes)s t on %(day)s under this number.",
                tonnes=format_tonnes(line["grams"]),
                day=line["lifted_on"].isoformat(),
            )
            row.findings.append(Finding("tonnes", reason))
        else:
            data["confirms"] = line["id"]
        return
    if number in known:
        line = known[number]
        if not line["left"]:
            data["take"] = line["take"] + 1  # all of it was reversed: it may come again
        elif rules.differs(told, line):
            reason = text("The ledger has another line under this number: reverse that one first.")
            row.findings.append(Finding("number", reason))
        else:
            row.findings.append(Finding("number", text("This line is in the ledger already."), "duplicate"))


def _parts(keys: Iterable[str]) -> Iterable[list[str]]:
    ordered = sorted(keys)
    for start in range(0, len(ordered), LOOK_UP):
        yield ordered[start : start + LOOK_UP]


def _customers(session: Session, written: set[str]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for part in _parts(written):
        names = {name_key(words): words for words in part}
        rows = session.execute(
            select(Customer.id, Customer.number, Customer.credit_code, Customer.name_key).where(
                Customer.number.in_([words.upper() for words in part])
                | Customer.credit_code.in_([words.upper() for words in part])
                | Customer.name_key.in_(names)
            )
        ).all()
        for customer_id, number, code, name in rows:
            for exact in filter(None, (number, code)):
                found[rules.key(exact)] = customer_id
            if name in names:
                words = rules.key(names[name])
                found[words] = customer_id if found.get(words, customer_id) == customer_id else None
    return found


def _known(session: Session, numbers: set[str]) -> dict[str, dict[str, Any]]:
    """The ERP's last line under each number, and what is left of it."""
    found: dict[str, dict[str, Any]] = {}
    reversal = aliased(Offtake)
    off = select(cast(func.sum(reversal.grams), BigInteger)).where(reversal.reverses_id == Offtake.id).scalar_subquery()
    for part in _parts(numbers):
        rows = session.execute(
            select(Offtake, func.coalesce(off, 0).label("off"))
            .where(Offtake.source == SOURCE, Offtake.external_number.in_(part))
            .order_by(Offtake.take)
        )
        for line, taken in rows:
            found[line.external_number] = {**_facts(line), "take": line.take, "left": line.grams + taken}
    return found


def _of_the_gate(session: Session, numbers: set[str]) -> dict[str, dict[str, Any]]:
    """Our own lines by exit pass number, and by slip number where the slip has a single lifting."""
    found: dict[str, dict[str, Any]] = {}
    for part in _parts(numbers):
        rows = session.execute(
            select(Offtake, Slip.number)
            .join(Weighing, Weighing.offtake_id == Offtake.id)
            .join(Slip, Slip.id == Weighing.slip_id)
            .where(Offtake.source == gate.SOURCE, Offtake.external_number.in_(part) | Slip.number.in_(part))
        ).all()
        for line, slip in rows:
            found[line.external_number] = _facts(line)
            found[slip] = {"several": True} if slip in found else _facts(line)
    return found


def _facts(line: Offtake) -> dict[str, Any]:
    names = ("id", "customer_id", "product_id", "grams", "lifted_on")
    return {name: getattr(line, name) for name in names}


def apply(session: Session, batch: ImportBatch, chunks: Chunks, actor: Actor, now: datetime) -> dict[str, int]:
    """Add every row to the ledger, in the transaction of the whole; rows of our own gate confirm and add nothing."""
    count = {"lines": 0, "confirmed": 0}
    for chunk in chunks:
        fresh = [data for _number, data in chunk if "confirms" not in data]
        confirmed = [data["confirms"] for _number, data in chunk if "confirms" in data]
        lines = [
            Lifting(
                customer_id=data["customer_id"],
                product_id=data["product_id"],
                product_line_id=data["product_line_id"],
                lifted_on=date.fromisoformat(data["lifted_on"]),
                grams=data["grams"],
                form_of_sale=data["form_of_sale"],
                external_number=data["number"],
                take=data["take"],
            )
            for data in fresh
        ]
        offtake.record(session, SOURCE, lines, now, import_id=batch.id)
        _confirm(session, confirmed, batch.id, now)
        count["lines"] += len(fresh)
        count["confirmed"] += len(confirmed)
    return count


def _confirm(session: Session, offtake_ids: Sequence[int], import_id: int, now: datetime) -> None:
    if not offtake_ids:
        return
    make = insert_sqlite if is_sqlite(session) else insert_postgres
    rows = [{"offtake_id": each, "import_id": import_id, "confirmed_at": now} for each in offtake_ids]
    session.execute(make(GateConfirmation).on_conflict_do_nothing(), rows)


def undo(session: Session, batch: ImportBatch, actor: Actor, now: datetime) -> dict[str, int]:
    """Reverse what is left of an import's lines, each in its month; what it confirmed is unconfirmed."""
    reversed_lines = offtake.reverse_import(session, batch.id, now)
    session.execute(delete(GateConfirmation).where(GateConfirmation.import_id == batch.id))
    return {"lines": reversed_lines}


OFFTAKE = register(
    Importer(
        "offtake",
        mark("Offtake from the ERP"),
        "offtake.write",
        COLUMNS,
        begin,
        parse,
        compare,
        apply,
        undo,
    )
)


def take_batch(session: Session, actor: Actor, lines: Sequence[Mapping[str, Any]], now: datetime) -> ImportBatch:
    """Lines sent by a program, all or nothing; the very same lines again change nothing.

    Raises `Invalid` by line and field. Lines that the ledger has already are left out and counted as duplicates.
    """
    require(actor, "offtake.write")
    canonical = json.dumps(list(lines), sort_keys=True, ensure_ascii=False, default=str).encode()
    sha256 = hashlib.sha256(b"api\x1f" + canonical).hexdigest()
    same = select(ImportBatch).where(
        ImportBatch.kind == OFFTAKE.kind, ImportBatch.sha256 == sha256, ImportBatch.state == "applied"
    )
    if (known := session.scalar(same)) is not None:
        return known
    context = begin(session, actor, now)
    rows = [parse(at, line, context) for at, line in enumerate(lines)]
    seen: dict[str, int] = {}
    for row in rows:
        if (number := row.unique.get("number")) and seen.setdefault(number, row.number) != row.number:
            reason = text("Row %(row)s of this file has the same.", row=seen[number])
            row.findings.append(Finding("number", reason))
    for start in range(0, len(rows), imports.CHUNK):
        compare(session, rows[start : start + imports.CHUNK], context)
    if wrong := {row.number: _messages(row) for row in rows if row.verdict == "bad"}:
        raise Invalid({"lines": wrong})
    good = [row for row in rows if row.verdict != "duplicate"]
    batch = ImportBatch(
        kind=OFFTAKE.kind,
        sha256=sha256,
        file_name="API",
        file_kind="csv",
        heads=[],
        mapping={},
        state="applied",
        total=len(rows),
        good=len(good),
        duplicate=len(rows) - len(good),
        result={},
        failure=None,
        created_by_id=actor.user_id,
        created_at=now,
        checked_at=now,
        applied_by_id=actor.user_id,
        applied_at=now,
        settled_at=now,
    )
    session.add(batch)
    session.flush()
    batch.result = apply(session, batch, iter([[(row.number, row.data) for row in good]]), actor, now)
    session.flush()
    after = {"file": batch.file_name, "sha256": sha256, **batch.result}
    audit.record(session, actor, "import.apply", imports.SUBJECT, batch.id, now, after=after)
    return batch


def _messages(row: Row) -> dict[str, list[Text]]:
    found: dict[str, list[Text]] = {}
    for finding in row.findings:
        found.setdefault(finding.field, []).append(finding.reason)
    return found
