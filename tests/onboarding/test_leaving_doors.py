"""The doors to the customer file's other matters: change, supplement, disqualification, receipts, inspection."""

from __future__ import annotations

import io
import re
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask

from tests.conftest import NOW
from tests.onboarding import keeping, scenes
from tests.onboarding.test_pages import House, Screen
from tierflow.common.customers import name_key
from tierflow.common.db import transaction
from tierflow.kernel.months import local_day
from tierflow.onboarding.models import Disqualified, DisqualifiedName
from tierflow.onboarding.rules.inspection import ITEMS
from tierflow.onboarding.service import inspecting


def scan() -> dict[str, Any]:
    return {"file": (io.BytesIO(scenes.png()), "证据.png")}


def opened(app: Flask) -> tuple[keeping.File, House]:
    file = keeping.opened(app)
    return file, House(app, file.place)


def verdict(screen: Screen, path: str, **more: str) -> dict[str, str]:
    """The decision form as the page shows it."""
    page = screen.get(path)
    version = re.search(r'name="version" value="(\d+)"', page)
    step = re.search(r'name="step" value="(\w+)"', page)
    assert version
    assert step
    return {"version": version[1], "step": step[1], "verdict": "approve", **more}


def through_api(screen: Screen, path: str, data: dict[str, Any], status: int = 201) -> Any:
    answer = screen.client.post(f"/api/v1{path}", json=data, headers={"X-CSRFToken": screen.token})
    assert answer.status_code == status, answer.get_json()
    return answer.get_json()


@pytest.mark.rule("CHEM-8.1")
@pytest.mark.parametrize("door", ["page", "api"])
def test_a_change_goes_to_its_examiner_through_either_door(app: Flask, door: str) -> None:
    file, house = opened(app)
    li, finance = house.screen("li"), house.screen("finance")
    assert "6222020200112233" not in li.get(f"/customers/{file.customer}")
    new = {"bank_account": "6222020200112233", "reason": "开户行变更"}
    if door == "page":
        assert "中国工商银行上海分行" in li.get(f"/customers/{file.customer}/change")
        answer = li.post(f"/customers/{file.customer}/change", new)
    else:
        path = f"/api/v1/customers/{file.customer}/changes"
        answer = li.client.post(path, data=new, headers={"X-CSRFToken": li.token})
    assert answer.status_code in (201, 302), answer.get_data(as_text=True)
    shown = li.get(f"/customers/{file.customer}")
    assert "变更审核中" in shown
    assert "6222020200112233" not in shown
    assert "/customer-changes/1" in finance.get("/")
    said = verdict(finance, "/customer-changes/1")
    if door == "page":
        assert finance.post("/customer-changes/1/decide", said).status_code == 302
    else:
        assert through_api(finance, "/customer-changes/1/decisions", said)["outcome"] == "accepted"
    assert "6222020200112233" in li.get(f"/customers/{file.customer}")
    assert "客户信息变更生效" in li.get(f"/customers/{file.customer}/history")


@pytest.mark.rule("CHEM-8.1")
@pytest.mark.parametrize("door", ["page", "api"])
def test_a_change_is_returned_and_corrected_through_either_door(app: Flask, door: str) -> None:
    file, house = opened(app)
    li, finance = house.screen("li"), house.screen("finance")
    new = {"bank_account": "6222020200112233", "reason": "开户行变更"}
    assert li.post(f"/customers/{file.customer}/change", new).status_code == 302
    path, token = "/customer-changes/1", {"X-CSRFToken": li.token}
    said = verdict(finance, path, verdict="return", reason="账号少一位")
    if door == "page":
        assert finance.post(f"{path}/decide", {**said, "reason": ""}).status_code == 409, "a reason is needed"
        assert finance.post(f"{path}/decide", said).status_code == 302
    else:
        assert through_api(finance, f"{path}/decisions", said)["outcome"] is None
    assert path in li.get("/"), "in the inbox of whoever keeps the file"
    shown = li.get(path)
    assert "账号少一位" in shown
    assert 'value="6222020200112233"' in shown
    mended = {"bank_account": "6222020200112241", "reason": "账号更正"}
    if door == "page":
        assert li.post(f"{path}/correct", {**mended, "reason": ""}).status_code == 422
        assert li.post(f"{path}/correct", mended).status_code == 302
    else:
        answer = li.client.patch(f"/api/v1{path}", data=mended, headers=token)
        assert answer.status_code == 200, answer.get_json()
    said = verdict(finance, path)
    assert finance.post(f"{path}/decide", said).status_code == 302
    assert "6222020200112241" in li.get(f"/customers/{file.customer}")


