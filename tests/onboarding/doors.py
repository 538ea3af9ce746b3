"""The API as people's programs use it, for the tests of account opening."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.conftest import NOW
from tests.onboarding import scenes
from tierflow.common.db import Base, db, transaction
from tierflow.common.sessions import ApiToken, hash_secret
from tierflow.kernel.roles import TOKEN_SCOPES

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
        file = FileStorage(io.BytesIO(content), name, "file")
        boundary, body = encode_multipart({**form, "file": file})
        return self.send(method, path, data=body, content_type=f"multipart/form-data; boundary={boundary}")


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
                        scopes=[*TOKEN_SCOPES],
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


def scene_of(app: Flask) -> Scene:
    with app.app_context(), transaction() as session:
        return Scene(app, scenes.company(session))


def file_draft(scene: Scene, number: int = 1, **changed: Any) -> tuple[Door, dict[str, Any]]:
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


def decide(door: Door, application_id: int, verdict: str = "approve", **more: Any) -> TestResponse:
    page = door.get(f"/applications/{application_id}").json
    items = more.pop("items", [{"key": item["key"], "verdict": "pass"} for item in page["items"]])
    case = page["case"]
    data = {"seen_version": case["version"], "step": case["step"], "verdict": verdict, "items": items, **more}
    return door.post(f"/applications/{application_id}/decisions", data)
