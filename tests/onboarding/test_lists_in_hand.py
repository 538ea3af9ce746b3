"""Lists being imported that change hands: to whom they may go, and what becomes of what was checked (CHEM-3.3)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests import builders
from tests.conftest import NOW
from tests.onboarding.test_handover import TODAY, House
from tierflow.admin.service import granting, people
from tierflow.common import portfolios
from tierflow.common.approvals import ApprovalCase, ApprovalSeat
from tierflow.common.db import db, transaction
from tierflow.common.imports import ImportBatch, Importer, handing_over
from tierflow.common.imports import service as lists
from tierflow.common.notices import Notice
from tierflow.common.runs import JobRequest
from tierflow.common.users import RoleGrant, User
from tierflow.kernel.errors import NotFound, Refused
from tierflow.kernel.roles import Role
from tierflow.lifting.service.offtake_import import OFFTAKE
from tierflow.onboarding.service.older_list import OLDER_LIST
from tierflow.onboarding.service.takeover import CUSTOMERS


def received(house: House) -> int:
    with transaction() as session:
        session.execute(update(ApprovalCase).values(state="discarded", step=None, waiting_role=None))
        actor = house.place.actor(session, "sales")
        return lists.receive(session, actor, CUSTOMERS, "名单.csv", "名称,代码\nx,y\n".encode(), NOW, spoken=str).id


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize("state", ["mapping", "checked", "handed_in"])
def test_nobody_leaves_a_list_they_prepare(app: Flask, state: str) -> None:
    with app.app_context():
        house = House()
        batch, sales = received(house), house.place.id_of("sales")
        with transaction() as session:
            session.execute(update(ImportBatch).values(state=state))
            builders.user(session, "colleague", (Role.SALES_MANAGER, house.place.region))
        admin = house.place.actor(db.session(), "admin")
        db.session().rollback()
        with pytest.raises(Refused) as refused, transaction() as session:
            people.disable(session, admin, sales, "离职", NOW)
        assert [one.clause for one in refused.value.refusals] == ["CHEM-3.3"]
        assert f"{batch} (名单.csv)" in str(refused.value.refusals[0].reason.params["lists"])
        if state == "handed_in":  # what is handed in stays whose it is
            with transaction() as session:
                colleague = session.scalars(select(User).where(User.login == "colleague")).one()
                actor = builders.actor(session, colleague)
                assert session.execute(lists.batches(actor, CUSTOMERS)).all() == []
            with pytest.raises(Refused) as refused, transaction() as session:
                handing_over.take_over(session, actor, CUSTOMERS, batch, NOW)
            assert [one.clause for one in refused.value.refusals] == ["CHEM-7.2"]
            with transaction() as session:  # sent back
                session.execute(update(ImportBatch).values(state="checked"))
        with transaction() as session:
            colleague = session.scalars(select(User).where(User.login == "colleague")).one()
            taken = handing_over.take_over(session, builders.actor(session, colleague), CUSTOMERS, batch, NOW)
            assert taken.created_by_id == colleague.id
        with transaction() as session:
            people.disable(session, admin, sales, "离职", NOW)
        told = select(Notice.user_id).where(Notice.dedupe_key.startswith("import.take_over"))
        assert db.session().scalars(told).all() == [sales]


@pytest.mark.rule("CHEM-3.3")
def test_a_list_of_another_is_named_to_colleagues_and_open_to_nobody_else(app: Flask) -> None:
    with app.app_context():
        house = House()
        batch = received(house)
        with transaction() as session:
            session.execute(update(ImportBatch).values(state="mapping"))
            builders.user(session, "colleague", (Role.SALES_MANAGER, house.place.region))
        with transaction() as session:
            colleague = builders.actor(session, session.scalars(select(User).where(User.login == "colleague")).one())
            rows = session.execute(lists.batches(colleague, CUSTOMERS)).all()
            assert [(row.ImportBatch.id, bool(row.is_visible)) for row in rows] == [(batch, False)]
            with pytest.raises(NotFound):
                lists.get(session, colleague, CUSTOMERS, batch)
            with pytest.raises(NotFound):
                lists.discard(session, colleague, CUSTOMERS, batch, NOW)


@pytest.mark.rule("CHEM-3.3", "CHEM-7.2")
def test_whoever_had_a_list_in_hand_never_decides_on_it(app: Flask) -> None:
    with app.app_context():
        house = House()
        batch = received(house)
        with transaction() as session:
            session.execute(update(ImportBatch).values(state="checked", good=1))
            builders.user(session, "colleague", (Role.SALES_MANAGER, house.place.region))
        with transaction() as session:
            colleague = session.scalars(select(User).where(User.login == "colleague")).one()
            handing_over.take_over(session, builders.actor(session, colleague), CUSTOMERS, batch, NOW)
        with transaction() as session:
            session.execute(update(ImportBatch).values(state="checked"))  # again, for the new maker
            colleague = session.scalars(select(User).where(User.login == "colleague")).one()
            lists.hand_in(session, builders.actor(session, colleague), CUSTOMERS, batch, {}, NOW)
            case = session.scalars(select(ApprovalCase).where(ApprovalCase.subject_type == "import.customers")).one()
            seats = select(ApprovalSeat.person_id, ApprovalSeat.step).where(ApprovalSeat.case_id == case.id)
            maker = house.place.users["sales"].person_id
            assert {tuple(one) for one in session.execute(seats)} == {
                (colleague.person_id, "submit"),
                (maker, "submit"),
            }


LATER, EARLIER = NOW + timedelta(hours=1), NOW - timedelta(hours=1)


@pytest.mark.rule("CHEM-3.3", "CHEM-4")
@pytest.mark.parametrize(
    ("held", "lent", "taker", "is_open"),
    [
        (None, None, ["region"], True),
        (None, None, ["other_region"], False),
        (None, None, ["region", "other_region"], True),
        (None, None, [], False),
        (LATER, None, ["region"], False),  # the other region was the maker's too when the list came in
        (EARLIER, None, ["region"], True),  # given up before
        (LATER, None, ["region", "other_region"], True),
        (None, LATER, ["region"], False),  # stood in for the other region
        (None, EARLIER, ["region"], True),
        (None, LATER, ["other_region"], False),
    ],
)
def test_a_list_of_customers_goes_to_who_covers_the_makers_regions(
    both_app: Flask, held: datetime | None, lent: datetime | None, taker: list[str], is_open: bool
) -> None:
    with both_app.app_context():
        house = House()
        batch, place = received(house), house.place
        with transaction() as session:
            session.execute(update(ImportBatch).values(state="checked"))
            if held is not None:
                grant = builders.grant(session, place.users["sales"], (Role.SALES_MANAGER, place.other_region))
                grant.revoked_at = held
            if lent is not None:
                west, sales = (session.get_one(User, place.id_of(who)) for who in ("sales_west", "sales"))
                builders.delegation(session, west, sales, TODAY, TODAY + timedelta(days=2)).revoked_at = lent
            offices = [(Role.SALES_MANAGER, getattr(place, name)) for name in taker]
            builders.user(session, "colleague", *(offices or [Role.ACCOUNT_MANAGER]))
        with transaction() as session:
            colleague = session.scalars(select(User).where(User.login == "colleague")).one()
            if not offices:  # the office of the region is only lent: the list would be kept when that has ended
                sales = session.get_one(User, place.id_of("sales_west"))
                builders.delegation(session, sales, colleague, TODAY, TODAY + timedelta(days=2))
        with transaction() as session:
            actor = builders.actor(session, session.scalars(select(User).where(User.login == "colleague")).one())
            named = [row.ImportBatch.id for row in session.execute(lists.batches(actor, CUSTOMERS))]
            assert named == ([batch] if is_open else [])
            if is_open:
                taken = handing_over.take_over(session, actor, CUSTOMERS, batch, NOW)
                assert (taken.created_by_id, taken.state) == (actor.user_id, "to_check")
            else:
                with pytest.raises(NotFound):
                    handing_over.take_over(session, actor, CUSTOMERS, batch, NOW)


@pytest.mark.rule("CHEM-3.3")
def test_a_list_without_regions_goes_to_any_colleague(app: Flask) -> None:
    with app.app_context():
        house = House()
        with transaction() as session:
            actor = house.place.actor(session, "sales")
            content = "名称,代码\nx,y\n".encode()
            batch = lists.receive(session, actor, OLDER_LIST, "名单.csv", content, NOW, spoken=str).id
        with transaction() as session:
            west = house.place.actor(session, "sales_west")
            assert handing_over.take_over(session, west, OLDER_LIST, batch, NOW).created_by_id == west.user_id


@pytest.mark.rule("CHEM-3.3", "CHEM-4")
@pytest.mark.parametrize(
    ("region", "state", "moved"),
    [
        ("region", "mapping", "mapping"),
        ("region", "checked", "to_check"),
        ("region", "to_check", "to_check"),
        ("region", "handed_in", None),
        ("other_region", "checked", None),
    ],
)
def test_a_list_goes_with_the_portfolio_to_who_could_take_it_over(
    app: Flask, region: str, state: str, moved: str | None
) -> None:
    with app.app_context():
        house = House()
        received(house)
        sales = house.place.id_of("sales")
        with transaction() as session:
            session.execute(update(ImportBatch).values(state=state, claimed_at=NOW))
            taker = builders.user(
                session, "taker", Role.ACCOUNT_MANAGER, (Role.SALES_MANAGER, getattr(house.place, region))
            ).id
        with transaction() as session:
            change = portfolios.Change(sales, taker, house.place.actor(session, "gm"), NOW)
            assert portfolios.move_all(session, change).get("imports", 0) == int(moved is not None)
        batch = db.session().scalars(select(ImportBatch)).one()
        assert (batch.created_by_id, batch.state) == ((taker, moved) if moved else (sales, state))
        # A worker that reads it for the giver is overtaken, and the scheduler asked to begin anew.
        assert (batch.claimed_at is None) is (moved == "to_check")
        asked = db.session().scalars(select(JobRequest.job).where(JobRequest.requested_by_id == taker)).all()
        assert asked == (["imports"] if moved == "to_check" else [])


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize(
    ("importer", "others", "is_bound"),
    [
        (CUSTOMERS, [Role.ACCOUNT_MANAGER], True),  # who is left with another office could not open the list
        (CUSTOMERS, [Role.FINANCE_REVIEWER], True),
        (CUSTOMERS, ["other_region"], False),
        (OFFTAKE, [Role.ACCOUNT_MANAGER], True),
        (OFFTAKE, [Role.FINANCE_REVIEWER], False),
    ],
)
def test_an_office_is_not_lost_with_a_list_that_only_it_prepares(
    app: Flask, importer: Importer, others: list[Any], is_bound: bool
) -> None:
    with app.app_context():
        house = House()
        received(house)
        place, sales = house.place, house.place.id_of("sales")
        with transaction() as session:
            session.execute(update(ImportBatch).values(kind=importer.kind))
            builders.user(session, "colleague", (Role.SALES_MANAGER, place.region))
            grant = session.scalars(select(RoleGrant).where(RoleGrant.user_id == sales)).one().id
            for role in others:
                office = role if isinstance(role, Role) else (Role.SALES_MANAGER, getattr(place, role))
                last = builders.grant(session, place.users["sales"], office)
            others_id = last.id
        admin = place.actor(db.session(), "admin")
        db.session().rollback()
        if is_bound:
            with pytest.raises(Refused) as refused, transaction() as session:
                granting.revoke(session, admin, grant, "调岗", NOW)
            assert [one.clause for one in refused.value.refusals] == ["CHEM-3.3"]
            with transaction() as session:  # the other office has nothing to do with it
                granting.revoke(session, admin, others_id, "调岗", NOW)
        else:
            with transaction() as session:
                granting.revoke(session, admin, grant, "调岗", NOW)
