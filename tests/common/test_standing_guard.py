"""Levels in force name customers and lines there are: held by the database, of all of a statement's rows at once."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import insert, literal, select
from sqlalchemy.exc import IntegrityError

from tests import builders
from tests.complaints.scenes import customer
from tierflow.common.customers import Customer
from tierflow.common.db import transaction
from tierflow.common.standing import StandingRow
from tierflow.kernel.roles import Role


@pytest.mark.parametrize(("customers", "lines"), [(1_000_000, 0), (0, 1_000_000)])
def test_a_level_of_nobody_or_of_no_line_is_refused(both_app: Flask, customers: int, lines: int) -> None:
    with both_app.app_context(), transaction() as session:
        east, manager = builders.region(session).id, builders.user(session, "am", Role.ACCOUNT_MANAGER).id
        customer(session, east, manager, "C-000001")
        customer(session, east, manager, "C-000002")
        line_id = builders.line(session).id
    names = ("customer_id", "product_line_id", "level", "basis", "from_on", "recorded_at")

    def stand(beyond_customers: int, beyond_lines: int) -> None:
        row = StandingRow
        day, now = literal(builders.FROM), literal(builders.NOW, row.recorded_at.type)
        values = (Customer.id + beyond_customers, literal(line_id + beyond_lines), literal("ordinary"), literal("run"))
        with both_app.app_context(), transaction() as session:
            session.execute(insert(row.__table__).from_select(names, select(*values, day, now)))  # type: ignore[arg-type]

    stand(0, 0)
    with pytest.raises(IntegrityError, match="no such customer or product line"):
        stand(customers, lines)
