"""Years published and amended after deadlines were set: recomputed or asked about, both values kept (CHEM-12.3)."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, text

from tests.builders import csrf_of, sign_in
from tests.complaints.facts import at
from tests.complaints.scenes import MONDAY, Scene
from tests.complaints.seen import run_sweep
from tierflow.admin.service import calendars
from tierflow.common.calendars import Impact, Move, built_in_years, load_year
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.complaints.models import ClockEvent
from tierflow.complaints.service import handling, reckoning, redating
from tierflow.kernel.errors import Conflict, Forbidden
from tierflow.web import inbox


def load(scene: Scene, year: int, days: dict[str, bool], when: str) -> None:
    with scene.app.app_context(), transaction() as session:
        named = {date.fromisoformat(day): (works, "通知") for day, works in days.items()}
        load_year(session, year, named, "tests", None, at(when))


def redate(scene: Scene, when: str) -> dict[str, int]:
    with scene.app.app_context(), transaction() as session:
        return redating.run(session, at(when))


def dues(scene: Scene, complaint: int) -> list[tuple[str, object]]:
    with scene.app.app_context():
        query = select(ClockEvent.kind, ClockEvent.due_at).where(
            ClockEvent.clock_id == scene.clock(complaint).id, ClockEvent.due_at.is_not(None)
        )
        return [tuple(row) for row in db.session.execute(query.order_by(ClockEvent.id))]


def proposals(scene: Scene, login: str, when: str) -> list[int]:
    with scene.app.app_context(), transaction() as session:
        return [each.complaint.id for each in redating.proposed(session, scene.actor(session, login, at(when)))]


def scene_rows(scene: Scene, query: Any) -> list[Any]:
    with scene.app.app_context(), transaction() as session:
        return list(session.execute(query))


def waiting(scene: Scene, login: str) -> list[tuple[str, int]]:
    """What the inbox asks somebody to decide about due times."""
    with scene.app.app_context(), scene.app.test_request_context(), transaction() as session:
        found = inbox.items(session, scene.actor(session, login, MONDAY))
    return [(item.kind, item.subject_id) for item in found if item.kind == "complaint_redating"]


def calendars_act(scene: Scene, year: int, days: dict[date, tuple[bool, str]], when: str) -> Impact:
    """Look at the preview as an administrator does, then load; the preview's word on open due times."""
    with scene.app.app_context(), transaction() as session:
        admin = scene.actor(session, "admin", at(when))
        seen = calendars.preview(session, admin, year, days, at(when), is_empty=False)
        calendars.load(session, admin, year, days, "tests", at(when), seen_version=seen.calendar_version)
        return seen.impact


def amended_2026(**changed: bool) -> dict[str, bool]:
    days = {day.isoformat(): works for day, (works, _name) in built_in_years()[2026].items()}
    return days | {f"2026-{key[1:3]}-{key[3:]}": works for key, works in changed.items()}


@pytest.mark.rule("CHEM-12.3")
def test_a_provisional_due_becomes_firm_when_the_year_is_published(scene: Scene) -> None:
    complaint = scene.take("2026-12-31 10:00", severity="major")
    clock = scene.clock(complaint)
    assert (clock.due_at, clock.is_provisional) == (at("2027-01-06 17:30"), True)
    load(scene, 2027, {"2027-01-01": False, "2027-01-04": False}, "2026-12-31 15:00")
    assert redate(scene, "2026-12-31 15:01") == {"move": 1}
    clock = scene.clock(complaint)
    assert (clock.due_at, clock.is_provisional) == (at("2027-01-07 17:30"), False)
    assert dues(scene, complaint) == [("received", at("2027-01-06 17:30")), ("published", at("2027-01-07 17:30"))]
    assert redate(scene, "2026-12-31 15:02") == {}


@pytest.mark.rule("CHEM-12.3")
def test_a_published_year_never_makes_somebody_late_at_once(scene: Scene) -> None:
    complaint = scene.take("2026-12-31 10:00", severity="major")
    load(scene, 2027, {"2027-01-01": False, "2027-01-02": True, "2027-01-03": True}, "2027-01-04 09:00")
    redate(scene, "2027-01-04 09:01")
    clock = scene.clock(complaint)
    assert clock.due_at == at("2027-01-05 17:30"), "the close of the next working day after loading"
    assert clock.breached_at is None
    # what follows keeps to it: a new severity is reckoned from the receipt, yet never before that day
    scene.act(handling.classify, "sm", complaint, "2027-01-04 10:00", severity="general", reason="x")
    assert scene.clock(complaint).due_at == at("2027-01-05 17:30")


@pytest.mark.rule("CHEM-12.3")
def test_a_year_loaded_late_does_not_erase_a_breach_that_holds_under_both_calendars(scene: Scene) -> None:
    complaint = scene.take("2026-12-31 10:00", severity="major")
    run_sweep(scene, "2027-01-06 18:00")
    assert scene.clock(complaint).breached_at == at("2027-01-06 17:30")
    load(scene, 2027, {"2027-01-01": False, "2027-01-03": True}, "2027-01-07 09:00")
    assert redate(scene, "2027-01-07 09:01") == {"same": 1}
    clock = scene.clock(complaint)
    assert (clock.due_at, clock.is_provisional) == (at("2027-01-06 17:30"), False)
    assert clock.breached_at == at("2027-01-06 17:30")
    scene.act(handling.classify, "sm", complaint, "2027-01-07 10:00", severity="serious", reason="x")
    assert scene.clock(complaint).breached_at == at("2027-01-06 17:30")


