"""Opens a table of rows in a process of its own, with little memory and no patience: what is malformed dies here.

Runs as a script, imports nothing of the product: `opener.py csv|xlsx PATH CPU_SECONDS`. Answers lines of JSON: first
`{"heads": [...], "samples": [[cells], [cells]], "sheet": name, "about": how many rows, more or less}`, then lists of
`[row number, [cells]]`, last `{"rows": how many}`; or `{"fault": name}` as soon as something is wrong. Numbers stay
numbers, so that a code a spreadsheet has rounded shows its damage; dates become 2026-11-22.
"""

from __future__ import annotations

import csv
import io
import json
import resource
import sys
import zipfile
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO

MEMORY_BYTES = 1024 * 1024 * 1024
MOST_PARTS = 2_000
MOST_UNPACKED = 768 * 1024 * 1024
MOST_ROWS = 1_100_000
MOST_COLUMNS = 200
LONGEST_CELL = 5_000
BATCH = 5000
SAMPLES = 2  # rows that show what stands under a head
LEAST_HEADS = 2  # a title above the table stands in one cell

Row = tuple[int, list[Any]]


class Fault(Exception):
    """What is wrong with the file, by name."""


def decoded(content: bytes) -> str:
    """Text from UTF-8 with or without its mark, UTF-16 with one, or GB18030."""
    marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ["utf-16"] if marked else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Fault("encoding")


def csv_rows(path: Path, told: dict[str, Any]) -> Iterator[Row]:
    """Records with their number; the separator is whichever stands most often in the first line."""
    words = decoded(path.read_bytes())
    if "\x00" in words:
        raise Fault("unreadable")
    told["about"] = words.count("\n")
    first = words[: words.find("\n") if "\n" in words else len(words)]
    separator = max(",;\t", key=first.count)
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO(words, newline=""), delimiter=separator, strict=True)
    try:
        for number, cells in enumerate(reader, start=1):
            yield number, [cell.strip() or None for cell in cells]
    except csv.Error as error:
        raise Fault("too_long" if "field limit" in str(error) else "unreadable") from error


def check_directory(path: Path) -> None:
    """The zip's own directory, before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Fault("unreadable") from error
    if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
        raise Fault("too_large_inside")
    if any(part.flag_bits & 1 for part in parts):
        raise Fault("encrypted")
    if not any(part.filename.startswith("xl/") for part in parts):
        raise Fault("not_a_sheet")


def xlsx_rows(path: Path, told: dict[str, Any]) -> Iterator[Row]:
    """Rows of the first sheet that holds anything, by their number in the sheet."""
    from python_calamine import CalamineWorkbook, SheetVisibleEnum

    check_directory(path)
    book = CalamineWorkbook.from_path(str(path))
    for about in book.sheets_metadata:
        if about.visible is not SheetVisibleEnum.Visible:
            continue
        sheet = book.get_sheet_by_name(about.name)
        if sheet.start is None:
            continue
        if sheet.total_width > MOST_COLUMNS:
            raise Fault("too_many_columns")
        told["sheet"], told["about"] = about.name, sheet.height - 1
        for number, cells in enumerate(sheet.iter_rows(), start=1):
            yield number, [plain(cell) for cell in cells]
        return


def plain(cell: Any) -> Any:
    """A cell as JSON: text trimmed, a blank as nothing, a date as 2026-11-22."""
    if isinstance(cell, str):
        cell = cell.strip()
        if len(cell) > LONGEST_CELL:
            raise Fault("too_long")
        return cell or None
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time() else cell.isoformat(sep=" ", timespec="seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, (time, timedelta)):
        return str(cell)
    return cell


def headed(rows: Iterator[Row]) -> tuple[list[str], Iterator[Row]]:
    """The heads — the first row with several filled cells — and the rows below that hold anything."""
    for _, cells in rows:
        filled = [cell for cell in cells if cell is not None]
        if len(filled) >= LEAST_HEADS:
            while cells and cells[-1] is None:
                cells.pop()
            if len(cells) > MOST_COLUMNS:
                raise Fault("too_many_columns")
            return ["" if cell is None else str(cell) for cell in cells], rows
    raise Fault("empty")


def cut(rows: Iterable[Row], width: int) -> Iterator[Row]:
    """Rows as wide as the heads; what stands beyond them belongs to no column."""
    for number, cells in rows:
        if cells.count(None) < len(cells):
            yield number, cells if len(cells) == width else cells[:width] + [None] * (width - len(cells))


def answer(kind: str, path: Path, out: TextIO) -> None:
    """Everything, in lines."""
    told: dict[str, Any] = {"sheet": "", "about": 0}
    heads, below = headed((csv_rows if kind == "csv" else xlsx_rows)(path, told))
    rows = cut(below, len(heads))
    first = list(islice(rows, SAMPLES))
    out.write(json.dumps({"heads": heads, "samples": [cells for _number, cells in first], **told}) + "\n")
    out.flush()
    batch: list[Row] = []
    count = 0
    for row in chain(first, rows):
        count += 1
        if count > MOST_ROWS:
            raise Fault("too_many_rows")
        batch.append(row)
        if len(batch) == BATCH:
            out.write(json.dumps(batch, ensure_ascii=False, separators=(",", ":")) + "\n")
            batch = []
    if batch:
        out.write(json.dumps(batch, ensure_ascii=False, separators=(",", ":")) + "\n")
    out.write(json.dumps({"rows": count}) + "\n")


def main() -> None:
    """One file, then the end."""
    for limit, value in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, int(sys.argv[3]))):
        resource.setrlimit(limit, (value, value))
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="\n")
    try:
        answer(sys.argv[1], Path(sys.argv[2]), out)
    except Fault as fault:
        out.write(json.dumps({"fault": str(fault)}) + "\n")
    except BaseException:
        out.write(json.dumps({"fault": "unreadable"}) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