@pytest.mark.rule("CHEM-8.1", "CHEM-17")
@pytest.mark.parametrize("door", ["page", "api"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_whom_new_values_agree_with_is_shown_until_they_are_decided(app: Flask, door: str, language: str) -> None:
    file, house = opened(app)
    with app.app_context(), transaction() as session:
        keeping.admitted(session, file.place, 2)
        row = Disqualified(
            name="坏旧名塑料", credit_code=scenes.credit_code(7), ground="fraud", since=local_day(NOW), reason="假证照"
        )
        session.add(row)
        session.flush()
        session.add(DisqualifiedName(disqualified_id=row.id, name=row.name, name_key=name_key(row.name)))
    told = {
        "zh": ["该单位在取消资格客户名单内：坏旧名塑料", "已有客户使用此电话：C000002 华东塑料第2有限公司"],
        "en": ["on the list of disqualified customers: 坏旧名塑料", "A customer has this telephone: C000002 "],
    }[language]
    li, sales, path = house.screen("li"), house.screen("sales"), "/customer-changes/1"
    for who in (li, sales):
        assert who.post("/language", {"lang": language}).status_code == 302
    new = {"name": "坏旧名塑料有限公司", "phone": "13800000002", "reason": "更名"}
    assert li.post(f"/customers/{file.customer}/change", new).status_code == 302

    def shown(who: Screen) -> str:
        if door == "page":
            return who.get(path)
        return " ".join(row["reason"] for row in who.client.get(f"/api/v1{path}").get_json()["matches"])

    for who in (li, sales):
        assert all(words in shown(who) for words in told), shown(who)
    for who in (sales, house.screen("finance")):
        assert who.post(f"{path}/decide", verdict(who, path)).status_code == 302
    assert not any(words in shown(sales) for words in told)


def test_wrong_particulars_are_told_at_their_field(app: Flask) -> None:
    file, house = opened(app)
    answer = house.screen("li").post(f"/customers/{file.customer}/change", {"credit_code": "1", "reason": "x"})
    assert answer.status_code == 422
    assert 'id="f-credit_code-error"' in answer.get_data(as_text=True)


@pytest.mark.rule("CHEM-8.1")
def test_a_supplement_opens_in_the_editor(app: Flask) -> None:
    file, house = opened(app)
    li = house.screen("li")
    answer = li.post(f"/customers/{file.customer}/supplement")
    assert answer.status_code == 302
    assert "华东塑料第1有限公司" in li.get(answer.headers["Location"])
    assert li.post(f"/customers/{file.customer}/supplement").status_code == 409


@pytest.mark.rule("CHEM-17")
@pytest.mark.parametrize("door", ["page", "api"])
def test_disqualified_through_either_door(app: Flask, door: str) -> None:
    file, house = opened(app)
    sales, gm = house.screen("sales"), house.screen("gm")
    given = {"ground": "fraud", "facts": "提供虚假营业执照"}
    path = f"/customers/{file.customer}"
    if door == "page":
        assert sales.post(f"{path}/disqualify", given).status_code == 422, "without evidence"
        assert sales.post(f"{path}/disqualify", {**given, **scan()}).status_code == 302
    else:
        api = f"/api/v1{path}/disqualifications"
        answer = sales.client.post(api, data={**given, **scan()}, headers={"X-CSRFToken": sales.token})
        assert answer.status_code == 201, answer.get_json()
    assert "/disqualifications/1" in gm.get("/")
    for address in ("/disqualifications/1/files/evidence", "/api/v1/disqualifications/1/evidence"):
        assert gm.client.get(address).mimetype.startswith(("image/", "application/pdf"))
        assert house.screen("wang").client.get(address).status_code == 404, "not in his regions"
    said = verdict(gm, "/disqualifications/1")
    if door == "page":
        assert gm.post("/disqualifications/1/decide", said).status_code == 302
    else:
        through_api(gm, "/disqualifications/1/decisions", said)
    assert "已于 2026-11-23 取消客户资格" in sales.get(path)
    assert "华东塑料第1有限公司" in sales.get("/disqualified")
    assert sales.client.get("/api/v1/disqualified").get_json()["rows"][0]["ground"] == "fraud"
    for q, is_found in (
        ("塑料第1", True),
        ("华东塑料第1有限公司", True),
        ("塑料第2", False),
        ("%", False),
        ("()", False),
    ):
        assert ("华东塑料第1有限公司" in sales.get(f"/disqualified?q={quote(q)}")) is is_found, q
        found = sales.client.get("/api/v1/disqualified", query_string={"q": q}).get_json()["rows"]
        assert bool(found) is is_found, q
    assert sales.client.get(f"/api/v1{path}/suspension").get_json()["is_disqualified"]


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize("door", ["page", "api"])
def test_finance_acknowledges_by_name(app: Flask, door: str) -> None:
    _file, house = opened(app)
    finance, sales = house.screen("finance"), house.screen("sales")
    assert "/distributions/1" in finance.get("/")
    assert finance.client.get("/distributions/1").status_code == 302
    assert sales.post("/distributions/1/receipt").status_code == 403
    if door == "page":
        assert finance.post("/distributions/1/receipt").status_code == 302
    else:
        through_api(finance, "/distributions/1/receipt", {})
    assert "人finance" in sales.get("/distributions")
    assert finance.client.get("/api/v1/distributions?state=waiting").get_json()["rows"] == []


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_the_filing_names_every_paper(app: Flask, base: str) -> None:
    from openpyxl import load_workbook

    _file, house = opened(app)

    def asked(who: str) -> Any:
        screen = house.screen(who)
        sent: dict[str, Any] = {"json": {}} if base else {}
        return screen.client.post(f"{base}/customers/filing", headers={"X-CSRFToken": screen.token}, **sent)

    answer = asked("sales")
    assert answer.status_code == 200
    sheet = load_workbook(io.BytesIO(answer.data)).active
    assert sheet is not None
    row = [cell.value for cell in sheet[2]]
    assert "华东塑料第1有限公司" in row
    assert any(str(value).startswith("营业执照（三证合一）") and "2026-11-30" in str(value) for value in row)
    assert asked("li").status_code == 403


@pytest.mark.rule("CHEM-8.2")
@pytest.mark.parametrize("door", ["page", "api"])
def test_a_file_is_inspected_mended_and_closed(app: Flask, door: str) -> None:
    _file, house = opened(app)
    with app.app_context(), transaction() as session:
        inspecting.open_round(session, NOW, seed="seed")
    sales, li = house.screen("sales"), house.screen("li")
    assert "华东塑料第1有限公司" in sales.get("/inspections?state=open")
    assert "seed" in sales.get("/inspections/1")
    said = [{"key": key, "verdict": "pass"} for key in ITEMS]
    said[-1] |= {"verdict": "fail", "remark": "电话停机"}
    if door == "page":
        form = {f"items.{one['key']}.{part}": one[part] for one in said for part in one if part != "key"}
        assert sales.post("/inspections/1/inspect", {"items.papers.verdict": "pass"}).status_code == 422
        assert sales.post("/inspections/1/inspect", form).status_code == 302
        assert "/inspections/1" in li.get("/")
        assert li.post("/inspections/1/findings/1/mend", {"mended": "已更新"}).status_code == 302
        assert sales.post("/inspections/1/findings/1/close").status_code == 302
    else:
        through_api(sales, "/inspections/1/answers", {"items": said})
        through_api(li, "/inspection-findings/1/mended", {"mended": "已更新"})
        through_api(sales, "/inspection-findings/1/closed", {})
    found = sales.client.get("/api/v1/inspections/1").get_json()
    assert found["seed"] == "seed"
    assert found["findings"][0]["closed_at"]
    assert "已关闭" in sales.get("/inspections/1")
