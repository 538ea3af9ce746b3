"""What the duties do: whom they tell, what they delete, what they write outside; and dying half-way harms none."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from jobs.approvals import waits_since_before
from tests.builders import delegation
from tests.conftest import NOW, StandingClock
from tests.jobs.world import decide, duty, fill, ledger, read, runner, waiting_case
from tierflow.common.approvals import ApprovalCase
from tierflow.common.calendars import load_year, working_calendar
from tierflow.common.db import db, transaction
from tierflow.common.idempotency import IdempotencyKey
from tierflow.common.notices import Notice
from tierflow.common.sessions import LoginAttempt, UserSession
from tierflow.common.users import User

THURSDAY = datetime(2026, 11, 19, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai; NOW is Monday 10:00


def told(app: Flask, kind: str | None = None) -> list[tuple[str, str]]:
    """(login, kind) of every notice."""
    query = select(User.login, Notice.kind).join(User, User.id == Notice.user_id).order_by(Notice.id)
    if kind is not None:
        query = query.where(Notice.kind.like(f"{kind}%"))
    return [tuple(row) for row in read(app, query)]


def sweep(app: Flask, folder: Path, *keys: str) -> None:
    with app.app_context():
        runner(app, folder, [duty(key) for key in keys]).sweep()


@pytest.mark.parametrize(
    ("received", "now", "reminded"),
    [
        # one working day from Friday is Monday, until 17:30
        (datetime(2026, 11, 20, 2, 0), datetime(2026, 11, 23, 9, 30), False),
        (datetime(2026, 11, 20, 2, 0), datetime(2026, 11, 23, 9, 30, 1), True),
        (datetime(2026, 11, 20, 15, 59), datetime(2026, 11, 24, 1, 0), True),  # Friday 23:59
        (datetime(2026, 11, 20, 16, 0), datetime(2026, 11, 24, 1, 0), True),  # Saturday 00:00: Monday all the same
        (datetime(2026, 11, 22, 16, 0), datetime(2026, 11, 24, 1, 0), False),  # Monday 00:00: until Tuesday's close
    ],
)
def test_waiting_is_counted_in_working_days(app: Flask, received: datetime, now: datetime, reminded: bool) -> None:
    from datetime import time

    with app.app_context():
        before = waits_since_before(working_calendar(db.session()), now.replace(tzinfo=UTC), 1, time(17, 30))
        db.session.remove()
    assert (received.replace(tzinfo=UTC) < before) is reminded


def test_a_waiting_step_is_reminded_of_once(both_app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    fill(both_app, lambda session, who: waiting_case(session, who, THURSDAY))
    sweep(both_app, tmp_path, "approvals")
    assert told(both_app) == [("sales", "approval.remind")], "only the sales manager of that region"
    clock.forward(hours=1)
    with both_app.app_context():
        runner(both_app, tmp_path, [duty("approvals")]).run_by_hand("approvals", "2026-11-23", None)
    assert len(told(both_app)) == 1


def test_a_step_that_moves_on_is_nudged_for_anew(app: Flask, clock: StandingClock, tmp_path: Path) -> None:
    fill(app, lambda session, who: waiting_case(session, who, THURSDAY))
    sweep(app, tmp_path, "approvals")
    with app.app_context(), transaction() as session:
        case = session.scalars(select(ApprovalCase)).one()
        sales = session.scalars(select(User).where(User.login == "sales")).one()
        decide(session, case, sales, "sales", clock())
    clock.forward(days=2)
    sweep(app, tmp_path, "approvals")
    assert told(app) == [("sales", "approval.remind"), ("finance", "approval.remind")]


@pytest.mark.parametrize(
    ("upto", "tells"), [("sales", ["manager"]), ("finance", ["manager"]), ("manager", ["admin", "admin2"])]
)
def test_a_step_long_overdue_is_escalated_and_not_reminded_of_as_well(
    app: Flask, tmp_path: Path, upto: str, tells: list[str]
) -> None:
    fill(app, lambda session, who: waiting_case(session, who, THURSDAY - timedelta(days=30), upto=upto))
    sweep(app, tmp_path, "approvals")
    assert told(app) == [(login, "approval.escalate") for login in tells]
    sweep(app, tmp_path, "approvals")
    assert len(told(app)) == len(tells)


def test_administrators_are_not_shown_the_customers_name(app: Flask, tmp_path: Path) -> None:
    fill(app, lambda session, who: waiting_case(session, who, THURSDAY - timedelta(days=30), upto="manager"))
    sweep(app, tmp_path, "approvals")
    params = [row[0] for row in read(app, select(Notice.params))]
    assert params
    assert all("客户" not in str(param) for param in params)


def test_the_stand_in_of_an_absent_approver_is_told_too(app: Flask, tmp_path: Path) -> None:
    def plant(session: Session, who: dict[str, User]) -> None:
        waiting_case(session, who, THURSDAY)
        delegation(session, who["sales"], who["other"], date(2026, 11, 1), date(2026, 12, 1))

    fill(app, plant)
    sweep(app, tmp_path, "approvals")
    assert sorted(told(app)) == [("other", "approval.remind"), ("sales", "approval.remind")]


def test_a_step_nobody_can_decide_is_the_administrators_business(app: Flask, tmp_path: Path) -> None:
    def plant(session: Session, who: dict[str, User]) -> None:
        waiting_case(session, who, THURSDAY)
        who["sales"].disabled_at = THURSDAY

    fill(app, plant)
    sweep(app, tmp_path, "approvals")
    assert told(app) == [("admin", "approval.remind"), ("admin2", "approval.remind")]


def test_one_case_that_cannot_be_nudged_for_keeps_no_other_waiting(
    app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    def plant(session: Session, who: dict[str, User]) -> None:
        first = waiting_case(session, who, THURSDAY, 1)
        waiting_case(session, who, THURSDAY, 2)
        session.execute(text("UPDATE approval_case SET chain = 'gone' WHERE id = :id"), {"id": first})

    fill(app, plant)
    sweep(app, tmp_path, "approvals")
    assert told(app) == [("sales", "approval.remind")]
    with app.app_context():
        states = ledger(db.session(), "approvals", items=True)
        db.session.remove()
    assert sorted(state for _, item, state in states if item) == ["done", "failed"]


def test_a_calendar_that_is_not_loaded_is_warned_of_from_november_on(
    app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    fill(app, lambda _session, _who: None)
    clock.at = datetime(2026, 10, 30, 2, 0, tzinfo=UTC)  # Friday
    sweep(app, tmp_path, "calendar")
    assert told(app) == []
    clock.at = datetime(2026, 11, 2, 2, 0, tzinfo=UTC)
    sweep(app, tmp_path, "calendar")
    assert told(app) == [("admin", "calendar.missing"), ("admin2", "calendar.missing")]
    clock.forward(days=1)
    sweep(app, tmp_path, "calendar")
    assert len(told(app)) == 4, "every working day"
    with app.app_context(), transaction() as session:
        load_year(session, 2027, {}, "国办发明电", None, clock())
    clock.forward(days=1)
    sweep(app, tmp_path, "calendar")
    assert len(told(app)) == 4


def ended_rows(session: Session, who: dict[str, User]) -> None:
    holder = who["admin"].id
    for number in range(1203):
        session.add(
            UserSession(
                token_hash=f"{number}",
                user_id=holder,
                created_at=NOW - timedelta(days=9),
                expires_at=NOW + timedelta(seconds=number - 1200),
                address="",
                agent="",
            )
        )
    for days in (1, 8):
        at = NOW - timedelta(days=days)
        session.add(IdempotencyKey(user_id=holder, key=f"{days}", request_hash="", at=at))
        session.add(LoginAttempt(login="x", address="", at=at))


def test_housekeeping_deletes_what_has_ended_and_nothing_else(both_app: Flask, tmp_path: Path) -> None:
    fill(both_app, ended_rows)
    with both_app.app_context():
        lines = runner(both_app, tmp_path, [duty("housekeeping")]).forecast(NOW, count=True)
        assert lines[0].outstanding == 1202
    sweep(both_app, tmp_path, "housekeeping")
    kept = [
        read(both_app, select(func.count()).select_from(t))[0][0] for t in (UserSession, IdempotencyKey, LoginAttempt)
    ]
    assert kept == [3, 1, 1]


def test_backups_are_named_by_their_day_and_the_oldest_are_deleted(
    app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    for _ in range(5):
        sweep(app, tmp_path, "backup", "anchor")
        clock.forward(days=1)
    names = sorted(path.name for path in (tmp_path / "backups").iterdir())
    assert names == [f"tierflow-2026-11-2{n}.db" for n in (5, 6, 7)]
    assert len((tmp_path / "anchors.jsonl").read_text().splitlines()) == 5


def test_the_weekly_proof_tells_of_a_lie_once_and_stays_failed_until_it_is_gone(
    app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    fill(app, lambda session, who: waiting_case(session, who, THURSDAY))
    sweep(app, tmp_path, "proof")
    with app.app_context(), transaction() as session:
        session.execute(text("UPDATE approval_case SET step = 'manager'"))
    clock.forward(days=7)
    sweep(app, tmp_path, "proof")
    clock.forward(hours=1)
    sweep(app, tmp_path, "proof")
    assert told(app) == [("admin", "proof.failed"), ("admin2", "proof.failed")]
    with app.app_context():
        assert [row[2] for row in ledger(db.session(), "proof")] == ["done", "done", "failed"]
        with transaction() as session:
            session.execute(text("UPDATE approval_case SET step = 'sales'"))
    clock.forward(hours=1)
    sweep(app, tmp_path, "proof")
    with app.app_context():
        assert [row[2] for row in ledger(db.session(), "proof")] == ["done", "done", "done"]
        db.session.remove()
