"""Indicators of a month from a file: whole or not at all (CHEM-9.6)."""

from __future__ import annotations

import io
from typing import Any

import pytest
import xlsxwriter
from flask import Flask
from sqlalchemy import select

from tests.builders import csrf_of, sign_in
from tests.conftest import StandingClock
from tests.grading.scenes import JAN, Scene, after
from tierflow.common.indicators import MonthFacts


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    clock.at = after(JAN)
    return Scene(app)


def _xlsx(rows: list[list[Any]]) -> bytes:
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(rows):
            sheet.write_row(at, 0, row)
    return buffer.getvalue()


HEADS = ["客户编号", "企业名称", "计划量（吨）", "配合度"]
ROWS = [HEADS, ["C-000001", "客户a", 1200.5, 85], ["C-000002", "客户b", "", 70]]
WORDS = "客户编号,企业名称,计划量（吨）,配合度\nC-000001,客户a,1200.5,85\nC-000002,客户b,,70\n"


@pytest.mark.rule("CHEM-9.6")
@pytest.mark.parametrize(
    ("content", "status"),
    [
        (_xlsx(ROWS), 302),
        (WORDS.encode(), 302),
        (WORDS.encode("gb18030"), 302),
        (_xlsx([*ROWS, ["C-999999", "?", 1, 1]]), 422),  # all or none
        (_xlsx([*ROWS, ["C-000003", "?", "1200.1234567", 1]]), 422),
        (b"a,b\n1,2\n", 422),
        (b"PK\x03\x04 no workbook", 422),
    ],
)
def test_indicators_are_imported_from_a_file_whole_or_not_at_all(scene: Scene, content: bytes, status: int) -> None:
    for letter in "ab":
        scene.lift(letter, JAN, "1")
    scene.close(JAN)
    client = sign_in(scene.app, scene.people["am"])
    data = {"csrf_token": csrf_of(client), "product_line_id": scene.line, "month": "2026-02", "reason": ""}
    sent = client.post("/levels/facts", data={**data, "file": (io.BytesIO(content), "二月计划.xlsx")})
    assert sent.status_code == status, sent.text
    found = scene.ask(lambda session: session.scalars(select(MonthFacts).order_by(MonthFacts.customer_id)).all())
    expected = [(1_200_500_000, 85), (None, 70)] if status == 302 else []
    assert [(row.planned_grams, row.cooperation) for row in found] == expected
