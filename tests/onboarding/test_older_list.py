"""Older lists of the disqualified: brought in, taken back (CHEM-17)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import NOW
from tests.onboarding import keeping, lists
from tests.onboarding.listing_desk import SEEN, TODAY, Desk, outcomes, row
from tests.onboarding.scenes import credit_code
from tierflow.common.approvals import Seen
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.imports import ImportBatch, outcome, service
from tierflow.kernel.errors import Forbidden
from tierflow.onboarding.service.older_list import OLDER_LIST, parse
from tierflow.onboarding.service.takeover import CUSTOMERS


def test_the_example_of_the_empty_list_could_be_a_company() -> None:
    sample = {column.key: column.sample or None for column in OLDER_LIST.columns}
    assert parse(2, sample, TODAY).findings == []


@pytest.mark.rule("CHEM-17")
def test_an_older_list_comes_in_whole_and_goes_whole(desk: Desk) -> None:
    batch = desk.upload(row(1, former_names="旧一公司；旧二公司"), row(2, credit_code=None))
    assert (batch.state, batch.good, batch.bad) == ("checked", 2, 0)
    desk.act("sales", service.hand_in, batch.id, {})
    assert desk.fields(name="旧二公司") == set()
    with pytest.raises(Forbidden):
        desk.act("sales", service.apply, batch.id, SEEN)
    batch = desk.act("gm", service.apply, batch.id, SEEN)
    assert (batch.state, batch.result) == ("applied", {"companies": 2})
    assert desk.fields(name="旧二公司") == desk.fields(name="旧名单第2有限公司") == {"name"}
    assert desk.fields(name="x公司", credit_code=credit_code(20_000_001)) == {"code"}
    with pytest.raises(Forbidden):
        desk.act("sales", service.revert, batch.id, "弄错了")
    batch = desk.act("gm", service.revert, batch.id, "弄错了")
    assert (batch.state, desk.listed()) == ("reverted", [])
    assert desk.fields(name="旧二公司") == set()


@pytest.mark.rule("CHEM-17")
def test_a_list_of_which_one_was_taken_off_is_not_taken_back(desk: Desk) -> None:
    batch = desk.upload(row(1), row(2))
    desk.act("sales", service.hand_in, batch.id, {})
    desk.act("gm", service.apply, batch.id, SEEN)
    desk.decide(desk.strike(desk.listed()[0].id))
    batch = desk.act("gm", service.revert, batch.id, "弄错了")
    failure = outcome.failure_of(batch)
    assert batch.state == "applied"
    assert failure is not None
    assert failure.params["name"] == "旧名单第1有限公司"


@pytest.mark.rule("CHEM-17")
def test_a_list_of_which_one_is_about_to_be_taken_off_is_taken_back_after_the_decision(desk: Desk) -> None:
    batch = desk.upload(row(1, former_names="旧一公司"), row(2))
    desk.act("sales", service.hand_in, batch.id, {})
    desk.act("gm", service.apply, batch.id, SEEN)
    strike = desk.strike(desk.listed()[0].id)
    batch = desk.act("gm", service.revert, batch.id, "弄错了")
    failure = outcome.failure_of(batch)
    assert batch.state == "applied"
    assert failure is not None
    assert failure.msgid.startswith("To take ")
    desk.decide(strike, verdict_="reject", reason="证据不足")
    batch = desk.act("gm", service.revert, batch.id, "弄错了")
    assert (batch.state, batch.result["companies"]) == ("reverted", 2)
    assert [(one.name, one.readmitted_on) for one in desk.listed()] == [("旧名单第1有限公司", TODAY)]
    assert desk.fields(name="旧一公司", legal_representative="吴1") == desk.fields(name="旧名单第2有限公司") == set()
    assert outcomes() == ["rejected"]


@pytest.mark.rule("CHEM-17")
@pytest.mark.parametrize(
    ("first", "second", "verdict_"),
    [
        ({}, {"name": "别名有限公司"}, "duplicate"),
        ({}, {"credit_code": None}, "duplicate"),
        ({"credit_code": None}, {}, "duplicate"),
        ({"former_names": "旧一公司"}, {"credit_code": None, "name": "旧一公司"}, "duplicate"),
        ({}, {"credit_code": credit_code(20_000_009)}, None),
        ({}, {"credit_code": None, "name": "别名有限公司"}, None),
    ],
)
def test_two_lists_checked_before_either_is_applied_put_nobody_on_twice(
    desk: Desk, first: dict[str, Any], second: dict[str, Any], verdict_: str | None
) -> None:
    one, other = desk.upload(row(1, **first), row(2)), desk.upload(row(1, **second), row(3))
    for batch in (one, other):
        assert (batch.state, batch.good) == ("checked", 2)
        desk.act("sales", service.hand_in, batch.id, {})
    desk.act("gm", service.apply, one.id, SEEN)
    other = desk.act("gm", service.apply, other.id, SEEN)
    if verdict_ is None:
        assert (other.state, len(desk.listed())) == ("applied", 4)
        return
    failure = outcome.failure_of(other)
    assert (other.state, other.good, other.duplicate, len(desk.listed())) == ("checked", 1, 1, 2)
    assert failure is not None
    assert failure.params["label"] == "旧名单第1有限公司"
    desk.act("sales", service.hand_in, other.id, {"leave_out_duplicates": True})
    with db.session() as session:
        case = service.case_of(session, session.get_one(ImportBatch, other.id))
        assert case is not None
        seen = Seen(case.version, case.step or "")
    desk.act("gm", service.apply, other.id, seen)
    assert len(desk.listed()) == 3


@pytest.mark.rule("CHEM-17")
@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"credit_code": "9.131E+17"}, [("credit_code", "bad")]),
        ({"ground": "不知道"}, [("ground", "bad")]),
        ({"facts": ""}, [("facts", "bad")]),
        ({"since": "2099-01-01"}, [("since", "bad")]),
        ({"since": "昨天"}, [("since", "bad")]),
        ({"name": ""}, [("name", "bad")]),
    ],
)
def test_a_bad_row_keeps_the_older_list_out(desk: Desk, changed: dict[str, Any], found: list[tuple[str, str]]) -> None:
    batch = desk.upload(row(1), row(2, **changed))
    assert (batch.good, batch.bad) == (1, 1)
    rows = {number: what for number, _raw, what in outcome.faulty_rows(db.session(), batch.id)}
    assert [(one.field, one.severity) for one in rows[3]] == found


@pytest.mark.rule("CHEM-17")
def test_rows_of_the_list_and_of_customers_are_told(desk: Desk) -> None:
    desk.decide(desk.enter())
    with transaction() as session:
        code = session.get_one(Customer, keeping.admitted(session, desk.place, 5)).credit_code
    batch = desk.upload(
        row(1, credit_code=code),
        row(2, credit_code=credit_code(77)),
        row(3, credit_code=None, name="旧案贸易有限公司"),
        row(4, name="旧案贸易有限公司"),
        row(5),
        row(6, credit_code=credit_code(20_000_005)),
    )
    found = {
        number: {one.severity for one in what} for number, _raw, what in outcome.faulty_rows(db.session(), batch.id)
    }
    assert found[2] == {"bad"}
    assert found[3] == {"duplicate"}
    assert "duplicate" in found[4]
    assert "doubtful" in found[5]
    assert 6 not in found
    assert found[7] == {"bad"}


@pytest.mark.rule("CHEM-17")
def test_a_listed_company_is_not_taken_over_as_a_customer(desk: Desk) -> None:
    desk.decide(desk.enter(credit_code=None, name="老客户第1有限公司"))
    with transaction() as session:
        actor = desk.place.actor(session, "sales")
        batch = service.receive(
            session, actor, CUSTOMERS, "客户.csv", lists.as_csv([lists.customer(1)]), NOW, spoken=str
        )
        service.set_mapping(session, actor, CUSTOMERS, batch.id, batch.mapping, NOW)
        batch_id = batch.id
    desk.work()
    rows = {number: what for number, _raw, what in outcome.faulty_rows(db.session(), batch_id)}
    assert ("name", "bad") in [(one.field, one.severity) for one in rows[2]]
