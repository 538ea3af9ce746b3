"""Customer information goes to finance and to the offices it concerns, with receipts by name (CHEM-8.2)."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from tests import builders
from tests.conftest import NOW, StandingClock
from tests.jobs.world import duty, runner
from tests.onboarding import keeping, lists, scenes
from tests.onboarding.test_takeover import Takeover
from tierflow.admin.service import office_ties, reference
from tierflow.common.approvals import Seen
from tierflow.common.audit import AuditEntry
from tierflow.common.customers import Customer, CustomerLine, CustomerOffice, visible
from tierflow.common.db import db, transaction
from tierflow.common.reference import Office, OfficeTie
from tierflow.common.users import User
from tierflow.kernel.approval import Verdict
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role
from tierflow.onboarding.models import Distribution
from tierflow.onboarding.service import changing, distributing
from tierflow.onboarding.service.examining import case_of

TODAY = local_day(NOW)
TOMORROW = NOW + timedelta(days=1)


class Desk:
    """A company with two resident offices that are tied to nothing yet, each with somebody in it."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        with app.app_context(), transaction() as session:
            self.place = scenes.company(session)
            self.offices = {}
            for name in ("first", "second"):
                row = Office(code=name.upper(), name=f"驻厂办{name}", from_on=builders.FROM)
                session.add(row)
                session.flush()
                self.offices[name] = row.id
                self.place.users[name] = builders.user(session, name, (Role.RESIDENT_OFFICE, row.id))
                session.flush()
                session.expunge(self.place.users[name])

    def tie(self, office: str, line: int | None = None, region: int | None = None, on: date = TODAY) -> int:
        with self.app.app_context(), transaction() as session:
            data = {"product_line_id": line, "region_id": region, "from_on": on}
            return office_ties.tie(session, self.place.actor(session, "admin"), self.offices[office], data, NOW).id

    def untie(self, tie: int, to_on: date) -> None:
        with self.app.app_context(), transaction() as session:
            office_ties.end(session, self.place.actor(session, "admin"), tie, to_on, NOW)

    def admit(self, number: int = 1) -> int:
        with self.app.app_context(), transaction() as session:
            return keeping.admitted(session, self.place, number)

    def change(self, customer: int, now: datetime = NOW, **data: str) -> None:
        with self.app.app_context(), transaction() as session:
            li = self.place.actor(session, "li", now)
            row = changing.propose(session, li, customer, data, now, reason="变更").id
        with self.app.app_context(), transaction() as session:
            case = case_of(session, (changing.SUBJECT, row))
            seen = Seen(case.version, case.step or "")
            changing.decide(session, self.place.actor(session, "finance", now), row, seen, Verdict.APPROVE, now)

    def sees(self, who: str, now: datetime = NOW) -> list[int]:
        with self.app.app_context():
            actor = self.place.actor(db.session(), who, now)
            return list(db.session().scalars(select(Customer.id).where(visible(actor)).order_by(Customer.id)))

    def sent(self, office: str | None = None) -> list[tuple[int, str]]:
        with self.app.app_context():
            to = None if office is None else self.offices[office]
            query = select(Distribution).where(Distribution.office_id.is_not_distinct_from(to))
            rows = db.session().scalars(query.order_by(Distribution.id))
            return [(row.customer_id, row.event) for row in rows]


@pytest.fixture
def desk(both_app: Flask) -> Desk:
    return Desk(both_app)


