"""From opinion and meeting to telling, measures, closing and reopening, on both engines (CHEM-12.1, CHEM-12.2)."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from tests.complaints.facts import at
from tests.complaints.scenes import Scene
from tests.complaints.seen import clauses, events, notices
from tierflow.common.audit import verify_chain
from tierflow.common.db import db
from tierflow.complaints.models import ClockEvent, Consultation, Measure
from tierflow.complaints.service import answering, handling, opinions
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused


@pytest.mark.rule("CHEM-12.1", "CHEM-12.2")
def test_a_general_complaint_from_receipt_to_closing(scene: Scene) -> None:
    company = scene.company
    complaint = scene.take(quantity_grams=25_000_000)
    scene.act(
        handling.consult,
        "am",
        complaint,
        "2026-11-23 11:00",
        department_id=company.department,
        question="熔指为何偏低？",
    )
    with scene.app.app_context():
        asked, due_at = db.session.execute(select(Consultation.id, Consultation.due_at)).one()
        assert due_at == at("2026-11-24 17:30"), "never after the complaint itself"
    scene.act(handling.answer, "qa", asked, "2026-11-23 15:00", answer="该批次确有波动。")
    measure = {
        "kind": "replacement",
        "what": "换货 25 吨",
        "owner_id": company["am"],
        "due_on": at("2026-12-01 00:00").date(),
    }
    opinion = scene.propose(complaint, "2026-11-23 16:00", measures=[measure])
    assert scene.complaint(complaint).state == "in_approval"
    with pytest.raises(Refused):
        scene.tell(complaint, "2026-11-23 16:10")
    scene.approve(opinion, "2026-11-24 09:00")
    scene.tell(complaint, "2026-11-24 17:30", is_accepted=True)
    clock = scene.clock(complaint)
    assert (clock.in_time, clock.breached_at, clock.next_at) == (True, None, None)
    assert clock.worked_minutes == (17 * 60 + 30 - 10 * 60) + 540
    with pytest.raises(Refused) as refused:
        scene.act(answering.close, "am", complaint, "2026-11-25 09:00", satisfaction=5)
    assert clauses(refused.value) == ["CHEM-12.1"]
    with scene.app.app_context():
        todo = db.session.scalars(select(Measure.id)).one()
    scene.act(answering.complete, "am", todo, "2026-11-26 09:00", proof="出库单 88123")
    with pytest.raises(Forbidden):
        scene.act(answering.check, "am", todo, "2026-11-26 10:00", verdict="pass")
    with pytest.raises(Invalid):
        scene.act(answering.check, "sm", todo, "2026-11-26 10:00", verdict="fail")
    scene.act(answering.check, "sm", todo, "2026-11-26 10:00", verdict="fail", remark="缺客户签收")
    scene.act(answering.complete, "am", todo, "2026-11-26 11:00", proof="出库单与签收单")
    scene.act(answering.check, "sm", todo, "2026-11-26 12:00", verdict="pass")
    scene.act(answering.close, "am", complaint, "2026-11-26 14:00", satisfaction=4)
    closed = scene.complaint(complaint)
    assert (closed.state, closed.satisfaction) == ("closed", 4)
    assert events(scene, complaint) == ["received", "due_day", "told"]
    with scene.app.app_context():
        assert list(verify_chain(db.session())) == []


@pytest.mark.rule("CHEM-12.2")
def test_nothing_of_a_serious_complaint_is_approved_without_the_meetings_record(scene: Scene) -> None:
    complaint = scene.take(severity="serious")
    assert notices(scene, "gm") == ["complaint.meeting"]
    with pytest.raises(Refused) as refused:
        scene.propose(complaint, "2026-11-24 09:00")
    assert clauses(refused.value) == ["CHEM-12.2"]
    assert scene.complaint(complaint).needs_meeting
    with pytest.raises(Forbidden):
        scene.act(handling.record_meeting, "sm", complaint, "2026-11-24 10:00", held_at=at("2026-11-24 10:00"))
    scene.meet(complaint, "2026-11-24 10:00")
    opinion = scene.propose(complaint, "2026-11-24 11:00")
    with pytest.raises(Forbidden):
        scene.approve(opinion, "2026-11-24 12:00", login="sm")
    scene.approve(opinion, "2026-11-24 12:00", login="gm")
    scene.tell(complaint, "2026-11-25 09:00")
    assert scene.clock(complaint).in_time is True


@pytest.mark.rule("CHEM-12.2")
def test_an_opinion_not_approved_is_drafted_again_and_only_by_the_leader_decided(scene: Scene) -> None:
    complaint = scene.take()
    opinion = scene.propose(complaint, "2026-11-23 11:00")
    for stranger, error in (("sm2", NotFound), ("am", Forbidden), ("finance", Forbidden)):
        with pytest.raises(error):
            scene.approve(opinion, "2026-11-23 12:00", login=stranger)
    scene.approve(opinion, "2026-11-23 12:00", verdict="return", reason="写清原因")
    assert scene.complaint(complaint).state == "handling"
    assert scene.propose(complaint, "2026-11-23 13:00", cause="冷却水温") == opinion, "corrected, not begun anew"
    scene.approve(opinion, "2026-11-23 14:00", verdict="reject", reason="不同意")
    again = scene.propose(complaint, "2026-11-23 15:00")
    assert again != opinion
    with pytest.raises(Conflict):
        scene.propose(complaint, "2026-11-23 15:10")
    scene.act(opinions.withdraw, "am", complaint, "2026-11-23 15:20")
    assert scene.propose(complaint, "2026-11-23 15:30") == again


@pytest.mark.rule("CHEM-12.2", "CHEM-12.3")
def test_raised_to_serious_the_opinion_must_be_approved_again_after_a_meeting(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    scene.approve(scene.propose(complaint, "2026-11-23 11:00"), "2026-11-23 12:00")
    scene.act(handling.classify, "sm", complaint, "2026-11-23 13:00", severity="serious", reason="人员受伤")
    after = scene.complaint(complaint)
    assert (after.state, after.needs_meeting, after.opinion_decided_at) == ("handling", True, None)
    with pytest.raises(Refused):
        scene.tell(complaint, "2026-11-23 14:00")
    scene.meet(complaint, "2026-11-24 09:00")
    scene.approve(scene.propose(complaint, "2026-11-24 10:00"), "2026-11-24 11:00", login="gm")
    scene.tell(complaint, "2026-11-24 12:00")
    assert scene.complaint(complaint).state == "answered"


@pytest.mark.rule("CHEM-12.3")
def test_reopened_runs_a_new_clock_linked_to_the_old(scene: Scene) -> None:
    complaint = scene.answered("2026-11-23 10:00", "2026-11-23 15:00")
    old = scene.clock(complaint)
    with pytest.raises(Invalid):
        scene.act(answering.reopen, "am", complaint, "2026-11-25 09:00", said_at=at("2026-11-25 09:01"), facts="又出现")
    scene.act(answering.reopen, "am", complaint, "2026-11-25 09:00", said_at=at("2026-11-25 08:40"), facts="又出现")
    new = scene.clock(complaint)
    assert (new.previous_id, new.number, new.due_at) == (old.id, 2, at("2026-11-26 17:30"))
    assert old.told_at is not None
    with scene.app.app_context():
        said = select(ClockEvent.note).where(ClockEvent.clock_id == new.id, ClockEvent.kind == "received")
        assert db.session.scalars(said).all() == ["又出现"], "what the customer said this time stays on record"
    assert scene.complaint(complaint).state == "handling"
    with pytest.raises(Refused):
        scene.act(answering.reopen, "am", complaint, "2026-11-25 10:00", said_at=at("2026-11-25 08:40"), facts="x")


@pytest.mark.groundwork("CHEM-9.6")
def test_a_breach_by_the_customer_is_upheld_by_the_sales_manager_once(scene: Scene) -> None:
    complaint = scene.take()
    with pytest.raises(Forbidden):
        scene.act(answering.uphold_breach, "am", complaint, "2026-11-24 10:00", what="低价倾销")
    scene.act(answering.uphold_breach, "sm", complaint, "2026-11-24 10:00", what="低价倾销")
    with pytest.raises(Refused):
        scene.act(answering.uphold_breach, "sm", complaint, "2026-11-24 10:00", what="低价倾销")
