"""Reading tables of rows: CSV (UTF-8, GB18030) and xlsx, by what the file contains and never by what it is called.

The file is opened in a process of its own (`opener`), with its memory and time limited; whatever is wrong becomes
`Invalid` on the field `file`. That may take seconds, and nobody's save may wait for it: `looked_into` opens a small
file before the transaction that keeps it, and `top_of` then asks no more than what was found; the worker opens others.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tierflow.kernel.errors import Invalid
from tierflow.kernel.text import Text, mark, text

Cell = str | int | float | bool | None
Numbered = tuple[int, list[Cell]]

READ_AT_ONCE = 2 * 1024 * 1024  # larger files are opened by the worker
LEAST_CPU_SECONDS, CPU_SECONDS_PER_MB = 20, 10
MOST_BYTES = 128 * 1024 * 1024

NOT_A_SHEET = mark("This is not a spreadsheet; save it as .xlsx or as CSV.")
_FAULTS = {
    "unreadable": mark("The file cannot be opened; it is damaged or not what it seems."),
    "encoding": mark("The text of this file is neither UTF-8 nor GB18030; save it as “CSV UTF-8”."),
    "encrypted": mark("The file is protected by a password; upload one that opens without."),
    "too_large_inside": mark("The file is too large once unpacked."),
    "not_a_sheet": NOT_A_SHEET,
    "too_many_columns": mark("The table has too many columns."),
    "too_many_rows": mark("The table has too many rows; split it."),
    "too_long": mark("A cell holds more text than any field takes."),
    "empty": mark("No heads were found: the first row names the columns."),
}
_OTHERS = (b"\xd0\xcf\x11\xe0", b"%PDF-", b"\x89PNG", b"\xff\xd8\xff", b"MZ", b"\x7fELF", b"GIF8", b"Rar!")
_SCRIPT = Path(__file__).with_name("opener.py")


def kind_of(content: bytes) -> str:
    """csv or xlsx, by the first bytes. Raises `Invalid`."""
    if not content:
        raise Invalid({"file": [text("The file is empty.")]})
    if len(content) > MOST_BYTES:
        raise Invalid({"file": [text("The file is too large: at most %(most)s MB.", most=MOST_BYTES // 1024**2)]})
    if content.startswith(b"PK\x03\x04"):
        return "xlsx"
    if content.startswith(_OTHERS):
        raise Invalid({"file": [Text(NOT_A_SHEET)]})
    return "csv"


@dataclass
class Table:
    """An opened file: its heads, the sheet they stand in ("" for CSV), about how many rows it has, and those, once."""

    heads: list[str]
    sheet: str
    about: int
    _process: subprocess.Popen[bytes]

    def rows(self) -> Iterator[list[Numbered]]:
        """Batches of numbered rows, each as wide as the heads; blank rows are left out. Raises `Invalid`."""
        while True:
            line = _line(self._process)
            if isinstance(line, dict):
                if "rows" in line:
                    return
                raise _invalid(line)
            yield [(number, cells) for number, cells in line]


@dataclass(frozen=True)
class Top:
    """What stands above the rows of a table: its heads, its sheet, about how many rows follow."""

    heads: list[str]
    sheet: str
    about: int


# What was found in contents that were looked into ahead, by their hash.
_found: ContextVar[dict[bytes, Top | Invalid] | None] = ContextVar("tierflow_tables", default=None)


@contextmanager
def looked_into(contents: Iterable[bytes]) -> Iterator[None]:
    """Open these now, with no transaction open; `top_of` inside knows them. Never raises for what is in them."""
    found: dict[bytes, Top | Invalid] = {}
    for content in contents:
        if len(content) <= READ_AT_ONCE:
            with contextlib.suppress(Invalid):  # no table at all: whoever takes it in says so
                found[_hash(content)] = _top(content, kind_of(content))
    token = _found.set(found)
    try:
        yield
    finally:
        _found.reset(token)


def top_of(content: bytes, kind: str) -> Top:
    """What stands above the rows. Raises `Invalid` when there is no table in it."""
    top = (_found.get() or {}).get(_hash(content)) or _top(content, kind)
    if isinstance(top, Invalid):
        raise top
    return top


def _top(content: bytes, kind: str) -> Top | Invalid:
    try:
        with opened(content, kind) as table:
            return Top(table.heads, table.sheet, table.about)
    except Invalid as error:
        return error


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


@contextmanager
def opened(content: bytes, kind: str) -> Iterator[Table]:
    """The table in a file. Raises `Invalid` when there is none."""
    with tempfile.NamedTemporaryFile(prefix="tierflow-import-") as file:
        file.write(content)
        file.flush()
        seconds = LEAST_CPU_SECONDS + CPU_SECONDS_PER_MB * len(content) // 1024**2
        process = subprocess.Popen(
            [sys.executable, "-I", str(_SCRIPT), kind, file.name, str(seconds)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"LANG": "C.UTF-8"},
        )
        try:
            first = _line(process)
            if not isinstance(first, dict) or "heads" not in first:
                raise _invalid(first)
            yield Table(first["heads"], first["sheet"], first["about"], process)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _line(process: subprocess.Popen[bytes]) -> Any:
    """The next line; a process that died of its limits says: unreadable."""
    assert process.stdout is not None  # noqa: S101 - opened as a pipe above
    try:
        return json.loads(process.stdout.readline())
    except ValueError:
        return {"fault": "unreadable"}


def _invalid(line: object) -> Invalid:
    fault = line.get("fault", "unreadable") if isinstance(line, dict) else "unreadable"
    return Invalid({"file": [text(_FAULTS.get(fault, _FAULTS["unreadable"]))]})
