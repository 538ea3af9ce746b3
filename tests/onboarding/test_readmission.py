"""Who is taken off the list of the disqualified, and who is not; what is remembered of it (CHEM-17)."""

from __future__ import annotations

from typing import Any

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from sqlalchemy import select, update

from tests.onboarding import keeping, scenes
from tests.onboarding.test_leaving import TODAY, Room
from tierflow.common import lookup
from tierflow.common.customers import Customer
from tierflow.common.db import db, make_engine, transaction
from tierflow.common.schema import alembic_config, downgrade, upgrade
from tierflow.kernel.errors import Refused
from tierflow.onboarding.models import Disqualified, DisqualifiedName, FormerName
from tierflow.onboarding.service import find_matches
from tierflow.onboarding.service.creating import CUSTOMER

OF_THE_FIRST = "华东塑料第1有限公司"


@pytest.fixture
def room(both_app: Flask) -> Room:
    """A customer whose status was withdrawn."""
    room = Room(keeping.opened(both_app))
    room.judge(room.accuse())
    return room


def drafted(room: Room, number: int, **changed: Any) -> int:
    with room.file.app.app_context(), transaction() as session:
        return scenes.drafted(session, room.file.place, number, **changed).id


def refused(room: Room, application: int) -> list[tuple[str, str | None]]:
    with pytest.raises(Refused) as error:
        room.approve(application)
    return [(row.clause, row.field) for row in error.value.refusals]


def listed(room: Room) -> list[tuple[str, Any, Any]]:
    with room.file.app.app_context():
        query = select(Disqualified.name, Disqualified.readmitted_on, Disqualified.readmitted_application_id)
        return [tuple(row) for row in db.session.execute(query.order_by(Disqualified.id))]


@pytest.mark.rule("CHEM-17")
def test_a_company_of_the_same_name_takes_no_other_off_the_list(room: Room) -> None:
    assert refused(room, drafted(room, 2, name=OF_THE_FIRST)) == [("CHEM-17", "name")]
    room.approve(drafted(room, 2, name=OF_THE_FIRST, readmission_reason="同名企业，并非被取消资格者"))
    with room.file.app.app_context():
        rows = db.session.execute(select(Customer.credit_code, Customer.disqualified_on).order_by(Customer.id)).all()
        assert [tuple(row) for row in rows] == [(scenes.credit_code(1), TODAY), (scenes.credit_code(2), None)]
    assert listed(room) == [(OF_THE_FIRST, None, None)]
    assert ("CHEM-17", "credit_code") in refused(room, drafted(room, 1, name="华东新材料有限公司"))
    own = drafted(room, 1, readmission_reason="整改完毕")
    room.approve(own)
    assert room.customer().disqualified_on is None
    assert listed(room) == [(OF_THE_FIRST, TODAY, own)]


@pytest.mark.rule("CHEM-17")
@pytest.mark.parametrize("reason", ["", "整改完毕"])
def test_nobody_is_readmitted_whose_application_did_not_show_the_disqualification(room: Room, reason: str) -> None:
    with room.file.app.app_context(), transaction() as session:
        session.execute(update(Disqualified).values(readmitted_on=TODAY))  # as if somebody had cleared the list
    assert refused(room, drafted(room, 1, readmission_reason=reason)) == [("CHEM-17", "readmission_reason")]
    assert room.customer().disqualified_on == TODAY


@pytest.mark.rule("CHEM-17")
def test_those_a_name_alone_took_off_the_list_stand_on_it_again(room: Room) -> None:
    room.approve(other := drafted(room, 2, name=OF_THE_FIRST, readmission_reason="同名企业"))
    with room.file.app.app_context(), transaction() as session:
        row = {"ground": "fraud", "since": TODAY, "readmitted_on": TODAY, "readmitted_application_id": other}
        code = scenes.credit_code
        session.execute(update(Disqualified).values(readmitted_on=TODAY, readmitted_application_id=other))
        session.add(Disqualified(name="自己重新准入", credit_code=code(2), **row))
        session.add(Disqualified(name="没有代码", **row))
        session.add(Disqualified(name="名单上的另一家", credit_code=code(3), **row))
    engine = make_engine(room.file.app.config["SQLALCHEMY_DATABASE_URI"])
    step = ScriptDirectory.from_config(alembic_config()).get_revision("0091")
    downgrade(engine, str(step.down_revision))
    upgrade(engine)
    engine.dispose()
    assert listed(room) == [
        (OF_THE_FIRST, None, None),
        ("自己重新准入", TODAY, other),
        ("没有代码", TODAY, other),
        ("名单上的另一家", None, None),
    ]


@pytest.mark.rule("CHEM-17")
def test_readmission_under_a_new_name_keeps_the_former_one(room: Room) -> None:
    room.approve(drafted(room, 1, name="华东新材料有限公司", readmission_reason="整改完毕"))
    assert room.customer().name == "华东新材料有限公司"
    with room.file.app.app_context():
        session = db.session()
        former = session.execute(select(FormerName.customer_id, FormerName.name, FormerName.until_on)).all()
        assert [tuple(row) for row in former] == [(room.file.customer, OF_THE_FIRST, TODAY)]
        for word in ("塑料第1", "新材料"):
            assert list(session.scalars(lookup.matching(CUSTOMER, word))) == [room.file.customer]
        wang = room.file.place.actor(session, "wang")
        found = find_matches(session, wang, {"name": OF_THE_FIRST})
        assert [(match.source, match.field) for match in found if match.source == "customer"] == [("customer", "name")]
    room.judge(room.accuse())
    with room.file.app.app_context():
        query = select(DisqualifiedName.name).join(Disqualified, Disqualified.id == DisqualifiedName.disqualified_id)
        names = set(db.session.scalars(query.where(Disqualified.readmitted_on.is_(None))))
        assert names == {OF_THE_FIRST, "华东新材料有限公司"}


@pytest.mark.rule("CHEM-8.1", "CHEM-17")
def test_nobody_takes_the_code_of_a_disqualified_company_or_of_another_customer(both_app: Flask) -> None:
    room = Room(keeping.opened(both_app))
    code = scenes.credit_code
    with room.file.app.app_context(), transaction() as session:
        keeping.admitted(session, room.file.place, 2)
        session.add(Disqualified(name="坏公司", credit_code=code(7), ground="fraud", since=TODAY))
    for new, found in [
        ({"credit_code": code(7)}, ("CHEM-17", "credit_code")),
        ({"credit_code": code(2)}, ("CHEM-7.1", "credit_code")),
        ({"credit_code": None, "organisation_code": code(2)[8:17]}, ("CHEM-7.1", "credit_code")),
    ]:
        with pytest.raises(Refused) as error:
            room.propose(**new)
        assert [(row.clause, row.field) for row in error.value.refusals] == [found]
    change = room.propose(credit_code=code(8))
    room.examine(change, "sales")
    with room.file.app.app_context(), transaction() as session:
        session.add(Disqualified(name="新近被取消资格", credit_code=code(8), ground="fraud", since=TODAY))
    with pytest.raises(Refused) as error:
        room.examine(change, "finance")
    assert [row.clause for row in error.value.refusals] == ["CHEM-17"]
    assert room.customer().credit_code == code(1)
