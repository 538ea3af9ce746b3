"""Both doors, page and API: the same schema, the same service, the same refusals (CHEM-12)."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.test import TestResponse

from tests.builders import csrf_of, sign_in
from tests.complaints.facts import at
from tests.complaints.scenes import Scene
from tests.conftest import StandingClock
from tierflow.common.db import transaction
from tierflow.complaints.models import Complaint
from tierflow.complaints.service import handling, opinions

Send = Callable[..., TestResponse]


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-11-23 10:00")
    return Scene(app)


class Door:
    """One way in. Both answer what happened: ok, invalid (with the fields), refused, forbidden, missing."""

    def __init__(self, scene: Scene, kind: str) -> None:
        self.scene, self.kind = scene, kind
        self.clients: dict[str, tuple[FlaskClient, str]] = {}

    def send(self, login: str, page: str, api: str, **data: Any) -> tuple[str, set[str]]:
        client, token = self._client(login)
        if self.kind == "api":
            answer = client.post(f"/api/v1{api}", json=data, headers={"X-CSRFToken": token})
            body = answer.get_json(silent=True) or {}
            return self._outcome(answer), set(_flat(body.get("errors", {})))
        form = {key: value for key, value in data.items() if value is not None}
        answer = client.post(page, data={**form, "csrf_token": token})
        names = set(re.findall(r'id="f-([a-z_0-9-]+)-error"', answer.text))
        return self._outcome(answer), {name.replace("-", ".") for name in names}

    def _client(self, login: str) -> tuple[FlaskClient, str]:
        if login not in self.clients:
            client = sign_in(self.scene.app, self.scene.company[login])
            self.clients[login] = (client, csrf_of(client))
        return self.clients[login]

    def _outcome(self, answer: TestResponse) -> str:
        kinds = {200: "ok", 201: "ok", 302: "ok", 422: "invalid", 409: "refused", 403: "forbidden", 404: "missing"}
        return kinds[answer.status_code]


def _flat(errors: Any, prefix: str = "") -> list[str]:
    found = []
    for key, value in errors.items():
        if key == "json":
            found += _flat(value, prefix)
        elif isinstance(value, dict):
            found += _flat(value, f"{prefix}{key}.")
        else:
            found.append(f"{prefix}{key}")
    return found


@pytest.fixture(params=["page", "api"])
def door(request: pytest.FixtureRequest, scene: Scene) -> Door:
    return Door(scene, request.param)


def taken(scene: Scene, door: Door, **changed: Any) -> tuple[str, set[str]]:
    values: dict[str, Any] = {
        "product_id": scene.company.product,
        "severity": "general",
        "channel": "phone",
        "said_at": "2026-11-23T09:30",
        "facts": "熔指偏低",
        **changed,
    }
    if door.kind == "api":
        values.setdefault("customer_id", scene.company.customer)
    else:
        values.setdefault("customer", "C-000001 宁波海曙化工有限公司")
    return door.send("am", "/complaints/new", "/complaints", **values)


@pytest.mark.rule("CHEM-12.1")
@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        ({"said_at": "2026-11-23T10:01"}, {"said_at"}),
        ({"said_at": "gestern"}, {"said_at"}),
        ({"said_at": None}, {"said_at"}),
        ({"facts": "   "}, {"facts"}),
        ({"tonnes": "-1"}, {"tonnes"}),
        ({"tonnes": "1.2345678"}, {"tonnes"}),
        ({"severity": "mild"}, {"severity"}),
        ({"channel": "pigeon"}, {"channel"}),
        ({"product_id": "999999"}, {"product_id"}),
        ({"product_id": "x"}, {"product_id"}),
        ({"severity": "mild", "facts": "", "tonnes": "x"}, {"severity", "facts", "tonnes"}),
    ],
)
def test_bad_input_is_refused_by_field_and_nothing_is_stored(
    scene: Scene, door: Door, changed: dict[str, Any], fields: set[str]
) -> None:
    assert taken(scene, door, **changed) == ("invalid", fields)
    with scene.app.app_context(), transaction() as session:
        assert session.query(Complaint).count() == 0


@pytest.mark.rule("CHEM-12.1", "CHEM-12.2", "CHEM-12.3")
def test_a_whole_complaint_through_each_door(scene: Scene, door: Door, clock: StandingClock) -> None:
    assert taken(scene, door, tonnes="25.5")[0] == "ok"
    one = "/complaints/1"
    department = scene.company.department
    assert door.send("am", f"{one}/consult", f"{one}/consult", department_id=department, question="为何？")[0] == "ok"
    answered = "/complaint-consultations/1/answer"
    assert door.send("am", answered, answered, answer="越俎代庖")[0] == "missing"
    assert door.send("qa", answered, answered, answer="波动")[0] == "ok"
    assert door.send("qa", answered, answered, answer="再答")[0] == "refused"
    told = {"channel": "phone", "told_at": "2026-11-23T10:00", "told_to": "钱海峰", "reply": "换货"}
    assert door.send("am", f"{one}/tell", f"{one}/tell", **told)[0] == "refused", "not approved yet"
    measure = {"kind": "replacement", "what": "换货", "owner_id": scene.company["am"], "due_on": "2026-11-30"}
    opinion: dict[str, Any] = {"cause": "波动", "proposal": "换货"}
    if door.kind == "api":
        opinion |= {"measures": [{**measure, "tonnes": "25.5"}], "submit": True}
    else:
        opinion |= {f"measures.0.{key}": value for key, value in measure.items()} | {"submit": "1"}
        opinion |= {"measures.0.tonnes": "25.5", "measures.1.kind": "", "measures.1.what": ""}
    assert door.send("am", f"{one}/propose", f"{one}/propose", **opinion)[0] == "ok"
    with scene.app.app_context(), transaction() as session:
        case = opinions.case_of(session, 1)
        seen = {"version": case.version, "step": case.step}
    verdict = ("/complaint-opinions/1/decide", "/complaint-opinions/1/decision")
    assert door.send("sm", *verdict, verdict="return", **seen) == ("invalid", {"reason"})
    assert door.send("sm2", *verdict, verdict="approve", **seen)[0] == "missing"
    assert door.send("finance", *verdict, verdict="approve", **seen)[0] == "forbidden"
    assert door.send("sm", *verdict, verdict="approve", **seen)[0] == "ok"
    assert door.send("sm", *verdict, verdict="approve", **seen)[0] == "refused", "decided once"
    clock.at = at("2026-11-24 09:00")
    door.clients.clear()  # a login lasts twelve hours
    assert door.send("am", f"{one}/tell", f"{one}/tell", **{**told, "told_at": "2026-11-24T08:50"})[0] == "ok"
    assert door.send("am", f"{one}/close", f"{one}/close", satisfaction=5)[0] == "refused", "a measure is open"
    done, checked = "/complaint-measures/1/done", "/complaint-measures/1/check"
    assert door.send("am", done, done, proof="CK-1")[0] == "ok"
    assert door.send("sm", checked, checked, verdict="pass")[0] == "ok"
    assert door.send("am", f"{one}/close", f"{one}/close", satisfaction=6)[0] == "invalid"
    assert door.send("am", f"{one}/close", f"{one}/close", satisfaction=5)[0] == "ok"
    assert scene.complaint(1).state == "closed"
    assert scene.clock(1).in_time is True


@pytest.mark.rule("CHEM-12.3")
def test_an_extension_through_each_door(scene: Scene, door: Door, clock: StandingClock) -> None:
    assert taken(scene, door, severity="major")[0] == "ok"
    one = "/complaints/1"
    assert door.send("am", f"{one}/extend", f"{one}/extend", to_day=9, circumstance="x")[0] == "refused"
    assert door.send("am", f"{one}/extend", f"{one}/extend", to_day=6, circumstance="送检")[0] == "ok"
    verdict = ("/complaint-extensions/1/decide", "/complaint-extensions/1/decision")
    assert door.send("sm", *verdict, verdict="approve", version=1, step="sales_manager")[0] == "ok"
    clock.at = at("2026-11-26 17:31")
    assert door.send("gm", *verdict, verdict="approve", version=2, step="general_manager")[0] == "refused"
    clock.at = at("2026-11-26 17:30")
    assert door.send("gm", *verdict, verdict="approve", version=2, step="general_manager")[0] == "ok"
    assert scene.clock(1).limit_days == 6


@pytest.mark.rule("CHEM-12.1")
def test_the_customers_later_answer_has_its_place(scene: Scene, door: Door, clock: StandingClock) -> None:
    assert taken(scene, door)[0] == "ok"
    one = "/complaints/1/response"
    heard = {"said_at": "2026-11-24T09:30", "said_by": "钱海峰", "words": "同意换货。"}
    accepted = {"is_accepted": True if door.kind == "api" else "1"}
    assert door.send("am", one, one, **{**heard, "said_at": "2026-11-23T10:00"})[0] == "refused", "not told yet"
    scene.approve(scene.propose(1, "2026-11-23 10:30"), "2026-11-23 11:00")
    scene.tell(1, "2026-11-23 15:00")
    clock.at = at("2026-11-24 10:00")
    door.clients.clear()  # a login lasts twelve hours
    assert door.send("am", one, one, **{**heard, "said_by": ""}) == ("invalid", {"said_by"})
    assert door.send("am", one, one, **{**heard, "said_at": "2026-11-24T10:01"}) == ("invalid", {"said_at"})
    assert door.send("am", one, one, **{**heard, "said_at": "2026-11-23T14:59"}) == ("invalid", {"said_at"})
    assert door.send("am", one, one, **heard, **accepted)[0] == "ok"
    assert door.send("am", one, one, **{**heard, "words": "数量再议。"})[0] == "ok", "every answer is kept"
    client = sign_in(scene.app, scene.company["am"])
    rows = client.get("/api/v1/complaints/1").get_json()["responses"]
    told = [(row["said_at"], row["said_by"], row["words"], row["is_accepted"], row["recorded_by"]) for row in rows]
    when = "2026-11-24T09:30:00+08:00"
    assert told == [(when, "钱海峰", "同意换货。", True, "周敏"), (when, "钱海峰", "数量再议。", None, "周敏")]
    assert "数量再议。" in client.get("/complaints/1").text


@pytest.mark.rule("CHEM-12.3")
def test_severity_and_breach_are_the_sales_managers(scene: Scene, door: Door) -> None:
    assert taken(scene, door)[0] == "ok"
    one = "/complaints/1"
    change = {"severity": "serious", "reason": "人员受伤"}
    assert door.send("am", f"{one}/classify", f"{one}/classify", **change)[0] == "forbidden"
    assert door.send("sm", f"{one}/classify", f"{one}/classify", severity="serious") == ("invalid", {"reason"})
    assert door.send("sm", f"{one}/classify", f"{one}/classify", **change)[0] == "ok"
    meeting = {"held_at": "2026-11-23T09:50", "present": "陈立", "conclusion": "退货"}
    assert door.send("sm", f"{one}/meeting", f"{one}/meeting", **meeting)[0] == "forbidden"
    assert door.send("gm", f"{one}/meeting", f"{one}/meeting", **{**meeting, "present": ""}) == ("invalid", {"present"})
    assert door.send("gm", f"{one}/meeting", f"{one}/meeting", **meeting)[0] == "ok"
    assert door.send("sm", f"{one}/breach", f"{one}/breach", what="转售")[0] == "ok"
    assert door.send("sm", f"{one}/pause", f"{one}/pause", reason="等样")[0] == "refused"


def photo() -> io.BytesIO:
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(picture, "PNG")
    picture.seek(0)
    return picture


@pytest.mark.rule("CHEM-12.4")
def test_complaints_are_found_again_from_the_customers_page(scene: Scene) -> None:
    scene.take(batch="20261112")
    address = f"/customers/{scene.company.customer}/of/complaints"
    assert "TS-2026-00001" in sign_in(scene.app, scene.company["am"]).get(address).text
    assert "TS-2026-00001" in sign_in(scene.app, scene.company["finance"]).get(address).text
    found = sign_in(scene.app, scene.company["sm"]).get("/search?q=20261112").text
    assert "/complaints/1" in found
    assert "/complaints/1" not in sign_in(scene.app, scene.company["am2"]).get("/search?q=20261112").text


@pytest.mark.rule("CHEM-12.4")
def test_photos_come_with_the_complaint_and_are_seen_by_whom_it_concerns(scene: Scene) -> None:
    client = sign_in(scene.app, scene.company["am"])
    form = {
        "customer": "C-000001",
        "product_id": str(scene.company.product),
        "severity": "general",
        "channel": "phone",
        "said_at": "2026-11-23T09:30",
        "facts": "发黄",
        "csrf_token": csrf_of(client),
        "photos": [(photo(), "断头.png"), (io.BytesIO(b"<svg onload=alert(1)>"), "x.png")],
    }
    answer = client.post("/complaints/new", data=form)
    assert answer.status_code == 422
    assert "f-photos-error" in answer.text
    form["photos"] = [(photo(), "断头.png")]
    assert client.post("/complaints/new", data=form).status_code == 302
    scene.act(handling.consult, "am", 1, "2026-11-23 10:00", department_id=scene.company.department, question="?")
    ways = {
        "/complaints/1/files/1": {"am": 200, "sm": 200, "am2": 404, "qa": 403, "admin": 403},
        "/complaint-consultations/1/files/1": {"qa": 200, "am": 200, "am2": 404, "admin": 404},
        "/api/v1/complaint-consultations/1/files/1": {"qa": 200, "am": 200, "am2": 404, "admin": 404},
        "/api/v1/complaints/1/files/1": {"am": 200, "am2": 404},
        "/complaints/1/files/2": {"am": 404},
    }
    for address, people in ways.items():
        for login, status in people.items():
            found = sign_in(scene.app, scene.company[login]).get(address)
            assert found.status_code == status, (address, login)
            if status == 200:
                assert found.data.startswith(b"\x89PNG")
                assert found.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_page_shows_itself_to_whom_it_is_for(scene: Scene, clock: StandingClock, lang: str) -> None:
    from tierflow.common.users import User

    company = scene.company
    complaint = scene.take(severity="serious")
    scene.act(handling.consult, "am", complaint, "2026-11-23 10:00", department_id=company.department, question="?")
    scene.meet(complaint, "2026-11-23 10:00")
    opinion = scene.propose(complaint, "2026-11-23 10:00")
    other = scene.take(severity="major")
    request = scene.extend(other, "2026-11-23 10:00")
    with scene.app.app_context(), transaction() as session:
        for user_id in company.people.values():
            session.get_one(User, user_id).locale = lang
    one = f"/complaints/{complaint}"
    pages = {
        "sm": [
            *("/complaints", "/complaints?mine=1", "/complaints/list", "/complaints/list?state=overdue&sort=due"),
            *("/complaints/calendar", "/complaints/calendar?month=2026-12", "/complaints/statistics", one),
            *(f"/complaint-opinions/{opinion}", f"/complaint-extensions/{request}"),
            *(
                f"{one}/{act}"
                for act in ("annex3", "receipt", "clock", "classify", "breach", "pause", "resume", "redate")
            ),
            *(
                "/complaints/redating",
                "/complaints/follow-ups",
                "/reply-templates",
                "/reply-templates/new",
                "/inquiries",
                "/inquiries/new",
            ),
        ],
        "am": [
            *("/complaints/new", f"/complaints/new?customer_id={company.customer}", "/"),
            *(
                f"{one}/{act}"
                for act in ("consult", "propose", "extend", "tell", "response", "close", "reopen", "withdraw")
            ),
        ],
        "gm": [one, f"{one}/meeting", "/complaints/digest", f"/complaint-opinions/{opinion}", "/"],
        "qa": ["/complaint-consultations/1", "/"],
        "finance": [one, "/complaints"],
    }
    for login, addresses in pages.items():
        client = sign_in(scene.app, company[login])
        for address in addresses:
            answer = client.get(address)
            assert answer.status_code == 200, (login, address)
            assert not re.search(r"\sstyle=|<style|\son[a-z]+=", answer.text), address
    outside = {"am2": [one, f"{one}/annex3", f"{one}/clock"], "qa": [one, "/complaints"], "admin": ["/complaints"]}
    for login, addresses in outside.items():
        for address in addresses:
            assert sign_in(scene.app, company[login]).get(address).status_code in (403, 404), (login, address)


def test_the_api_reads_what_the_screens_show(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    client = sign_in(scene.app, scene.company["sm"])
    page = client.get("/api/v1/complaints?state=open&size=1").get_json()
    assert [row["number"] for row in page["rows"]] == ["TS-2026-00001"]
    assert page["rows"][0]["countdown"]["due_at"] == "2026-11-26T17:30:00+08:00"
    scene.take()
    page = client.get("/api/v1/complaints?size=1").get_json()
    following = client.get(f"/api/v1/complaints?size=1&cursor={page['after']}").get_json()
    assert [page["rows"][0]["id"], following["rows"][0]["id"]] == [complaint + 1, complaint]
    clock = client.get(f"/api/v1/complaints/{complaint}/clock").get_json()
    assert [day["counts"] for day in clock["days"]] == [False, True, True, True]
    board = client.get("/api/v1/complaints/board").get_json()
    assert [column["count"] for column in board["columns"]] == [2, 0, 0, 0]
    month = client.get("/api/v1/complaints/calendar?month=2026-11").get_json()
    assert {day["date"]: len(day["complaints"]) for day in month["days"] if day["complaints"]} == {
        "2026-11-24": 1,
        "2026-11-26": 1,
    }
    figures = client.get("/api/v1/complaints/statistics").get_json()
    assert (figures["total"]["received"], figures["total"]["in_time_bp"]) == (2, None)
    assert client.get("/api/v1/complaints/redating").get_json() == {"rows": []}
    for wrong in ("?state=lost", "?cursor=%%%", "?size=0", "?severity=x"):
        assert client.get(f"/api/v1/complaints{wrong}").status_code == 422, wrong
    assert json.dumps(client.get(f"/api/v1/complaints/{complaint}").get_json())


@pytest.mark.rule("CHEM-12.2")
def test_from_the_inbox_to_a_decision_in_two_clicks(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    opinion = scene.propose(complaint, "2026-11-23 10:00")
    client = sign_in(scene.app, scene.company["sm"])
    inbox = client.get("/").text
    address = f"/complaint-opinions/{opinion}"
    assert address in inbox
    page = client.get(address).text
    assert f'action="{address}/decide"' in page
    assert 'value="approve"' in page
    assert f'action="{address}/decide"' not in sign_in(scene.app, scene.company["am"]).get(address).text
