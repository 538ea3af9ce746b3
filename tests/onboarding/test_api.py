"""Account opening told through the API alone, end to end, and what it says to bad input."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from tests.conftest import NOW
from tests.onboarding import scenes
from tierflow.common.customers import Customer
from tierflow.common.db import Base, db, transaction
from tierflow.common.files import FileContent, StoredFile
from tierflow.common.sessions import ApiToken, hash_secret
from tierflow.onboarding.models import Application, Paper

API = "/api/v1"


@dataclass
class Door:
    """The API as one person's program uses it."""

    client: FlaskClient
    secret: str

    def send(self, method: str, path: str, **kwargs: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.secret}", "Accept-Language": "en", **kwargs.pop("headers", {})}
        return self.client.open(API + path, method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> TestResponse:
        return self.send("GET", path, **kwargs)

    def post(self, path: str, data: Any = None, **kwargs: Any) -> TestResponse:
        return self.send("POST", path, json={} if data is None else data, **kwargs)

    def upload(self, path: str, form: dict[str, Any], name: str, content: bytes, method: str = "POST") -> TestResponse:
        data = {**form, "file": (io.BytesIO(content), name)}
        return self.send(method, path, data=data, content_type="multipart/form-data")


@dataclass
class Scene:
    app: Flask
    place: scenes.Company

    def door(self, who: str) -> Door:
        secret = f"tf_{who}"
        with self.app.app_context(), transaction() as session:
            if session.scalar(select(ApiToken).where(ApiToken.token_hash == hash_secret(secret))) is None:
                session.add(
                    ApiToken(
                        token_hash=hash_secret(secret),
                        user_id=self.place.id_of(who),
                        label="test",
                        scopes=["*:read", "*:write", "application:read", "application:write", "customer:read"],
                        created_at=NOW,
                        expires_at=NOW + timedelta(days=30),
                    )
                )
        return Door(self.app.test_client(), secret)

    def count(self, model: Any) -> int:
        with self.app.app_context():
            found = db.session().scalar(select(func.count()).select_from(model)) or 0
            db.session().rollback()
        return found

    def dump(self) -> dict[str, Any]:
        """Every row of every table but those a denied or refused request may write to."""
        with self.app.app_context():
            session = db.session()
            tables = {
                table.name: session.execute(select(table).order_by(*table.primary_key.columns)).all()
                for table in Base.metadata.sorted_tables
                if table.name not in ("security_event", "login_attempt", "user_session", "api_token")
            }
            session.rollback()
        return tables


def _scene(app: Flask) -> Scene:
    with app.app_context(), transaction() as session:
        return Scene(app, scenes.company(session))


@pytest.fixture
def scene(app: Flask) -> Scene:
    return _scene(app)


@pytest.fixture
def both(both_app: Flask) -> Scene:
    return _scene(both_app)


def _filed(scene: Scene, number: int = 1, **changed: Any) -> tuple[Door, dict[str, Any]]:
    """A complete application in draft, filed through the API."""
    li = scene.door("li")
    data = scenes.particulars(scene.place, number, **changed)
    data["lines"] = scenes.lines((scene.place.polyolefin, "dealer"))
    data["checks"] = scenes.answers("dealer")
    answer = li.post("/applications", data)
    assert answer.status_code == 201, answer.text
    made = answer.json
    printed = {"number": data["credit_code"], "issuer": "市监局", "valid_from": "2020-01-01", "is_long_term": "true"}
    path = f"/applications/{made['application']['id']}/papers"
    assert li.upload(path, {"kind": "merged_licence", **printed}, "营业执照.png", scenes.png()).status_code == 201
    assert li.upload(path, {"kind": "annex1_signed"}, "审批表.pdf", scenes.pdf()).status_code == 201
    return li, made


def _verdict(door: Door, application_id: int, verdict: str = "approve", **more: Any) -> TestResponse:
    page = door.get(f"/applications/{application_id}").json
    items = more.pop("items", [{"key": item["key"], "verdict": "pass"} for item in page["items"]])
    case = page["case"]
    data = {"seen_version": case["version"], "step": case["step"], "verdict": verdict, "items": items, **more}
    return door.post(f"/applications/{application_id}/decisions", data)


@pytest.mark.groundwork("CHEM-5")
@pytest.mark.rule("CHEM-7.1", "CHEM-7.2")
def test_an_account_is_opened_returned_once_and_approved(both: Scene) -> None:
    li, made = _filed(both)
    application_id = made["application"]["id"]
    one = f"/applications/{application_id}"
    ready = li.get(f"{one}/admission").json
    assert (ready["outcome"], ready["refusals"], ready["all_green"]) == ("admissible", [], True)
    assert li.post(f"{one}/submit", {"seen_version": made["application"]["version"]}).json["case"]["step"] == "sales"

    assert _verdict(both.door("sales"), application_id).json["case"]["step"] == "finance"
    finance = both.door("finance")
    assert finance.get("/applications/next").json == {"application_id": application_id}
    returned = _verdict(
        finance,
        application_id,
        "return",
        items=[{"key": "bank_account", "verdict": "fail", "remark": "账号与开户许可证不符"}],
    )
    assert returned.status_code == 201, returned.text
    back = li.get(one).json
    assert back["case"]["state"] == "returned"
    assert back["returned"] == {
        "bank_name": "账号与开户许可证不符",
        "bank_account": "账号与开户许可证不符",
    }
    seen = back["application"]["version"]
    saved = li.send("PATCH", one, json={"seen_version": seen, "bank_account": "1001 0000 0000 0077"})
    assert saved.status_code == 200, saved.text
    again = li.post(f"{one}/submit", {"seen_version": saved.json["application"]["version"]}).json
    assert (again["case"]["step"], again["case"]["round"]) == ("finance", 2), "sales is not asked again"
    page = finance.get(one).json
    assert [(change["group"], change["field"]) for change in page["changes"]] == [("invoicing", "bank_account")]
    assert finance.get(f"{one}/changes?round=1").json["changes"] == page["changes"]

    assert _verdict(finance, application_id).json["case"]["step"] == "management"
    done = _verdict(both.door("gm"), application_id).json
    assert done["case"]["state"] == "approved"
    customer_id = done["application"]["customer_id"]
    customer = li.get(f"/customers/{customer_id}").json
    assert customer["customer"]["number"] == "C000001"
    assert customer["customer"]["bank_account"] == "1001000000000077"
    assert [line["customer_class"] for line in customer["lines"]] == ["dealer"]
    assert {paper["kind"] for paper in customer["papers"]} == {"merged_licence", "annex1_signed"}
    assert len(customer["decisions"]) == 4
    listed = li.get("/customers?q=hdsl").json["rows"]
    assert [row["id"] for row in listed] == [customer_id], "found by the initials of its pinyin"
    actions = [event["action"] for event in li.get(f"{one}/timeline").json["events"]]
    assert actions[0] == "decide.approve"
    assert actions.count("submit") == 2
