"""The desk beside complaints through both doors: inquiries to their end, reply templates for either (CHEM-4)."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from tests.builders import sign_in
from tests.complaints.facts import at
from tests.complaints.scenes import Scene
from tests.complaints.test_doors import Door
from tests.conftest import StandingClock
from tierflow.common.db import transaction
from tierflow.complaints.service.handing_over import SHARES
from tierflow.web import inbox


@pytest.fixture
def scene(app: Flask, clock: StandingClock) -> Scene:
    clock.at = at("2026-11-23 10:00")
    return Scene(app)


@pytest.fixture(params=["page", "api"])
def door(request: pytest.FixtureRequest, scene: Scene) -> Door:
    return Door(scene, request.param)


def noted(scene: Scene, door: Door, **more: Any) -> tuple[str, set[str]]:
    """An inquiry of our customer's, owned by its account manager."""
    who = {"customer_id": scene.company.customer} if door.kind == "api" else {"customer": "宁波海曙化工有限公司"}
    asked = {"channel": "phone", "asked_at": "2026-11-23T09:00", "question": "有货吗？"}
    return door.send("am", "/inquiries/new", "/inquiries", **asked, **who, **more)


def inquiry(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = sign_in(scene.app, scene.company["am"]).get("/api/v1/inquiries/1").get_json()
    return found


@pytest.mark.rule("CHEM-4")
def test_an_inquiry_becomes_a_complaint_with_one_click(scene: Scene, door: Door) -> None:
    asked = {
        "channel": "phone",
        "asked_at": "2026-11-20T16:00",
        "question": "为何断头？",
        "product_id": scene.company.product,
    }
    who = {"customer_id": scene.company.customer} if door.kind == "api" else {"customer": "宁波海曙化工有限公司"}
    assert door.send("am", "/inquiries/new", "/inquiries", **asked, **who)[0] == "ok"
    assert door.send("am", "/inquiries/1/complaint", "/inquiries/1/complaint")[0] == "ok"
    complaint = scene.complaint(1)
    assert (complaint.facts, complaint.customer_id, complaint.inquiry_id) == ("为何断头？", scene.company.customer, 1)
    assert complaint.said_at == at("2026-11-20 16:00")
    assert door.send("am", "/inquiries/1/complaint", "/inquiries/1/complaint")[0] == "refused"
    assert door.send("am", "/inquiries/1/answer", "/inquiries/1/answer", answer="x")[0] == "refused"
    assert door.send("am2", "/inquiries/1/answer", "/inquiries/1/answer", answer="x")[0] == "missing"


@pytest.mark.rule("CHEM-4")
def test_an_inquiry_has_question_owner_answer_and_time(scene: Scene, door: Door) -> None:
    asked = {"channel": "phone", "asked_at": "2026-11-23T09:00", "question": "有货吗？"}
    who: dict[str, Any] = {"customer_name": "路人"} if door.kind == "api" else {"customer": "路人"}
    assert door.send("am", "/inquiries/new", "/inquiries", **asked, **who) == ("invalid", {"region_id"})
    given = {**asked, **who, "region_id": scene.company.region, "owner_id": scene.company["qa"]}
    assert door.send("am", "/inquiries/new", "/inquiries", **given) == ("invalid", {"owner_id"})
    given["owner_id"] = scene.company["am2"]
    assert door.send("am", "/inquiries/new", "/inquiries", **given)[0] == "ok"
    assert door.send("am2", "/inquiries/1/answer", "/inquiries/1/answer", answer="有")[0] == "ok"
    client = sign_in(scene.app, scene.company["am"])
    row = client.get("/api/v1/inquiries/1").get_json()
    assert (row["answer"], row["answered_at"]) == ("有", "2026-11-23T10:00:00+08:00")


def test_reply_templates_through_each_door(scene: Scene, door: Door) -> None:
    body = {"name": "换货", "body": "{customer}：换货。", "is_active": True if door.kind == "api" else "1"}
    assert door.send("am", "/reply-templates/new", "/reply-templates", **body)[0] == "forbidden"
    assert door.send("sm", "/reply-templates/new", "/reply-templates", **body)[0] == "ok"
    assert door.send("sm", "/reply-templates/new", "/reply-templates", **body)[0] == "refused", "the name is taken"


@pytest.mark.rule("CHEM-4")
def test_an_inquiry_is_closed_with_the_customers_satisfaction(scene: Scene, door: Door) -> None:
    assert noted(scene, door)[0] == "ok"
    one = "/inquiries/1/close"
    assert door.send("am", one, one, satisfaction=5)[0] == "refused", "not answered yet"
    assert waiting(scene) == ["inquiry"]
    assert door.send("am", "/inquiries/1/answer", "/inquiries/1/answer", answer="有")[0] == "ok"
    assert waiting(scene) == ["inquiry.to_close"], "followed to its end"
    assert door.send("am", one, one) == ("invalid", {"satisfaction"})
    assert door.send("am", one, one, satisfaction=6) == ("invalid", {"satisfaction"})
    assert door.send("am2", one, one, satisfaction=4)[0] == "missing"
    assert door.send("gm", one, one, satisfaction=4)[0] == "forbidden"
    assert door.send("am", one, one, satisfaction=4, note="答复很快")[0] == "ok"
    assert waiting(scene) == []
    row = inquiry(scene)
    assert (row["satisfaction"], row["satisfaction_note"]) == (4, "答复很快")
    assert row["closed_at"] == "2026-11-23T10:00:00+08:00"
    assert door.send("am", one, one, satisfaction=1)[0] == "refused", "once"
    page = sign_in(scene.app, scene.company["am"]).get("/inquiries/1").text
    assert "满意" in page
    assert "答复很快" in page


def waiting(scene: Scene) -> list[str]:
    now = at("2026-11-23 10:00")
    with scene.app.app_context(), scene.app.test_request_context(), transaction() as session:
        return [item.kind for item in inbox.items(session, scene.actor(session, "am", now))]


@pytest.mark.rule("CHEM-4")
def test_an_inquiry_answered_at_once_may_end_at_once(scene: Scene, door: Door) -> None:
    assert noted(scene, door, satisfaction=5) == ("invalid", {"answer"}), "satisfied with what?"
    assert noted(scene, door, answer="有", satisfaction=5)[0] == "ok"
    assert (inquiry(scene)["answer"], inquiry(scene)["satisfaction"]) == ("有", 5)


@pytest.mark.rule("CHEM-4")
def test_answer_and_satisfaction_go_in_one_step_and_a_closed_inquiry_may_still_become_a_complaint(
    scene: Scene, door: Door
) -> None:
    assert noted(scene, door, product_id=scene.company.product)[0] == "ok"
    both = {"answer": "无货", "satisfaction": 1, "note": "要投诉"}
    assert door.send("am", "/inquiries/1/answer", "/inquiries/1/answer", **both)[0] == "ok"
    assert inquiry(scene)["satisfaction"] == 1
    assert door.send("am", "/inquiries/1/complaint", "/inquiries/1/complaint")[0] == "ok"
    assert scene.complaint(1).inquiry_id == 1


@pytest.mark.rule("CHEM-4")
def test_each_answer_is_offered_the_templates_that_are_for_it(scene: Scene, door: Door) -> None:
    active = {"is_active": True if door.kind == "api" else "1"}
    words = {"complaint": "{number}：换货，批号 {batch}。", "inquiry": "{customer}：{number} {product} 有货。{batch}"}
    for purpose, body in words.items():
        given = {"name": f"答{purpose}", "body": body, "purpose": purpose, **active}
        assert door.send("am", "/reply-templates/new", "/reply-templates", **given)[0] == "forbidden"
        assert door.send("sm", "/reply-templates/new", "/reply-templates", **given)[0] == "ok"
    odd = {"name": "x", "body": "y", "purpose": "visit", **active}
    assert door.send("sm", "/reply-templates/new", "/reply-templates", **odd)[0] == "invalid"
    assert noted(scene, door, product_id=scene.company.product)[0] == "ok"
    client = sign_in(scene.app, scene.company["am"])
    page = client.get("/inquiries/1").text
    number = inquiry(scene)["number"]
    assert f"宁波海曙化工有限公司：{number} 聚烯烃 有货。{{batch}}" in page, "its own places, and no other"
    assert "答complaint" not in page
    complaint = scene.take()
    scene.approve(scene.propose(complaint, "2026-11-23 10:00"), "2026-11-23 10:00")
    page = client.get(f"/complaints/{complaint}/tell").text
    assert "答complaint" in page
    assert "答inquiry" not in page
    listed = client.get("/api/v1/reply-templates").get_json()["rows"]
    assert {row["name"]: row["purpose"] for row in listed} == {"答complaint": "complaint", "答inquiry": "inquiry"}


@pytest.mark.groundwork("CHEM-4")
def test_a_handover_takes_along_what_is_answered_and_not_closed(scene: Scene) -> None:
    door = Door(scene, "api")
    for _number in range(3):
        assert noted(scene, door)[0] == "ok"
    both = "/inquiries/{}/answer"
    assert door.send("am", "", both.format(2), answer="有")[0] == "ok"
    assert door.send("am", "", both.format(3), answer="有", satisfaction=4)[0] == "ok"
    [share] = [share for share in SHARES if share.key == "inquiries"]
    with scene.app.app_context(), transaction() as session:
        assert share.count(session, scene.company["am"], at("2026-11-23 10:00").date()) == 2
