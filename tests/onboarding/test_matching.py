"""Who is here already: the gravest matches are shown, and nobody is their own double (CHEM-7.1)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from tests.onboarding import keeping, scenes
from tierflow.common.customers import Customer, name_key
from tierflow.common.db import db, transaction
from tierflow.onboarding.models import Application, Disqualified, DisqualifiedName, FormerName
from tierflow.onboarding.service import matching, supplementing
from tierflow.onboarding.service.matching import MOST_MATCHES, Keys


def _customers(session: Session, like: int, many: int, **changed: Any) -> list[int]:
    """Copies of a customer, alike in what is changed alone."""
    table: Any = Customer.__table__
    one = dict(session.execute(select(table).where(table.c.id == like)).mappings().one())
    first = 1000 + (session.scalar(select(table.c.id).order_by(table.c.id.desc()).limit(1)) or 0)
    rows = [
        {
            **one,
            "id": first + n,
            "number": f"X{first + n}",
            "credit_code": None,
            "organisation_code": f"K{first + n}",
            "name": f"企业{first + n}",
            "name_key": f"企业{first + n}",
            "phone_key": f"p{first + n}",
            "account_key": f"a{first + n}",
            **changed,
        }
        for n in range(many)
    ]
    session.execute(insert(table), rows)
    return [row["id"] for row in rows]


@pytest.mark.rule("CHEM-7.1")
def test_of_more_than_are_shown_the_gravest_come_first(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            place = scenes.company(session)
            one = keeping.admitted(session, place, 1)
            key = session.get_one(Customer, one).phone_key
            alike = _customers(session, one, MOST_MATCHES + 5, phone_key=key, account_key="acc")
            (named,) = _customers(session, one, 1, name_key="同名")
            (former,) = _customers(session, one, 1)
            session.add(FormerName(customer_id=former, name="同名", name_key="同名", until_on=keeping.ENDS))
            (coded,) = _customers(session, one, 1, organisation_code="ORG1")
            actor = place.actor(session, "li")
        keys = Keys(None, "ORG1", "同名", key, "acc", "")
        found = [m.subject_id for m in matching.matches_of(db.session(), actor, keys, None) if m.source == "customer"]
        order = list(dict.fromkeys(found))
        assert order[:3] == [coded, named, former]
        assert order[3:] == [one, *alike][: MOST_MATCHES - 3]


@pytest.mark.rule("CHEM-17")
def test_of_the_list_too_the_code_comes_first(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            place = scenes.company(session)
            plain = {"ground": "law", "since": keeping.ENDS}
            for n in range(MOST_MATCHES + 1):
                session.add(Disqualified(name=f"n{n}", legal_representative="钱某", **plain))
            session.add(named := Disqualified(name="同名", **plain))
            session.flush()
            session.add(DisqualifiedName(disqualified_id=named.id, name="同名", name_key=name_key("同名")))
            session.add(coded := Disqualified(name="x", organisation_code="ORG1", **plain))
            session.flush()
            ids, actor = [coded.id, named.id], place.actor(session, "li")
        keys = Keys(None, "ORG1", name_key("同名"), "", "", "钱某")
        found = [(m.subject_id, m.field) for m in matching.matches_of(db.session(), actor, keys, None)]
        assert found[:2] == [(ids[0], "code"), (ids[1], "name")]
        assert len(found) == MOST_MATCHES


@pytest.mark.rule("CHEM-7.1", "CHEM-8.1")
def test_a_customers_own_open_supplement_is_no_other_application(both_app: Flask) -> None:
    with both_app.app_context():
        with transaction() as session:
            place = scenes.company(session)
            one = keeping.admitted(session, place, 1)
            actor = place.actor(session, "li")
            supplement = supplementing.begin(session, actor, one, scenes.NOW)
            other = scenes.drafted(session, place, 2, phone="13800000000")
            customer = session.get_one(Customer, one)
            columns = ("credit_code", "organisation_code", "name_key", "phone_key", "account_key")
            keys = Keys(*(getattr(customer, name) for name in columns), "")
            assert session.get_one(Application, supplement.id).organisation_code == customer.organisation_code
            ids, other_id = (supplement.id, one), other.id
        session = db.session()

        def applications(keys: Keys, **besides: int) -> set[int]:
            found = matching.matches_of(session, actor, keys, None, **besides)
            return {match.subject_id for match in found if match.source == "application"}

        assert ids[0] in applications(keys)
        assert ids[0] not in applications(keys, besides_customer=ids[1])
        phone = Keys(None, None, "", session.get_one(Application, other_id).phone_key, "", "")
        assert other_id in applications(phone, besides_customer=ids[1])
