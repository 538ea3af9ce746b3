"""Measures, inquiries and departments' answers that slip: each level told once, each telling stored once, all shown."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.builders import sign_in
from tests.complaints.facts import at
from tests.complaints.scenes import MONDAY, Scene, statements_of
from tests.conftest import StandingClock
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.policies import PolicyVersion, policy_on
from tierflow.common.users import User
from tierflow.complaints import duties
from tierflow.complaints.models import Consultation, ErrandEvent, Measure
from tierflow.complaints.service import answering, followups, handling, inquiries, raising
from tierflow.web import inbox


def ask(scene: Scene, complaint: int, when: str = "2026-11-23 10:30") -> int:
    scene.act(handling.consult, "am", complaint, when, department_id=scene.company.department, question="留样结果？")
    return newest(scene, Consultation)


def measure(scene: Scene, complaint: int, due_on: str, owner: str = "am2", approved: str = "2026-11-23 11:00") -> int:
    wanted = {"kind": "replacement", "what": "换货 25 吨", "owner_id": scene.company[owner]}
    measures = [{**wanted, "due_on": date.fromisoformat(due_on)}]
    scene.approve(scene.propose(complaint, "2026-11-23 10:30", measures=measures), approved)
    return newest(scene, Measure)


def inquiry(scene: Scene, when: str = "2026-11-23 10:00", owner: str = "am2", **changed: Any) -> int:
    command = {
        "customer_id": scene.company.customer,
        "channel": "phone",
        "asked_at": at(when),
        "question": "十二月有货吗？",
        "owner_id": scene.company[owner],
        **changed,
    }
    with scene.app.app_context(), transaction() as session:
        return inquiries.note(session, scene.actor(session, "am", at(when)), command, at(when)).id


def newest(scene: Scene, table: Any) -> int:
    with scene.app.app_context(), transaction() as session:
        return session.scalars(select(table.id).order_by(table.id.desc())).first()


def run(scene: Scene, when: str) -> dict[str, int]:
    with scene.app.app_context(), transaction() as session:
        return raising.run(session, at(when))


def told(scene: Scene, kind: str) -> list[str]:
    """Logins told of an event, in alphabetical order."""
    query = select(User.login).join(Notice, Notice.user_id == User.id).where(Notice.kind == kind)
    with scene.app.app_context(), transaction() as session:
        return list(session.scalars(query.order_by(User.login)))


def events(scene: Scene) -> list[tuple[str, str, Any]]:
    query = select(ErrandEvent.kind, ErrandEvent.level, ErrandEvent.at).order_by(ErrandEvent.id)
    with scene.app.app_context(), transaction() as session:
        return [tuple(row) for row in session.execute(query)]


def waits_for(scene: Scene, login: str) -> list[str]:
    with scene.app.app_context(), scene.app.test_request_context(), transaction() as session:
        found = inbox.items(session, scene.actor(session, login, MONDAY))
    return [item.kind for item in found]


@pytest.mark.rule("CHEM-12.1", "CHEM-12.3")
def test_an_overdue_measure_rises_from_its_owner_to_the_general_manager(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    measure(scene, complaint, "2026-11-25")
    assert run(scene, "2026-11-25 08:59") == {}
    assert run(scene, "2026-11-25 09:00") == {"owner": 1}
    assert told(scene, "errand.owner") == ["am2"]
    assert run(scene, "2026-11-25 17:30") == {}, "the due time itself still counts"
    assert run(scene, "2026-11-25 17:31") == {"sales_manager": 1}
    assert told(scene, "errand.sales_manager") == ["am2", "sm"]
    assert waits_for(scene, "sm") == ["complaint_measure.raised"]
    assert "complaint_measure.raised" not in waits_for(scene, "gm")
    assert run(scene, "2026-11-26 17:31") == {"general_manager": 1}
    assert told(scene, "errand.general_manager") == ["gm"]
    assert waits_for(scene, "gm") == ["complaint_measure.raised"]
    assert run(scene, "2026-12-24 17:31") == {}
    late = at("2026-11-25 17:30"), at("2026-11-26 17:30")
    assert [(level, noted.replace(microsecond=0)) for _kind, level, noted in events(scene)] == [
        ("owner", at("2026-11-25 09:00")),
        ("sales_manager", late[0]),
        ("general_manager", late[1]),
    ]


@pytest.mark.rule("CHEM-12.2")
def test_a_departments_overdue_answer_rises_and_the_asker_hears_with_the_department(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    ask(scene, complaint)
    run(scene, "2026-11-24 09:00")
    assert told(scene, "errand.owner") == ["am", "qa"]
    run(scene, "2026-11-24 18:00")
    assert told(scene, "errand.sales_manager") == ["am", "qa", "sm"]
    assert waits_for(scene, "sm") == ["complaint_consultation.raised"]
    run(scene, "2026-11-25 18:00")
    assert told(scene, "errand.general_manager") == ["gm"]


@pytest.mark.rule("CHEM-4")
def test_an_overdue_inquiry_rises_and_an_answered_one_does_not(scene: Scene) -> None:
    late, answered = inquiry(scene), inquiry(scene)
    scene.act(inquiries.answer, "am2", answered, "2026-11-24 08:00", answer="有")
    for when in ("2026-11-24 09:00", "2026-11-24 18:00", "2026-11-25 18:00"):
        run(scene, when)
    assert [(kind, level) for kind, level, _at in events(scene)] == [
        ("inquiry", "owner"),
        ("inquiry", "sales_manager"),
        ("inquiry", "general_manager"),
    ]
    assert waits_for(scene, "gm") == ["inquiry.raised"]
    scene.act(inquiries.answer, "am2", late, "2026-11-26 09:00", answer="有")
    assert waits_for(scene, "gm") == []


def test_after_an_outage_everybody_hears_the_latest_once_and_every_level_is_noted(scene: Scene) -> None:
    inquiry(scene)
    assert run(scene, "2026-11-30 10:00") == {"owner": 1, "sales_manager": 1, "general_manager": 1}
    assert told(scene, "errand.general_manager") == ["am2", "gm", "sm"]
    assert (told(scene, "errand.owner"), told(scene, "errand.sales_manager")) == ([], [])
    assert run(scene, "2026-11-30 10:01") == {}


def test_a_measure_sent_back_after_its_time_goes_on_rising(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    made = measure(scene, complaint, "2026-11-24")
    run(scene, "2026-11-24 18:00")
    scene.act(answering.complete, "am2", made, "2026-11-25 09:00", proof="单据 1")
    assert run(scene, "2026-11-25 18:00") == {}, "done, though not checked"
    scene.act(answering.check, "sm", made, "2026-11-26 09:00", verdict="fail", remark="单据不全")
    assert run(scene, "2026-11-26 09:01") == {"general_manager": 1}


def test_an_answer_drawn_in_with_the_complaint_is_reminded_of_by_its_new_time(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    asked = "2026-11-23 10:30"
    wanted = {"department_id": scene.company.department, "question": "留样？", "due_at": at("2026-11-26 12:00")}
    scene.act(handling.consult, "am", complaint, asked, **wanted)
    scene.act(handling.classify, "sm", complaint, "2026-11-23 11:00", severity="general", reason="轻")
    assert run(scene, "2026-11-24 09:00") == {"owner": 1}
    assert run(scene, "2026-11-24 17:31") == {"sales_manager": 1}


def test_the_rungs_are_policy(scene: Scene) -> None:
    with scene.app.app_context(), transaction() as session:
        values = {**policy_on(session, at("2026-11-23 10:00").date()).values, "complaint.errand_manager_days": 1}
        given = {"state": "adopted", "in_force_from": date(2026, 11, 23), "drafter": "t", "source": "t"}
        session.add(PolicyVersion(version=9, values={**values, "complaint.errand_general_days": 3}, **given))
    inquiry(scene)
    run(scene, "2026-11-24 18:00")
    assert told(scene, "errand.sales_manager") == []
    run(scene, "2026-11-25 17:31")
    assert told(scene, "errand.sales_manager") == ["am2", "sm"]
    run(scene, "2026-11-26 17:31")
    assert told(scene, "errand.general_manager") == []
    run(scene, "2026-11-27 17:31")
    assert told(scene, "errand.general_manager") == ["gm"]


def test_an_owner_who_has_left_is_not_the_only_one_told(scene: Scene) -> None:
    inquiry(scene)
    with scene.app.app_context(), transaction() as session:
        session.get_one(User, scene.company["am2"]).disabled_at = at("2026-11-23 12:00")
    run(scene, "2026-11-24 09:00")
    assert told(scene, "errand.owner") == ["sm"]


def listed(scene: Scene, login: str, when: str, *, overdue: bool) -> list[tuple[str, bool, str | None]]:
    with scene.app.app_context(), transaction() as session:
        found = followups.followups(session, scene.actor(session, login, at(when)), at(when), overdue=overdue)
    return [(row.kind, row.is_overdue, row.raised_to) for row in found.rows]


@pytest.mark.rule("CHEM-12.1")
def test_what_is_overdue_is_listed_by_the_time_alone_to_whom_it_concerns(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    ask(scene, complaint)
    measure(scene, complaint, "2026-11-30")
    inquiry(scene)
    evening = "2026-11-24 18:00"  # no scheduler has run
    assert listed(scene, "gm", evening, overdue=True) == [
        ("complaint_consultation", True, None),
        ("inquiry", True, None),
    ]
    assert listed(scene, "sm", evening, overdue=False) == [
        ("complaint_consultation", True, None),
        ("inquiry", True, None),
        ("complaint_measure", False, None),
    ]
    assert listed(scene, "sm2", evening, overdue=False) == [], "another region's"
    assert listed(scene, "finance", evening, overdue=True) == [("complaint_consultation", True, None)], "no inquiries"


@pytest.mark.rule("CHEM-12.1")
def test_board_follow_up_complaint_and_digest_show_it(scene: Scene, clock: StandingClock) -> None:
    complaint = scene.take(severity="major")
    made = measure(scene, complaint, "2026-11-24")
    run(scene, "2026-11-24 18:00")
    clock.at = at("2026-11-25 08:30")
    manager = sign_in(scene.app, scene.company["gm"])
    assert "跟进已超时" in manager.get("/complaints").text.replace("1 项", "")
    page = manager.get("/complaints/follow-ups?overdue=1").text
    assert f"/complaint-measures/{made}" in page
    assert "已报销售经理" in page
    assert "已超时，已报销售经理" in manager.get(f"/complaints/{complaint}").text
    assert f"/complaint-measures/{made}" in manager.get("/complaints/digest").text
    client = sign_in(scene.app, scene.company["gm"])
    digest = client.get("/api/v1/complaints/digest").get_json()
    assert [part["total"] for part in digest["parts"] if part["key"] == "errands"] == [1]
    shown = client.get("/api/v1/complaints/follow-ups?overdue=true").get_json()
    assert [(row["kind"], row["raised_to"]) for row in shown["rows"]] == [("complaint_measure", "sales_manager")]
    whole = client.get(f"/api/v1/complaints/{complaint}").get_json()
    assert [event["level"] for event in whole["raised"]] == ["owner", "sales_manager"]


def test_the_look_costs_what_is_due_and_not_what_is_open(app: Flask) -> None:
    scene = Scene(app)
    numbers = []
    for _times in range(3):
        for _number in range(5):
            inquiry(scene)
        with app.app_context():
            with statements_of(db.engine) as sent:
                assert duties.errands_due(db.session(), at("2026-11-24 08:00")) == []
            db.session.rollback()
        numbers.append(len(sent))
    assert len(set(numbers)) == 1
