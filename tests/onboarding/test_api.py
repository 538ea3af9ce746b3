"""Account opening told through the API alone, end to end."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from flask import Flask

from tests.onboarding import scenes
from tests.onboarding.doors import Scene, decide, file_draft, scene_of
from tierflow.common.files import FileContent, StoredFile


@pytest.fixture
def both(both_app: Flask) -> Scene:
    return scene_of(both_app)


@pytest.mark.groundwork("CHEM-5")
@pytest.mark.rule("CHEM-7.1", "CHEM-7.2")
def test_an_account_is_opened_returned_once_and_approved(both: Scene) -> None:
    li, made = file_draft(both)
    application_id = made["application"]["id"]
    one = f"/applications/{application_id}"
    ready = li.get(f"{one}/admission").json
    assert (ready["outcome"], ready["refusals"], ready["all_green"]) == ("admissible", [], True)
    assert li.post(f"{one}/submit", {"seen_version": made["application"]["version"]}).json["case"]["step"] == "sales"

    assert decide(both.door("sales"), application_id).json["next_step"] == "finance"
    finance = both.door("finance")
    assert finance.get("/applications/next").json == {"application_id": application_id}
    returned = decide(
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

    assert decide(finance, application_id).json["next_step"] == "management"
    done = decide(both.door("gm"), application_id).json
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
    decided = li.get(f"{one}/admissions").json["rows"]
    assert [row["outcome"] for row in decided] == ["admissible"] * 3, "handed in, handed in again, approved"
    assert decided[-1]["inputs"]["bank_account"] == "1001000000000077"
    assert both.door("wang").get(f"{one}/admissions").status_code == 404
    actions = [event["action"] for event in li.get(f"{one}/timeline").json["events"]]
    assert actions[0] == "decide.approve"
    assert actions.count("submit") == 2


@pytest.mark.rule("CHEM-7.2")
def test_a_stale_form_is_told_who_changed_what(scene: Scene) -> None:
    li, made = file_draft(scene)
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
    li, made = file_draft(both)
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
    _, made = file_draft(scene)
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
    li, made = file_draft(scene)
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
    li, made = file_draft(scene)
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
    li, made = file_draft(scene)
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
    made = [file_draft(scene, number)[1]["application"] for number in (1, 2)]
    odd = file_draft(scene, 3, bank_account="6222021234567890120")[1]["application"]  # a card whose check digit fails
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
    li, made = file_draft(scene)
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


def test_the_search_box_is_a_programs_too(scene: Scene) -> None:
    li, made = file_draft(scene)
    application = made["application"]
    hits = li.get("/search", query_string={"q": application["number"]}).json["hits"]
    assert [(hit["kind"], hit["id"], hit["title"]) for hit in hits] == [
        ("application", application["id"], application["name"])
    ]
    assert hits[0]["url"] == f"/applications/{application['id']}"
    assert scene.door("wang").get("/search", query_string={"q": application["number"]}).json["hits"] == []
    assert li.get("/search").status_code == 422


def test_a_program_keeps_filters_of_its_own(scene: Scene) -> None:
    li = scene.door("li")
    kept = li.post("/customers/filters", {"name": "快到期", "query": "?papers=expiring&page=3&q=%E5%8C%96"})
    assert kept.status_code == 201, kept.text
    assert (kept.status_code, kept.json["query"]) == (201, "q=%E5%8C%96&papers=expiring")
    assert li.post("/customers/filters", {"name": "快到期", "query": "q=1"}).status_code == 409
    assert li.get("/customers/filters").json["rows"] == [kept.json]
    address, wang = f"/customers/filters/{kept.json['id']}", scene.door("wang")
    assert wang.get("/customers/filters").json["rows"] == []
    assert wang.send("DELETE", address).status_code == 404
    assert li.send("DELETE", address).status_code == 204
    assert li.get("/customers/filters").json["rows"] == []
