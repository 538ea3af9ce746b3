"""Whoever goes behind the program's back is found: every kind of lie is planted and must be named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from tests.builders import actor
from tests.conftest import NOW, StandingClock
from tests.jobs.world import decide, fill, runner, waiting_case
from tierflow.common import anchors, approvals, audit, decisions, files
from tierflow.common.approvals import ApprovalCase
from tierflow.common.audit import GENESIS, AuditEntry, link_hash
from tierflow.common.db import db, transaction, write_access
from tierflow.common.guards import APPEND_ONLY
from tierflow.common.policies import policy_on
from tierflow.common.users import User
from tierflow.common.verify import lies
from tierflow.kernel.decisions import Decision
from tierflow.kernel.policy import Policy
from tierflow.kernel.roles import SYSTEM


def _double(inputs: dict[str, Any], _policy: Policy) -> Decision:
    return Decision(outcome=str(inputs["n"] * 2), clauses=("CHEM-7.2",), indicators=())


decisions.replayed_by("test.double", _double)


def story(session: Session, who: dict[str, User]) -> None:
    """A case returned, corrected and approved; one that waits; a decision; a file."""
    at = NOW - timedelta(days=3)
    first = session.get_one(ApprovalCase, waiting_case(session, who, at, 1))
    decide(session, first, who["sales"], "sales", at)
    decide(session, first, who["finance"], "finance", at, "return")
    clerk = actor(session, who["clerk"])
    approvals.submit(session, first, {"a": 1, "b": 3}, clerk, at, seen_version=first.version)
    for step in ("finance", "manager"):
        decide(session, first, who[step], step, at)
    assert first.state == "approved"
    waiting_case(session, who, at, 2)
    withdrawn = session.get_one(ApprovalCase, waiting_case(session, who, at, 3))
    approvals.withdraw(session, withdrawn, clerk, at, seen_version=withdrawn.version, reason="改")
    gone = session.get_one(ApprovalCase, waiting_case(session, who, at, 4))
    approvals.withdraw(session, gone, clerk, at, seen_version=gone.version, reason="改")
    approvals.discard(session, gone, clerk, at, seen_version=gone.version)
    policy = policy_on(session, at.date())
    inputs = {"n": 21}
    decisions.store(session, "test.double", ("test", 1), _double(inputs, policy), inputs, policy, SYSTEM, at)
    files.store(session, b"%PDF-1.7", "a.pdf", "pdf", ("test", 1), who["clerk"].id, at)


@pytest.fixture
def told(both_app: Flask, clock: StandingClock, tmp_path: Path) -> Flask:
    """The story, with three days of duties and an anchor, on each engine."""
    return _tell(both_app, clock, tmp_path)


@pytest.fixture
def stored(app: Flask, clock: StandingClock, tmp_path: Path) -> Flask:
    """The story on SQLite."""
    return _tell(app, clock, tmp_path)


def _tell(app: Flask, clock: StandingClock, folder: Path) -> Flask:
    fill(app, story)
    with app.app_context():
        for _ in range(3):
            runner(app, folder).sweep()
            clock.forward(days=1)
    return app


def found(app: Flask, folder: Path) -> list[str]:
    with app.app_context():
        told_ = list(lies(db.session(), app.config["CLOCK"](), folder / "anchors.jsonl"))
        db.session.remove()
    return told_


def behind_the_back(app: Flask, *statements: str) -> None:
    """What somebody with the database's own tools can do: the guards off, then anything."""
    with app.app_context(), write_access(), db.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            for (name,) in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            for name in APPEND_ONLY:
                connection.execute(text(f"ALTER TABLE {name} DISABLE TRIGGER USER"))
        for statement in statements:
            changed = connection.execute(text(statement))
            assert changed.rowcount != 0, statement


def test_an_honest_database_has_no_lies(told: Flask, tmp_path: Path) -> None:
    assert found(told, tmp_path) == []


HONEST_ROUND = "(SELECT id FROM approval_case WHERE subject_id = 1)"