@pytest.mark.rule("CHEM-12.3")
def test_an_amendment_asks_about_a_due_that_stays_provisional(scene: Scene) -> None:
    complaint = scene.take("2026-12-30 10:00", severity="major")
    assert scene.clock(complaint).due_at == at("2027-01-05 17:30")
    load(scene, 2026, amended_2026(d1231=False), "2026-12-30 12:00")
    assert redate(scene, "2026-12-30 12:01") == {"ask": 1}
    assert proposals(scene, "sm", "2026-12-30 12:02") == [complaint]
    assert dues(scene, complaint) == [("received", at("2027-01-05 17:30"))], "nothing was published, nothing moves"
    scene.act(redating.settle, "sm", complaint, "2026-12-30 13:00", move=True, note="放假")
    assert scene.clock(complaint).is_provisional
    assert dues(scene, complaint)[1:] == [("amended", at("2027-01-06 17:30"))]


@pytest.mark.rule("CHEM-12.3")
def test_a_year_that_changes_nothing_is_noted_and_moves_nothing(scene: Scene) -> None:
    complaint = scene.take("2026-12-31 10:00", severity="major")
    load(scene, 2027, {"2027-01-01": False}, "2026-12-31 15:00")
    assert redate(scene, "2026-12-31 15:01") == {"same": 1}
    clock = scene.clock(complaint)
    assert (clock.due_at, clock.is_provisional, clock.revision) == (at("2027-01-06 17:30"), False, 1)


@pytest.mark.rule("CHEM-12.3")
def test_an_amended_year_asks_a_person_and_keeps_both_values(scene: Scene) -> None:
    moved = scene.take("2026-11-23 10:00", severity="major")
    kept = scene.take("2026-11-23 10:30", severity="major")
    untouched = scene.take("2026-11-23 11:00")
    load(scene, 2026, amended_2026(d1125=False), "2026-11-23 15:00")
    assert redate(scene, "2026-11-23 15:01") == {"ask": 2, "same": 1}
    assert scene.clock(moved).due_at == at("2026-11-26 17:30"), "nothing moves by itself"
    assert proposals(scene, "sm", "2026-11-23 16:00") == [moved, kept]
    assert proposals(scene, "sm2", "2026-11-23 16:00") == []
    with pytest.raises(Forbidden):
        scene.act(redating.settle, "am", moved, "2026-11-23 16:00", move=True)
    scene.act(redating.settle, "sm", moved, "2026-11-23 16:00", move=True, note="放假")
    scene.act(redating.settle, "sm", kept, "2026-11-23 16:00", move=False, note="照旧")
    assert scene.clock(moved).due_at == at("2026-11-27 17:30")
    assert scene.clock(kept).due_at == at("2026-11-26 17:30")
    assert [kind for kind, _due in dues(scene, kept)] == ["received", "kept"]
    assert proposals(scene, "sm", "2026-11-23 16:01") == []
    with pytest.raises(Conflict):
        scene.act(redating.settle, "sm", untouched, "2026-11-23 16:00", move=True)


@pytest.mark.rule("CHEM-12.3")
def test_a_person_is_asked_once_for_each_amendment(scene: Scene) -> None:
    complaint = scene.take("2026-11-23 10:00", severity="major")
    load(scene, 2026, amended_2026(d1125=False), "2026-11-23 15:00")
    assert redate(scene, "2026-11-23 15:01") == {"ask": 1}
    assert redate(scene, "2026-11-23 15:02") == {}, "the question stands; the scheduler has nothing left to do"
    assert waiting(scene, "sm") == [("complaint_redating", complaint)]
    assert waiting(scene, "sm2") == []
    load(scene, 2026, amended_2026(d1125=False, d1126=False), "2026-11-23 16:00")
    assert redate(scene, "2026-11-23 16:01") == {"ask": 1}, "another calendar, another question"
    scene.act(redating.settle, "sm", complaint, "2026-11-23 16:10", move=True, note="放假")
    assert scene.clock(complaint).due_at == at("2026-11-30 17:30")
    assert waiting(scene, "sm") == []
    told = [key for (key,) in scene_rows(scene, select(Notice.dedupe_key).where(Notice.kind == "complaint.redating"))]
    assert len(told) == 2
    assert len(set(told)) == 2