@pytest.mark.rule("CHEM-8.2")
def test_approval_and_change_go_to_finance_and_the_office_they_concern_alone(desk: Desk) -> None:
    place = desk.place
    desk.tie("first", place.polyolefin, place.region)
    customer = desk.admit()
    desk.change(customer, invoice_address="新址")
    told = [(customer, "approved"), (customer, "changed")]
    assert (desk.sent(), desk.sent("first"), desk.sent("second")) == (told, told, [])
    assert (desk.sees("first"), desk.sees("second")) == ([customer], [])
    with desk.app.app_context(), transaction() as session:
        rows = session.scalars(select(Distribution).order_by(Distribution.id)).all()
        assert rows[2].what == {"invoice_address": "新址"}
        at_work = place.actor(session, "first")
        mine = next(row for row in rows if row.office_id is not None)
        distributing.acknowledge(session, at_work, mine.id, NOW)
        assert mine.acknowledged_by_id == place.id_of("first")
        with pytest.raises(Conflict):
            distributing.acknowledge(session, at_work, mine.id, NOW)
        for who, row in (("first", rows[0]), ("second", mine), ("li", mine)):
            with pytest.raises((Forbidden, NotFound)):
                distributing.acknowledge(session, place.actor(session, who), row.id, NOW)
        finance = place.actor(session, "finance")
        due = rows[0].due_at
        late = [one.row.id for one in distributing.listing(session, finance, due, state="late").rows]
        assert late == [], "due at close of business of the third working day"
        late = distributing.listing(session, finance, due + timedelta(seconds=1), state="late").rows
        assert len(late) == 3


@pytest.mark.rule("CHEM-8.2")
def test_a_distribution_is_due_at_close_of_business_of_the_third_working_day(app: Flask) -> None:
    keeping.opened(app)
    with app.app_context():
        due = db.session.scalars(select(Distribution.due_at)).first()
    assert due is not None
    assert due.isoformat() == "2026-11-26T09:30:00+00:00"  # Monday's third working day is Thursday, 17:30 in Shanghai


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize(
    ("line", "region", "concerned"),
    [
        (None, None, True),
        ("polyolefin", None, True),
        (None, "region", True),
        ("polyolefin", "region", True),
        ("other_line", None, False),
        (None, "other_region", False),
        ("polyolefin", "other_region", False),
        ("other_line", "region", False),
    ],
)
def test_a_tie_names_a_line_in_a_region(app: Flask, line: str | None, region: str | None, concerned: bool) -> None:
    desk = Desk(app)
    place = desk.place
    desk.tie("first", line and getattr(place, line), region and getattr(place, region))
    customer = desk.admit()
    assert desk.sent("first") == ([(customer, "approved")] if concerned else [])
    assert desk.sees("first") == ([customer] if concerned else [])


@pytest.mark.rule("CHEM-8.2")
def test_an_office_tied_later_is_sent_what_it_lacks_once(desk: Desk, clock: StandingClock, tmp_path: Path) -> None:
    first, second = desk.admit(1), desk.admit(2)
    assert desk.sent("first") == []
    desk.tie("first", desk.place.polyolefin)
    assert desk.sees("first") == [], "not before it was sent them"
    for _again in range(2):
        with desk.app.app_context():
            runner(desk.app, tmp_path, [duty("distribution")]).sweep()
        clock.forward(days=1)
    assert desk.sent("first") == [(first, "approved"), (second, "approved")]
    assert desk.sent("second") == []
    assert desk.sees("first") == [first, second]


@pytest.mark.rule("CHEM-8.2")
def test_an_ended_tie_needs_nobody_to_act_on_it(desk: Desk) -> None:
    tie = desk.tie("first")
    customer = desk.admit()
    desk.untie(tie, TODAY + timedelta(days=1))
    assert desk.sees("first") == [customer], "its last day"
    assert desk.sees("first", TOMORROW) == []
    desk.change(customer, NOW + timedelta(days=3), invoice_address="新址")
    assert desk.sent("first") == [(customer, "approved")], "nothing more is sent to it"
    with desk.app.app_context(), transaction() as session:
        at_work = desk.place.actor(session, "first", TOMORROW)
        kept = distributing.listing(session, at_work, TOMORROW).rows
        assert [(one.row.event, one.is_visible, one.is_mine) for one in kept] == [("approved", False, True)]
        assert distributing.acknowledge(session, at_work, kept[0].row.id, TOMORROW)


@pytest.mark.rule("CHEM-8.2")
def test_the_office_of_a_line_that_ends_is_told_so_and_sees_the_customer_no_more(app: Flask) -> None:
    desk = Desk(app)
    desk.tie("first", desk.place.polyolefin)
    customer = desk.admit()
    with app.app_context(), transaction() as session:
        session.execute(update(CustomerLine).values(from_on=TODAY - timedelta(days=9), to_on=TODAY))
        session.execute(update(OfficeTie).values(from_on=TODAY - timedelta(days=9)))
        row = session.get_one(Customer, customer)
        distributing.distribute(session, row, "changed", {"line.1": None}, NOW)
    assert desk.sent("first") == [(customer, "approved"), (customer, "changed")]
    assert desk.sees("first") == []
    with app.app_context():
        assert db.session().scalars(select(CustomerOffice)).all() == []


