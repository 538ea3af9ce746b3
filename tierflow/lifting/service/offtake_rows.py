"""A row of offtake from the ERP: its cells read a column at a time, and looked up a chunk at a time (CHEM-2)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.orm import Session, aliased

from tierflow.common.customers import Customer, name_key
from tierflow.common.db import among, in_force
from tierflow.common.imports import Column, Columns, Finding, Row
from tierflow.common.imports.importer import Told
from tierflow.common.offtake import Offtake
from tierflow.common.reference import Product
from tierflow.kernel.errors import Refusal
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import Text, mark, text
from tierflow.kernel.tonnage import format_tonnes
from tierflow.lifting.models import Slip, Weighing
from tierflow.lifting.rules import rows as rules
from tierflow.lifting.rules.orders import FORM_LABELS, OURS
from tierflow.lifting.rules.rows import BadCell, Cell

SOURCE = "erp"
REMEMBERED = 100_000  # cells a column

Closed = Callable[[Session], frozenset[tuple[int, Month]]]
"""Which months of which product line are closed. Grading knows; `app.py` passes its answer in."""
_closed: list[Closed] = []


def months_closed_by(closed: Closed) -> None:
    """Say who knows which months are closed."""
    _closed[:] = [closed]


COLUMNS = (
    Column("number", mark("ERP line number"), ("单据号", "出库单号", "提货单号", "行号", "流水号"), required=True,
           hint=mark("Unique for each line; one of our own exit pass numbers confirms that line."),
           sample="CK20261001-0001", is_code=True),
    Column("customer", mark("Customer"), ("客户编号", "客户编码", "客户", "客户名称"), required=True,
           hint=mark("Our number, the credit code, or the whole name."), sample="C000001", is_code=True),
    Column("product", mark("Product"), ("产品编码", "产品", "产品名称", "牌号", "物料编码"), required=True,
           hint=mark("Code or name."), sample="PE"),
    Column("lifted_on", mark("Lifted on"), ("提货日期", "出库日期", "过磅日期", "日期"), required=True,
           hint=mark("The day of the gate weighing."), sample="2026-10-01"),
    Column("tonnes", mark("Tonnes"), ("提货量", "数量", "吨数", "净重", "数量(吨)"), required=True,
           hint=mark("At most six decimals."), sample="32.5"),
    Column("form_of_sale", mark("Form of sale"), ("销售形式", "销售方式", "形式"), sample="计划"),
)  # fmt: skip


class Reader(dict[str, Any]):
    """Reads the cells of a column, each to its value or to why it has none (`Text`).

    The same words are read once: a year of lines names few days, products and customers.
    """

    def __init__(self, read: Callable[[Cell], Any]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, cell: str) -> Any:
        if len(self) >= REMEMBERED:
            self.clear()
        found = self[cell] = self.read(cell)
        return found

    def read(self, cell: Cell) -> Any:
        """One cell."""
        try:
            return self._read(cell)
        except BadCell as error:
            return error.reason

    def column(self, cells: Sequence[Cell]) -> list[Any]:
        """All of them; numbers are read each time, as 1 and 1.0 are one key."""
        return [self[cell] if cell.__class__ is str else self.read(cell) for cell in cells]


class Fresh(Reader):
    """A column whose words never come twice."""

    def column(self, cells: Sequence[Cell]) -> list[Any]:
        """All of them; as a rule they are plain words, which a look at them all tells."""
        return list(cells) if rules.are_plain(cells) else list(map(self.read, cells))


@dataclass
class Context:
    """What rows refer to, read once a run. `customers`: as written; 0 for none of the name, None for two.

    `closed`: product lines with their closed months, as 2026-10.
    """

    readers: Mapping[str, Reader]
    closed: frozenset[tuple[int, str]]
    customers: dict[str, int | None] = field(default_factory=dict)


def begin(session: Session, _actor: Actor, now: datetime, _makers: frozenset[int]) -> Context:
    """Read the products and the closed months."""
    today = local_day(now)
    products: dict[str, tuple[int, int] | None] = {}
    for row in session.scalars(select(Product).where(in_force(Product.from_on, Product.to_on, today))):
        for word in {rules.key(row.code), rules.key(row.name), rules.key(row.name_en)} - {""}:
            products[word] = None if word in products else (row.id, row.product_line_id)
    readers = {
        "number": Fresh(lambda cell: _filled(rules.read_words(cell))),
        "customer": Reader(lambda cell: _filled(rules.read_name(cell, 120))),
        "product": Reader(lambda cell: _product(rules.read_name(cell), products)),
        "lifted_on": Reader(lambda cell: rules.read_day(cell, today).isoformat()),
        "tonnes": Reader(rules.read_grams),
        "form_of_sale": Reader(rules.read_form),
    }
    closed = _closed[0](session) if _closed else frozenset()
    return Context(readers, frozenset((line, str(month)) for line, month in closed))


def parse(numbers: Sequence[int], columns: Columns, context: Context) -> list[Row]:
    """Rows as (number, customer, product and line, day, grams, form), with everything that is wrong in each."""
    blank = (None,) * len(numbers)
    read = {key: reader.column(columns.get(key, blank)) for key, reader in context.readers.items()}
    rows = [Row(number, data) for number, data in zip(numbers, zip(*read.values(), strict=True), strict=True)]
    for key, values in read.items():
        if Text in set(map(type, values)):
            for row, value in zip(rows, values, strict=True):
                if isinstance(value, Text):
                    row.findings.append(Finding(key, value))
    for row, number in zip(rows, read["number"], strict=True):
        if number.__class__ is str:
            row.unique = {"number": number}
    if context.closed:
        _note_closed(rows, context.closed)
    return rows


def _note_closed(rows: Iterable[Row], closed: frozenset[tuple[int, str]]) -> None:
    for row in rows:
        _number, _customer, product, day, _grams, _form = row.data
        if isinstance(product, tuple) and isinstance(day, str) and (product[1], day[:7]) in closed:
            reason = text("This month is closed: an adjusting run will show the difference.")
            row.findings.append(Finding("lifted_on", reason, "doubtful"))


def _filled(words: str) -> str:
    if not words:
        raise BadCell(text("Please fill this in."))
    return words


def _product(words: str, products: Mapping[str, tuple[int, int] | None]) -> tuple[int, int]:
    found = products.get(rules.key(_filled(words)), ())
    if found == ():
        raise BadCell(text("No product is called “%(written)s”.", written=words[:40]))
    if not found:
        raise BadCell(text("Two products are called “%(written)s”: write the code.", written=words[:40]))
    return found


class Known(NamedTuple):
    """A line of the ledger. `facts`: customer, product, grams and day, as a row tells them."""

    id: int
    facts: tuple[int, int, int, str]
    take: int
    left: int


def compare(session: Session, rows: Sequence[Row], context: Context) -> None:
    """Look a chunk up: its customers, the numbers the ledger has, our own gate's numbers. A few queries a chunk.

    A row that may be imported then has the line to be added: customer, product, product line, day, grams, form of
    sale, number, take, and the line of our own gate that it confirms (None: it adds a line).
    """
    whole = [row for row in rows if not row.findings or row.verdict != "bad"]
    customers = context.customers
    _find_customers(session, {row.data[1] for row in whole} - customers.keys(), customers)
    numbers = [row.data[0] for row in whole]
    known, ours = _known(session, numbers), of_the_gate(session, numbers)
    for row in whole:
        number, written, (product_id, line_id), day, grams, form = row.data
        customer_id = customers[written]
        if not customer_id:
            row.findings.append(Finding("customer", _nobody(written, customer_id)))
            continue
        facts, take, confirms = (customer_id, product_id, grams, day), 1, None
        if number in ours:
            confirms = _confirmed(row, facts, ours[number])
        elif number in known:
            take = _next_take(row, facts, known[number])
        row.data = (customer_id, product_id, line_id, day, grams, form, number, take, confirms)


def tell(session: Session, rows: Sequence[Sequence[Any]]) -> list[Told]:
    """Rows in words: whose line, of what, when and how much."""
    customers = _named(session, Customer.id, Customer.number, Customer.name, {row[0] for row in rows})
    products = _named(session, Product.id, Product.code, Product.name, {row[1] for row in rows})
    return [
        {
            "number": number,
            "customer": customers[customer_id],
            "product": products[product_id],
            "lifted_on": day,
            "tonnes": format_tonnes(grams),
            "form_of_sale": Text(FORM_LABELS[form]),
        }
        for customer_id, product_id, _line_id, day, grams, form, number, _take, _confirms in rows
    ]


def _named(session: Session, key: Any, code: Any, name: Any, ids: Collection[int]) -> dict[int, str]:
    return {row[0]: f"{row[1]} {row[2]}" for row in session.execute(select(key, code, name).where(key.in_(ids)))}


def _nobody(written: str, found: int | None) -> Text:
    if found is None:
        return text("Two customers are called “%(written)s”: write the number.", written=written[:40])
    return text("No customer is called “%(written)s”.", written=written[:40])


def _confirmed(row: Row, facts: tuple[int, int, int, str], line: Known | Text) -> int | None:
    """The line of our own gate a row confirms; a finding where there is none, or it does not say the same."""
    if isinstance(line, Text):
        row.findings.append(Finding("number", line))
        return None
    if facts != line.facts:
        _customer, _product_id, grams, day = line.facts
        tonnes = format_tonnes(grams)
        reason = text("Our gate weighed %(tonnes)s t on %(day)s under this number.", tonnes=tonnes, day=day)
        row.findings.append(Finding("tonnes", reason))
    return line.id


def why_no_more(session: Session, rows: Iterable[tuple[Any, ...]]) -> list[Refusal]:
    """Rows that our gate bears out otherwise than when `compare` left them so: it weighed, or let out, meanwhile."""
    confirms = {row[6]: row[8] for row in rows if row[6].startswith(OURS)}
    ours = of_the_gate(session, confirms)
    return [
        Refusal("CHEM-2", text("Our gate tells something else of %(number)s by now.", number=number), "number")
        for number, line_id in confirms.items()
        if line_id != (found.id if isinstance(found := ours.get(number), Known) else found)
    ]


def _next_take(row: Row, facts: tuple[int, int, int, str], line: Known) -> int:
    """Which take of its number a row is; a finding where the ledger's line still counts."""
    if line.left and facts != line.facts:
        reason = text("The ledger has another line under this number: reverse that one first.")
        row.findings.append(Finding("number", reason))
    elif line.left:
        row.findings.append(Finding("number", text("This line is in the ledger already."), "duplicate"))
    return line.take + 1  # all of it was reversed: it may come again


