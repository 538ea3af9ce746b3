"""Taking over through both doors: the screens and the JSON are the same verbs."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import builders
from tests.conftest import StandingClock
from tests.onboarding import lists, scenes
from tierflow.common.customers import Customer
from tierflow.common.db import db, transaction
from tierflow.common.identifiers import credit_code
from tierflow.common.imports import ImportBatch, work
from tierflow.common.users import User
from tierflow.kernel.roles import Role

SEEN = {"version": 1, "step": "management"}


class Door:
    """One of the two doors, for somebody."""

    def __init__(self, app: Flask, user_id: int, kind: str) -> None:
        self.client: FlaskClient = builders.sign_in(app, user_id)
        self.kind = kind
        self.base = "/takeover" if kind == "page" else "/api/v1/takeover"
        self.token = builders.csrf_of(self.client)

    def post(self, path: str, data: dict[str, Any] | None = None) -> Any:
        headers = {"X-CSRFToken": self.token}
        if self.kind == "page":
            return self.client.post(self.base + path, data=data or {}, headers=headers)
        return self.client.post(self.base + path, json=data or {}, headers=headers)

    def upload(self, content: bytes, name: str = "老客户.csv") -> Any:
        data = {"file": (io.BytesIO(content), name)}
        return self.client.post(self.base, data=data, headers={"X-CSRFToken": self.token})

    def map(self, batch_id: int) -> Any:
        mapping = {key: at for at, key in enumerate(lists.HEADS)}
        if self.kind == "page":
            return self.post(f"/{batch_id}/mapping", {f"mapping.{key}": at for key, at in mapping.items()})
        return self.post(f"/{batch_id}/mapping", {"mapping": mapping})


@pytest.fixture
def people(app: Flask) -> scenes.Company:
    with app.app_context(), transaction() as session:
        return scenes.company(session)


def _batch(app: Flask) -> ImportBatch:
    with app.app_context():
        batch = db.session().get_one(ImportBatch, 1)
        db.session().expunge(batch)
        return batch


def _work(app: Flask, clock: StandingClock) -> None:
    with app.app_context():
        work.work_off(clock, pause=0)


@pytest.mark.rule("CHEM-4")
@pytest.mark.parametrize("kind", ["page", "api"])
def test_prepared_by_the_sales_manager_approved_by_the_general_manager_reverted(
    app: Flask, clock: StandingClock, people: scenes.Company, kind: str
) -> None:
    sales, gm = (Door(app, people.id_of(who), kind) for who in ("sales", "gm"))
    good = 302 if kind == "page" else 200
    assert sales.upload(lists.as_csv([lists.customer(n) for n in range(1, 41)])).status_code in (302, 201)
    assert sales.map(1).status_code == good
    _work(app, clock)
    assert sales.post("/1/hand-in").status_code == good
    assert sales.post("/1/apply", SEEN).status_code == 403
    assert gm.post("/1/apply", SEEN).status_code == good
    _work(app, clock)
    assert _batch(app).state == "applied"
    assert sales.post("/1/revert", {"reason": "名单有误"}).status_code == 403
    assert gm.post("/1/revert", {}).status_code == 422
    assert gm.post("/1/revert", {"reason": "名单有误"}).status_code == good
    _work(app, clock)
    assert _batch(app).state == "reverted"
    with app.app_context():
        assert db.session().query(Customer).count() == 0


@pytest.mark.parametrize("kind", ["page", "api"])
def test_it_is_sent_back_and_taken_back_as_it_was_seen(
    app: Flask, clock: StandingClock, people: scenes.Company, kind: str
) -> None:
    sales, gm = (Door(app, people.id_of(who), kind) for who in ("sales", "gm"))
    good = 302 if kind == "page" else 200
    sales.upload(lists.as_csv([lists.customer(1)]))
    sales.map(1)
    _work(app, clock)
    assert sales.client.get("/api/v1/takeover/1").get_json()["case"] is None
    sales.post("/1/hand-in")
    case = gm.client.get("/api/v1/takeover/1").get_json()["case"]
    assert {name: case[name] for name in SEEN} == SEEN
    page = gm.client.get("/takeover/1").get_data(as_text=True)
    assert page.count('name="version" value="1"') == page.count('name="step" value="management"') == 2
    assert gm.post("/1/apply").status_code == 422  # what was seen is not said
    assert gm.post("/1/send-back", SEEN).status_code == 422
    assert gm.post("/1/send-back", {**SEEN, "reason": "名单不全"}).status_code == good
    assert _batch(app).state == "checked"
    assert "老客户" in sales.client.get("/").get_data(as_text=True)  # the inbox: returned for correction
    assert sales.post("/1/hand-in").status_code == good
    assert gm.post("/1/apply", SEEN).status_code == 409  # seen a round ago
    assert gm.post("/1/withdraw").status_code == 403
    assert sales.post("/1/withdraw").status_code == good
    assert _batch(app).state == "checked"
    assert sales.post("/1/withdraw").status_code == 409


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_file_with_errors_cannot_be_handed_in(
    app: Flask, clock: StandingClock, people: scenes.Company, kind: str
) -> None:
    sales = Door(app, people.id_of("sales"), kind)
    sales.upload(lists.as_csv([lists.customer(1), lists.customer(2, credit_code="9.11E+17")], "gb18030"))
    sales.map(1)
    _work(app, clock)
    answer = sales.post("/1/hand-in", {"doubts_seen": "on" if kind == "page" else True})
    assert answer.status_code == 409
    assert _batch(app).state == "checked"


@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_mapping_without_what_is_needed_is_refused_at_its_field(
    app: Flask, people: scenes.Company, kind: str
) -> None:
    sales = Door(app, people.id_of("sales"), kind)
    sales.upload(lists.as_csv([lists.customer(1)]))
    answer = sales.post("/1/mapping", {"mapping.name": 0} if kind == "page" else {"mapping": {"name": 0}})
    assert answer.status_code == 422
    told = answer.get_data(as_text=True)
    if kind == "page":  # at the field as in the summary, in the reader's language
        assert 'id="f-mapping-account_manager-error"' in told
        assert told.count("请指明由哪一列提供。") > 1
        assert "Say which column holds this" not in told
    else:
        assert "account_manager" in told


@pytest.mark.parametrize(("who", "status"), [("sales", 200), ("sales_west", 404), ("gm", 200), ("li", 403)])
def test_an_import_is_seen_by_who_made_it_and_who_decides(
    app: Flask, people: scenes.Company, who: str, status: int
) -> None:
    Door(app, people.id_of("sales"), "page").upload(lists.as_csv([lists.customer(1)]))
    other = Door(app, people.id_of(who), "page")
    assert other.client.get("/takeover/1").status_code == status
    assert other.client.get("/api/v1/takeover/1").status_code == status


def test_the_rows_to_mend_come_as_a_file_with_their_reasons(
    app: Flask, clock: StandingClock, people: scenes.Company
) -> None:
    sales = Door(app, people.id_of("sales"), "page")
    bad = lists.customer(2, credit_code="9.11E+17", account_manager="=cmd()")
    sales.upload(lists.as_csv([lists.customer(1), bad, lists.customer(3)]))
    sales.map(1)
    _work(app, clock)
    answer = sales.post("/1/faults", {"form": "xlsx"})
    rows = list(openpyxl.load_workbook(io.BytesIO(answer.data)).active.values)  # type: ignore[union-attr]
    assert list(rows[0][2:4]) == ["客户名称", "统一社会信用代码"]
    assert len(rows) == 2
    assert rows[1][0] == 3
    assert "统一社会信用代码" in str(rows[1][1])
    assert "=cmd()" in rows[1]
    page = sales.client.get("/takeover/1").get_data(as_text=True)
    assert "9.11E+17" not in page  # the list names row and field
    assert "客户经理" in page


def test_the_empty_form_comes_back_mapped_by_itself(app: Flask, people: scenes.Company) -> None:
    sales = Door(app, people.id_of("sales"), "page")
    form = sales.client.get("/takeover/form").data
    assert sales.upload(form, "模板.xlsx").status_code == 302
    batch = _batch(app)
    from tierflow.onboarding.service.takeover import CUSTOMERS

    assert set(batch.mapping) == {column.key for column in CUSTOMERS.columns}


def test_the_customers_page_says_where_it_came_from(app: Flask, clock: StandingClock, people: scenes.Company) -> None:
    sales, gm = (Door(app, people.id_of(who), "page") for who in ("sales", "gm"))
    sales.upload(lists.as_csv([lists.customer(1)]))
    sales.map(1)
    _work(app, clock)
    sales.post("/1/hand-in")
    assert "老客户" in gm.client.get("/").get_data(as_text=True)  # the inbox
    gm.post("/1/apply", SEEN)
    _work(app, clock)
    page = gm.client.get("/customers/1/history").get_data(as_text=True)
    assert "存量接收" in page
    assert gm.client.get("/takeover/1").status_code == 200


def test_the_example_of_the_blank_list_could_be_a_company() -> None:
    from tierflow.onboarding.service.takeover import CUSTOMERS

    sample = next(column.sample for column in CUSTOMERS.columns if column.key == "credit_code")
    assert credit_code(sample) == sample


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_colleague_takes_a_list_over_and_sees_it_from_then_on(
    app: Flask, clock: StandingClock, people: scenes.Company, kind: str
) -> None:
    with app.app_context(), transaction() as session:
        colleague_id = builders.user(session, "colleague", (Role.SALES_MANAGER, people.region)).id
    sales, colleague = Door(app, people.id_of("sales"), kind), Door(app, colleague_id, kind)
    assert sales.upload(lists.as_csv([lists.customer(1)])).status_code in (302, 201)
    listed = colleague.client.get(colleague.base).text
    assert "老客户.csv" in listed
    assert "统一社会信用代码" not in listed, "its heads are the maker's, they may be a row"
    assert colleague.client.get(f"{colleague.base}/1").status_code == 404
    assert colleague.map(1).status_code == 404
    good = 302 if kind == "page" else 200
    li, west = (Door(app, people.id_of(who), kind) for who in ("li", "sales_west"))
    assert li.post("/1/take-over").status_code == 403, "an account manager prepares no lists"
    assert west.post("/1/take-over").status_code == 404, "what stands in it is another region's"
    assert "老客户.csv" not in west.client.get(west.base).text
    assert colleague.post("/1/take-over").status_code == good
    assert colleague.post("/1/take-over").status_code == 409, "it is theirs already"
    assert colleague.map(1).status_code == good
    assert sales.client.get(f"{sales.base}/1").status_code == 404
    assert _batch(app).created_by_id == colleague_id


@pytest.mark.rule("CHEM-3.3", "CHEM-7.2")
@pytest.mark.parametrize("kind", ["page", "api"])
def test_a_list_taken_over_is_checked_again_for_whose_it_is(
    app: Flask, clock: StandingClock, people: scenes.Company, kind: str
) -> None:
    offices = (Role.ACCOUNT_MANAGER, (Role.SALES_MANAGER, people.region))
    with app.app_context(), transaction() as session:
        colleague_id = builders.user(session, "colleague", *offices).id
    sales, colleague = Door(app, people.id_of("sales"), kind), Door(app, colleague_id, kind)
    sales.upload(lists.as_csv([lists.customer(1, account_manager="colleague"), lists.customer(2)]))
    sales.map(1)
    _work(app, clock)
    assert (_batch(app).state, _batch(app).bad) == ("checked", 0)
    assert 'href="/takeover/1"' in sales.client.get("/notices").text
    colleague.post("/1/take-over")
    assert _batch(app).state == "to_check"
    assert colleague.post("/1/hand-in").status_code == 409, "what was good for the giver is not known to be"
    _work(app, clock)
    assert (_batch(app).state, _batch(app).good, _batch(app).bad) == ("checked", 1, 1)
    found = colleague.client.get("/api/v1/takeover/1/findings").get_json()["rows"]
    assert [(row["number"], row["field"]) for row in found] == [(2, "account_manager")]
    assert colleague.post("/1/hand-in").status_code == 409
    told = sales.client.get("/notices").text
    assert "colleague" in told
    assert "/takeover/1" not in told, "nobody is led to a page that is closed to them"
    assert 'href="/takeover/1"' in colleague.client.get("/notices").text


@pytest.mark.rule("CHEM-4", "CHEM-7.2")
def test_customers_go_to_nobody_who_had_their_list_in_hand(
    app: Flask, clock: StandingClock, people: scenes.Company
) -> None:
    with app.app_context(), transaction() as session:
        builders.grant(session, session.get_one(User, people.id_of("sales")), Role.ACCOUNT_MANAGER)
        colleague_id = builders.user(session, "colleague", (Role.SALES_MANAGER, people.region)).id
    sales, colleague = (Door(app, one, "api") for one in (people.id_of("sales"), colleague_id))
    sales.upload(lists.as_csv([lists.customer(1, account_manager="sales"), lists.customer(2)]))
    sales.map(1)
    _work(app, clock)
    assert (_batch(app).good, _batch(app).bad) == (1, 1)
    colleague.post("/1/take-over")
    _work(app, clock)
    assert (_batch(app).good, _batch(app).bad) == (1, 1), "it was theirs"
