"""Taking over existing customers (CHEM-4): every row judged, nobody's customers the importer's, a way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select

from tests import builders
from tests.conftest import NOW, StandingClock
from tests.onboarding import lists, scenes
from tests.onboarding.scenes import credit_code
from tierflow.common import approvals, lookup, suspension, verify
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.customers import Customer, CustomerLine, name_key
from tierflow.common.db import db, make_engine, transaction
from tierflow.common.imports import ImportBatch, outcome, service, work
from tierflow.common.schema import downgrade, upgrade
from tierflow.common.users import User
from tierflow.kernel.errors import Conflict, Forbidden, Refused
from tierflow.kernel.roles import Role
from tierflow.onboarding.models import Disqualified, DisqualifiedName, Paper
from tierflow.onboarding.service.takeover import CUSTOMERS
from tierflow.web import inbox

ON = date(2026, 11, 23)
SEEN = Seen(version=1, step="management")


class Takeover:
    """The steps, by name of who does them."""

    def __init__(self, clock: StandingClock) -> None:
        self.clock = clock
        with transaction() as session:
            self.place = scenes.company(session)

    def checked(self, *rows: dict[str, Any], who: str = "sales", content: bytes | None = None) -> ImportBatch:
        with transaction() as session:
            actor = self.place.actor(session, who)
            content = content or lists.as_csv(rows)
            batch = service.receive(session, actor, CUSTOMERS, "老客户.csv", content, NOW, spoken=str)
            batch_id = batch.id
            service.set_mapping(session, actor, CUSTOMERS, batch_id, batch.mapping, NOW)
        self.work()
        return self.batch(batch_id)

    def work(self) -> None:
        work.work_off(self.clock, pause=0)

    def batch(self, batch_id: int) -> ImportBatch:
        db.session().rollback()
        batch = db.session().get_one(ImportBatch, batch_id, populate_existing=True)
        db.session().expunge(batch)
        return batch

    def act(self, who: str, verb: Callable[..., Any], batch_id: int, *args: Any) -> None:
        with transaction() as session:
            verb(session, self.place.actor(session, who), CUSTOMERS, batch_id, *args, NOW)

    def case(self, batch_id: int) -> ApprovalCase:
        case = service.case_of(db.session(), self.batch(batch_id))
        assert case is not None
        db.session().expunge(case)
        return case

    def waiting(self, who: str) -> list[tuple[str, int]]:
        db.session().rollback()
        found = inbox.items(db.session(), self.place.actor(db.session(), who))
        return [(item.kind, item.subject_id) for item in found]

    def applied(self, *rows: dict[str, Any]) -> ImportBatch:
        batch = self.checked(*rows)
        self.act("sales", service.hand_in, batch.id, {"doubts_seen": True, "leave_out_duplicates": True})
        self.act("gm", service.apply, batch.id, SEEN)
        self.work()
        return self.batch(batch.id)

    def found(self, batch: ImportBatch) -> dict[int, list[tuple[str, str]]]:
        return {
            number: [(finding.field, finding.severity) for finding in found]
            for number, _, found in outcome.faulty_rows(db.session(), batch.id)
        }

    def count(self, table: Any = Customer) -> int:
        db.session().rollback()
        return db.session().scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
def house(both_app: Flask, clock: StandingClock) -> Iterator[Takeover]:
    with both_app.app_context():
        yield Takeover(clock)


def without(number: int, *fields: str) -> dict[str, Any]:
    return lists.customer(number, **dict.fromkeys(fields))


@pytest.mark.rule("CHEM-4")
def test_a_list_becomes_customers_with_lines_and_papers_of_their_own_managers(house: Takeover) -> None:
    rows = [
        lists.customer(1),
        lists.customer(2, account_manager="人wang", lines="PO=直供；CH=独家代理"),
        lists.customer(3, **{"merged_licence.valid_to": "2026-11-22"}),
    ]
    batch = house.applied(*rows)
    assert (batch.state, batch.result) == ("applied", {"customers": 3, "lines": 4, "papers": 3})
    session = db.session()
    customers = session.scalars(select(Customer).order_by(Customer.number)).all()
    assert [c.number for c in customers] == ["C000001", "C000002", "C000003"]
    assert [c.account_manager_id for c in customers] == [house.place.id_of(n) for n in ("li", "wang", "li")]
    assert customers[0].approved_on == date(2019, 5, 20)
    papers = session.scalars(select(Paper).order_by(Paper.customer_id)).all()
    assert [(p.number, p.valid_to, p.is_long_term) for p in papers] == [
        (customers[0].credit_code, None, True),
        (customers[1].credit_code, None, True),
        (customers[2].credit_code, date(2026, 11, 22), False),
    ]
    stopped = suspension.suspended(session, [c.id for c in customers], ON)
    assert list(stopped) == [customers[2].id]  # CHEM-15, by the days of its licence
    found: Any = lookup.matching("customer", "第2")
    assert session.scalars(found).all() == [customers[1].id]


@pytest.mark.rule("CHEM-4")
@pytest.mark.parametrize(
    ("row", "field", "severity"),
    [
        (lists.customer(1, credit_code="9.11E+17"), "credit_code", "bad"),
        (lists.customer(1, credit_code=credit_code(1)[:17] + "0"), "credit_code", "bad"),
        (without(1, "credit_code"), "credit_code", "bad"),
        (without(1, "name"), "name", "bad"),
        (lists.customer(1, name="（）"), "name", "bad"),
        (lists.customer(1, name="n" * 121), "name", "bad"),
        (lists.customer(1, phone="12"), "phone", "bad"),
        (without(1, "phone"), "phone", "bad"),
        (lists.customer(1, region="火星"), "region", "bad"),
        (lists.customer(1, region="华西"), "region", "bad"),  # not the importer's
        (lists.customer(1, account_manager="nobody"), "account_manager", "bad"),
        (lists.customer(1, account_manager="finance"), "account_manager", "bad"),  # does not hold the office
        (without(1, "account_manager"), "account_manager", "bad"),
        (lists.customer(1, lines="PO=独家代理"), "lines", "bad"),
        (lists.customer(1, since="2026-11-24"), "since", "bad"),
        (lists.customer(1, bank_account="12"), "bank_account", "bad"),
        (lists.customer(1, **{"merged_licence.valid_to": "2010-01-01"}), "merged_licence.valid_to", "bad"),
        (lists.customer(1, **{"merged_licence.valid_to": "2026-11-22"}), "merged_licence.valid_to", "doubtful"),
        (
            without(1, "merged_licence.issuer", "merged_licence.valid_from", "merged_licence.valid_to"),
            "merged_licence.valid_to",
            "doubtful",
        ),
        (lists.customer(1, legal_representative="钱坏"), "legal_representative", "doubtful"),
        (lists.customer(1, name="新名字有限公司", credit_code=credit_code(77)), "credit_code", "bad"),  # CHEM-17
        (lists.customer(1, name="坏旧名有限公司"), "name", "bad"),
    ],
)
def test_what_is_wrong_stands_at_its_row_and_field(
    app: Flask, clock: StandingClock, row: Any, field: str, severity: str
) -> None:
    with app.app_context():
        house = Takeover(clock)
        with transaction() as session:
            code = credit_code(77)
            listed = Disqualified(
                name="坏公司",
                credit_code=code,
                organisation_code=code[8:17],
                legal_representative="钱坏",
                ground="fraud",
                since=ON,
            )
            session.add(listed)
            session.flush()
            name = "坏旧名有限公司"
            session.add(DisqualifiedName(disqualified_id=listed.id, name=name, name_key=name_key(name)))
        batch = house.checked(lists.customer(500), row)
        assert house.found(batch) == {3: [(field, severity)]}
        assert batch.good == 1


def test_duplicates_in_the_file_and_against_customers_and_applications_are_marked(house: Takeover) -> None:
    house.applied(lists.customer(1))
    with transaction() as session:
        scenes.drafted(session, house.place, 5)
    batch = house.checked(
        lists.customer(2),
        lists.customer(2, name="另一名有限公司", phone="13700000001", bank_account="200299999999"),
        lists.customer(1),
        lists.customer(3, phone="+86 139-0000-0001"),
        lists.customer(4, credit_code=credit_code(5)),
        lists.customer(6, name="老客户第2公司"),
    )
    found = house.found(batch)
    assert found[3] == [("credit_code", "bad")]
    assert ("credit_code", "duplicate") in found[4]
    assert found[5] == [("phone", "doubtful")] * 2  # row 4 of the file, and the customer
    assert ("credit_code", "duplicate") in found[6]
    assert found[7] == [("name", "doubtful")]


def test_customers_are_never_bound_to_who_imports_them(house: Takeover) -> None:
    with transaction() as session:
        builders.grant(session, session.get_one(User, house.place.id_of("sales")), Role.ACCOUNT_MANAGER)
    batch = house.checked(lists.customer(1, account_manager="sales"))
    assert house.found(batch) == {2: [("account_manager", "bad")]}


def test_an_import_is_no_way_around_the_general_manager(house: Takeover) -> None:
    batch = house.checked(lists.customer(1))
    house.act("sales", service.hand_in, batch.id, {})
    house.work()
    assert house.count() == 0
    for who in ("sales", "li", "admin", "finance"):
        with pytest.raises(Forbidden):
            house.act(who, service.apply, batch.id, SEEN)
    house.act("gm", service.apply, batch.id, SEEN)
    house.work()
    assert house.count() == 1


def test_nothing_is_half_done_when_facts_change_before_the_approval(house: Takeover) -> None:
    batch = house.checked(lists.customer(1), lists.customer(2))
    house.act("sales", service.hand_in, batch.id, {})
    with transaction() as session:
        session.add(Disqualified(name="x", credit_code=credit_code(10_000_002), ground="fraud", since=ON))
    house.act("gm", service.apply, batch.id, SEEN)
    house.work()
    batch = house.batch(batch.id)
    assert (batch.state, batch.good, batch.bad, house.count()) == ("checked", 1, 1, 0)
    assert house.case(batch.id).state == "returned"  # the approval has lapsed
    with transaction() as session:
        session.execute(delete(Disqualified))
    house.act("sales", service.check_again, batch.id)
    house.work()
    house.act("sales", service.hand_in, batch.id, {})
    case = house.case(batch.id)
    assert (case.state, case.round) == ("in_approval", 2)
    house.act("gm", service.apply, batch.id, Seen(case.version, "management"))
    house.work()
    assert (house.batch(batch.id).state, house.count()) == ("applied", 2)
    assert list(verify.approval_cases(db.session())) == []


@pytest.mark.rule("CHEM-7.2")
def test_an_import_goes_through_the_chain_and_comes_back_through_it(house: Takeover) -> None:
    batch = house.checked(lists.customer(1))
    house.act("sales", service.hand_in, batch.id, {})
    assert house.waiting("gm") == [("import.customers", batch.id)]
    content = approvals.current_content(db.session(), house.case(batch.id))["import"]
    counted = (content["sha256"], content["rows"], content["doubtful"], content["left_out"])
    assert counted == (batch.sha256, batch.good + batch.doubtful, batch.doubtful, 0)
    assert content["mapping"] == batch.mapping
    with pytest.raises(Conflict):
        house.act("gm", service.apply, batch.id, Seen(0, "management"))
    house.act("gm", service.send_back, batch.id, SEEN, "名单不全")
    assert house.waiting("gm") == []
    assert house.waiting("sales") == [("import.customers.returned", batch.id)]
    house.act("sales", service.hand_in, batch.id, {})
    house.act("sales", service.withdraw, batch.id)
    assert (house.batch(batch.id).state, house.case(batch.id).state) == ("checked", "withdrawn")
    house.act("sales", service.discard, batch.id)
    assert (house.batch(batch.id).state, house.case(batch.id).state) == ("discarded", "discarded")
    assert list(verify.approval_cases(db.session())) == []


@pytest.mark.rule("CHEM-7.2")
def test_an_import_that_waited_before_it_had_a_case_is_decided_like_a_later_one(
    house: Takeover, both_app: Flask
) -> None:
    old, later = house.checked(lists.customer(1)), house.checked(lists.customer(2))
    house.act("sales", service.hand_in, later.id, {})
    with transaction() as session:
        batch = session.get_one(ImportBatch, old.id)
        batch.state, batch.handed_in_by_id, batch.handed_in_at = "handed_in", batch.created_by_id, NOW
    db.session.remove()
    engine = make_engine(both_app.config["SQLALCHEMY_DATABASE_URI"])
    downgrade(engine, "0061")
    upgrade(engine)
    engine.dispose()
    mine, other = (approvals.current_content(db.session(), house.case(one.id))["import"] for one in (old, later))
    assert mine == {**other, "sha256": old.sha256}
    for one in (old, later):
        house.act("gm", service.apply, one.id, Seen(house.case(one.id).version, "management"))
    house.work()
    assert house.count() == 2
    assert list(verify.approval_cases(db.session())) == []


def test_an_import_is_taken_back_whole(house: Takeover) -> None:
    batch = house.applied(*(lists.customer(n) for n in range(1, 31)))
    assert house.count() == 30
    house.act("gm", service.revert, batch.id, "名单有误")
    house.work()
    assert house.batch(batch.id).state == "reverted"
    assert [house.count(table) for table in (Customer, CustomerLine, Paper, lookup.SearchKey)] == [0, 0, 0, 0]


def _edited(session: Any, customer: Customer) -> None:
    customer.version += 1


def _reclassed(session: Any, customer: Customer) -> None:
    session.scalars(select(CustomerLine).where(CustomerLine.customer_id == customer.id)).one().to_on = ON


def _asked(session: Any, customer: Customer) -> None:
    from tierflow.complaints.models import Inquiry

    session.add(
        Inquiry(
            number="ZX-1",
            customer_id=customer.id,
            customer_name="x",
            contact_name="x",
            contact_phone="x",
            region_id=customer.region_id,
            channel="phone",
            question="?",
            asked_at=NOW,
            keyed_at=NOW,
            due_at=NOW,
            taken_by_id=customer.account_manager_id,
            owner_id=customer.account_manager_id,
        )
    )


@pytest.mark.parametrize("touch", [_edited, _reclassed, _asked])
def test_once_anything_has_touched_a_customer_the_import_stays(
    house: Takeover, touch: Callable[[Any, Customer], None]
) -> None:
    batch = house.applied(lists.customer(1), lists.customer(2))
    with transaction() as session:
        touch(session, session.scalars(select(Customer).order_by(Customer.id)).all()[1])
    house.act("gm", service.revert, batch.id, "名单有误")
    house.work()
    batch = house.batch(batch.id)
    assert (batch.state, house.count()) == ("applied", 2)
    assert batch.failure is not None
    assert batch.failure["params"]["customer"] == "老客户第2有限公司"


def test_xlsx_with_a_damaged_code_says_so(house: Takeover) -> None:
    batch = house.checked(content=lists.as_xlsx([lists.customer(1, credit_code=9.11e17), lists.customer(2)]))
    assert house.found(batch) == {2: [("credit_code", "bad")]}
    with pytest.raises(Refused):
        house.act("sales", service.hand_in, batch.id, {})
