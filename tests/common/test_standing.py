"""Where a customer stands on a day: computed, pinned, direct, from admission; and as it was known at a moment."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.builders import line, region, user
from tests.complaints.scenes import customer
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import transaction
from tierflow.common.standing import StandingRow, level_column, standing_on
from tierflow.kernel.roles import Role

RECORDED = datetime(2026, 2, 2, 2, tzinfo=UTC)
JAN, FEB, MAR, APR = (date(2026, month, 1) for month in (1, 2, 3, 4))


def _customer(session: Session, *classes: tuple[str, date, date | None]) -> tuple[int, int]:
    """A customer with these classes on a line, from and to a day each."""
    east = region(session)
    manager = user(session, "am", Role.ACCOUNT_MANAGER)
    line_id = line(session).id
    ours = customer(session, east.id, manager.id).id
    for customer_class, from_on, to_on in classes:
        session.add(
            CustomerLine(
                customer_id=ours, product_line_id=line_id, customer_class=customer_class, from_on=from_on, to_on=to_on
            )
        )
    session.flush()
    return ours, line_id


def _row(ours: int, line_id: int, level: str, from_on: date, to_on: date | None = None, days: int = 0) -> StandingRow:
    return StandingRow(
        customer_id=ours,
        product_line_id=line_id,
        level=level,
        basis="run" if to_on is None else "pinned",
        from_on=from_on,
        to_on=to_on,
        recorded_at=RECORDED + timedelta(days=days),
    )


def _level(session: Session, ours: int, line_id: int, on: date, known_at: datetime | None = None) -> str:
    """The level by both ways of asking, which must agree."""
    told = standing_on(session, [ours], line_id, on, known_at)[ours].level
    query = select(level_column(Customer.id, line_id, on, known_at)).where(Customer.id == ours)
    assert session.scalar(query) == told
    return told


@pytest.mark.rule("CHEM-9.4", "CHEM-9.3")
@pytest.mark.parametrize(("customer_class", "level"), [("dealer", "auction"), ("direct", "ordinary")])
def test_level_at_admission(both_app: Flask, customer_class: str, level: str) -> None:
    with both_app.app_context(), transaction() as session:
        ours, line_id = _customer(session, (customer_class, JAN, None))
        assert _level(session, ours, line_id, JAN) == level
        assert standing_on(session, [ours], line_id, date(2025, 12, 31)) == {}


def test_a_level_serves_from_its_day_and_the_next_one_replaces_it(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        ours, line_id = _customer(session, ("dealer", JAN, None))
        session.add(_row(ours, line_id, "ordinary", FEB))
        session.add(_row(ours, line_id, "one_star", MAR, days=30))
        session.flush()
        days = [date(2026, 1, 31), FEB, date(2026, 2, 28), MAR]
        assert [_level(session, ours, line_id, day) for day in days] == ["auction", "ordinary", "ordinary", "one_star"]


def test_what_was_known_at_a_moment_stays_knowable(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        ours, line_id = _customer(session, ("dealer", JAN, None))
        session.add(_row(ours, line_id, "ordinary", FEB))
        session.add(_row(ours, line_id, "one_star", MAR, days=35))
        session.flush()
        early = RECORDED + timedelta(days=34)
        assert _level(session, ours, line_id, MAR, early) == "ordinary"
        assert _level(session, ours, line_id, MAR) == "one_star"
        assert _level(session, ours, line_id, MAR, RECORDED - timedelta(seconds=1)) == "auction"


def test_a_pin_ends_and_the_computed_level_carries_on(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        ours, line_id = _customer(session, ("dealer", JAN, None))
        session.add(_row(ours, line_id, "ordinary", FEB))
        session.add(_row(ours, line_id, "one_star", date(2026, 2, 10), MAR))
        session.add(_row(ours, line_id, "ordinary", date(2026, 2, 20), MAR))  # said later: the first pin is lifted
        session.flush()
        days = [date(2026, 2, 9), date(2026, 2, 10), date(2026, 2, 20), MAR]
        assert [_level(session, ours, line_id, day) for day in days] == ["ordinary", "one_star", "ordinary", "ordinary"]
        pinned = standing_on(session, [ours], line_id, date(2026, 2, 12))[ours]
        assert (pinned.basis, pinned.computed, pinned.to_on) == ("pinned", "ordinary", MAR)


@pytest.mark.rule("CHEM-9.3")
def test_a_direct_customer_is_ordinary_while_it_is_one(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        ours, line_id = _customer(session, ("dealer", JAN, MAR), ("direct", MAR, APR), ("dealer", APR, None))
        session.add(_row(ours, line_id, "two_star", FEB))
        session.flush()
        days = [FEB, MAR, APR]
        assert [_level(session, ours, line_id, day) for day in days] == ["two_star", "ordinary", "two_star"]


def test_standings_are_never_rewritten(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            ours, line_id = _customer(session, ("dealer", JAN, None))
            session.add(_row(ours, line_id, "ordinary", FEB))
        for statement in ("UPDATE standing SET level = 'three_star'", "DELETE FROM standing"):
            with pytest.raises(DBAPIError, match="append-only"), transaction() as session:
                session.execute(text(statement))


def test_whoever_left_and_came_back_begins_anew(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        ours, line_id = _customer(session, ("dealer", JAN, MAR), ("dealer", APR, None))
        session.add(_row(ours, line_id, "two_star", FEB))
        session.flush()
        assert [_level(session, ours, line_id, day) for day in (FEB, APR)] == ["two_star", "auction"]
