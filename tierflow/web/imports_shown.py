"""What an import shows of its file: columns, sample cells, and the rows it will bring, in words."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy.orm import Session

from tierflow.common.imports import ImportBatch, Importer, outcome
from tierflow.common.imports.importer import Column as Asked
from tierflow.common.imports.importer import Words
from tierflow.kernel.errors import Invalid
from tierflow.kernel.text import Text, mark, text
from tierflow.web.i18n import show
from tierflow.web.paging import Page

ROWS_A_PAGE = 30
SAMPLE_SHOWN = 18
_PLACE = re.compile(r"([ab])(\d{1,9})")


def heads(batch: ImportBatch) -> list[tuple[str, str]]:
    """The heads of the file to choose from, each with what stands under it in the first two rows."""
    found = []
    for at, head in enumerate(batch.heads):
        cells = [short(row[at]) for row in batch.samples or [] if at < len(row) and row[at]]
        label = f"{letter(at)} · {head}" if head else letter(at)
        found.append((str(at), f"{label}: {' / '.join(cells)}" if cells else label))
    return found


def short(cell: str) -> str:
    """A sample cell, as much of it as stands beside a head."""
    return cell if len(cell) <= SAMPLE_SHOWN else f"{cell[:SAMPLE_SHOWN]}…"


def page_of_rows(
    session: Session, importer: Importer, batch: ImportBatch, cursor: str | None, size: int, field: str = "cursor"
) -> Page[dict[str, Any]]:
    """A page of the rows an import will bring, each by its number in the file. Raises `Invalid` for a bad cursor."""
    place = _PLACE.fullmatch(cursor or "a0")
    if place is None:
        raise Invalid({field: [text("This page address is not valid; begin at the first page.")]})
    found = outcome.preview(session, importer, batch, int(place[2]), size, back=place[1] == "b")
    rows = [
        {
            "number": row.number,
            "is_doubtful": row.is_doubtful,
            "values": {key: spoken(words) for key, words in row.told.items() if words},
        }
        for row in found.rows
    ]
    after = f"a{found.after}" if found.after is not None else None
    return Page(rows, after, f"b{found.before}" if found.before is not None else None, size)


def spoken(words: Words | list[Words]) -> str:
    """Words in the reader's language."""
    return "".join(map(spoken, words)) if isinstance(words, list) else show(words) if isinstance(words, Text) else words


RESULTS = {
    "customers": mark("Customers"),
    "lines": mark("Product lines"),
    "papers": mark("Papers"),
    "companies": mark("Companies"),
    "rows": mark("Rows"),
    "offtake.lines": mark("Liftings added"),
    "offtake.confirmed": mark("Gate weighings confirmed"),
}


def asked_label(column: Asked) -> str:
    """A column's head, with its group where the word alone would be ambiguous."""
    if "." in column.key:
        return f"{show(column.group)} · {show(column.label)}"
    return show(column.label)


def letter(at: int) -> str:
    """A column's letter in a spreadsheet."""
    head, tail = divmod(at, 26)
    return (chr(64 + head) if head else "") + chr(65 + tail)


def cell(at: int, row: Any) -> str | None:
    """A cell of a faulty row, as it stands in the file."""
    value = row[1][at] if at < len(row[1]) else None
    return None if value is None else str(value)