def _find_customers(session: Session, written: set[str], found: dict[str, int | None]) -> None:
    """Note whose number, credit code or name each is."""
    if not written:
        return
    exact: dict[str, list[str]] = {}
    named: dict[str, list[str]] = {}
    for words in written:
        exact.setdefault(words.upper(), []).append(words)
        named.setdefault(name_key(words), []).append(words)
        found[words] = 0
    for column, asked in ((Customer.number, exact), (Customer.credit_code, exact), (Customer.name_key, named)):
        for key, customer_id in session.execute(select(column, Customer.id).where(among(session, column, asked))):
            for words in asked[key or ""]:
                found[words] = customer_id if found[words] in (0, customer_id) else None


_FACTS = (Offtake.id, Offtake.customer_id, Offtake.product_id, Offtake.grams, Offtake.lifted_on)


def _line(row: Any, take: int = 1, left: int = 0) -> Known:
    return Known(row.id, (row.customer_id, row.product_id, row.grams, row.lifted_on.isoformat()), take, left)


def _known(session: Session, numbers: Sequence[str]) -> dict[str, Known]:
    """The ERP's last line under each number, and what is left of it."""
    reversal = aliased(Offtake)
    off = select(cast(func.sum(reversal.grams), BigInteger)).where(reversal.reverses_id == Offtake.id).scalar_subquery()
    rows = session.execute(
        select(*_FACTS, Offtake.external_number, Offtake.take, func.coalesce(off, 0).label("off"))
        .where(Offtake.source == SOURCE, among(session, Offtake.external_number, numbers))
        .order_by(Offtake.take)
    )
    return {row.external_number: _line(row, row.take, row.grams + row.off) for row in rows}


