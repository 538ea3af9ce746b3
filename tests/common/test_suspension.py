"""Suspension in the tables: the SQL and the pure rule agree on every customer and day (CHEM-15)."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, update
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import NOW
from tierflow.common import suspension
from tierflow.common.customers import Customer, name_key
from tierflow.common.db import db, transaction
from tierflow.common.suspension import PaperCover
from tierflow.kernel.qualification import DATED, uncovered

TODAY = date(2026, 11, 23)
FIELDS = (
    "legal_representative",
    "address",
    "contact_name",
    "phone",
    "phone_key",
    "bank_name",
    "bank_account",
    "account_key",
    "invoice_address",
    "invoice_phone",
)


def customers(session: Session, count: int) -> list[int]:
    region, manager = builders.region(session), builders.user(session, "li")
    rows = [
        Customer(
            number=f"C-{n}",
            name=f"公司{n}",
            name_key=name_key(f"公司{n}"),
            credit_code=f"CODE{n}",
            region_id=region.id,
            account_manager_id=manager.id,
            approved_at=NOW,
            approved_on=TODAY,
            **dict.fromkeys(FIELDS, ""),
        )
        for n in range(count)
    ]
    session.add_all(rows)
    session.flush()
    return [row.id for row in rows]


def cover(customer_id: int, kind: str, source: int, first: date, last: date | None) -> PaperCover:
    return PaperCover(
        customer_id=customer_id,
        kind=kind,
        source="paper",
        source_id=source,
        counts_from=first,
        valid_to=last,
        accepted_at=NOW,
    )


@pytest.mark.rule("CHEM-15")
def test_the_database_and_the_rule_say_the_same_of_every_set_of_papers(both_app: Flask) -> None:
    """Every subset of the six kinds held, and of one kind run out yesterday; asked on four days."""
    subsets = [set(some) for size in range(7) for some in itertools.combinations(DATED, size)]
    with both_app.app_context(), transaction() as session:
        ids = customers(session, len(subsets))
        number = itertools.count()
        for customer_id, held in zip(ids, subsets, strict=True):
            for kind in DATED:
                if kind in held:
                    session.add(cover(customer_id, kind, next(number), TODAY - timedelta(days=3), TODAY))
                elif len(held) % 2:
                    last = TODAY - timedelta(days=1)
                    session.add(cover(customer_id, kind, next(number), TODAY - timedelta(days=9), last))
    with both_app.app_context():
        for on in (TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=1), TODAY - timedelta(days=10)):
            covers = suspension.covers_of(db.session(), ids)
            by_rule = {customer_id for customer_id in ids if uncovered(covers[customer_id], on)}
            by_sql = set(db.session.scalars(select(Customer.id).where(suspension.is_suspended(on))))
            assert by_sql == by_rule
            assert set(suspension.suspended(db.session(), ids, on)) == by_rule


@pytest.mark.rule("CHEM-15")
def test_accepting_a_renewal_restores_at_once_and_supersedes(both_app: Flask) -> None:
    yesterday = TODAY - timedelta(days=1)
    with both_app.app_context(), transaction() as session:
        (one,) = customers(session, 1)
        suspension.accept(session, one, "merged_licence", ("paper", 1), (date(2016, 1, 1), yesterday), yesterday, NOW)
        found = suspension.suspended(session, [one], TODAY)[one]
        assert (found.papers, found.since) == (("merged_licence",), TODAY)
        assert [row.clause for row in suspension.refusals(session, one, TODAY)] == ["CHEM-15"]
        suspension.accept(
            session, one, "merged_licence", ("proof", 1), (yesterday, TODAY + timedelta(days=30)), TODAY, NOW
        )
        assert suspension.suspended(session, [one], TODAY) == {}
        assert suspension.refusals(session, one, TODAY) == ()
        assert suspension.suspended(session, [one], TODAY + timedelta(days=31))[one].since == TODAY + timedelta(days=31)
        live = select(PaperCover.source).where(PaperCover.superseded_at.is_(None))
        assert session.scalars(live).all() == ["proof"]


@pytest.mark.rule("CHEM-15")
def test_a_proof_never_counts_before_it_was_accepted(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        (one,) = customers(session, 1)
        long_ago = date(2026, 1, 1)
        row = suspension.accept(session, one, "merged_licence", ("proof", 1), (long_ago, TODAY), TODAY, NOW)
        assert row is not None
        assert row.counts_from == TODAY
        assert one in suspension.suspended(session, [one], TODAY - timedelta(days=1))


@pytest.mark.rule("CHEM-15")
def test_any_number_of_customers_is_asked_in_two_statements(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        ids = customers(session, 200)
    said: list[Any] = []
    with app.app_context():
        event.listen(db.engine, "before_cursor_execute", lambda *args: said.append(args[2]))
        assert len(suspension.suspended(db.session(), ids, TODAY)) == 200
    assert sum(statement.startswith("SELECT") for statement in said) == 2


@pytest.mark.rule("CHEM-17")
def test_a_disqualified_customer_is_refused_from_that_day(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        (one,) = customers(session, 1)
        suspension.accept(session, one, "merged_licence", ("paper", 1), (None, None), TODAY, NOW)
        session.get_one(Customer, one).disqualified_on = TODAY
        session.flush()
        assert suspension.refusals(session, one, TODAY - timedelta(days=1)) != ()  # no paper yet that day
        assert suspension.disqualified(session, [one], TODAY - timedelta(days=1)) == {}
        assert [row.clause for row in suspension.refusals(session, one, TODAY)] == ["CHEM-17"]


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize(
    "kinds",
    [
        ("merged_licence", "annex1_signed"),
        ("business_licence", "organisation_code_certificate", "tax_registration_joint", "annex1_signed"),
        ("business_licence", "tax_registration_joint", "merged_licence"),
    ],
)
def test_the_first_papers_count_as_they_would_one_by_one(both_app: Flask, kinds: tuple[str, ...]) -> None:
    days = {kind: (date(2026, 1, 1) + timedelta(days=at * 400), None) for at, kind in enumerate(kinds)}
    columns = (PaperCover.kind, PaperCover.counts_from, PaperCover.valid_to, PaperCover.superseded_at)
    with both_app.app_context(), transaction() as session:
        one, other = customers(session, 2)
        papers = [(at, kind, *days[kind]) for at, kind in enumerate(kinds)]
        suspension.accept_first(session, one, papers, TODAY, NOW)
        for at, kind in enumerate(kinds, start=100):
            suspension.accept(session, other, kind, ("paper", at), days[kind], TODAY, NOW)
        together, apart = (
            session.execute(select(*columns).where(PaperCover.customer_id == each).order_by(PaperCover.kind)).all()
            for each in (one, other)
        )
        assert together == apart
        assert len(together) == len(set(kinds) - {"annex1_signed"})


def test_covers_are_filed_where_their_customer_is_whoever_moves_it(both_app: Flask) -> None:
    """Written by the database itself: on the way in, and by a statement that moves many customers or ends them."""
    with both_app.app_context(), transaction() as session:
        first, second = customers(session, 2)
        session.add_all(
            [cover(first, "merged_licence", 1, TODAY, None), cover(second, "merged_licence", 2, TODAY, TODAY)]
        )
        session.flush()
        other = builders.region(session, "WEST", "华西").id
        placed = select(PaperCover.region_id, PaperCover.account_manager_id, PaperCover.disqualified_on)
        whose = select(Customer.region_id, Customer.account_manager_id, Customer.disqualified_on)
        ordered = placed.order_by(PaperCover.customer_id), whose.order_by(Customer.id)
        assert session.execute(ordered[0]).all() == session.execute(ordered[1]).all()
        session.execute(update(Customer).values(region_id=other, disqualified_on=TODAY))
        assert set(session.execute(placed).all()) == set(session.execute(whose).all())
        assert {row.region_id for row in session.execute(placed)} == {other}
        assert list(suspension.verify(session)) == []
        session.execute(update(PaperCover).where(PaperCover.customer_id == second).values(region_id=None))
        assert len(list(suspension.verify(session))) == 1