LIES = {
    "an entry of the audit is edited": (
        ["UPDATE audit_entry SET reason = 'nothing happened' WHERE seq = 2"],
        "audit: entry 2 was altered",
    ),
    "an entry's hash is edited": (
        ["UPDATE audit_entry SET hash = 'abc' WHERE seq = 2"],
        "audit: entry 2 was altered",
    ),
    "an entry is taken out": (["DELETE FROM audit_entry WHERE seq = 3"], "audit: entry 3 is missing"),
    "the tail is cut": (
        ["DELETE FROM audit_entry WHERE seq = (SELECT seq FROM chain_head)"],
        "audit: the chain's head does not fit",
    ),
    "a register is thinned": (["DELETE FROM approval_nudge"], "anchor: approval_nudge has 0 rows and had"),
    "a verdict is turned round": (
        [f"UPDATE approval_decision SET verdict = 'approve' WHERE verdict = 'return' AND case_id = {HONEST_ROUND}"],
        "approve led to returned/None, and leads to in_approval/manager",
    ),
    "what was handed in is edited": (
        ["""UPDATE approval_round SET content = '{"a": 1, "b": 4}' WHERE round = 2"""],
        "round 2: the content is not the one that was handed in",
    ),
    "content and hash are edited together": (
        [
            """UPDATE approval_round SET content = '{"a": 9, "b": 3}', content_hash = """
            """'HASH' WHERE round = 2"""
        ],
        "what was examined is not what was handed in",
    ),
    "a case is approved by hand": (
        ["UPDATE approval_case SET state = 'approved', step = NULL WHERE subject_id = 2"],
        "it stands at approved, and its decisions lead to in_approval",
    ),
    "a step is jumped over": (
        ["UPDATE approval_case SET step = 'manager' WHERE subject_id = 2"],
        "it waits for manager, and its decisions lead to sales",
    ),
    "a state that there is not": (
        ["PRAGMA ignore_check_constraints = ON", "UPDATE approval_case SET state = 'odd' WHERE subject_id = 1"],
        "cannot be replayed: ValueError",
    ),
    "a decision is taken out": (
        [f"DELETE FROM approval_decision WHERE step = 'manager' AND case_id = {HONEST_ROUND}"],
        "it stands at approved, and its decisions lead to in_approval",
    ),
    "another person's name is put to a decision": (
        [
            f"UPDATE approval_seat SET step = 'manager' WHERE step = 'sales' AND case_id = {HONEST_ROUND}",
        ],
        "the seats are not those of the people who acted",
    ),
    "somebody kept out of a case decided it": (
        [f"UPDATE approval_seat SET step = 'other' WHERE step = 'sales' AND case_id = {HONEST_ROUND}"],
        "round 1, sales: CHEM-7.2",
    ),
    "a case is in a round nobody handed in": (
        ["UPDATE approval_case SET round = 5 WHERE subject_id = 2"],
        "it is in round 5, and 1 were handed in",
    ),
    "a chain nobody knows": (
        ["UPDATE approval_case SET chain = 'mine' WHERE subject_id = 2"],
        "nobody knows the chain mine",
    ),
    "a decision under a policy that never was": (
        ["UPDATE approval_decision SET policy_version = 77"],
        "policy version 77 does not exist",
    ),
    "a decision's outcome is rewritten": (
        ["UPDATE decision SET outcome = '43'"],
        "decision 1 (test.double): stored 43, replayed 42",
    ),
    "a decision's inputs are emptied": (["UPDATE decision SET inputs = '{}'"], "decision 1 (test.double): cannot be"),
    "a decision of a kind nobody knows": (["UPDATE decision SET kind = 'x'"], "decision 1: nobody can replay a x"),
    "a file is exchanged": (["UPDATE file_content SET content = x'00'"], "the content was altered"),
    "a period is taken out of the ledger": (
        ["DELETE FROM run WHERE job = 'anchor' AND period = '2026-11-24'"],
        "job anchor: nothing was done between 2026-11-23 and 2026-11-25",
    ),
    "a period is done before it began": (
        ["UPDATE run SET period = '2031-01-01' WHERE job = 'anchor' AND period = '2026-11-25'"],
        "2031-01-01 was done before it began",
    ),
    "a period is not one": (
        ["UPDATE run SET period = 'soon' WHERE job = 'anchor' AND period = '2026-11-25'"],
        "job anchor: 'soon' is not a period",
    ),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_found(stored: Flask, tmp_path: Path, name: str) -> None:
    statements, said = LIES[name]
    if "HASH" in statements[0]:
        from tierflow.kernel.approval import digest

        statements = [statements[0].replace("HASH", digest({"a": 9, "b": 3}))]
    _without_foreign_keys(stored, statements)
    sentences = found(stored, tmp_path)
    assert any(said in sentence for sentence in sentences), sentences


def _without_foreign_keys(app: Flask, statements: list[str]) -> None:
    """SQLite's own shell does not check foreign keys either."""
    import sqlite3
    from contextlib import closing

    with app.app_context():
        path = db.engine.url.database
        db.engine.dispose()
    with closing(sqlite3.connect(str(path))) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            assert connection.execute(statement).rowcount != 0, statement
        connection.commit()


def test_lies_are_found_on_either_engine(told: Flask, tmp_path: Path) -> None:
    behind_the_back(
        told,
        "UPDATE audit_entry SET reason = 'nothing happened' WHERE seq = 2",
        "UPDATE approval_case SET round = 5 WHERE subject_id = 2",
        "DELETE FROM run WHERE job = 'anchor' AND period = '2026-11-24'",
    )
    sentences = found(told, tmp_path)
    for said in ("entry 2 was altered", "in round 5", "nothing was done between"):
        assert any(said in sentence for sentence in sentences), (said, sentences)


def _rewrite(session: Session, change: Callable[[AuditEntry], None], keep: int | None = None) -> None:
    """Write the whole chain anew, consistent in itself: only the anchors outside can tell."""
    prev, seq = GENESIS, 0
    for entry in session.scalars(select(AuditEntry).order_by(AuditEntry.seq)).all():
        if keep is not None and entry.seq > keep:
            session.delete(entry)
            continue
        change(entry)
        entry.prev_hash = prev
        entry.hash = prev = link_hash(prev, audit._fields(entry))
        seq = entry.seq
    session.execute(text("UPDATE chain_head SET seq = :seq, hash = :hash"), {"seq": seq, "hash": prev})


def test_a_chain_written_anew_is_told_by_the_anchors_alone(told: Flask, tmp_path: Path) -> None:
    behind_the_back(told)

    def forge(entry: AuditEntry) -> None:
        if entry.seq == 1:
            entry.reason = "forged"

    with told.app_context(), transaction() as session:
        _rewrite(session, forge)
    with told.app_context():
        assert list(audit.verify_chain(db.session())) == []
        db.session.remove()
    assert any("the chain was written anew" in sentence for sentence in found(told, tmp_path))


def test_a_cut_tail_with_a_fitting_head_is_told_by_the_anchors_alone(told: Flask, tmp_path: Path) -> None:
    behind_the_back(told)
    with told.app_context(), transaction() as session:
        _rewrite(session, lambda _entry: None, keep=5)
    with told.app_context():
        assert list(audit.verify_chain(db.session())) == []
        db.session.remove()
    assert any("the chain's tail was cut" in sentence for sentence in found(told, tmp_path))


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda lines: [lines[0].replace('"seq": ', '"seq": 1'), *lines[1:]], "does not follow"),
        (lambda lines: lines[1:], "line 1 does not follow line 0"),
        (lambda lines: [lines[0], *lines[2:]], "line 2 does not follow line 1"),
        (lambda lines: [lines[0], "scribble", *lines[1:]], "line 2 cannot be read"),
    ],
)
def test_the_anchor_file_is_not_edited_unseen(
    stored: Flask, tmp_path: Path, edit: Callable[[list[str]], list[str]], said: str
) -> None:
    path = tmp_path / "anchors.jsonl"
    path.write_text("\n".join(edit(path.read_text().splitlines())) + "\n")
    sentences = found(stored, tmp_path)
    assert any(said in sentence for sentence in sentences), sentences


def test_an_anchor_says_head_and_counts(stored: Flask, tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "anchors.jsonl"
    with stored.app_context():
        line = anchors.anchor(db.session(), path, NOW)
        db.session.remove()
    assert json.loads(path.read_text()) == line
    assert line["seq"] == line["counts"]["audit_entry"] > 0
    assert set(line["counts"]) == APPEND_ONLY