def of_the_gate(session: Session, numbers: Iterable[str]) -> dict[str, Known | Text]:
    """Our own lines by slip number and by exit pass number; or why there is none that a row could confirm.

    What the gate has yet to weigh is no line of the ERP's meanwhile: it would count again when it is weighed.
    """
    ours = [number for number in numbers if number.startswith(OURS)]
    if not ours:
        return {}
    slips: dict[str, dict[str, Known]] = {}
    asked = {*ours, *(number.rpartition("-")[0] for number in ours)}
    weighed = select(*_FACTS, Weighing.number, Slip.number.label("slip")).select_from(Slip)
    weighed = weighed.outerjoin(Weighing, Weighing.slip_id == Slip.id).outerjoin(
        Offtake, Offtake.id == Weighing.offtake_id
    )
    for row in session.execute(weighed.where(among(session, Slip.number, asked))):
        passes = slips.setdefault(row.slip, {})
        if row.number is not None:
            passes[row.number] = _line(row)
    return {number: line for number in ours if (line := _borne_out(slips, number)) is not None}


def _borne_out(slips: Mapping[str, Mapping[str, Known]], number: str) -> Known | Text | None:
    """The line of that number, by each slip's exit passes; None: it is no number of ours."""
    slip, _dash, part = number.rpartition("-")
    if number in slips:
        found = list(slips[number].values())
    elif slip in slips and part.isdecimal():  # an exit pass, then
        found = [line for name, line in slips[slip].items() if name == number]
    else:
        return None
    if len(found) > 1:
        return text("Several liftings stand on this slip: write the number of the exit pass.")
    unweighed = text("Our gate has not weighed this yet: weigh it at the gate first, then check the rows again.")
    return found[0] if found else unweighed
