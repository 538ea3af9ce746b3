"""Lists as Excel and CSV files: what a cell holds stays what it was, and never becomes a formula.

Exports are asked by POST and noted in the security log before the first byte leaves the house. A view is declared
`@reads("customer.export", preview=True)`: the rows are read without holding up anybody's save, and the note is
written in a short transaction of its own.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from io import BytesIO, StringIO
from typing import Any, Literal
from urllib.parse import quote

import xlsxwriter
from flask import Response

from tierflow.common.db import transaction
from tierflow.common.sessions import log_security
from tierflow.kernel.errors import Refusal, Refused
from tierflow.kernel.months import SHANGHAI
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import Text, text
from tierflow.web.context import address
from tierflow.web.i18n import show
from tierflow.web.paging import Page
from tierflow.web.schemas import Line, Schema, one_of

Kind = Literal["text", "code", "integer", "day", "moment"]
Form = Literal["xlsx", "csv"]

MOST_ROWS = 50_000
LONGEST_CELL = 32_767  # Excel's own limit
MEDIA = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv; charset=utf-8"}

# What a spreadsheet takes for the beginning of a formula; the wide forms too, which Chinese Excel folds.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


_BINARY = {"schema": {"type": "string", "format": "binary"}}
# What a view that answers such a file tells: `@blp.doc(responses=FILE)`.
FILE: dict[int, Any] = {200: {"description": "The file", "content": dict.fromkeys(MEDIA.values(), _BINARY)}}
WORKBOOK: dict[int, Any] = {200: {"description": "The workbook", "content": {MEDIA["xlsx"]: _BINARY}}}


class FormSchema(Schema):
    """Which kind of file."""

    form = Line(load_default="xlsx", validate=one_of(("xlsx", "csv")))


def form_of(args: Any) -> Form:
    """The kind of file a page's button asks for."""
    return "csv" if args.get("form") == "csv" else "xlsx"


def every(page_at: Callable[[str | None], Page[Any]]) -> Iterator[Any]:
    """All rows of a list, page by page by key from a cursor, up to what an export holds and one more."""
    cursor, given = None, 0
    while given <= MOST_ROWS:
        page = page_at(cursor)
        given += len(page.rows)
        yield from page.rows
        cursor = page.after
        if cursor is None:
            return


@dataclass(frozen=True)
class Column:
    """A column: its head, what its cells are, and its width in characters.

    `code`: digits that are a name, not a number (credit codes, accounts, telephones): always text.
    """

    label: str | Text
    value: Callable[[Any], Any]
    kind: Kind = "text"
    width: int = 16


def download(
    rows: Iterable[Any], columns: Sequence[Column], *, form: Form, name: str, title: str, actor: Actor, now: datetime
) -> Response:
    """The file, noted in the security log. `name` is the list's word in the log, `title` the file's and sheet's.

    Raises `Refused` beyond `MOST_ROWS`.
    """
    gathered = list(rows)
    if len(gathered) > MOST_ROWS:
        raise Refused(
            Refusal("house", text("More than %(most)s rows: narrow the filter and export again.", most=MOST_ROWS))
        )
    body = workbook(gathered, columns, title) if form == "xlsx" else table(gathered, columns)
    with transaction() as session:
        log_security(
            session,
            "export",
            now,
            user_id=actor.user_id or None,
            login=actor.name,
            address=address(),
            detail=f"{name}.{form}: {len(gathered)} rows",
        )
    day = now.astimezone(SHANGHAI).strftime("%Y%m%d-%H%M")
    response = Response(body, content_type=MEDIA[form])
    plain = f"{name}-{day}.{form}"
    spoken = quote(f"{title}-{day}.{form}")
    response.headers["Content-Disposition"] = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{spoken}"
    return response


def workbook(rows: Iterable[Any], columns: Sequence[Column], title: str) -> bytes:
    """An xlsx file, written row by row. Text is written as text: quoted, so that editing a cell starts no formula."""
    buffer = BytesIO()
    settings = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(buffer, settings) as book:
        sheet = book.add_worksheet(_sheet_name(title))
        head = book.add_format({"bold": True, "bottom": 1, "valign": "vcenter"})
        formats = {
            "text": book.add_format({"quote_prefix": True}),
            "code": book.add_format({"quote_prefix": True, "num_format": "@"}),
            "integer": book.add_format({"num_format": "#,##0"}),
            "day": book.add_format({"num_format": "yyyy-mm-dd"}),
            "moment": book.add_format({"num_format": "yyyy-mm-dd hh:mm"}),
        }
        sheet.freeze_panes(1, 0)
        for at, column in enumerate(columns):
            sheet.set_column(at, at, column.width)
            sheet.write_string(0, at, show(column.label), head)
        last = 0
        for last, row in enumerate(rows, start=1):
            for at, column in enumerate(columns):
                _write(sheet, last, at, column.value(row), column.kind, formats[column.kind])
        sheet.autofilter(0, 0, last, len(columns) - 1)
    return buffer.getvalue()


def _write(sheet: Any, row: int, at: int, value: Any, kind: Kind, form: Any) -> None:
    if value is None or value == "":
        return
    if kind == "integer":
        sheet.write_number(row, at, value, form)
    elif kind == "day":
        sheet.write_datetime(row, at, value, form)
    elif kind == "moment":
        sheet.write_datetime(row, at, value.astimezone(SHANGHAI).replace(tzinfo=None), form)
    else:
        sheet.write_string(row, at, _shown(value)[:LONGEST_CELL], form)


def table(rows: Iterable[Any], columns: Sequence[Column]) -> bytes:
    """A CSV file in UTF-8 with a byte order mark, which Excel needs to read Chinese.

    A cell that a spreadsheet would take for a formula, or a code it would take for a number, begins with an
    apostrophe: the sign spreadsheets themselves use for text.
    """
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow([show(column.label) for column in columns])
    for row in rows:
        writer.writerow([plain(column.value(row), column.kind) for column in columns])
    return b"\xef\xbb\xbf" + buffer.getvalue().encode()


def plain(value: Any, kind: Kind = "text") -> str:
    """A CSV cell, harmless to a spreadsheet."""
    if value is None:
        return ""
    if kind == "day":
        return date.isoformat(value)
    if kind == "moment":
        moment: datetime = value
        return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")
    if kind == "integer":
        return str(value)
    cell = _shown(value)
    if cell.startswith(FORMULA_SIGNS) or (kind == "code" and cell.isdigit()):
        return f"'{cell}"
    return cell


def _shown(value: Any) -> str:
    return show(value) if isinstance(value, Text) else str(value)


def _sheet_name(title: str) -> str:
    return "".join(c for c in title if c not in "[]:*?/\\'")[:31] or "tierflow"
