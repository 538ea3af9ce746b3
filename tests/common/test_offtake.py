"""The offtake ledger on both engines: what it takes, what it refuses, and that its sums are always true (CHEM-2)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tests.common.test_guards import Company
from tests.conftest import NOW
from tierflow.common import offtake
from tierflow.common.db import db, transaction
from tierflow.common.offtake import Lifting, Offtake, OfftakeMonth
from tierflow.common.reference import Product
from tierflow.common.sql import week_month, week_number
from tierflow.kernel.months import Month, Week

OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)


class World:
    """A customer, a line and its product."""

    def __init__(self, session: Session) -> None:
        company = Company(session)
        self.customer_id, self.line_id = company.customer.id, company.line.id
        self.product_id = session.scalars(select(Product.id)).one()

    def lifting(self, number: str, day: date, grams: int, **other: Any) -> Lifting:
        given = {
            "customer_id": self.customer_id,
            "product_id": self.product_id,
            "product_line_id": self.line_id,
            "lifted_on": day,
            "grams": grams,
            "form_of_sale": "planned",
            "external_number": number,
        }
        return Lifting(**given | other)

    def months(self, session: Session) -> dict[Month, int]:
        return offtake.monthly(session, [self.customer_id], self.line_id, OCTOBER, NOVEMBER).get(self.customer_id, {})


@pytest.mark.rule("CHEM-2")
def test_a_lifting_counts_in_the_month_of_its_day_and_a_return_in_that_month(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            world = World(session)
            rows = [
                world.lifting("1", date(2026, 10, 31), 30_000_001),
                world.lifting("2", date(2026, 11, 1), 5),
                world.lifting("3", date(2026, 11, 30), 7),
            ]
            first, _, third = offtake.record(session, "gate", rows, NOW)
        assert world.months(db.session()) == {OCTOBER: 30_000_001, NOVEMBER: 12}
        with transaction() as session:
            offtake.reverse(session, first, 1, "1-R1", NOW)
            offtake.reverse(session, third, 7, "3-R1", NOW)
        assert world.months(db.session()) == {OCTOBER: 30_000_000, NOVEMBER: 5}
        reversal = db.session().scalars(select(Offtake).where(Offtake.reverses_id == first)).one()
        assert (reversal.lifted_on, reversal.month, reversal.grams) == (date(2026, 10, 31), OCTOBER.start, -1)
        assert list(offtake.verify(db.session())) == []


def _wrong(world: World, session: Session, what: str) -> None:
    first, second = offtake.record(
        session,
        "erp",
        [world.lifting("a", date(2026, 10, 5), 10), world.lifting("b", date(2026, 11, 5), 10)],
        NOW,
    )
    if what == "a number twice":
        offtake.record(session, "erp", [world.lifting("a", date(2026, 10, 6), 1)], NOW)
    elif what == "nothing lifted":
        offtake.record(session, "erp", [world.lifting("c", date(2026, 10, 6), 0)], NOW)
    elif what == "a negative lifting":
        offtake.record(session, "erp", [world.lifting("c", date(2026, 10, 6), -1)], NOW)
    elif what == "a form nobody knows":
        offtake.record(session, "erp", [world.lifting("c", date(2026, 10, 6), 1, form_of_sale="gift")], NOW)
    elif what == "more reversed than lifted":
        offtake.reverse(session, first, 6, "r1", NOW)
        offtake.reverse(session, first, 5, "r2", NOW)
    elif what == "a reversal reversed":
        offtake.reverse(session, offtake.reverse(session, first, 6, "r1", NOW), 1, "r2", NOW)
    elif what == "a reversal in another month":
        row = session.get_one(Offtake, first)
        session.add(_copy(row, grams=-1, reverses_id=second, external_number="r"))
    elif what == "a number again while it counts":
        session.add(_copy(session.get_one(Offtake, first), take=2))
    elif what == "a month that is not the day's":
        session.add(_copy(session.get_one(Offtake, first), external_number="z", month=date(2026, 9, 1)))
    session.flush()


def _copy(row: Offtake, **other: Any) -> Offtake:
    given = {column.key: getattr(row, column.key) for column in Offtake.__table__.columns if column.key != "id"}
    return Offtake(**given | other)


@pytest.mark.rule("CHEM-2")
def test_the_database_refuses_a_ledger_that_lies(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        world = World(session)
        for what in (
            "a number twice",
            "nothing lifted",
            "a negative lifting",
            "a form nobody knows",
            "more reversed than lifted",
            "a reversal reversed",
            "a reversal in another month",
            "a number again while it counts",
            "a month that is not the day's",
        ):
            outer = session.begin_nested()
            try:
                _wrong(world, session, what)
            except IntegrityError:
                outer.rollback()
            else:
                pytest.fail(f"the database stored {what}")


@pytest.mark.rule("CHEM-2")
def test_an_import_is_reverted_as_one_and_may_come_again(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            world = World(session)
            rows = [world.lifting("a", date(2026, 10, 3), 100), world.lifting("b", date(2026, 10, 31), 10)]
            offtake.record(session, "erp", rows, NOW, import_id=7)
            other = [world.lifting("c", date(2026, 10, 9), 1), world.lifting("d", date(2026, 11, 1), 2)]
            offtake.record(session, "erp", other, NOW, import_id=8)
        assert world.months(db.session()) == {OCTOBER: 111, NOVEMBER: 2}
        with transaction() as session:
            line = session.scalars(select(Offtake.id).where(Offtake.external_number == "a")).one()
            offtake.reverse(session, line, 40, "a-R", NOW)
            assert offtake.reverse_import(session, 7, NOW) == 2
            assert offtake.reverse_import(session, 7, NOW) == 0, "a second revert finds nothing left"
        assert world.months(db.session()) == {OCTOBER: 1, NOVEMBER: 2}
        with transaction() as session:  # what was taken back may come again, under its number
            again = world.lifting("a", date(2026, 11, 4), 50, take=2)
            offtake.record(session, "erp", [again], NOW, import_id=9)
        assert world.months(db.session()) == {OCTOBER: 1, NOVEMBER: 52}
        assert list(offtake.verify(db.session())) == []


def test_a_sum_that_was_tampered_with_is_named(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            world = World(session)
            offtake.record(session, "gate", [world.lifting("1", date(2026, 10, 31), 30)], NOW)
        with transaction() as session:
            session.execute(update(OfftakeMonth).values(grams=OfftakeMonth.grams + 5))
        [lie] = offtake.verify(db.session())
        assert "2026-10" in lie
        assert "5 g" in lie


def test_a_customers_months_are_read_from_the_sums_alone(app: Flask) -> None:
    with app.app_context():
        plan = db.session().execute(
            text("EXPLAIN QUERY PLAN SELECT month, sum(grams) FROM offtake WHERE customer_id = 1 GROUP BY month")
        )
        assert any("COVERING INDEX ix_offtake_customer" in row[-1] for row in plan)


@pytest.mark.rule("CHEM-10.9")
def test_weeks_are_summed_with_the_lines_each_in_the_month_of_its_thursday(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            world = World(session)
            days = [date(2026, 9, 25) + timedelta(days=n) for n in range(75)]
            rows = [world.lifting(f"w{n}", day, 1 << n % 40) for n, day in enumerate(days)]
            ids = offtake.record(session, "erp", rows, NOW, import_id=3)
            offtake.reverse(session, ids[41], 1, "w41-R", NOW)
            line = (world.customer_id, world.product_id, world.line_id, "2026-11-01", 64, "planned", "i1", 1)
            assert offtake.record_import(session, "csv", [[line]], NOW, 4) == 1
        wanted: dict[tuple[date, int], int] = {}
        for n, day in enumerate(days):
            week = Week.of(day)
            place = week.month.start, week.number
            wanted[place] = wanted.get(place, 0) + (1 << n % 40) - (n == 41) + 64 * (day == date(2026, 11, 1))
        session = db.session()
        kept = {
            (row.month, number): grams
            for row in session.scalars(select(OfftakeMonth))
            for number, name in enumerate(offtake.WEEKS, 1)
            if (grams := getattr(row, name))
        }
        assert kept == {place: grams for place, grams in wanted.items() if grams}
        in_sql = session.execute(
            select(Offtake.lifted_on, week_month(Offtake.lifted_on), week_number(Offtake.lifted_on))
        )
        assert all((month, number) == (Week.of(day).month.start, Week.of(day).number) for day, month, number in in_sql)
        assert list(offtake.verify(session)) == []
        with transaction() as session:
            session.execute(update(OfftakeMonth).values(week_2=OfftakeMonth.week_2 + 7))
        assert any("its week 2 is off by 7 g" in lie for lie in offtake.verify(db.session()))
        with transaction() as session:
            session.execute(update(OfftakeMonth).values(week_2=OfftakeMonth.week_2 - 7))
            assert offtake.reverse_import(session, 3, NOW) == 75
            assert offtake.reverse_import(session, 4, NOW) == 1
        weeks = [
            sum(getattr(row, name) ** 2 for name in offtake.SUMS) for row in db.session().scalars(select(OfftakeMonth))
        ]
        assert set(weeks) == {0}
        assert list(offtake.verify(db.session())) == []