@pytest.mark.rule("CHEM-8.2", "CHEM-15")
def test_an_accepted_paper_is_sent_on_too(app: Flask) -> None:
    file = keeping.opened(app)
    file.accept(file.renew(NOW), NOW)
    with app.app_context():
        rows = db.session().scalars(select(Distribution).order_by(Distribution.id)).all()
        assert [row.event for row in rows] == ["approved", "changed"]
        assert rows[1].what == {"paper.merged_licence": "2036-11-30"}
    page = builders.sign_in(app, file.place.id_of("finance")).get("/distributions").get_data(as_text=True)
    assert "营业执照" in page


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize("kind", ["page", "api"])
def test_many_are_acknowledged_together_and_only_ones_own(app: Flask, kind: str) -> None:
    desk = Desk(app)
    desk.tie("first")
    for number in (1, 2):
        desk.admit(number)
    with app.app_context():
        rows = {row.id: row.office_id for row in db.session().scalars(select(Distribution))}
    client = builders.sign_in(app, desk.place.id_of("finance"))
    token = {"X-CSRFToken": builders.csrf_of(client)}
    if kind == "page":
        assert client.get("/distributions").get_data(as_text=True).count("data-select ") >= 2
        answer = client.post("/distributions/receipts", data={"ids": list(rows)}, headers=token)
        assert answer.status_code == 302
    else:
        answer = client.post("/api/v1/distributions/receipts", json={"ids": list(rows)}, headers=token)
        assert answer.get_json() == {"ids": [one for one, office in rows.items() if office is None]}
        assert client.post("/api/v1/distributions/receipts", json={"ids": []}, headers=token).status_code == 422
    with app.app_context():
        found = {row.id: row.acknowledged_by_id for row in db.session().scalars(select(Distribution))}
        finance = desk.place.id_of("finance")
        assert found == {one: (finance if office is None else None) for one, office in rows.items()}
        entries = db.session().scalars(select(AuditEntry).where(AuditEntry.action == "distribution.acknowledge"))
        assert len(entries.all()) == 2


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize("kind", ["page", "api"])
def test_administrators_tie_an_office_through_either_door(app: Flask, kind: str) -> None:
    desk = Desk(app)
    office = desk.offices["first"]
    client = builders.sign_in(app, desk.place.id_of("admin"))
    token = {"X-CSRFToken": builders.csrf_of(client)}

    def post(page: str, api: str, data: dict[str, Any]) -> int:
        if kind == "page":
            return client.post(page, data=data, headers=token).status_code
        return client.post(f"/api/v1{api}", json=data, headers=token).status_code

    where = (f"/reference/office/{office}/ties",) * 2
    data = {"product_line_id": desk.place.polyolefin, "region_id": desk.place.region, "from_on": "2026-11-23"}
    good = (302,) if kind == "page" else (200, 201)
    assert post(*where, {**data, "from_on": "2026-11-22"}) == 409
    assert post(*where, {**data, "product_line_id": 999}) == 422
    assert post(*where, data) in good
    assert post(*where, data) == 422, "once"
    assert post("/reference/ties/1/end", "/reference/ties/1/end", {"last_on": "2026-11-21"}) == 409
    page = client.get(f"/reference/office/{office}").get_data(as_text=True)
    assert "聚烯烃" in page
    assert "设为对口" in page
    assert post("/reference/ties/1/end", "/reference/ties/1/end", {"last_on": "2026-11-24"}) in good
    assert post("/reference/ties/9/end", "/reference/ties/9/end", {"last_on": "2026-11-24"}) == 404
    found = client.get(f"/api/v1/reference/office/{office}/ties").get_json()
    assert [(row["line"], row["last_on"], row["state"]) for row in found] == [("聚烯烃", "2026-11-24", "in_force")]
    li = builders.sign_in(app, desk.place.id_of("li"))
    assert li.get(f"/api/v1/reference/office/{office}/ties").status_code == 403


