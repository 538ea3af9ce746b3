"""The editor: saved as one types, wrong values told at their field, nothing typed is lost, files shown safely."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from tests import builders
from tests.onboarding import scenes
from tierflow.common.db import db, transaction
from tierflow.onboarding.models import Application, Paper
from tierflow.onboarding.service.access import case_of
from tierflow.onboarding.service.drafts import checks_of, lines_of


@dataclass
class Screen:
    """Somebody's browser without its scripts."""

    client: FlaskClient
    token: str

    def get(self, path: str, status: int = 200) -> str:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.get_data(as_text=True)[:400]
        return answer.get_data(as_text=True)

    def post(self, path: str, data: Mapping[str, Any] | None = None, **more: Any) -> TestResponse:
        return self.client.post(path, data={"csrf_token": self.token, **(data or {})}, **more)


@dataclass
class House:
    app: Flask
    place: scenes.Company

    def screen(self, who: str) -> Screen:
        client = builders.sign_in(self.app, self.place.id_of(who))
        return Screen(client, builders.csrf_of(client))

    def made(self, make: Any, *args: Any, **kwargs: Any) -> int:
        """The id of an application made by one of the scenes."""
        with self.app.app_context(), transaction() as session:
            found: int = make(session, self.place, *args, **kwargs).id
            return found


def opened(app: Flask) -> House:
    with app.app_context(), transaction() as session:
        return House(app, scenes.company(session))


@pytest.fixture
def house(app: Flask) -> House:
    return opened(app)


@pytest.fixture
def both(both_app: Flask) -> House:
    return opened(both_app)


