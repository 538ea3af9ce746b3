"""Reading tables of rows: what spreadsheets write is read, and what is malformed or hostile dies in its own process."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from datetime import datetime
from typing import Any

import openpyxl
import pytest

from tests.common.test_imports import HEADS, csv_file, xlsx_file
from tierflow.common.imports import reading
from tierflow.kernel.errors import Invalid


def read(content: bytes) -> tuple[list[str], list[tuple[int, list[Any]]]]:
    with reading.opened(content, reading.kind_of(content)) as table:
        return table.heads, [row for batch in table.rows() for row in batch]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_csv_is_read_in_every_encoding_spreadsheets_write(encoding: str) -> None:
    heads, rows = read(csv_file(("D1", "销售一部", ""), ("", "", ""), ("D2", "", "东"), encoding=encoding))
    assert heads == list(HEADS)
    assert rows == [(2, ["D1", "销售一部", None]), (4, ["D2", None, "东"])]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_csv_separators_are_found_out(separator: str) -> None:
    content = separator.join(HEADS) + "\n" + separator.join(("D1", "“一,二”", "x"))
    assert read(content.encode())[1] == [(2, ["D1", "“一,二”", "x"])]


def test_xlsx_keeps_numbers_as_numbers_and_dates_as_days() -> None:
    heads, rows = read(xlsx_file((9.11e17, datetime(2026, 11, 22), 5), above=[("部门一览表",), ()]))
    assert heads == list(HEADS)
    assert rows == [(4, [9.11e17, "2026-11-22", 5])]


def far_cell() -> bytes:
    """A small file whose one far cell makes a table of 16 billion cells."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["A1"], sheet["B1"], sheet["XFD1048576"] = "a", "b", "c"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def bomb() -> bytes:
    """A zip whose directory says how much it would be."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in range(9):
            archive.writestr(f"xl/{name}.xml", b"0" * (100 * 1024 * 1024))
    return out.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
XML = '<?xml version="1.0"?>'
OPEN = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
CLOSE = '<c r="B1" t="inlineStr"><is><t>b</t></is></c></row></sheetData></worksheet>'


def workbook_with(sheet: str) -> bytes:
    """A workbook whose sheet is this XML."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(xlsx_file())) as sound, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for part in sound.infolist():
            made.writestr(part.filename, sheet if part.filename == SHEET else sound.read(part))
    return out.getvalue()


def endless_cell() -> bytes:
    return workbook_with(f'{XML}{OPEN}<c r="A1" t="inlineStr"><is><t>{"x" * 10_000_000}</t></is></c>{CLOSE}')


def lying_directory() -> bytes:
    """As above, and the zip's directory says of every part that it has ten bytes."""
    content = bytearray(endless_cell())
    at = content.find(b"PK\x01\x02")
    while at != -1:
        struct.pack_into("<I", content, at + 24, 10)
        at = content.find(b"PK\x01\x02", at + 4)
    return bytes(content)


def entities_in_entities() -> bytes:
    """Ten to the tenth words, were they written out."""
    grown = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 11))
    asked = '<c r="A1" t="inlineStr"><is><t>&a10;</t></is></c>'
    return workbook_with(f'{XML}<!DOCTYPE x [<!ENTITY a0 "ha">{grown}]>{OPEN}{asked}{CLOSE}')


def too_many_parts() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(2_001):
            archive.writestr(f"xl/{number}", b"")
    return out.getvalue()


def locked_zip() -> bytes:
    """A workbook whose directory says that its parts are encrypted."""
    content = bytearray(xlsx_file(("D1", "一", "")))
    at = content.find(b"PK\x01\x02")
    while at != -1:
        content[at + 8] |= 1
        at = content.find(b"PK\x01\x02", at + 4)
    return bytes(content)


def too_wide() -> bytes:
    return xlsx_file(heads=[str(number) for number in range(201)])


def other_zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("readme.txt", "hello")
    return out.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        far_cell,
        bomb,
        endless_cell,
        lying_directory,
        entities_in_entities,
        too_many_parts,
        locked_zip,
        too_wide,
        other_zip,
        lambda: csv_file(heads=[str(number) for number in range(201)]),
        lambda: b"",
        lambda: b"%PDF-1.7",
        lambda: b"PK\x03\x04 and no more",
        lambda: b"\xd0\xcf\x11\xe0",
        lambda: b"only one head\n1\n",
        lambda: csv_file(("D1", "\x00", "")),
        lambda: b"a,b\n\xff\xff\x81,1\n",
        lambda: csv_file(("D1", "x" * 6000, "")),
        lambda: b'a,b\n"x,1\n',
    ],
)
def test_what_is_no_table_is_refused_on_the_file(make: Callable[[], bytes]) -> None:
    content = make()
    with pytest.raises(Invalid) as refused:
        read(content)
    assert list(refused.value.errors) == ["file"]
