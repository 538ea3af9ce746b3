"""Offices that end by themselves, with work that nobody else could do: told of in time (CHEM-3.3)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from jobs import handovers as duty
from jobs.duty import Errand
from tests import builders
from tests.conftest import NOW
from tests.onboarding.test_handover import TODAY, House
from tests.onboarding.test_lists_in_hand import received
from tests.onboarding.test_offices import case_before_the_manager
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.users import RoleGrant
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize(("days", "stage"), [(8, None), (7, "ahead"), (1, "ahead"), (0, "gone"), (-30, "gone")])
def test_an_office_that_ends_with_work_waiting_is_warned_of_once_a_stage(
    both_app: Flask, days: int, stage: str | None
) -> None:
    with both_app.app_context():
        house = House()
        gm, admin, end = house.place.id_of("gm"), house.place.id_of("admin"), TODAY + timedelta(days=days)
        case_before_the_manager(house)
        with transaction() as session:
            grant = session.scalars(select(RoleGrant).where(RoleGrant.user_id == gm)).one()
            grant.to_on = end
            items = [f"desk.{grant.id}.{end.isoformat()}.{stage}"] if stage else []
        setup: Any = None
        errand = Errand(None, NOW, setup)
        assert list(duty.ending(db.session(), errand)) == items
        db.session().rollback()
        for item in items:
            with transaction() as session:
                duty.warn(session, errand.on(item))
        told = set(db.session().scalars(select(Notice.user_id).where(Notice.kind == "office.ending")))
        assert told == ({gm, admin} if stage else set())
        assert duty.ending(db.session(), errand) == []
        db.session().rollback()
        with transaction() as session:  # somebody else in that office: nothing to warn of
            session.execute(update(RoleGrant).where(RoleGrant.user_id == gm).values(to_on=end + timedelta(days=1)))
            builders.user(session, "deputy", Role.GENERAL_MANAGER)
        assert duty.ending(db.session(), errand) == []


@pytest.mark.rule("CHEM-3.3")
def test_who_keeps_work_and_no_office_is_warned_of(app: Flask) -> None:
    with app.app_context():
        house = House()
        received(house)
        sales, end = house.place.id_of("sales"), TODAY + timedelta(days=3)
        with transaction() as session:
            builders.user(session, "colleague", (Role.SALES_MANAGER, house.place.region))
            session.execute(update(RoleGrant).where(RoleGrant.user_id == sales).values(to_on=end))
        setup: Any = None
        errand = Errand(None, NOW, setup)
        assert local_day(NOW) == TODAY
        (item,) = duty.ending(db.session(), errand)
        assert item == f"share.{sales}.{end.isoformat()}.ahead"
        db.session().rollback()
        with transaction() as session:
            duty.warn(session, errand.on(item))
        assert sales in set(db.session().scalars(select(Notice.user_id).where(Notice.kind == "office.ending")))
        assert db.session().scalars(select(Customer.id)).all() == [house.customer]
