"""The machinery of imports, with departments as the rows: read, map, check, apply all or nothing, revert."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest
from flask import Flask
from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import NOW, StandingClock
from tierflow.common.approvals import Seen
from tierflow.common.db import db, transaction
from tierflow.common.imports import (
    Cells,
    Column,
    Finding,
    ImportBatch,
    ImportChunk,
    Importer,
    ImportRow,
    Row,
    by_row,
    outcome,
    register,
    service,
    work,
)
from tierflow.common.imports.importer import Chunks
from tierflow.common.reference import Department
from tierflow.kernel.approval import Chain, Step
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, Refused
from tierflow.kernel.roles import Actor, Role
from tierflow.kernel.text import text

HEADS = ("代码", "名称", "备注")
IMPORTED = date(2026, 1, 1)


def _parse(number: int, cells: Cells, context: Any) -> Row:
    row = Row(number, {"code": cells.get("code"), "name": cells.get("name")})
    if not cells.get("code"):
        row.findings.append(Finding("code", text("Please fill this in.")))
    else:
        row.unique["code"] = str(cells["code"])
    if cells.get("name"):
        row.likely["name"] = str(cells["name"])
    return row


def _compare(session: Session, rows: Sequence[Row], context: Any) -> None:
    codes = {row.data["code"] for row in rows}
    known = set(session.scalars(select(Department.code).where(Department.code.in_(codes))))
    for row in rows:
        if row.data["code"] in known:
            row.findings.append(Finding("code", text("This is here already."), "duplicate"))


def _apply(session: Session, batch: ImportBatch, chunks: Chunks, actor: Actor, now: datetime) -> dict[str, int]:
    count = 0
    for chunk in chunks:
        session.execute(insert(Department), [{**data, "from_on": IMPORTED} for _, data in chunk])
        count += len(chunk)
    return {"departments": count}


def _undo(session: Session, batch: ImportBatch, actor: Actor, now: datetime) -> dict[str, int]:
    codes = session.scalars(select(Department.code).where(Department.from_on == IMPORTED)).all()
    if session.scalar(select(Department.id).where(Department.code.in_(codes), Department.to_on.is_not(None))):
        raise Refused([*_why()])
    session.execute(delete(Department).where(Department.code.in_(codes)))
    return {"departments": len(codes)}


def _why() -> list[Any]:
    from tierflow.kernel.errors import Refusal

    return [Refusal("house", text("Something else has touched them."))]


def _importer(kind: str, apply_action: str | None = None) -> Importer:
    return register(
        Importer(
            kind,
            "Departments",
            "reference.write",
            (Column("code", "code", ("代码",), required=True), Column("name", "name", ("名称",), required=True)),
            lambda session, actor, now, makers: None,
            by_row(_parse),
            _compare,
            _apply,
            _undo,
            apply_action=apply_action,
            chain=SECOND if apply_action else None,
        )
    )


SEEN = Seen(version=1, step="second")
SECOND = Chain(
    "test_import", "house", "import", (Step("second", "second", Role.ADMINISTRATOR, frozenset({"import"}), True),), True
)
ALONE = _importer("test_departments")
BY_TWO = _importer("test_departments_two", "grant.decide")


def csv_file(*rows: Sequence[object], heads: Sequence[str] = HEADS, encoding: str = "utf-8") -> bytes:
    return "\r\n".join(",".join("" if c is None else str(c) for c in row) for row in (heads, *rows)).encode(encoding)


def xlsx_file(*rows: Sequence[object], heads: Sequence[str] = HEADS, above: Sequence[Sequence[object]] = ()) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (*above, heads, *rows):
        sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


class Scene:
    """Two administrators, and the steps of an import."""

    def __init__(self, app: Flask, clock: StandingClock) -> None:
        self.app, self.clock = app, clock
        with transaction() as session:
            self.ids = [builders.user(session, f"admin{n}", Role.ADMINISTRATOR).id for n in (1, 2)]

    def actor(self, session: Session, which: int = 0) -> Actor:
        from tierflow.common.users import User

        return builders.actor(session, session.get_one(User, self.ids[which]))

    def receive(self, content: bytes, importer: Importer = ALONE, which: int = 0) -> ImportBatch:
        with transaction() as session:
            return service.receive(session, self.actor(session, which), importer, "f.csv", content, NOW, spoken=str)

    def act(
        self, verb: Callable[..., Any], batch_id: int, *args: Any, importer: Importer = ALONE, which: int = 0
    ) -> Any:
        with transaction() as session:
            return verb(session, self.actor(session, which), importer, batch_id, *args, NOW)

    def work(self) -> int:
        return work.work_off(self.clock, pause=0)

    def checked(self, content: bytes, importer: Importer = ALONE) -> ImportBatch:
        batch_id = self.receive(content, importer).id
        batch = self.batch(batch_id)
        assert batch.state == "mapping"
        self.act(service.set_mapping, batch_id, batch.mapping, importer=importer)
        assert self.work() == 1
        return self.batch(batch_id)

    def batch(self, batch_id: int) -> ImportBatch:
        db.session().rollback()
        batch = db.session().get_one(ImportBatch, batch_id, populate_existing=True)
        db.session().expunge(batch)
        return batch

    def chunks(self) -> list[int]:
        db.session().rollback()
        return sorted(db.session().scalars(select(ImportChunk.first)))

    def departments(self) -> int:
        db.session().rollback()
        return db.session().scalar(select(func.count()).select_from(Department)) or 0


@pytest.fixture
def scene(both_app: Flask, clock: StandingClock) -> Any:
    with both_app.app_context():
        yield Scene(both_app, clock)


def test_a_good_file_is_applied_and_reverted(scene: Scene) -> None:
    batch = scene.checked(csv_file(*[(f"D{n}", f"部{n}", "") for n in range(1200)]))
    assert (batch.state, batch.total, batch.good, batch.bad) == ("checked", 1200, 1200, 0)
    assert scene.departments() == 0
    scene.act(service.hand_in, batch.id, {})
    scene.work()
    batch = scene.batch(batch.id)
    assert (batch.state, batch.result, scene.departments()) == ("applied", {"departments": 1200}, 1200)
    scene.act(service.revert, batch.id, "错了")
    scene.work()
    assert (scene.batch(batch.id).state, scene.departments()) == ("reverted", 0)


def test_one_bad_row_in_six_thousand_keeps_everything_out_and_chunks_know_of_each_other(scene: Scene) -> None:
    rows = [(f"D{n}", f"部{n}", "") for n in range(2, 6_002)]
    rows[5_498], rows[5_998] = ("", "部", ""), ("D7", "部乙", "")
    batch = scene.checked(csv_file(*rows))
    assert (batch.expected, batch.total, batch.good, batch.bad) == (6_000, 6_000, 5_998, 2)
    found = {number: str(outcome.sentence(why[0])) for number, _raw, why in outcome.faulty_rows(db.session(), batch.id)}
    assert found == {5_500: "Please fill this in.", 6_000: "Row 7 of this file has the same."}
    with pytest.raises(Refused):
        scene.act(service.hand_in, batch.id, {})
    assert scene.departments() == 0
    rows[5_498], rows[5_998] = ("D5500", "部甲", ""), ("D6000", "部乙", "")
    mended = scene.checked(csv_file(*rows))
    assert scene.chunks() == [2, 2, 5_002, 5_002]
    scene.act(service.hand_in, mended.id, {})
    scene.work()
    assert (scene.batch(mended.id).result, scene.departments()) == ({"departments": 6_000}, 6_000)
    assert scene.chunks() == [2, 5_002], "what is applied needs its rows no more"


def test_one_bad_row_keeps_everything_out_and_says_which(scene: Scene) -> None:
    batch = scene.checked(csv_file(("D1", "一", ""), ("", "二", ""), ("D3", "一", ""), ("D1", "四", "")))
    assert (batch.good, batch.doubtful, batch.bad) == (1, 1, 2)
    with pytest.raises(Refused):
        scene.act(service.hand_in, batch.id, {"doubts_seen": True, "leave_out_duplicates": True})
    rows = {
        number: (raw, [(f.field, f.severity) for f in found])
        for number, raw, found in outcome.faulty_rows(db.session(), batch.id)
    }
    assert rows == {
        3: ([None, "二", None], [("code", "bad")]),
        4: (["D3", "一", None], [("name", "doubtful")]),
        5: (["D1", "四", None], [("code", "bad")]),
    }


def test_duplicates_are_left_out_only_when_said_and_doubts_looked_at(scene: Scene) -> None:
    with transaction() as session:
        session.add(Department(code="D1", name="旧", from_on=date(2020, 1, 1)))
    batch = scene.checked(csv_file(("D1", "一", ""), ("D2", "二", ""), ("D3", "二", "")))
    assert (batch.good, batch.doubtful, batch.duplicate) == (1, 1, 1)
    with pytest.raises(Refused) as refused:
        scene.act(service.hand_in, batch.id, {})
    assert {refusal.field for refusal in refused.value.refusals} == {"leave_out_duplicates", "doubts_seen"}
    scene.act(service.hand_in, batch.id, {"doubts_seen": True, "leave_out_duplicates": True})
    scene.work()
    assert (scene.batch(batch.id).result, scene.departments()) == ({"departments": 2}, 3)


def test_the_same_file_twice_changes_nothing(scene: Scene) -> None:
    content = csv_file(("D1", "一", ""))
    batch = scene.checked(content)
    assert scene.receive(content).id == batch.id
    scene.act(service.hand_in, batch.id, {})
    scene.work()
    with pytest.raises(Refused):
        scene.receive(content)
    assert scene.departments() == 1
    scene.act(service.revert, batch.id, "错了")
    scene.work()
    assert scene.receive(content).id != batch.id  # taken back, it may come again


def test_the_mapping_is_remembered_for_the_same_heads(scene: Scene) -> None:
    heads = ("甲", "乙", "丙")
    first = scene.receive(csv_file(("x", "D1", "一"), heads=heads))
    assert scene.batch(first.id).mapping == {}
    with pytest.raises(Invalid) as refused:
        scene.act(service.set_mapping, first.id, {"code": 1})
    assert list(refused.value.errors) == ["name"]
    scene.act(service.set_mapping, first.id, {"code": 1, "name": 2})
    second = scene.receive(csv_file(("x", "D2", "一"), heads=heads))
    assert scene.batch(second.id).mapping == {"code": 1, "name": 2}


def test_what_changed_since_the_preview_is_checked_again_and_nothing_is_half_done(scene: Scene) -> None:
    batch = scene.checked(csv_file(("D1", "一", ""), ("D2", "二", "")))
    scene.act(service.hand_in, batch.id, {})
    with transaction() as session:
        session.add(Department(code="D2", name="旧", from_on=date(2020, 1, 1)))
    scene.work()
    batch = scene.batch(batch.id)
    assert (batch.state, batch.duplicate, scene.departments()) == ("checked", 1, 1)
    assert outcome.failure_of(batch) is not None


def test_a_dead_workers_batch_is_taken_up_again(scene: Scene) -> None:
    batch_id = scene.receive(csv_file(("D1", "一", ""))).id
    scene.act(service.set_mapping, batch_id, {"code": 0, "name": 1})
    with transaction() as session:
        session.get_one(ImportBatch, batch_id).claimed_at = NOW
        session.add(ImportChunk(batch_id=batch_id, first=2, rows='[[2, {"code": "half"}]]'))
        session.add(ImportRow(batch_id=batch_id, number=3, verdict="bad", raw=["half"]))
    assert scene.work() == 0
    scene.clock.forward(minutes=6)
    assert scene.work() == 1
    assert scene.batch(batch_id).good == 1


def test_a_revert_of_what_was_touched_is_refused_and_all_stays(scene: Scene) -> None:
    batch = scene.checked(csv_file(("D1", "一", "")))
    scene.act(service.hand_in, batch.id, {})
    scene.work()
    with transaction() as session:
        session.scalars(select(Department)).one().to_on = date(2027, 1, 1)
    scene.act(service.revert, batch.id, "错了")
    scene.work()
    assert (scene.batch(batch.id).state, scene.departments()) == ("applied", 1)


def test_where_two_people_are_wanted_the_first_does_not_apply(scene: Scene) -> None:
    batch = scene.checked(csv_file(("D1", "一", "")), BY_TWO)
    scene.act(service.hand_in, batch.id, {}, importer=BY_TWO)
    assert scene.work() == 0
    with pytest.raises(Refused):
        scene.act(service.apply, batch.id, SEEN, importer=BY_TWO)
    scene.act(service.apply, batch.id, SEEN, importer=BY_TWO, which=1)
    scene.work()
    assert scene.departments() == 1


def test_a_worker_does_not_apply_for_who_lost_the_office(scene: Scene) -> None:
    from tierflow.common.users import RoleGrant

    batch = scene.checked(csv_file(("D1", "一", "")))
    scene.act(service.hand_in, batch.id, {})
    with transaction() as session:
        session.execute(delete(RoleGrant).where(RoleGrant.user_id == scene.ids[0]))
    scene.work()
    assert (scene.batch(batch.id).state, scene.departments()) == ("checked", 0)
    with pytest.raises(Forbidden):
        scene.act(service.hand_in, batch.id, {})


def test_a_file_discarded_while_it_is_checked_leaves_no_rows(scene: Scene) -> None:
    batch = scene.checked(csv_file(("D1", "一", "")))
    scene.act(service.discard, batch.id)
    left = select(func.count()).select_from(ImportChunk).union_all(select(func.count()).select_from(ImportRow))
    assert db.session().scalars(left).all() == [0, 0]
    with pytest.raises(Conflict):
        scene.act(service.hand_in, batch.id, {})


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_rows_are_paged_across_chunks_both_ways(scene: Scene, size: int) -> None:
    numbers = [2, 3, 5, 6, 7, 11, 12, 5001, 5002, 5003, 9000]
    chunks = (numbers[:2], numbers[2:7], numbers[7:8], numbers[8:])
    batch = scene.receive(csv_file(("D1", "一", "")))
    with transaction() as session:
        session.get_one(ImportBatch, batch.id).state = "checked"
        for chunk in chunks:
            packed = json.dumps([(number, {"code": f"D{number}"}) for number in chunk])
            session.add(ImportChunk(batch_id=batch.id, first=chunk[0], rows=packed))
    session = db.session()
    batch = session.get_one(ImportBatch, batch.id)
    pages = [outcome.preview(session, ALONE, batch, 0, size, back=False)]
    assert pages[0].before is None
    while (beyond := pages[-1].after) is not None:
        pages.append(outcome.preview(session, ALONE, batch, beyond, size, back=False))
    assert [row.number for page in pages for row in page.rows] == numbers
    assert [row.told for row in pages[0].rows[:1]] == [{"code": "D2"}]
    for page, earlier in zip(pages[:0:-1], pages[-2::-1], strict=True):
        assert page.before is not None
        back = outcome.preview(session, ALONE, batch, page.before, size, back=True)
        assert (back.rows, back.before is None) == (earlier.rows, earlier is pages[0])
