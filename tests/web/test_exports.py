"""Exports: cells stay what they were, nothing becomes a formula, and the log knows."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from io import BytesIO, StringIO

import pytest
from flask import Flask
from openpyxl import load_workbook
from sqlalchemy import select

from tests.builders import actor, user
from tests.conftest import NOW
from tierflow.common.db import db, transaction
from tierflow.common.sessions import SecurityEvent
from tierflow.kernel.errors import Refused
from tierflow.kernel.roles import Role
from tierflow.web import exports
from tierflow.web.exports import Column

COLUMNS = [
    Column("Name", lambda row: row[0]),
    Column("Credit code", lambda row: row[1], "code", 22),
    Column("Tonnes", lambda row: row[2], "integer"),
    Column("Day", lambda row: row[3], "day"),
    Column("Moment", lambda row: row[4], "moment"),
]
ROWS = [
    ("宁波海曙化工", "911302030000000007", 3000, date(2026, 11, 22), datetime(2026, 11, 22, 1, 30, tzinfo=UTC)),
    ('=HYPERLINK("http://x")', "91330203MA2AEQ7L5X", -5, None, None),
]
ATTACKS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", '=cmd|"/c calc"!A1']


@pytest.fixture
def speaking(app: Flask):
    with app.test_request_context("/"):
        yield app


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_of_a_csv_begins_a_formula(attack: str) -> None:
    assert exports.plain(attack) == f"'{attack}"
    assert exports.plain(attack, "code").startswith("'")


@pytest.mark.parametrize(
    ("value", "kind", "cell"),
    [
        ("平安", "text", "平安"),
        ("a=b", "text", "a=b"),
        (-5, "integer", "-5"),
        ("3301", "code", "'3301"),
        ("91330203MA2AEQ7L5X", "code", "91330203MA2AEQ7L5X"),
        ("3301", "text", "3301"),
        (None, "text", ""),
        (date(2026, 2, 28), "day", "2026-02-28"),
        (datetime(2026, 12, 31, 16, 0, tzinfo=UTC), "moment", "2027-01-01 00:00"),
    ],
)
def test_a_csv_cell(value: object, kind: exports.Kind, cell: str) -> None:
    assert exports.plain(value, kind) == cell


def test_a_csv_can_be_read_by_excel_and_by_programs(speaking: Flask) -> None:
    raw = exports.table(ROWS, COLUMNS)
    assert raw.startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(StringIO(raw.decode("utf-8-sig"), newline="")))
    assert lines[1] == ["宁波海曙化工", "'911302030000000007", "3000", "2026-11-22", "2026-11-22 09:30"]
    assert lines[2][0] == '\'=HYPERLINK("http://x")'


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_cell_of_a_workbook_is_a_formula(speaking: Flask, attack: str) -> None:
    sheet = load_workbook(BytesIO(exports.workbook([(attack, attack, 1, None, None)], COLUMNS, "客户"))).active
    for cell in sheet[2][:2]:
        assert cell.data_type == "s"
        assert cell.quotePrefix is True


def test_a_workbook_keeps_codes_days_and_numbers(speaking: Flask) -> None:
    sheet = load_workbook(BytesIO(exports.workbook(ROWS, COLUMNS, "客户[1]"))).active
    assert sheet.title == "客户1"
    assert [cell.value for cell in sheet[2]] == [
        "宁波海曙化工",
        "911302030000000007",
        3000,
        datetime(2026, 11, 22),
        datetime(2026, 11, 22, 9, 30),
    ]
    assert sheet.freeze_panes == "A2"


def test_an_export_is_logged_and_named(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        li = actor(session, user(session, "li", Role.ACCOUNT_MANAGER, name="李明"))
    with app.test_request_context("/"):
        answer = exports.download(ROWS, COLUMNS, form="xlsx", name="customers", title="客户", actor=li, now=NOW)
        assert 'filename="customers-20261123-1000.xlsx"' in answer.headers["Content-Disposition"]
        assert "%E5%AE%A2%E6%88%B7" in answer.headers["Content-Disposition"]
        event = db.session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "export")).one()
        assert (event.user_id, event.detail) == (li.user_id, "customers.xlsx: 2 rows")


def test_too_many_rows_are_refused_and_not_logged(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MOST_ROWS", 1)
    with app.app_context(), transaction() as session:
        li = actor(session, user(session, "li", Role.ACCOUNT_MANAGER))
    with app.test_request_context("/"):
        with pytest.raises(Refused):
            exports.download(ROWS, COLUMNS, form="csv", name="customers", title="客户", actor=li, now=NOW)
        assert db.session.scalars(select(SecurityEvent).where(SecurityEvent.kind == "export")).first() is None
