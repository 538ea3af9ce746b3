"""Account opening told through the API alone, end to end, and what it says to bad input."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests.conftest import NOW, StandingClock, _app
from tests.onboarding import scenes
from tierflow.common.db import Base, db, transaction
from tierflow.common.files import FileContent, StoredFile
from tierflow.common.sessions import ApiToken, hash_secret

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


class Filed(NamedTuple):
    """An application in draft, and every row of the database as it was then."""

    scene: Scene
    li: Door
    made: dict[str, Any]
    before: dict[str, Any]


def _scene(app: Flask) -> Scene:
    with app.app_context(), transaction() as session:
        return Scene(app, scenes.company(session))


@pytest.fixture
def scene(app: Flask) -> Scene:
    return _scene(app)


@pytest.fixture(scope="module")
def filed(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filed]:
    """One application in draft for every row of bad input: none of them may change it."""
    path = tmp_path_factory.mktemp("bad-input") / "test.db"
    shutil.copy(sqlite_template, path)
    for app in _app(f"sqlite:///{path}", StandingClock()):
        scene = _scene(app)
        li, made = _filed(scene)
        yield Filed(scene, li, made, scene.dump())


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

    assert _verdict(both.door("sales"), application_id).json["next_step"] == "finance"
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

    assert _verdict(finance, application_id).json["next_step"] == "management"
    done = _verdict(both.door("gm"), application_id).json
    assert (done["moved_to"], done["next_step"]) == ("approved", None)
    customer_id = li.get(one).json["application"]["customer_id"]
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


@dataclass
class Bad:
    """One wrong thing to send, where its message belongs, and a word the message has."""

    send: Callable[[Door, dict[str, Any]], TestResponse]
    status: int
    field: str
    says: str


def _patch(**data: Any) -> Callable[[Door, dict[str, Any]], TestResponse]:
    def send(door: Door, made: dict[str, Any]) -> TestResponse:
        seen = {"seen_version": made["application"]["version"]}
        return door.send("PATCH", f"/applications/{made['application']['id']}", json={**seen, **data})

    return send


def _paper(
    content: bytes = b"", name: str = "a.pdf", kind: str = "business_licence", **printed: str
) -> Callable[[Door, dict[str, Any]], TestResponse]:
    def send(door: Door, made: dict[str, Any]) -> TestResponse:
        path = f"/applications/{made['application']['id']}/papers"
        return door.upload(path, {"kind": kind, **printed}, name, content)

    return send


GOOD_CODE = scenes.credit_code(9)
BAD_INPUT = {
    "own check character": Bad(_patch(credit_code=GOOD_CODE[:17] + "Y"), 422, "credit_code", "does not fit"),
    "embedded organisation code": Bad(
        _patch(credit_code=scenes.with_wrong_organisation_code()), 422, "credit_code", "organisation code"
    ),
    "region 000000": Bad(
        _patch(credit_code=scenes.credit_code(9, region="000000")), 422, "credit_code", "cannot be 000000"
    ),
    "code as Excel shows it": Bad(_patch(credit_code="9.11E+17"), 422, "credit_code", "spreadsheet"),
    "code as Excel keeps it": Bad(_patch(credit_code=911310000000012345.0), 422, "credit_code", "spreadsheet"),
    "code with its tail rounded": Bad(_patch(credit_code="911310000000012000"), 422, "credit_code", "spreadsheet"),
    "code with letter O": Bad(_patch(credit_code="9131000OMA1FL12345"), 422, "credit_code", "O"),
    "organisation code against credit code": Bad(
        _patch(credit_code=GOOD_CODE, organisation_code="D2143569-X"),
        422,
        "organisation_code",
        "within the credit code",
    ),
    "telephone": Bad(_patch(phone="12345"), 422, "phone", "telephone"),
    "bank account with letters": Bad(_patch(bank_account="ABC12345678"), 422, "bank_account", "digits"),
    "bank account from Excel": Bad(_patch(bank_account="6.22E+18"), 422, "bank_account", "spreadsheet"),
    "e-mail": Bad(_patch(email="nobody"), 422, "email", "e-mail"),
    "control character in a name": Bad(_patch(name="华东\x00塑料"), 422, "name", "cannot be shown"),
    "a name of signs only": Bad(_patch(name="———"), 422, "name", "letters"),
    "far too long": Bad(_patch(name="长" * 121), 422, "name", "120"),
    "unknown field": Bad(_patch(state="approved"), 422, "state", "not known"),
    "id of no region": Bad(_patch(region_id=99999), 422, "region_id", "Choose"),
    "huge id": Bad(_patch(region_id=10**30), 422, "region_id", "too large"),
    "class the scheme has not": Bad(
        _patch(lines=[{"product_line_id": 1, "customer_class": "exclusive_agent"}]),
        422,
        "lines.0.customer_class",
        "has no class",
    ),
    "one line twice": Bad(
        _patch(lines=[{"product_line_id": 1, "customer_class": "dealer"}] * 2), 422, "lines.1.product_line_id", "once"
    ),
    "an entry condition of another class": Bad(
        _patch(checks=[{"customer_class": "dealer", "item": "direct_use", "answer": "yes"}]),
        422,
        "checks.0.item",
        "Choose",
    ),
    "expired paper": Bad(_paper(scenes.pdf(), valid_to="2026-11-22"), 422, "valid_to", "expired on 2026-11-22"),
    "dates the wrong way round": Bad(
        _paper(scenes.pdf(), valid_from="2027-01-02", valid_to="2027-01-01"), 422, "valid_to", "before the first"
    ),
    "long-term with an end": Bad(
        _paper(scenes.pdf(), valid_to="2030-01-01", is_long_term="true"), 422, "valid_to", "no last day"
    ),
    "no such day": Bad(_paper(scenes.pdf(), valid_to="2027-02-30"), 422, "valid_to", "date"),
    "no such kind of paper": Bad(_paper(scenes.pdf(), kind="passport"), 422, "kind", "Choose"),
    "a licence number that is no code": Bad(
        _paper(scenes.pdf(), kind="organisation_code_certificate", number="12345678-0"), 422, "number", "does not fit"
    ),
    "nothing in the file": Bad(_paper(b""), 422, "file", "empty"),
    "web page in disguise": Bad(_paper(b"<!DOCTYPE html><script>alert(1)</script>"), 422, "file", "web page"),
    "program in disguise": Bad(_paper(b"MZ" + bytes(200)), 422, "file", "program"),
    "Office file in disguise": Bad(_paper(b"PK\x03\x04" + bytes(200)), 422, "file", "Office"),
    "drawing with code": Bad(_paper(b"<svg onload=alert(1)>", "a.png"), 422, "file", "web page or drawing"),
    "PDF with script": Bad(
        _paper(scenes.pdf_with_objects_packed(b"/OpenAction << /S /JavaScript /JS (x) >>")), 422, "file", "scripts"
    ),
    "picture with a page behind": Bad(_paper(scenes.png() + b"<html>", "a.png"), 422, "file", "besides a scan"),
    "damaged PDF": Bad(_paper(b"%PDF-1.4\nnothing\n%%EOF"), 422, "file", "damaged"),
    "over the policy's size": Bad(_paper(b"%PDF-1.4\n" + bytes(10 * 1024 * 1024)), 422, "file", "10 MB"),
    "30 MB": Bad(_paper(bytes(30 * 1024 * 1024)), 413, "file", "too large"),
}


def _at(errors: Any, path: str) -> Any:
    for part in path.split("."):
        errors = errors.get(part) if isinstance(errors, dict) else None
    return errors


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_told_at_its_field_and_changes_nothing(filed: Filed, name: str) -> None:
    bad = BAD_INPUT[name]
    answer = bad.send(filed.li, filed.made)
    assert answer.status_code == bad.status, answer.text
    messages = _at(answer.json["errors"], bad.field)
    assert messages, answer.json
    assert bad.says in " ".join(messages)
    assert filed.scene.dump() == filed.before


def test_messages_come_in_the_readers_language(scene: Scene) -> None:
    li, made = _filed(scene)
    one = f"/applications/{made['application']['id']}"
    data = {"seen_version": 1, "credit_code": "9.11E+17"}
    said = li.send("PATCH", one, json=data, headers={"Accept-Language": "zh"}).json["errors"]["credit_code"][0]
    assert "文本" in said, said


@pytest.mark.rule("CHEM-7.2")
def test_a_stale_form_is_told_who_changed_what(scene: Scene) -> None:
    li, made = _filed(scene)
    one, seen = f"/applications/{made['application']['id']}", made["application"]["version"]
    assert li.send("PATCH", one, json={"seen_version": seen, "bank_name": "建设银行"}).status_code == 200
    stale = li.send("PATCH", one, json={"seen_version": seen, "address": "别处"})
    assert stale.status_code == 409
    assert {refusal["field"] for refusal in stale.json["refusals"]} == {None, "bank_name"}
    assert any("人li" in r["reason"] and "建设银行" in r["reason"] for r in stale.json["refusals"])
    assert li.get(one).json["application"]["address"] != "别处"
    nothing_new = li.send("PATCH", one, json={"seen_version": seen, "bank_name": "建设银行"})
    assert nothing_new.status_code == 200, "a save that changes nothing conflicts with nothing"
    assert li.post(f"{one}/submit", {"seen_version": seen}).status_code == 409


@pytest.mark.rule("CHEM-7.2")
def test_a_double_click_hands_in_once(both: Scene) -> None:
    li, made = _filed(both)
    path = f"/applications/{made['application']['id']}/submit"
    data, key = {"seen_version": made["application"]["version"]}, {"Idempotency-Key": "click-1"}
    first, second = li.post(path, data, headers=key), li.post(path, data, headers=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert second.headers["Idempotent-Replay"] == "true"
    assert second.json == first.json
    other = li.post(path, {"seen_version": 99}, headers=key)
    assert other.status_code == 409
    without = li.post(path, data)
    assert without.status_code == 409
    assert li.get(path.removesuffix("/submit")).json["case"]["round"] == 1


def test_what_is_not_yours_does_not_exist(scene: Scene) -> None:
    _, made = _filed(scene)
    wang = scene.door("wang")
    application_id = made["application"]["id"]
    paper = scene.door("li").get(f"/applications/{application_id}").json["papers"][0]
    before = scene.dump()
    printed = {"data": {"number": "1"}, "content_type": "multipart/form-data"}
    for method, path, body in (
        ("GET", f"/applications/{application_id}", {}),
        ("GET", f"/applications/{application_id}/timeline", {}),
        ("GET", f"/applications/{application_id}/admission", {}),
        ("GET", f"/files/{paper['file']['id']}", {}),
        ("PATCH", f"/applications/{application_id}", {"json": {"seen_version": 1, "name": "x公"}}),
        ("POST", f"/applications/{application_id}/submit", {"json": {"seen_version": 1}}),
        ("PATCH", f"/papers/{paper['id']}", printed),
        ("DELETE", f"/papers/{paper['id']}", {}),
        ("POST", f"/applications/{application_id}/discard", {"json": {}}),
    ):
        answer = wang.send(method, path, **body)
        assert answer.status_code == 404, (method, path, answer.text)
    assert wang.get("/applications").json["rows"] == []
    assert scene.dump() == before


def test_a_scan_is_served_as_what_it_is(scene: Scene) -> None:
    li, made = _filed(scene)
    papers = li.get(f"/applications/{made['application']['id']}").json["papers"]
    scan = next(paper for paper in papers if paper["kind"] == "merged_licence")
    shown = li.get(f"/files/{scan['file']['id']}")
    assert shown.mimetype == "image/png"
    assert shown.data.startswith(b"\x89PNG")
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Disposition"].startswith("inline; ")
    saved = li.get(f"/files/{scan['file']['id']}?download=true")
    assert saved.headers["Content-Disposition"].startswith("attachment; ")
    assert quote("营业执照.png") in saved.headers["Content-Disposition"]
    assert scene.door("sales_west").get(f"/files/{scan['file']['id']}").status_code == 404
    assert scene.door("finance").get(f"/files/{scan['file']['id']}").status_code == 200
    assert scene.door("admin").get(f"/files/{scan['file']['id']}").status_code == 403


def test_the_name_of_a_file_is_only_a_name(scene: Scene) -> None:
    li, made = _filed(scene)
    path = f"/applications/{made['application']['id']}/papers"
    name = "..\\..\\<script>alert(1)</script>营业执照.exe"
    assert li.upload(path, {"kind": "business_licence"}, name, scenes.png()).status_code == 201
    page = li.get(f"/applications/{made['application']['id']}").json
    names = {paper["kind"]: paper["file"]["name"] for paper in page["papers"]}
    assert names["business_licence"] == "script营业执照.png"


@pytest.mark.rule("CHEM-7.1")
def test_a_preview_stores_nothing(scene: Scene) -> None:
    li = scene.door("li")
    before = scene.dump()
    nothing = li.post("/applications/preview", {})
    assert nothing.status_code == 200, nothing.text
    assert nothing.json["outcome"] == "not admissible"
    fields = {refusal["field"] for refusal in nothing.json["refusals"]}
    assert {"name", "credit_code", "region_id", "bank_account", "lines", "papers.merged_licence"} <= fields
    data = scenes.particulars(scene.place)
    data["lines"] = scenes.lines((scene.place.polyolefin, "dealer"))
    data["checks"] = scenes.answers("dealer")
    printed = {"number": data["credit_code"], "issuer": "市监局", "valid_from": "2020-01-01", "is_long_term": True}
    data["papers"] = [{"kind": "merged_licence", **printed}, {"kind": "annex1_signed"}]
    whole = li.post("/applications/preview", data)
    assert whole.json["refusals"] == []
    assert (whole.json["outcome"], whole.json["all_green"]) == ("admissible", True)
    assert scene.dump() == before


@pytest.mark.rule("CHEM-7.1")
def test_duplicates_are_shown_before_anything_is_handed_in(scene: Scene) -> None:
    li, made = _filed(scene)
    one = made["application"]
    mine = li.get(f"/applications/duplicates?credit_code={one['credit_code']}&besides={one['id']}").json
    assert mine["matches"] == []
    wang = scene.door("wang")
    theirs = wang.get(f"/applications/duplicates?credit_code={one['credit_code']}&phone={one['phone']}").json["matches"]
    assert [(m["source"], m["field"], m["blocking"]) for m in theirs] == [
        ("application", "code", False),
        ("application", "phone", False),
    ], "a draft of somebody else warns"
    assert all(one["name"] not in m["reason"] and "人li" in m["reason"] for m in theirs), "told whose, not who"
    li.post(f"/applications/{one['id']}/submit", {"seen_version": one["version"]})
    theirs = wang.get(f"/applications/duplicates?credit_code={one['credit_code']}").json["matches"]
    assert [m["blocking"] for m in theirs] == [True]


def test_bulk_approval_is_all_or_nothing(scene: Scene) -> None:
    made = [_filed(scene, number)[1]["application"] for number in (1, 2)]
    odd = _filed(scene, 3, bank_account="6222021234567890120")[1]["application"]  # a card whose check digit fails
    li, sales = scene.door("li"), scene.door("sales")
    for one in (*made, odd):
        assert li.post(f"/applications/{one['id']}/submit", {"seen_version": one["version"]}).status_code == 200
    rows = sales.get("/applications?state=in_approval").json["rows"]
    cases = {
        row["id"]: {"application_id": row["id"], "seen_version": row["case"]["version"], "step": row["case"]["step"]}
        for row in rows
    }
    refused = sales.post("/applications/approvals", {"cases": list(cases.values())})
    assert refused.status_code == 409
    assert [r["field"] for r in refused.json["refusals"]] == [f"applications.{odd['id']}"]
    assert {row["case"]["step"] for row in sales.get("/applications").json["rows"]} == {"sales"}
    done = sales.post("/applications/approvals", {"cases": [cases[one["id"]] for one in made]})
    assert done.status_code == 201, done.text
    assert {row["next_step"] for row in done.json["decisions"]} == {"finance"}


def test_uploads_leave_no_orphans(scene: Scene) -> None:
    li, made = _filed(scene)
    path = f"/applications/{made['application']['id']}/papers"
    files, contents = scene.count(StoredFile), scene.count(FileContent)
    second = li.upload(path, {"kind": "merged_licence"}, "a.png", scenes.png())
    assert second.status_code == 409
    wrong = li.upload(path, {"kind": "business_licence", "valid_to": "2001-01-01"}, "a.png", scenes.png())
    assert wrong.status_code == 422
    assert (scene.count(StoredFile), scene.count(FileContent)) == (files, contents)


def test_the_description_names_every_operation_with_its_answers(scene: Scene) -> None:
    spec = scene.app.test_client().get("/api/openapi.json").json
    paths = {path: found for path, found in spec["paths"].items() if "/applications" in path or "/papers" in path}
    assert len(paths) >= 14
    for path, methods in paths.items():
        for method, operation in methods.items():
            if method in ("get", "post", "patch", "delete"):
                assert {"401", "403", "404", "default"} <= set(operation["responses"]), (path, method)
                assert operation["summary"], (path, method)
    upload = spec["paths"]["/api/v1/applications/{application_id}/papers"]["post"]["requestBody"]["content"]
    assert "multipart/form-data" in upload
