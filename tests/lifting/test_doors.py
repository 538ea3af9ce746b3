"""Both doors, page and API: the same schema, the same service, the same refusals (CHEM-2, CHEM-5)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from tests.builders import csrf_of, sign_in
from tests.complaints.facts import at
from tests.conftest import StandingClock
from tests.lifting.scenes import PRICE, Scene, T
from tierflow.common.db import db
from tierflow.lifting.models import BankLine, LiftingOrder, Slip, Weighing

OUTCOMES = {200: "ok", 201: "ok", 302: "ok", 422: "invalid", 409: "refused", 403: "forbidden", 404: "missing"}


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-11-23 10:00")
    return Scene(app)


class Door:
    """One way in. Both answer what happened, and the fields that were wrong."""

    def __init__(self, scene: Scene, kind: str) -> None:
        self.scene, self.kind = scene, kind
        self.clients: dict[str, tuple[FlaskClient, str]] = {}

    def send(self, login: str, page: str, api: str | None = None, **data: Any) -> tuple[str, set[str]]:
        client, token = self.client(login)
        if self.kind == "api":
            answer = client.post(f"/api/v1{api or page}", json=data, headers={"X-CSRFToken": token})
            errors = (answer.get_json(silent=True) or {}).get("errors", {})
            return OUTCOMES[answer.status_code], set(errors.get("json", errors))
        form = {key: value for key, value in data.items() if value is not None}
        answer = client.post(page, data={**form, "csrf_token": token})
        return OUTCOMES[answer.status_code], set(re.findall(r'id="f-([a-z_0-9-]+)-error"', answer.text))

    def client(self, login: str) -> tuple[FlaskClient, str]:
        if login not in self.clients:
            client = sign_in(self.scene.app, self.scene.company[login])
            self.clients[login] = (client, csrf_of(client))
        return self.clients[login]


@pytest.fixture(params=["page", "api"])
def door(request: pytest.FixtureRequest, scene: Scene) -> Door:
    return Door(scene, request.param)


def placed(scene: Scene, door: Door, **changed: Any) -> tuple[str, set[str]]:
    values: dict[str, Any] = {
        "product_id": scene.company.product,
        "warehouse_id": scene.company.warehouse,
        "form_of_sale": "planned",
        "tonnes": "30.000001",
        "price": "8200.50",
        **changed,
    }
    if door.kind == "api":
        values.setdefault("customer_id", scene.company.customer)
    else:
        values.setdefault("customer", "C-000001 宁波海曙化工有限公司")
    return door.send("am", "/orders/new", "/orders", **values)


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize(
    ("changed", "outcome", "fields"),
    [
        ({"tonnes": "0"}, "invalid", {"tonnes"}),
        ({"tonnes": "-1"}, "invalid", {"tonnes"}),
        ({"tonnes": "1.0000001"}, "invalid", {"tonnes"}),
        ({"tonnes": "50000.000001"}, "invalid", {"tonnes"}),
        ({"price": "0"}, "invalid", {"price"}),
        ({"price": "8200.505"}, "invalid", {"price"}),
        ({"form_of_sale": "gift"}, "invalid", {"form_of_sale"}),
        ({"product_id": "999999"}, "invalid", {"product_id"}),
        ({"warehouse_id": "x"}, "invalid", {"warehouse_id"}),
        ({"tonnes": None, "price": "x"}, "invalid", {"tonnes", "price"}),
        ({"price": "1000000.01"}, "refused", set()),
    ],
)
def test_bad_input_is_refused_by_field_and_nothing_is_stored(
    scene: Scene, door: Door, changed: dict[str, Any], outcome: str, fields: set[str]
) -> None:
    told, names = placed(scene, door, **changed)
    assert (told, names if outcome == "invalid" else set()) == (outcome, fields)
    with scene.app.app_context():
        assert db.session().scalar(select(LiftingOrder.id)) is None


@pytest.mark.rule("CHEM-2", "CHEM-5")
def test_a_whole_order_through_each_door(scene: Scene, door: Door) -> None:
    assert placed(scene, door)[0] == "ok"
    one, day = "/orders/1", "2026-11-23"
    assert door.send("am", f"{one}/release", tonnes="1")[0] == "refused", "nothing is paid"
    paid = {"amount": "246015.01", "value_on": day, "payer_name": "宁波海曙化工有限公司"}
    assert door.send("am", f"{one}/receive", **paid)[0] == "forbidden"
    assert door.send("finance", f"{one}/receive", **{**paid, "value_on": "2026-11-24"}) == ("invalid", {"value_on"})
    assert door.send("finance", f"{one}/receive", **paid)[0] == "ok"
    assert door.send("finance", f"{one}/release", tonnes="1")[0] == "forbidden"
    assert door.send("am2", f"{one}/release", tonnes="1")[0] == "missing"
    assert door.send("am", f"{one}/release", tonnes="30.000002")[0] == "refused"
    assert door.send("am", f"{one}/release", tonnes="30.000001", vehicle="浙B12345")[0] == "ok"
    with scene.app.app_context():
        code = db.session().scalars(select(Slip.code)).one()
    gate = f"/gate/{code}", f"/gate/slips/{code}"
    assert door.send("am", f"{gate[0]}/weigh", f"{gate[1]}/weigh", tonnes="1")[0] == "forbidden"
    assert door.send("keeper2", f"{gate[0]}/weigh", f"{gate[1]}/weigh", tonnes="1")[0] == "missing"
    assert door.send("keeper", f"{gate[0]}/weigh", f"{gate[1]}/weigh", tonnes="31")[0] == "refused"
    assert door.send("keeper", f"{gate[0]}/weigh", f"{gate[1]}/weigh", tonnes="30.000001")[0] == "ok"
    with scene.app.app_context():
        number = db.session().scalars(select(Weighing.number)).one()
    back = {"pass_number": number, "tonnes": "0.000001", "reason": "洒落"}
    assert door.send("keeper", f"{gate[0]}/take-back", f"{gate[1]}/take-back", **back)[0] == "ok"
    assert door.send("finance", f"{one}/settle")[0] == "ok"
    assert door.send("finance", f"{one}/refund", amount="0.02", value_on=day)[0] == "refused"
    assert door.send("finance", f"{one}/refund", amount="0.01", value_on=day)[0] == "ok"
    invoice = {"number": "24332000000012345678", "invoiced_on": day, "amount": "246015"}
    assert door.send("finance", f"{one}/invoice", **invoice)[0] == "ok"
    assert door.send("finance", f"{one}/invoice", **{**invoice, "number": "2", "amount": "0.01"})[0] == "refused"
    told = door.client("am")[0].get("/api/v1/orders/1").get_json()
    assert (told["state"], told["settled"], told["owes"], told["lifted"]) == ("settled", "246015.00", "0.00", "30")


@pytest.mark.rule("CHEM-9.6")
def test_receipts_matched_in_any_order_pay_on_the_last_of_their_days(scene: Scene, door: Door) -> None:
    scene.place(10)
    for amount, day in (("61503.75", "2026-11-23"), ("20501.25", "2026-11-20")):
        assert door.send("finance", "/orders/1/receive", amount=amount, value_on=day, payer_name="甲")[0] == "ok"
    told = door.client("am")[0].get("/api/v1/orders/1").get_json()
    assert (told["paid_on"], told["missing"]) == ("2026-11-23", "0.00")


@pytest.mark.rule("CHEM-2")
def test_the_keeper_sees_slips_and_no_money(scene: Scene, door: Door) -> None:
    order = scene.place(10)
    scene.receive(order, 10 * PRICE)
    slip = scene.release(order, 10 * T)
    client, _token = door.client("keeper")
    at_gate = client.get(f"/gate/{slip.code}" if door.kind == "page" else f"/api/v1/gate/slips/{slip.code}")
    assert at_gate.status_code == 200
    assert "8200" not in at_gate.text.replace(",", "")
    for path in ("/orders", f"/orders/{order}", "/bank", f"/api/v1/orders/{order}"):
        assert client.get(path).status_code == 403, path
    mistyped = f"{slip.code[:5]}-{slip.code[5:]}".lower()
    assert client.get(f"/gate?code={mistyped}").headers["Location"].endswith(slip.code)
    wrong = slip.code[:-1] + ("2" if slip.code[-1] != "2" else "3")
    assert "f-code-error" in client.get(f"/gate?code={wrong}").text
    other, _ = door.client("keeper2")
    assert slip.number not in other.get("/gate").text
    assert slip.number in client.get("/gate").text


STATEMENT = """招商银行对账单,,,,,
交易日期,对方户名,对方账号,贷方金额,附言,流水号
2026-11-23,宁波海曙化工有限公司,397172638814,"82,005.00",货款,S1
2026-11-23,上海别家贸易有限公司,6222,"16,401.00",代付 TD-2026-000002,S2
2026/11/22,某某,1,12.00,,S3
2026-11-23,付出去的,2,,手续费,S4
"""


def upload(door: Door, content: bytes, name: str = "对账单.csv") -> TestResponse:
    client, token = door.client("finance")
    path = "/bank" if door.kind == "page" else "/api/v1/bank-statements"
    data = {"file": (io.BytesIO(content), name), "csrf_token": token}
    if door.kind == "api":
        data.pop("csrf_token")
    return client.post(path, data=data, headers={"X-CSRFToken": token}, content_type="multipart/form-data")


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize("encode", [lambda s: s.encode(), lambda s: s.encode("gb18030")], ids=["utf-8", "gb18030"])
def test_a_statement_is_matched_with_one_key(scene: Scene, door: Door, encode: Callable[[str], bytes]) -> None:
    first, second = scene.place(10), scene.place(2)
    assert OUTCOMES[upload(door, encode(STATEMENT)).status_code] == "ok"
    assert OUTCOMES[upload(door, encode(STATEMENT)).status_code] == "ok", "the same file changes nothing"
    again = STATEMENT.replace("招商银行对账单", "招商银行对账单（续）")
    assert OUTCOMES[upload(door, encode(again)).status_code] == "ok", "nor do the same lines"
    rows = door.client("finance")[0].get("/api/v1/bank-receipts").get_json()["rows"]
    assert [row["amount"] for row in rows] == ["82005.00", "16401.00", "12.00"]
    account, number, neither = (row["proposal"] for row in rows)
    assert (account["order"], account["grounds"], account["is_other_payer"]) == (
        scene.order(first).number,
        ["account", "name", "amount"],
        False,
    )
    assert (number["order"], number["grounds"], number["is_other_payer"]) == (
        scene.order(second).number,
        ["number", "amount"],
        True,
    )
    assert neither is None
    one, other, rest = (row["id"] for row in rows)
    confirm = {"order": account["order"], "amount": account["amount"]}
    assert door.send("finance", f"/bank/{one}/match", f"/bank-receipts/{one}/match", **confirm)[0] == "ok"
    assert door.send("finance", f"/bank/{one}/match", f"/bank-receipts/{one}/match", **confirm)[0] == "refused"
    part = {"order": number["order"], "amount": "16401.01"}
    assert door.send("finance", f"/bank/{other}/match", f"/bank-receipts/{other}/match", **part)[0] == "refused"
    aside = f"/bank/{rest}/put-aside", f"/bank-receipts/{rest}/put-aside"
    assert door.send("finance", *aside, reason="利息")[0] == "ok"
    assert door.send("finance", *aside, reason="利息")[0] == "refused"
    assert scene.order(first).state == "paid"
    with scene.app.app_context():
        assert db.session().scalars(select(BankLine.matched_fen).order_by(BankLine.id)).all() == [8_200_500, 0, 0]


@pytest.mark.rule("CHEM-2")
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7",
        "日期,金额\n2026-11-23,1\n".encode(),
        STATEMENT.replace("82,005.00", "82,005.001").encode(),
        STATEMENT.replace("2026-11-23", "2026-11-24").encode(),
        STATEMENT.replace("2026-11-23", "23.11.").encode(),
        STATEMENT.replace("S2", "S1").encode(),
        "日期,付款人,金额\n2026-11-23,甲,0\n".encode(),
    ],
    ids=["empty", "pdf", "no payer", "half a fen", "to come", "no day", "serial twice", "no receipt"],
)
def test_a_bad_statement_is_refused_whole(scene: Scene, door: Door, content: bytes) -> None:
    assert OUTCOMES[upload(door, content).status_code] == "invalid"
    with scene.app.app_context():
        assert db.session().scalar(select(BankLine.id)) is None


@pytest.mark.rule("CHEM-9.1")
def test_may_i_sell_today_says_what_an_order_would_meet(scene: Scene, door: Door) -> None:
    client, _token = door.client("am")
    path = f"/customers/{scene.company.customer}"
    if door.kind == "page":
        page = client.get(path).text
        assert 'class="selling"' in page
        assert page.count("is-yes") == 1
        assert page.count("is-no") == 1
        return
    lines = client.get(f"/api/v1{path}/selling").get_json()["lines"]
    assert [(line["may_sell"], [reason["clause"] for reason in line["reasons"]]) for line in lines] == [
        (True, []),
        (False, ["CHEM-9.1"]),
    ]


def test_a_customer_nobody_knows_is_said_at_the_field(scene: Scene) -> None:
    door = Door(scene, "page")
    client, token = door.client("am")
    answer = client.post("/orders/new", data={"csrf_token": token, "customer": "没有这家"})
    assert answer.status_code == 422
    assert re.search(r'id="f-customer-error">.*您名下没有此编号或名称的客户', answer.text)


@pytest.mark.rule("CHEM-2")
def test_finance_is_not_asked_for_money_that_is_there(scene: Scene) -> None:
    client, _token = Door(scene, "page").client("finance")
    order = scene.place(10)

    def asked() -> bool:
        section = client.get(f"/orders/{order}").text.partition('class="next"')[2].partition("</section>")[0]
        return "receive" in section

    scene.receive(order, 9 * PRICE)
    assert asked(), "a tonne is not paid yet"
    scene.receive(order, PRICE)
    assert not asked()
    assert "等待放货" in client.get(f"/orders/{order}").text


def test_every_screen_of_an_order_opens_in_both_languages(scene: Scene, door: Door) -> None:
    order = scene.place(10, remark="加急")
    scene.receive(order, 10 * PRICE + 5, payer_name="别人", note="代付")
    slip = scene.release(order, 4 * T)
    scene.weigh(slip.code, 4 * T)
    pages = {
        "am": ["/orders", "/orders/new", f"/orders/{order}", f"/orders/{order}/release", f"/orders/{order}/slips/1"],
        "finance": [
            "/bank",
            "/bank?state=matched",
            f"/orders/{order}/settle",
            f"/orders/{order}/refund",
            f"/orders/{order}/carry",
            f"/orders/{order}/invoice",
            "/orders?state=owes",
        ],
        "keeper": ["/gate", f"/gate/{slip.code}"],
    }
    for login, paths in pages.items():
        client, token = door.client(login)
        for language in ("zh", "en"):
            client.post("/language", data={"lang": language, "csrf_token": token})
            for path in paths:
                assert client.get(path).status_code == 200, path
    client, token = door.client("am")
    exported = client.post("/orders/export", data={"csrf_token": token, "form": "csv"})
    assert exported.status_code == 200
    assert "加急" not in exported.text
    assert scene.order(order).number in exported.text
    for asked, same in (({"form": "csv"}, True), ({"form": "csv", "state": "owes"}, False)):
        told = client.post("/api/v1/orders/export", json=asked, headers={"X-CSRFToken": token})
        assert told.status_code == 200
        assert (told.data == exported.data) is same
