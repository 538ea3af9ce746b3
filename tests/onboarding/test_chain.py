"""The chain in real tables: who is asked, in which order, and what approval brings about (CHEM-7.2)."""

from __future__ import annotations

from datetime import date

import pytest
from flask import Flask
from sqlalchemy import func, select

from tests.onboarding import scenes
from tierflow.common import decisions
from tierflow.common.customers import Customer, CustomerLine
from tierflow.common.db import transaction
from tierflow.common.notices import Notice
from tierflow.kernel.approval import State
from tierflow.onboarding.models import Paper
from tierflow.onboarding.service.access import case_of


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.groundwork("CHEM-5")
def test_sales_then_finance_then_the_general_manager_make_a_customer(both_app: Flask) -> None:
    with both_app.app_context(), transaction() as session:
        place = scenes.company(session)
        application = scenes.submitted(session, place)
        assert application.number == "KH-2026-00001"
        case = case_of(session, application.id)
        steps = []
        for who in ("sales", "finance", "gm"):
            steps.append(case.step)
            assert session.scalar(select(func.count(Customer.id))) == 0
            scenes.approve(session, place, application, who)
        assert steps == ["sales", "finance", "management"]
        assert case.state == State.APPROVED
        customer = session.scalars(select(Customer)).one()
        assert customer.number == "C000001"
        assert customer.credit_code == application.credit_code
        assert customer.approved_on == date(2026, 11, 23)
        line = session.scalars(select(CustomerLine)).one()
        assert (line.customer_class, line.from_on) == ("dealer", date(2026, 11, 23))
        assert set(session.scalars(select(Paper.customer_id))) == {customer.id}
        kinds = session.execute(select(Notice.kind, Notice.user_id)).all()
        told = {(kind, user_id) for kind, user_id in kinds}
        assert ("application.waiting", place.id_of("gm")) in told
        assert ("application.approved", place.id_of("li")) in told
    with both_app.app_context(), transaction() as session:
        assert list(decisions.verify(session)) == []
