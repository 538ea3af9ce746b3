"""What a domain gives to have its rows imported: columns, a pure row parser, and set-based verbs.

    CUSTOMERS = register(Importer("customers", mark("Customers"), "takeover.write", COLUMNS, …))

`begin(session, actor, now, makers)` reads reference data once a run (`makers`: the persons who had the list in hand);
`parse(numbers, columns, context)` reads a chunk of rows, purely (`by_row` makes it of a function that reads one);
`compare(session, rows, context)` looks at a chunk against the database; `apply` writes everything in one transaction, a
chunk at a time; `settle` does in chunks afterwards what need not be done at once; `undo` takes an applied batch back;
`tell` says in words, by column, what rows will bring.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy.orm import Session

from tierflow.common import approvals
from tierflow.common.imports.reading import Cell
from tierflow.common.imports.tables import ImportBatch
from tierflow.kernel.approval import Chain
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import Text, text

Severity = Literal["doubtful", "duplicate", "bad"]
ORDER: tuple[Severity, ...] = ("doubtful", "duplicate", "bad")


@dataclass(frozen=True)
class Column:
    """A column: its key, its word (an English sentence, translated), other heads it is known by, and how it is filled.

    `group` gathers columns on the mapping page; `sample` fills the form to download.
    """

    key: str
    label: str
    aliases: tuple[str, ...] = ()
    required: bool = False
    group: str = ""
    hint: str = ""
    sample: str = ""
    is_code: bool = False


@dataclass(frozen=True)
class Finding:
    """What is wrong or strange in a field. `bad` keeps the file out; `duplicate` the row; `doubtful` wants a look."""

    field: str
    reason: Text
    severity: Severity = "bad"


@dataclass(slots=True)
class Row:
    """A row of the file: its number, what it says in our terms (anything JSON holds), and what was found.

    `unique` are keys that no other row of the file may have, by field; `likely` those that are strange to see twice.
    """

    number: int
    data: Any
    findings: list[Finding] = field(default_factory=list)
    unique: dict[str, str] = field(default_factory=dict)
    likely: dict[str, str] = field(default_factory=dict)
    raw: Sequence[Cell] = ()

    @property
    def verdict(self) -> str:
        """The gravest finding, or good."""
        return max((f.severity for f in self.findings), key=ORDER.index) if self.findings else "good"


Seen = defaultdict[str, dict[str, int]]
"""Keys of the rows before, by field: the row that had it first."""


def within_file(rows: Sequence[Row], seen: Seen) -> None:
    """Find the keys that a row before has."""
    for row in rows:
        for name, key in row.unique.items():
            if (first := seen[name].setdefault(key, row.number)) != row.number:
                row.findings.append(Finding(name, _same(first)))
        for name, key in row.likely.items():
            if (first := seen[name].setdefault(key, row.number)) != row.number:
                row.findings.append(Finding(name, _same(first), "doubtful"))


def _same(first: int) -> Text:
    return text("Row %(row)s of this file has the same.", row=first)


Cells = Mapping[str, Cell]
Columns = Mapping[str, Sequence[Cell]]
Begin = Callable[[Session, Actor, datetime, frozenset[int]], Any]
Parse = Callable[[Sequence[int], Columns, Any], list[Row]]
Compare = Callable[[Session, Sequence[Row], Any], None]
Words = str | Text
Told = dict[str, Words | list[Words]]
"""A row in words, by column: a word, or several that stand side by side."""
Tell = Callable[[Session, Sequence[Any]], list[Told]]
Chunks = Iterator[list[tuple[int, Any]]]
Apply = Callable[[Session, ImportBatch, Chunks, Actor, datetime], dict[str, int]]
Settle = Callable[[Session, ImportBatch, int], int]
Undo = Callable[[Session, ImportBatch, Actor, datetime], dict[str, int]]


def by_row(parse: Callable[[int, Cells, Any], Row]) -> Parse:
    """A parser of chunks, of one that reads a row."""

    def parse_rows(numbers: Sequence[int], columns: Columns, context: Any) -> list[Row]:
        keys = tuple(columns)
        rows = zip(numbers, zip(*columns.values(), strict=True), strict=True)
        return [parse(number, dict(zip(keys, cells, strict=True)), context) for number, cells in rows]

    return parse_rows


def as_read(_session: Session, rows: Sequence[Mapping[str, Any]]) -> list[Told]:
    """Rows that hold words by column tell themselves."""
    return [{key: str(value) for key, value in row.items() if value is not None} for row in rows]


@dataclass(frozen=True)
class Importer:
    """One kind of import. `action`: who prepares one; `apply_action`: who brings it into force, where that is another.

    With an `apply_action` and its `chain` two people are needed: an import is no way around an approval. A step of the
    chain examines the group `import`: the file by its hash, the mapping, the rows counted.
    """

    kind: str
    title: str
    action: str
    columns: tuple[Column, ...]
    begin: Begin
    parse: Parse
    compare: Compare
    apply: Apply
    undo: Undo
    settle: Settle | None = None
    apply_action: str | None = None
    chain: Chain | None = None
    tell: Tell = as_read
    promise: str = ""  # what applying means, in a sentence for who decides
    by_region: bool = False  # its rows lie in the maker's regions: a colleague goes on with it who covers them

    def __post_init__(self) -> None:
        if (self.chain is None) != (self.apply_action is None):
            raise ValueError(f"{self.kind}: who decides needs a chain to decide in")
        if self.chain is not None and not self.chain.lapses:
            raise ValueError(f"{self.kind}: the worker applies after the approval, and may find that it cannot")

    @property
    def subject(self) -> str:
        """What the inbox, notices and approvals call a batch of this kind."""
        return f"import.{self.kind}"

    @property
    def deciding(self) -> str:
        """The action of who applies and reverts."""
        return self.apply_action or self.action

    def column(self, key: str) -> Column:
        """The column of that key."""
        return next(column for column in self.columns if column.key == key)


_importers: dict[str, Importer] = {}


def register(importer: Importer) -> Importer:
    """Make a kind of import known to the worker."""
    _importers[importer.kind] = importer
    if importer.chain is not None:
        approvals.register(importer.chain)
    return importer


def known_importers() -> Sequence[Importer]:
    """Every kind of import."""
    return list(_importers.values())


def importer_of(kind: str) -> Importer:
    """The importer of a kind; KeyError for none."""
    return _importers[kind]


def folded(head: str) -> str:
    """A head as compared: width and case folded, letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", head).casefold() if c.isalnum())


def guess(importer: Importer, heads: Sequence[str], spoken: Callable[[str], str]) -> dict[str, int]:
    """Which head is which column, as far as the words tell; `spoken` translates a column's word."""
    at: dict[str, int] = {}
    for index, head in enumerate(heads):
        at.setdefault(folded(head), index)
    found: dict[str, int] = {}
    for column in importer.columns:
        grouped = (column.group + column.label, spoken(column.group) + spoken(column.label))
        alone = () if "." in column.key else (column.label, spoken(column.label))  # "valid to" is said of every paper
        words = (column.key, *alone, *grouped, *column.aliases)
        place = next((at[folded(word)] for word in words if folded(word) in at), None)
        if place is not None and place not in found.values():
            found[column.key] = place
    return found