@pytest.mark.rule("CHEM-12.3")
def test_an_administrator_who_loads_a_year_sees_what_moves_and_it_follows_at_once(scene: Scene) -> None:
    firm = scene.take("2026-11-23 10:00", severity="major")
    provisional = scene.take("2026-12-31 10:00", severity="major")
    days = {date(2027, 1, 1): (False, "元旦"), date(2027, 1, 4): (False, "元旦")}
    loaded = calendars_act(scene, 2027, days, "2026-12-31 11:00")
    assert (loaded.firmed, loaded.asked) == (1, 0)
    assert scene.clock(provisional).is_provisional is False
    amended = {date.fromisoformat(day): (works, "通知") for day, works in amended_2026(d1125=False).items()}
    loaded = calendars_act(scene, 2026, amended, "2026-12-31 12:00")
    assert (loaded.firmed, loaded.asked) == (0, 1)
    number = scene.complaint(firm).number
    assert loaded.moves == (Move(at("2026-11-26 17:30"), number, at("2027-01-05 17:30"), asks=True),)
    assert waiting(scene, "sm") == [("complaint_redating", firm)]


@pytest.mark.rule("CHEM-12.3")
def test_the_preview_lists_each_due_time_that_would_move_through_each_door(scene: Scene) -> None:
    asked = scene.take("2026-11-23 10:00", severity="major")
    moved = scene.take("2026-12-31 10:00", severity="major")
    stays = scene.take("2026-11-23 10:00")
    numbers = {each: scene.complaint(each).number for each in (asked, moved, stays)}
    client = sign_in(scene.app, scene.company["admin"])
    token = csrf_of(client)
    for year, days, complaint, due, would_be, asks in (
        (2026, amended_2026(d1125=False), asked, "2026-11-26T17:30", "2026-11-27T17:30", True),
        (2027, {"2027-01-01": False, "2027-01-04": False}, moved, "2027-01-06T17:30", "2027-01-07T17:30", False),
    ):
        rows = [{"date": day, "working": works, "name": "通知"} for day, works in days.items()]
        asked_for = {"year": year, "days": rows, "is_empty": False}
        told = client.post("/api/v1/calendar/preview", json=asked_for, headers={"X-CSRFToken": token}).get_json()
        assert told["impact"]["moves"] == [
            {
                "number": numbers[complaint],
                "due_at": f"{due}:00+08:00",
                "would_be_at": f"{would_be}:00+08:00",
                "asks": asks,
            }
        ]
        given = {"year": year, "source": "通知", "content": json.dumps({"days": rows}), "csrf_token": token}
        page = client.post("/calendar/preview", data=given).text
        assert numbers[complaint] in page
        assert would_be.replace("T", " ") in page
        assert numbers[stays] not in page
        assert scene.complaint(asked).customer_name not in page, "an administrator sees no customers"


@pytest.mark.rule("CHEM-12.3")
def test_every_stored_due_time_can_be_worked_out_again_and_a_lie_is_found(scene: Scene) -> None:
    complaint = scene.take("2026-12-31 10:00", severity="major")
    scene.act(handling.classify, "sm", complaint, "2026-12-31 11:00", severity="serious", reason="x")
    load(scene, 2027, {"2027-01-01": False, "2027-01-04": False}, "2026-12-31 15:00")
    redate(scene, "2026-12-31 15:01")
    with scene.app.app_context():
        assert list(reckoning.verify(db.session())) == []
    with scene.app.app_context(), transaction() as session:
        guard = "ALTER TABLE complaint_event DISABLE TRIGGER guard_complaint_event_row"
        sqlite = session.get_bind().dialect.name == "sqlite"
        session.execute(text("DROP TRIGGER guard_complaint_event_update" if sqlite else guard))
        session.execute(text("UPDATE complaint_event SET limit_days = 4 WHERE kind = 'received'"))
    with scene.app.app_context():
        assert len(list(reckoning.verify(db.session()))) == 1


@pytest.mark.rule("CHEM-12.3")
def test_the_reckoning_is_told_day_by_day(scene: Scene) -> None:
    complaint = scene.take("2026-11-20 10:00")
    with scene.app.app_context(), transaction() as session:
        found = reckoning.reckon(session, scene.actor(session, "am", at("2026-11-20 10:00")), complaint)
        days = [(day.on.isoformat(), day.counts) for day in found.days]
        assert (found.cause, found.closing) == ("received", None)
    assert days == [("2026-11-20", False), ("2026-11-21", False), ("2026-11-22", False), ("2026-11-23", True)]


@pytest.mark.rule("CHEM-12.3")
def test_the_proof_says_why_a_due_time_was_kept(scene: Scene) -> None:
    complaint = scene.take("2026-11-23 10:00", severity="major")
    load(scene, 2026, amended_2026(d1125=False), "2026-11-23 15:00")
    redate(scene, "2026-11-23 15:01")
    scene.act(redating.settle, "sm", complaint, "2026-11-23 16:00", move=False, note="照旧")
    client = sign_in(scene.app, scene.company["am"])
    told = client.get(f"/api/v1/complaints/{complaint}/clock").get_json()
    assert (told["cause"], told["days"][-1]["date"], told["due_at"][:10]) == ("kept", "2026-11-27", "2026-11-26")
    assert "2026-11-27 17:30" in told["closing"]
    page = client.get(f"/complaints/{complaint}/clock").text
    assert told["closing"] in page
    assert "工作日历修订" in page or "Working calendar amended, time kept" in page
