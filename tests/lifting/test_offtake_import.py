"""Offtake from the ERP: every row with its reason, all or nothing, twice is once, reverted as one (CHEM-2)."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import select

from tests.builders import csrf_of, sign_in
from tests.complaints.facts import at
from tests.conftest import StandingClock
from tests.lifting.scenes import PRICE, Scene, T
from tierflow.common import offtake
from tierflow.common.customers import Customer, name_key
from tierflow.common.db import db, transaction
from tierflow.common.imports import ImportBatch, ImportRowError, outcome, service, work
from tierflow.common.offtake import Offtake
from tierflow.grading.models import GradingRun
from tierflow.kernel.months import Month
from tierflow.lifting.models import GateConfirmation
from tierflow.lifting.service.offtake_import import OFFTAKE
from tierflow.web import exports

HEADS = ("单据号", "客户编号", "产品", "提货日期", "提货量", "销售形式")
OCTOBER = ("CK-1", "C-000001", "PO-1", "2026-10-31", "1000.000001", "计划")
MORE = ("CK-2", "宁波海曙化工有限公司", "po-1", "2026/11/01", "2.5", "网拍")
FIRST = Month(2026, 1)


def csv_of(*rows: Sequence[str]) -> bytes:
    return "\n".join(",".join(row) for row in (HEADS, *rows)).encode("gb18030")


class Desk:
    """A scene whose finance reviewer imports."""

    def __init__(self, app: Flask, clock: StandingClock) -> None:
        clock.at = at("2026-11-23 10:00")
        self.scene, self.clock = Scene(app), clock

    def act(self, verb: Callable[..., Any], *args: Any, **more: Any) -> Any:
        with transaction() as session:
            actor = self.scene.actor(session, "finance", self.clock())
            return verb(session, actor, OFFTAKE, *args, self.clock(), **more)

    def checked(self, content: bytes) -> ImportBatch:
        batch_id = self.act(service.receive, "offtake.csv", content, spoken=str).id
        self.act(service.set_mapping, batch_id, self.batch(batch_id).mapping)
        work.work_off(self.clock, pause=0)
        return self.batch(batch_id)

    def applied(self, content: bytes, **command: Any) -> ImportBatch:
        batch = self.checked(content)
        self.act(service.hand_in, batch.id, command)
        work.work_off(self.clock, pause=0)
        return self.batch(batch.id)

    def reverted(self, batch_id: int) -> ImportBatch:
        self.act(service.revert, batch_id, "错误文件")
        work.work_off(self.clock, pause=0)
        return self.batch(batch_id)

    def batch(self, batch_id: int) -> ImportBatch:
        db.session().rollback()
        found = db.session().get_one(ImportBatch, batch_id, populate_existing=True)
        db.session().expunge(found)
        return found

    def found(self, batch_id: int) -> list[tuple[int, str, str]]:
        rows = db.session().scalars(select(ImportRowError).where(ImportRowError.batch_id == batch_id))
        return sorted((row.number, row.field, row.severity) for row in rows)

    def months(self) -> dict[Month, int]:
        db.session().rollback()
        company = self.scene.company
        assert list(offtake.verify(db.session())) == []
        sums = offtake.monthly(db.session(), [company.customer], company.line, FIRST, FIRST.plus(11))
        return {month: grams for month, grams in sums.get(company.customer, {}).items() if grams}


@pytest.fixture
def desk(both_app: Flask, clock: StandingClock) -> Any:
    with both_app.app_context():
        yield Desk(both_app, clock)


@pytest.mark.rule("CHEM-2")
def test_a_file_is_added_once_and_taken_back_as_one(desk: Desk) -> None:
    batch = desk.applied(csv_of(OCTOBER, MORE))
    assert (batch.state, batch.result) == ("applied", {"lines": 2, "confirmed": 0})
    there = {Month(2026, 10): 1000 * T + 1, Month(2026, 11): 2_500_000}
    assert desk.months() == there
    again = desk.checked(csv_of(OCTOBER, MORE, ("CK-3", *OCTOBER[1:])))
    assert desk.found(again.id) == [(2, "number", "duplicate"), (3, "number", "duplicate")]
    desk.act(service.hand_in, again.id, {"leave_out_duplicates": True})
    work.work_off(desk.clock, pause=0)
    assert desk.months() == {**there, Month(2026, 10): 2000 * T + 2}, "lines that are there change nothing"
    assert desk.reverted(batch.id).state == "reverted"
    assert desk.months() == {Month(2026, 10): 1000 * T + 1}
    other = ("CK-1", "C-000001", "PO-1", "2026-09-30", "7", "")
    desk.applied(csv_of(other))
    assert desk.months() == {Month(2026, 9): 7 * T, Month(2026, 10): 1000 * T + 1}, "what was reverted may come again"


@pytest.mark.rule("CHEM-2")
def test_an_import_is_taken_back_in_stretches_but_for_what_was_reversed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(offtake.ledger, "STRETCH", 2)
    batch = desk.applied(csv_of(*((f"CK-{n}", *OCTOBER[1:4], str(n), "") for n in range(1, 6))))
    with transaction() as session:
        third = session.scalars(select(Offtake.id).where(Offtake.external_number == "CK-3")).one()
        offtake.reverse(session, third, 3 * T, "CK-3-T1", desk.clock())
    assert desk.months() == {Month(2026, 10): 12 * T}
    desk.reverted(batch.id)
    assert desk.months() == {}
    taken_back = select(Offtake.external_number).where(Offtake.grams < 0).order_by(Offtake.id)
    names = [number.split("/")[0] for number in db.session().scalars(taken_back)]
    assert names == ["CK-3-T1", "CK-1", "CK-2", "CK-4", "CK-5"]


@pytest.mark.rule("CHEM-2")
def test_a_customer_is_found_however_its_name_is_spaced(desk: Desk) -> None:
    rest = OCTOBER[2:]
    batch = desk.checked(
        csv_of(
            ("CK-1", "宁波海曙化工有限公司", *rest),
            ("CK-2", "宁波海曙化工（有限公司）", *rest),
            ("CK-3", "c-000001", *rest),
            ("CK-4", "Ｃ－000001", *rest),
            ("CK-5", "宁波海曙", *rest),
        )
    )
    assert desk.found(batch.id) == [(6, "customer", "bad")]


@pytest.mark.rule("CHEM-2")
def test_two_customers_of_one_name_are_told_apart_by_number(desk: Desk) -> None:
    with transaction() as session:
        session.get_one(Customer, desk.scene.company.other_customer).name_key = name_key("宁波海曙化工有限公司")
    rest = OCTOBER[2:]
    batch = desk.checked(csv_of(("CK-1", "宁波海曙化工有限公司", *rest), ("CK-2", "C-000002", *rest)))
    assert desk.found(batch.id) == [(2, "customer", "bad")]


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_file_goes_through_both_doors(desk: Desk, kind: str) -> None:
    client = sign_in(desk.scene.app, desk.scene.company["finance"])
    headers, base = {"X-CSRFToken": csrf_of(client)}, {"page": "", "api": "/api/v1"}[kind] + "/offtake/imports"

    def post(path: str, **data: Any) -> Any:
        sent: dict[str, Any] = {"data": data} if kind == "page" else {"json": data}
        return client.post(f"{base}/1/{path}", headers=headers, **sent)

    def sent(*rows: Sequence[str]) -> Any:
        data = {"file": (io.BytesIO(csv_of(*rows)), "offtake.csv")}
        return client.post(base, data=data, headers=headers).status_code

    done = 302 if kind == "page" else 200
    assert sent(OCTOBER, MORE) == {"page": 302, "api": 201}[kind]
    columns = {column.key: at_ for at_, column in enumerate(OFFTAKE.columns)}
    named = {f"mapping.{key}": at_ for key, at_ in columns.items()} if kind == "page" else {"mapping": columns}
    assert post("mapping", **named).status_code == done
    waiting = client.get(f"{base}/1")
    if kind == "page":
        assert "已读取行数：0" in waiting.text
        assert "共约 2 行" in waiting.text
    else:
        assert {name: waiting.get_json()[name] for name in ("expected", "total")} == {"expected": 2, "total": 0}
    work.work_off(desk.clock, pause=0)
    assert post("hand-in").status_code == done
    work.work_off(desk.clock, pause=0)
    there = {Month(2026, 10): 1000 * T + 1, Month(2026, 11): 2_500_000}
    assert desk.months() == there
    assert sent(OCTOBER, MORE) == 409, "the very same file"
    assert post("revert", reason="错误文件").status_code == done
    work.work_off(desk.clock, pause=0)
    assert desk.months() == {}


def test_the_rows_to_mend_are_as_many_as_a_file_takes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    client = sign_in(desk.scene.app, desk.scene.company["finance"])
    monkeypatch.setattr(exports, "MOST_ROWS", 2)
    desk.checked(csv_of(*((f"CK-{n}", *OCTOBER[1:4], "-1", "") for n in range(4))))
    answer = client.post("/offtake/imports/1/faults", data={"form": "xlsx"}, headers={"X-CSRFToken": csrf_of(client)})
    assert answer.status_code == 200, answer.text
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    assert book.active is not None
    assert [row[0] for row in book.active.values] == ["行号", 2, 3]


@pytest.mark.rule("CHEM-2")
def test_every_bad_row_has_its_reason_and_keeps_the_file_out(desk: Desk) -> None:
    batch = desk.checked(
        csv_of(
            OCTOBER,
            ("", *OCTOBER[1:]),
            ("CK-3", "C-999999", *OCTOBER[2:]),
            ("CK-4", "C-000001", "石头", *OCTOBER[3:]),
            ("CK-5", "C-000001", "PO-1", "2026-11-24", "1", ""),
            ("CK-6", "C-000001", "PO-1", "2026-02-30", "1", ""),
            ("CK-7", "C-000001", "PO-1", "2026-10-01", "-1", ""),
            ("CK-8", "C-000001", "PO-1", "2026-10-01", "0", ""),
            ("CK-9", "C-000001", "PO-1", "2026-10-01", "1.0000001", ""),
            ("CK-10", "C-000001", "PO-1", "2026-10-01", "50000.000001", ""),
            ("CK-11", "C-000001", "PO-1", "2026-10-01", "1", "赠送"),
            OCTOBER,
        )
    )
    fields = ["number", "customer", "product", "lifted_on", "lifted_on", *["tonnes"] * 4, "form_of_sale", "number"]
    assert desk.found(batch.id) == [(3 + at_, field, "bad") for at_, field in enumerate(fields)]
    assert (batch.good, batch.bad) == (1, 11)
    with pytest.raises(Exception, match="11"):
        desk.act(service.hand_in, batch.id, {})
    assert desk.months() == {}


@pytest.mark.rule("CHEM-2")
def test_a_row_of_our_own_gate_confirms_and_adds_nothing(desk: Desk) -> None:
    scene = desk.scene
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    slip = scene.release(order, 10 * T, when="2026-11-20 09:00")
    one = scene.weigh(slip.code, 4 * T, when="2026-11-20 10:00")
    there = {Month(2026, 11): 4 * T}
    row = (slip.number, "C-000001", "PO-1", "2026-11-20", "4", "")
    wrong = desk.checked(csv_of((one.number, *row[1:4], "4.1", "")))
    assert desk.found(wrong.id) == [(2, "tonnes", "bad")]
    batch = desk.applied(csv_of(row))
    assert (batch.result, desk.months()) == ({"lines": 0, "confirmed": 1}, there)
    assert db.session().scalars(select(GateConfirmation.offtake_id)).all() == [one.offtake_id]
    desk.reverted(batch.id)
    assert desk.months() == there, "reverting what confirmed takes nothing off the gate's own line"
    assert db.session().scalars(select(GateConfirmation.offtake_id)).all() == []
    scene.weigh(slip.code, 4 * T, when="2026-11-20 11:00")
    several = desk.checked(csv_of((row[0], *row[1:4], "4.0", "")))
    assert desk.found(several.id) == [(2, "number", "bad")], "the slip alone does not say which lifting"


@pytest.mark.rule("CHEM-2")
def test_a_line_of_a_known_number_that_says_something_else_is_refused(desk: Desk) -> None:
    desk.applied(csv_of(OCTOBER))
    batch = desk.checked(csv_of((*OCTOBER[:4], "1", "")))
    assert desk.found(batch.id) == [(2, "number", "bad")]


@pytest.mark.rule("CHEM-2")
def test_a_closed_month_is_looked_at_twice(desk: Desk) -> None:
    with transaction() as session:
        finance = desk.scene.actor(session, "finance", desk.clock())
        session.add(
            GradingRun(
                product_line_id=desk.scene.company.line,
                month=Month(2026, 10).start,
                kind="monthly",
                state="confirmed",
                policy_version=1,
                **dict.fromkeys(("total", "done", "cursor", "chunks", "up", "down", "held", "changed"), 0),
                facts_at=desk.clock(),
                due_at=desk.clock(),
                started_at=desk.clock(),
                confirmed_by_id=finance.user_id,
                confirmed_at=desk.clock(),
            )
        )
    batch = desk.checked(csv_of(OCTOBER, MORE))
    assert desk.found(batch.id) == [(2, "lifted_on", "doubtful")]


def test_a_workbook_is_read_to_the_gram(desk: Desk) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADS)
    sheet.append(("CK-1", "C-000001", "PO-1", at("2026-10-05 00:00").replace(tzinfo=None), 32.123456, None))
    sheet.append((9.11e17, "C-000001", "PO-1", "2026-10-05", 1, None))
    out = io.BytesIO()
    book.save(out)
    batch = desk.checked(out.getvalue())
    assert desk.found(batch.id) == [(3, "number", "bad")]
    sheet.delete_rows(3)
    out = io.BytesIO()
    book.save(out)
    desk.applied(out.getvalue())
    assert desk.months() == {Month(2026, 10): 32_123_456}


LINE = {"number": "CK-1", "customer": "C-000001", "product": "PO-1", "lifted_on": "2026-10-31", "tonnes": "3.000001"}


@pytest.mark.rule("CHEM-2")
def test_a_program_sends_batches_all_or_nothing_and_twice_is_once(desk: Desk) -> None:
    client = sign_in(desk.scene.app, desk.scene.company["finance"])
    headers = {"X-CSRFToken": csrf_of(client), "Idempotency-Key": "batch-1"}

    def send(*lines: dict[str, str], **more: str) -> Any:
        return client.post("/api/v1/offtake/lines", json={"lines": list(lines)}, headers={**headers, **more})

    bad = send(LINE, {**LINE, "number": "CK-2", "tonnes": "-1"}, {**LINE, "number": "CK-3", "customer": "?"})
    assert bad.status_code == 422
    assert {at_: list(found) for at_, found in bad.get_json()["errors"]["lines"].items()} == {
        "1": ["tonnes"],
        "2": ["customer"],
    }
    assert desk.months() == {}
    assert send(LINE).status_code == 201
    assert send(LINE).headers["Idempotent-Replay"] == "true"
    assert send(LINE, **{"Idempotency-Key": "another"}).status_code == 201, "the same lines under another key"
    twice = send(LINE, {**LINE, "number": "CK-2"}, **{"Idempotency-Key": "third"}).get_json()
    assert (twice["good"], twice["duplicate"], twice["result"]) == (1, 1, {"lines": 1, "confirmed": 0})
    assert desk.months() == {Month(2026, 10): 6_000_002}
    assert db.session().scalars(select(Offtake.source).distinct()).all() == ["erp"]


def test_the_lines_to_be_added_are_told_in_words(desk: Desk) -> None:
    batch = desk.checked(csv_of(OCTOBER, MORE, ("CK-9", "nobody", *OCTOBER[2:])))
    session = db.session()
    customer = session.get_one(Customer, desk.scene.company.customer)
    told = outcome.preview(session, OFFTAKE, batch, 0, 30, back=False).rows
    assert [row.number for row in told] == [2, 3], "what is in error is not brought"
    assert {key: str(words) for key, words in told[0].told.items()} | {"product": ""} == {
        "number": "CK-1",
        "customer": f"{customer.number} {customer.name}",
        "product": "",
        "lifted_on": "2026-10-31",
        "tonnes": "1,000.000001",
        "form_of_sale": "Planned",
    }
    assert str(told[0].told["product"]).startswith("PO-1 ")