def form_of(page: str) -> dict[str, str]:
    """The fields of the draft's form as a browser would send them."""
    form = page[page.index('id="draft"') : page.index("</form>", page.index('id="draft"'))]
    fields = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name = re.search(r'name="([^"]+)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name is None or ("radio" in tag and "checked" not in tag):
            continue
        fields[name[1]] = value[1] if value else ""
    chosen = re.search(r'<select[^>]*name="region_id".*?<option value="([^"]*)" selected', form, re.S)
    fields["region_id"] = chosen[1] if chosen else ""
    return {key: value for key, value in fields.items() if key not in ("csrf_token", "idempotency_key")}


@pytest.mark.rule("CHEM-7.1")
def test_a_draft_begins_empty_and_says_what_is_missing(house: House) -> None:
    screen = house.screen("li")
    answer = screen.post("/applications")
    assert answer.status_code == 302
    page = screen.get(answer.headers["Location"])
    for words in ("单位名称", "统一社会信用代码", "开户银行", "还缺什么", "CHEM-7.1", "KH-2026-00001"):
        assert words in page


def test_autosave_keeps_what_is_right_and_tells_what_is_wrong_at_its_field(both: House) -> None:
    screen = both.screen("li")
    path = screen.post("/applications").headers["Location"].removesuffix("/edit")
    fields = form_of(screen.get(f"{path}/edit"))
    fields |= {"name": "宁波海曙化工有限公司", "credit_code": "91330203MA2AEQ7L5Y", "phone": "0574 8736 1120"}
    answer = screen.post(f"{path}/autosave", fields)
    assert answer.status_code == 200
    said = answer.get_json()
    assert list(said["errors"]) == ["credit_code"]
    with both.app.app_context():
        row = db.session.get_one(Application, 1)
        assert (row.name, row.credit_code, row.phone_key) == ("宁波海曙化工有限公司", None, row.phone_key)
        assert row.phone_key.endswith("57487361120")
        assert said["version"] == row.version


def test_a_stale_page_saves_nothing_and_is_told_so(house: House) -> None:
    screen = house.screen("li")
    path = f"/applications/{house.made(scenes.drafted)}"
    fields = form_of(screen.get(f"{path}/edit"))
    assert screen.post(f"{path}/autosave", {**fields, "address": "一号路1号"}).status_code == 200
    stale = screen.post(f"{path}/autosave", {**fields, "address": "二号路2号"}, headers={"Accept": "application/json"})
    assert stale.status_code == 409
    with house.app.app_context():
        assert db.session.get_one(Application, 1).address == "一号路1号"


def test_a_save_with_wrong_values_shows_them_again_as_typed(house: House) -> None:
    screen = house.screen("li")
    path = f"/applications/{house.made(scenes.drafted)}"
    fields = form_of(screen.get(f"{path}/edit"))
    answer = screen.post(f"{path}/edit", {**fields, "address": "新地址九号", "credit_code": "9133020"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    for words in ('value="新地址九号"', 'value="9133020"', "f-credit_code-error", 'href="#f-credit_code"'):
        assert words in page
    with house.app.app_context():
        assert db.session.get_one(Application, 1).address != "新地址九号"


def test_lines_and_conditions_are_kept_and_taken_away(house: House) -> None:
    screen = house.screen("li")
    path = screen.post("/applications").headers["Location"].removesuffix("/edit")
    fields = form_of(screen.get(f"{path}/edit"))
    assert fields["lines.0.product_line_id"] == str(house.place.other_line)
    fields |= {"lines.0.customer_class": "exclusive_agent", "lines.1.customer_class": "dealer"}
    names = [name for name in fields if name.endswith(".item")]
    fields |= {name.replace(".item", ".answer"): "yes" for name in names}
    fields |= {name.replace(".item", ".evidence"): "走访记录" for name in names}
    screen.post(f"{path}/edit", fields)
    with house.app.app_context():
        assert {line.customer_class for line in lines_of(db.session(), 1)} == {"exclusive_agent", "dealer"}
        assert {check.answer for check in checks_of(db.session(), 1)} == {"yes"}
    again = form_of(screen.get(f"{path}/edit"))
    assert again["checks.0.answer"] == "yes"
    screen.post(f"{path}/edit", {**again, "lines.0.customer_class": "", "lines.1.customer_class": ""})
    with house.app.app_context():
        assert lines_of(db.session(), 1) == []


def test_a_corrected_credit_code_does_not_fight_the_organisation_code_of_the_old_one(house: House) -> None:
    screen = house.screen("li")
    path = f"/applications/{house.made(scenes.drafted)}"
    fields = form_of(screen.get(f"{path}/edit"))
    assert screen.post(f"{path}/edit", {**fields, "credit_code": scenes.credit_code(77)}).status_code == 302


@pytest.mark.parametrize(
    ("name", "value", "kind", "words"),
    [
        ("credit_code", scenes.credit_code(1), "bad", "华东塑料第1有限公司"),
        ("credit_code", "91330203MA2AEQ7L5Y", "bad", ""),
        ("credit_code", scenes.credit_code(99), "ok", ""),
        ("name", "华东塑料第1 有限公司", "warn", "华东塑料第1有限公司"),
        ("phone", "+86 138 0000 0001", "warn", ""),
        ("bank_account", "1001 0000 0000 0001", "warn", ""),
    ],
)
@pytest.mark.rule("CHEM-7.1")
@pytest.mark.rule("CHEM-17")
def test_duplicates_are_told_while_one_types(house: House, name: str, value: str, kind: str, words: str) -> None:
    house.made(scenes.submitted)
    screen = house.screen("li")
    path = screen.post("/applications").headers["Location"].removesuffix("/edit")
    said = screen.post(f"{path}/check", {"name": name, "value": value}).get_json()["messages"]
    assert [message["kind"] for message in said][:1] == [kind]
    assert words in said[0]["text"]


def test_a_paper_is_kept_shown_replaced_and_removed(both: House) -> None:
    screen = both.screen("li")
    path = f"/applications/{both.made(scenes.drafted)}"
    licence = {
        "papers.merged_licence.number": scenes.credit_code(1),
        "papers.merged_licence.issuer": "宁波市市场监督管理局",
        "papers.merged_licence.valid_from": "2020-01-01",
        "papers.merged_licence.valid_to": "2030-12-31",
    }
    scan = {"papers.merged_licence.scan": (io.BytesIO(scenes.jpg()), "新照.jpg")}
    answer = screen.post(f"{path}/papers/merged_licence", {**licence, **scan}, content_type="multipart/form-data")
    assert answer.status_code == 302
    page = screen.get(f"{path}/edit")
    assert "宁波市市场监督管理局" in page
    url = re.search(rf'href="({path}/files/\d+)"', page)
    assert url is not None
    shown = screen.client.get(url[1])
    assert shown.mimetype == "image/jpeg"
    assert shown.headers["X-Content-Type-Options"] == "nosniff"
    assert shown.headers["Content-Security-Policy"].startswith("sandbox")
    assert shown.headers["Content-Disposition"].startswith("inline")
    assert screen.client.get(url[1], headers={"If-None-Match": shown.headers["ETag"]}).status_code == 304
    assert both.screen("sales_west").client.get(url[1]).status_code == 404
    assert screen.client.get(url[1].replace("/applications/1/", "/applications/2/")).status_code == 404
    assert screen.post(f"{path}/papers/merged_licence/remove").status_code == 302
    with both.app.app_context():
        kinds = {paper.kind for paper in db.session.query(Paper)}
        assert kinds == {"annex1_signed"}


@pytest.mark.parametrize(
    ("name", "content", "changed"),
    [
        ("licence.pdf", b"<script>alert(1)</script>", {}),
        ("licence.png", bytes(30 * 1024 * 1024), {}),
        ("licence.png", b"MZ\x90\x00", {}),
        ("", b"", {}),
        ("licence.png", None, {"papers.merged_licence.valid_to": "2019-12-31"}),
        ("licence.png", None, {"papers.merged_licence.valid_from": "31.12.2019"}),
        ("licence.png", None, {"papers.merged_licence.number": "91330203MA2AEQ7L5Y"}),
    ],
)
def test_a_bad_paper_is_refused_at_its_field_with_what_was_typed(
    house: House, name: str, content: bytes | None, changed: dict[str, str]
) -> None:
    screen = house.screen("li")
    path = screen.post("/applications").headers["Location"].removesuffix("/edit")
    fields = {
        "papers.merged_licence.number": scenes.credit_code(1),
        "papers.merged_licence.issuer": "甲乙丙局",
        "papers.merged_licence.valid_from": "2018-01-01",
        **changed,
    }
    body = scenes.png() if content is None else content
    scan = FileStorage(io.BytesIO(body), name)
    boundary, sent = encode_multipart({"csrf_token": screen.token, **fields, "papers.merged_licence.scan": scan})
    media = f"multipart/form-data; boundary={boundary}"
    answer = screen.client.post(f"{path}/papers/merged_licence", data=sent, content_type=media)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "field-error" in page
    assert 'value="甲乙丙局"' in page
    with house.app.app_context():
        assert db.session.query(Paper).count() == 0


def test_every_fault_of_a_paper_is_said_at_once(house: House) -> None:
    screen = house.screen("li")
    path = screen.post("/applications").headers["Location"].removesuffix("/edit")
    fields = {
        "papers.merged_licence.number": "91330203MA2AEQ7L5Y",
        "papers.merged_licence.valid_from": "2030-01-01",
        "papers.merged_licence.valid_to": "2029-01-01",
        "papers.merged_licence.scan": (io.BytesIO(scenes.png()), "licence.png"),
    }
    answer = screen.post(f"{path}/papers/merged_licence", fields, content_type="multipart/form-data")
    assert answer.status_code == 422
    page = answer.get_data(as_text=True)
    assert {f"f-papers-merged_licence-{field}-error" for field in ("number", "valid_to")} <= set(
        re.findall(r'id="([\w-]+-error)"', page)
    )


def test_what_no_form_could_be_shown_for_claims_nothing(house: House) -> None:
    screen = house.screen("li")
    path = f"/applications/{house.made(scenes.drafted)}/papers/merged_licence"
    sent = b"--x" + bytes(63 * 1024 * 1024)
    answer = screen.client.post(path, data=sent, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 413
    assert "未保存任何内容" in answer.get_data(as_text=True)


def test_every_upload_of_the_editor_knows_the_limit_of_policy(house: House) -> None:
    application = house.made(scenes.drafted)
    with house.app.app_context(), transaction() as session:
        builders.adopt(session, {"upload.max_bytes": 3 * 1024 * 1024})
    page = house.screen("li").get(f"/applications/{application}/edit")
    limits = re.findall(r'data-max-bytes="(\d+)"', page)
    assert len(limits) >= 3
    assert set(limits) == {str(3 * 1024 * 1024)}


@pytest.mark.rule("CHEM-7.2")
def test_submitting_hands_in_what_is_typed(house: House) -> None:
    screen = house.screen("li")
    path = f"/applications/{house.made(scenes.drafted)}"
    fields = form_of(screen.get(f"{path}/edit"))
    answer = screen.post(f"{path}/edit", {**fields, "address": "最后的地址", "act": "submit"})
    assert answer.headers["Location"] == path
    with house.app.app_context():
        assert case_of(db.session(), 1).step == "sales"
        assert db.session.get_one(Application, 1).address == "最后的地址"
    assert screen.client.get(f"{path}/edit").status_code == 302


def test_an_incomplete_application_is_not_submitted_and_says_why_at_each_field(house: House) -> None:
    screen = house.screen("li")
    path = screen.post("/applications").headers["Location"]
    fields = form_of(screen.get(path))
    answer = screen.post(path, {**fields, "name": "只有名称公司", "act": "submit"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 409
    assert 'value="只有名称公司"' in page
    assert "f-legal_representative-error" in page
    assert "f-bank_account-error" in page


@pytest.mark.parametrize("who", ["wang", "sales", "finance", "gm", "committee"])
def test_nobody_else_edits(house: House, who: str) -> None:
    mine = house.made(scenes.drafted)
    screen = house.screen(who)
    answer = screen.client.get(f"/applications/{mine}/edit")
    assert answer.status_code == (404 if who == "wang" else 302)
    assert screen.post(f"/applications/{mine}/autosave", {"version": "1", "name": "x"}).status_code in (403, 404)


def test_a_discarded_application_is_copied_whole(house: House) -> None:
    screen = house.screen("li")
    path = f"/applications/{house.made(scenes.drafted)}"
    assert screen.post(f"{path}/discard", {"reason": "重填"}).status_code == 302
    answer = screen.post(f"{path}/copy")
    fields = form_of(screen.get(answer.headers["Location"]))
    assert fields["name"] == "华东塑料第1有限公司"
    assert answer.headers["Location"] == "/applications/2/edit"
