"""A small company for the scheduler's tests: a chain of three steps, people for each, a case that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask
from sqlalchemy import event, select
from sqlalchemy.orm import Session

from jobs.duty import Duty
from jobs.runner import Runner
from jobs.schedule import TIMETABLE
from jobs.setup import Setup
from jobs.watch import Watch
from tests.builders import actor, region, user
from tierflow.common import approvals
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.db import db, transaction
from tierflow.common.runs import Run
from tierflow.common.users import User
from tierflow.kernel.approval import Chain, Step, Verdict
from tierflow.kernel.roles import Role

CHAIN = approvals.register(
    Chain(
        "test.jobs",
        "CHEM-7.2",
        "test",
        (
            Step("sales", "sales", Role.SALES_MANAGER, frozenset({"a"}), scoped=True),
            Step("finance", "finance", Role.FINANCE_REVIEWER, frozenset({"b"})),
            Step("manager", "general manager", Role.GENERAL_MANAGER, frozenset({"a", "b"}), always=True),
        ),
    )
)


def people(session: Session) -> dict[str, User]:
    """One of each office, and a second sales manager in another region."""
    east, south = region(session, "EAST"), region(session, "SOUTH", "华南")
    return {
        "clerk": user(session, "clerk", Role.ACCOUNT_MANAGER),
        "sales": user(session, "sales", (Role.SALES_MANAGER, east.id)),
        "other": user(session, "other", (Role.SALES_MANAGER, south.id)),
        "finance": user(session, "finance", Role.FINANCE_REVIEWER),
        "manager": user(session, "manager", Role.GENERAL_MANAGER),
        "admin": user(session, "admin", Role.ADMINISTRATOR),
        "admin2": user(session, "admin2", Role.ADMINISTRATOR),
    }


def waiting_case(session: Session, who: dict[str, User], at: datetime, number: int = 1, upto: str = "sales") -> int:
    """A case that waits since `at` for the step `upto`; returns its id."""
    from tierflow.common.reference import Region

    east = session.scalars(select(Region).where(Region.code == "EAST")).one()
    clerk = actor(session, who["clerk"])
    case = approvals.open_case(session, CHAIN, ("test", number), f"客户 {number}", east.id, clerk, at)
    approvals.submit(session, case, {"a": number, "b": 2}, clerk, at, seen_version=0)
    for step in ("sales", "finance"):
        if upto == step:
            break
        decide(session, case, who[step], step, at)
    return case.id


def decide(session: Session, case: ApprovalCase, by: User, step: str, at: datetime, verdict: str = "approve") -> None:
    """One verdict."""
    seen = Seen(case.version, step)
    reason = "" if verdict == "approve" else "更正"
    deciding = actor(session, by)
    approvals.decide(session, case, seen, Verdict(verdict), deciding, at, on=at.date(), policy_version=1, reason=reason)


def setup_in(folder: Path, clock: Callable[[], datetime]) -> Setup:
    """Settings that keep everything below a test's folder."""
    return Setup(
        backup_dir=folder / "backups",
        backup_keep=3,
        anchor_file=folder / "anchors.jsonl",
        public_url="",
        clock=clock,
        pause=0.0,
    )


def runner(app: Flask, folder: Path, duties: Sequence[Duty] = TIMETABLE) -> Runner:
    """A scheduler process that has just started; its steady clock follows the app's."""
    clock = app.config["CLOCK"]
    return Runner(duties, setup_in(folder, clock), Watch(clock(), lambda: clock().timestamp()))


def duty(key: str) -> Duty:
    """A duty of the timetable."""
    return next(duty for duty in TIMETABLE if duty.key == key)


def ledger(session: Session, job: str | None = None, *, items: bool = False) -> list[tuple[str, str, str]]:
    """(period, item, state) of the ledger."""
    query = select(Run.period, Run.item, Run.state).order_by(Run.job, Run.period, Run.item)
    if job is not None:
        query = query.where(Run.job == job)
    if not items:
        query = query.where(Run.item == "")
    return [tuple(row) for row in session.execute(query)]


def read(app: Flask, query: Any) -> list[Any]:
    """Rows, in an application context of their own."""
    with app.app_context():
        rows = list(db.session.execute(query))
        db.session.remove()
    return rows


class Killed(BaseException):
    """The process ends here."""


@contextmanager
def killed_at(app: Flask, statement: int) -> Iterator[list[int]]:
    """Raise before the n-th SQL statement. The list counts statements."""
    count = [0]

    def strike(*_args: object) -> None:
        count[0] += 1
        if count[0] == statement:
            raise Killed

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", strike)
    try:
        yield count
    finally:
        event.remove(engine, "before_cursor_execute", strike)


def fill(app: Flask, plant: Callable[[Session, dict[str, User]], None]) -> None:
    """People, and what the test wants of them."""
    with app.app_context():
        with transaction() as session:
            plant(session, people(session))
        db.session.remove()