def test_what_is_tied_does_not_end(app: Flask) -> None:
    desk = Desk(app)
    tie = desk.tie("first", desk.place.other_line, desk.place.other_region)
    with app.app_context(), transaction() as session:
        admin = desk.place.actor(session, "admin")
        session.execute(update(User).where(User.login.in_(["first", "second"])).values(disabled_at=NOW))
        for kind, row in (("office", desk.offices["first"]), ("product_line", desk.place.other_line)):
            with pytest.raises(Refused) as error:
                reference.end(session, admin, kind, row, TODAY, NOW)
            assert any("tie" in str(one.reason) for one in error.value.refusals)
    desk.untie(tie, TODAY + timedelta(days=1))
    with pytest.raises(Invalid):
        desk.tie("first", 999)


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize("kind", ["page", "api"])
def test_who_acknowledges_for_another_office_or_for_finance_is_named_with_the_absent(app: Flask, kind: str) -> None:
    """The first office stands in for the second and for finance: its own receipts are in nobody else's name."""
    desk = Desk(app)
    place = desk.place
    desk.tie("first")
    desk.tie("second")
    desk.admit()
    with app.app_context(), transaction() as session:
        for absent in ("second", "finance"):
            lender, stand_in = (session.get_one(User, place.id_of(who)) for who in (absent, "first"))
            builders.delegation(session, lender, stand_in, TODAY, TODAY + timedelta(days=5))
    with app.app_context():
        sent = {row.id: row.office_id for row in db.session().scalars(select(Distribution))}
    client = builders.sign_in(app, place.id_of("first"))
    headers = {"X-CSRFToken": builders.csrf_of(client)}
    if kind == "page":
        assert client.post("/distributions/receipts", data={"ids": list(sent)}, headers=headers).status_code == 302
    else:
        client.post("/api/v1/distributions/receipts", json={"ids": list(sent)}, headers=headers)
    with app.app_context():
        entries = db.session().scalars(select(AuditEntry).where(AuditEntry.action == "distribution.acknowledge"))
        told = {sent[row.after["distribution"]]: (row.actor_id, row.on_behalf_of_id) for row in entries}
    me = place.id_of("first")
    assert told == {
        desk.offices["first"]: (me, None),
        desk.offices["second"]: (me, place.id_of("second")),
        None: (me, place.id_of("finance")),
    }


@pytest.mark.rule("CHEM-8.2")
def test_finance_and_the_offices_are_sent_who_was_taken_over_the_next_morning_once(
    both_app: Flask, clock: StandingClock, tmp_path: Path
) -> None:
    with both_app.app_context():
        house = Takeover(clock)
        with transaction() as session:
            office = Office(code="ZC", name="驻厂办", from_on=date(2020, 1, 1))
            session.add(office)
            session.flush()
            session.add(OfficeTie(office_id=office.id, from_on=date(2020, 1, 1)))
            office_id = office.id
        house.applied(lists.customer(1), lists.customer(2), lists.customer(3))
        first, second, third = db.session().scalars(select(Customer.id).order_by(Customer.id)).all()
        with transaction() as session:
            session.get_one(Customer, third).disqualified_on = TODAY
            # A change that finance was sent told it of the customer.
            distributing.distribute(session, session.get_one(Customer, second), "changed", {"phone": "1"}, NOW)
        for _again in range(2):
            clock.forward(days=1)
            runner(both_app, tmp_path, [duty("distribution")]).sweep()
        query = select(Distribution).order_by(Distribution.customer_id, Distribution.recipient)
        assert [(row.customer_id, row.office_id, row.event) for row in db.session().scalars(query)] == [
            (first, None, "approved"),
            (first, office_id, "approved"),
            (second, None, "changed"),
            (second, office_id, "changed"),
        ]
        at_work = house.place.actor(db.session(), "finance")
        waiting = distributing.listing(db.session(), at_work, NOW, state="waiting").rows
        assert [(one.customer.id, one.is_mine) for one in waiting if one.row.office_id is None] == [
            (first, True),
            (second, True),
        ]
