"""The doors to papers handed in anew: form and JSON alike, the customer's phone, the wall, the marks on the lists."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from tests.conftest import NOW, StandingClock
from tests.onboarding import keeping, scenes
from tests.onboarding.test_pages import House

PRINTED = {
    "number": scenes.credit_code(1),
    "issuer": "上海市市场监督管理局",
    "valid_from": "2020-01-01",
    "valid_to": "2036-11-30",
}
AFTER = NOW + timedelta(days=8)


def scan() -> dict[str, Any]:
    return {"file": (io.BytesIO(scenes.png()), "营业执照.png")}


def house_of(file: keeping.File) -> House:
    return House(file.app, file.place)


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize("door", ["page", "api"])
def test_renewed_and_examined_through_either_door(app: Flask, clock: StandingClock, door: str) -> None:
    file = keeping.opened(app)
    clock.at = AFTER
    house = house_of(file)
    li, sales, finance = house.screen("li"), house.screen("sales"), house.screen("finance")
    api = f"/api/v1/customers/{file.customer}"
    assert li.client.get(f"{api}/suspension").get_json()["papers"] == ["merged_licence"]
    shown = li.get(f"/customers/{file.customer}")
    assert "自 2026-12-01 起暂停业务" in shown
    assert f"/customers/{file.customer}/papers/merged_licence/renew" in shown
    token = {"X-CSRFToken": li.token}
    if door == "page":
        answer = li.post(f"/customers/{file.customer}/papers/merged_licence/renew", {**PRINTED, **scan()})
        assert answer.status_code == 302, answer.get_data(as_text=True)
        renewal = int(answer.headers["Location"].rpartition("/")[2])
    else:
        sent = {**PRINTED, "kind": "merged_licence", **scan()}
        answer = li.client.post(f"{api}/paper-renewals", data=sent, headers=token)
        assert answer.status_code == 201, answer.get_json()
        renewal = answer.get_json()["id"]
    for screen in (sales, finance):
        assert f"/paper-renewals/{renewal}" in screen.get("/")
        page = screen.get(f"/paper-renewals/{renewal}")
        version = re.search(r'name="version" value="(\d+)"', page)
        step = re.search(r'name="step" value="(\w+)"', page)
        assert version
        assert step
        verdict = {"version": version[1], "step": step[1], "verdict": "approve"}
        if door == "page":
            assert screen.post(f"/paper-renewals/{renewal}/decide", verdict).status_code == 302
        else:
            done = screen.client.post(
                f"/api/v1/paper-renewals/{renewal}/decisions", json=verdict, headers={"X-CSRFToken": screen.token}
            )
            assert done.status_code == 201, done.get_json()
    assert not li.client.get(f"{api}/suspension").get_json()["is_suspended"]
    assert "起暂停业务" not in li.get(f"/customers/{file.customer}")


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize("door", ["page", "api"])
def test_what_is_wrong_is_said_at_its_field(app: Flask, door: str) -> None:
    file = keeping.opened(app)
    li = house_of(file).screen("li")
    wrong = {**PRINTED, "valid_to": "2026-11-30"}
    if door == "page":
        answer = li.post(f"/customers/{file.customer}/papers/merged_licence/renew", {**wrong, **scan()})
        assert answer.status_code == 409
        assert 'id="f-valid_to-error"' in answer.get_data(as_text=True)
        assert "截止日不晚于在档资质" in answer.get_data(as_text=True)
        return
    sent = {**wrong, "kind": "merged_licence", **scan()}
    answer = li.client.post(
        f"/api/v1/customers/{file.customer}/paper-renewals", data=sent, headers={"X-CSRFToken": li.token}
    )
    assert answer.status_code == 409
    assert [row["field"] for row in answer.get_json()["refusals"]] == ["valid_to"]


@pytest.mark.rule("CHEM-15")
def test_the_customers_phone_hands_in_once_without_an_account(app: Flask) -> None:
    file = keeping.opened(app)
    house = house_of(file)
    li = house.screen("li")
    page = li.post(f"/customers/{file.customer}/papers/merged_licence/link", {"days": "3"})
    assert page.status_code == 200
    path = re.search(r'data-copy="http://[^/]+(/upload/[\w-]+)"', page.get_data(as_text=True))
    assert path
    phone = app.test_client()
    shown = phone.get(path[1]).get_data(as_text=True)
    assert "华东塑料第1有限公司" in shown
    token = re.search(r'name="csrf_token" value="([^"]+)"', shown)
    assert token
    form = {**PRINTED, "csrf_token": token[1]}
    refused = phone.post(path[1], data={**form, "valid_to": "2020-01-01", **scan()})
    assert refused.status_code == 422
    assert 'id="f-valid_to-error"' in refused.get_data(as_text=True)
    assert phone.post(path[1], data=form).status_code == 422, "without a file"
    taken = phone.post(path[1], data={**form, **scan()})
    assert taken.status_code == 200
    assert "已收到" in taken.get_data(as_text=True)
    assert phone.get(path[1]).status_code == 404
    assert phone.post(path[1], data={**form, **scan()}).status_code == 404
    assert "客户手机上传" in house.screen("sales").get("/paper-renewals/1")


def test_a_phone_needs_the_forms_own_token(app: Flask) -> None:
    phone = app.test_client()
    assert phone.get("/upload/nothing").status_code == 404
    assert phone.post("/upload/nothing", data=PRINTED).status_code == 400


@pytest.mark.rule("CHEM-15")
def test_the_wall_shows_the_soonest_first_and_keeps_to_its_filter(app: Flask, clock: StandingClock) -> None:
    from tierflow.common.db import transaction

    file = keeping.opened(app)
    with app.app_context(), transaction() as session:
        keeping.admitted(session, file.place, 2, ends=(NOW + timedelta(days=40)).date())
        keeping.admitted(session, file.place, 3, ends=None)
    clock.at = AFTER
    house = house_of(file)
    li = house.screen("li")
    rows = li.client.get("/api/v1/customers/expiring").get_json()["rows"]
    assert [(row["customer_id"], row["days_left"], row["is_suspended"]) for row in rows] == [
        (1, -1, True),
        (2, 32, False),
    ]
    first = li.client.get("/api/v1/customers/expiring?size=1").get_json()
    rest = li.client.get(f"/api/v1/customers/expiring?size=1&cursor={first['after']}").get_json()
    assert [row["customer_id"] for row in rest["rows"]] == [2]
    expired = li.client.get("/api/v1/customers/expiring?expired=1").get_json()["rows"]
    assert [row["customer_id"] for row in expired] == [1]
    page = li.get("/customers/expiring?within=60")
    assert "华东塑料第2有限公司" in page
    assert "华东塑料第1有限公司" not in page
    assert house.screen("wang").client.get("/api/v1/customers/expiring").get_json()["rows"] == []
    assert li.client.get("/customers/expiring?kind=nonsense").status_code == 422
    sheet = li.post("/customers/expiring/export", {"form": "csv"}).get_data(as_text=True)
    assert sheet.count("\n") == 3
    assert "暂停业务" in li.get("/customers?papers=suspended")
    assert "华东塑料第2有限公司" not in li.get("/customers?papers=suspended")
