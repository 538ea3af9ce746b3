"""Complaints from receipt to closing on both engines, the clock passed in (CHEM-12)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import insert, inspect, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tests.complaints.facts import at
from tests.complaints.scenes import Scene, statements_of
from tierflow.common.approvals import ApprovalCase
from tierflow.common.audit import verify_chain
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.common.policies import PolicyVersion
from tierflow.complaints.models import Clock, ClockEvent, Complaint, Consultation, Measure
from tierflow.complaints.service import answering, extensions, handling, intake, opinions
from tierflow.complaints.service.sweep import outstanding, sweep
from tierflow.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Refused


@pytest.fixture
def scene(both_app: Flask) -> Scene:
    return Scene(both_app)


def events(scene: Scene, complaint: int) -> list[str]:
    clock = scene.clock(complaint)
    with scene.app.app_context():
        query = select(ClockEvent.kind).where(ClockEvent.clock_id == clock.id).order_by(ClockEvent.id)
        return list(db.session.scalars(query))


def notices(scene: Scene, login: str) -> list[str]:
    with scene.app.app_context():
        query = select(Notice.kind).where(Notice.user_id == scene.company[login]).order_by(Notice.id)
        return list(db.session.scalars(query))


def run_sweep(scene: Scene, when: str) -> dict[str, int]:
    with scene.app.app_context(), transaction() as session:
        return sweep(session, at(when))


def clauses(error: Refused) -> list[str]:
    return [refusal.clause for refusal in error.refusals]


@pytest.mark.rule("CHEM-12.1", "CHEM-12.3")
def test_a_complaint_is_accepted_at_once_with_number_and_receipt(scene: Scene) -> None:
    first = scene.take(said_at=at("2026-11-20 18:00"))
    second = scene.take()
    complaint, clock = scene.complaint(first), scene.clock(first)
    assert (complaint.number, scene.complaint(second).number) == ("TS-2026-00001", "TS-2026-00002")
    assert complaint.keyed_at == at("2026-11-23 10:00")
    assert clock.received_at == at("2026-11-20 18:00"), "receipt is when the customer spoke"
    assert clock.due_at == complaint.due_at == at("2026-11-23 17:30")
    assert notices(scene, "sm") == ["complaint.taken", "complaint.taken"]


@pytest.mark.rule("CHEM-12.1")
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"said_at": at("2026-11-23 10:01")}, "said_at"),
        ({"said_at": at("1999-11-23 10:00")}, "said_at"),
        ({"product_id": 999_999}, "product_id"),
        ({"customer_id": None, "region_id": 1}, "customer_name"),
        ({"customer_id": None, "customer_name": "某公司"}, "region_id"),
        ({"customer_id": None, "customer_name": "某公司", "region_id": 999_999}, "region_id"),
    ],
)
def test_what_cannot_be_is_refused_by_field(scene: Scene, changed: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        scene.take(**changed)
    assert list(refused.value.errors) == [field]


@pytest.mark.rule("CHEM-12.1")
def test_unknown_and_suspended_customers_are_accepted_and_marked(scene: Scene) -> None:
    company = scene.company
    unknown = scene.take(customer_id=None, customer_name="不知名客户", region_id=company.region)
    complaint = scene.complaint(unknown)
    assert (complaint.customer_id, complaint.customer_name, complaint.was_suspended) == (None, "不知名客户", False)
    with scene.app.app_context(), transaction() as session:
        command = {
            "customer_id": company.customer,
            "product_id": company.product,
            "severity": "general",
            "channel": "visit",
            "said_at": at("2026-11-23 09:00"),
            "facts": "x",
        }
        actor = scene.actor(session, "am", at("2026-11-23 10:00"))
        marked = intake.take(
            session, actor, command, at("2026-11-23 10:00"), suspended=lambda _s, ids, _on: [company.customer]
        )
        assert marked.was_suspended
    scene.act(intake.identify, "sm", unknown, "2026-11-23 11:00", customer_id=company.customer)
    assert scene.complaint(unknown).customer_id == company.customer
    with pytest.raises(Refused):
        scene.act(intake.identify, "sm", unknown, "2026-11-23 11:00", customer_id=company.customer)


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


@pytest.mark.rule("CHEM-12.3")
def test_an_extension_is_granted_by_both_leaders_before_the_limit(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    request = scene.extend(complaint, "2026-11-24 10:00", to_day=6)
    with pytest.raises(Forbidden):
        scene.decide_extension(request, "gm", "2026-11-24 11:00")
    scene.decide_extension(request, "sm", "2026-11-24 11:00")
    assert scene.clock(complaint).due_at == at("2026-11-26 17:30"), "one signature is not enough"
    scene.decide_extension(request, "gm", "2026-11-26 17:30")
    clock = scene.clock(complaint)
    assert (clock.limit_days, clock.due_at, clock.base_due_at) == (6, at("2026-12-01 17:30"), at("2026-11-26 17:30"))
    with pytest.raises(Refused):
        scene.extend(complaint, "2026-11-26 17:30")
    assert events(scene, complaint)[-1] == "extended"


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("severity", "when", "to_day"),
    [("general", "2026-11-23 11:00", 5), ("major", "2026-11-26 17:31", 5), ("major", "2026-11-24 10:00", 8)],
)
def test_extensions_are_refused_afterwards_and_for_general_complaints(
    scene: Scene, severity: str, when: str, to_day: int
) -> None:
    complaint = scene.take(severity=severity)
    with pytest.raises(Refused) as refused:
        scene.extend(complaint, when, to_day)
    assert set(clauses(refused.value)) == {"CHEM-12.3"}


@pytest.mark.rule("CHEM-12.3")
def test_a_late_decision_on_an_extension_is_void(scene: Scene) -> None:
    complaint = scene.take(severity="serious")
    request = scene.extend(complaint, "2026-11-26 16:00")
    scene.decide_extension(request, "sm", "2026-11-26 17:00")
    with pytest.raises(Refused):
        scene.decide_extension(request, "gm", "2026-11-26 17:31")
    with scene.app.app_context(), transaction() as session:
        assert extensions.void_lapsed(session, at("2026-11-26 17:30")) == 0
        assert extensions.void_lapsed(session, at("2026-11-26 17:31")) == 1
        assert extensions.void_lapsed(session, at("2026-11-26 17:31")) == 0
        case = session.scalars(select(ApprovalCase).where(ApprovalCase.subject_type == extensions.KIND)).one()
        assert (case.state, case.step) == ("discarded", None)
    assert scene.clock(complaint).limit_days == 3


@pytest.mark.rule("CHEM-12.3")
def test_changing_the_severity_recomputes_from_the_receipt_and_keeps_the_breach(scene: Scene) -> None:
    complaint = scene.take()
    with pytest.raises(Forbidden):
        scene.act(handling.classify, "am", complaint, "2026-11-23 11:00", severity="major", reason="x")
    scene.act(handling.classify, "sm", complaint, "2026-11-24 17:31", severity="major", reason="影响生产")
    clock = scene.clock(complaint)
    assert clock.due_at == at("2026-11-26 17:30")
    assert clock.breached_at == at("2026-11-24 17:30"), "the breach of the general limit stays"
    opinion = scene.propose(complaint, "2026-11-25 09:00")
    scene.approve(opinion, "2026-11-25 10:00")
    scene.tell(complaint, "2026-11-25 11:00")
    assert scene.clock(complaint).in_time is False
    assert events(scene, complaint) == ["received", "due_day", "breached", "reclassified", "halfway", "told"]
    assert notices(scene, "gm") == ["complaint.reclassified"], "the breach still comes before the general manager"


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
    assert scene.complaint(complaint).state == "handling"
    with pytest.raises(Refused):
        scene.act(answering.reopen, "am", complaint, "2026-11-25 10:00", said_at=at("2026-11-25 08:40"), facts="x")


@pytest.mark.rule("CHEM-12.3")
def test_told_in_time_is_judged_by_the_telling_not_by_the_recording(scene: Scene) -> None:
    complaint = scene.take()
    scene.approve(scene.propose(complaint, "2026-11-24 15:00"), "2026-11-24 16:00")
    run_sweep(scene, "2026-11-24 17:45")
    assert scene.clock(complaint).breached_at == at("2026-11-24 17:30")
    scene.act(
        answering.tell,
        "am",
        complaint,
        "2026-11-24 18:00",
        channel="phone",
        told_at=at("2026-11-24 17:10"),
        told_to="钱海峰",
        reply="同意",
    )
    clock = scene.clock(complaint)
    assert (clock.in_time, clock.breached_at) == (True, None)
    assert (clock.told_at, clock.recorded_at) == (at("2026-11-24 17:10"), at("2026-11-24 18:00"))


@pytest.mark.rule("CHEM-12.3")
def test_the_sweep_notes_each_thing_once_at_its_time_and_tells_the_right_people(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    told = {who: len(notices(scene, who)) for who in ("am", "sm", "gm")}
    assert run_sweep(scene, "2026-11-25 08:59") == {}
    assert run_sweep(scene, "2026-11-25 09:00") == {"halfway": 1}
    assert run_sweep(scene, "2026-11-25 09:00") == {}
    assert run_sweep(scene, "2026-11-26 09:00") == {"due_day": 1}
    assert run_sweep(scene, "2026-11-26 17:30") == {}, "the last instant is in time"
    assert run_sweep(scene, "2026-11-26 17:31") == {"breached": 1}
    assert run_sweep(scene, "2026-11-27 17:30") == {}
    assert run_sweep(scene, "2026-11-27 17:31") == {"escalated": 1}
    assert run_sweep(scene, "2026-12-31 17:31") == {}
    assert notices(scene, "am")[told["am"] :] == ["complaint.halfway", "complaint.due_day", "complaint.breached"]
    assert notices(scene, "sm")[told["sm"] :] == ["complaint.breached"]
    assert notices(scene, "gm")[told["gm"] :] == ["complaint.escalated"]
    assert events(scene, complaint) == ["received", "halfway", "due_day", "breached", "escalated"]
    assert scene.clock(complaint).breached_at == at("2026-11-26 17:30")


@pytest.mark.rule("CHEM-12.3")
def test_after_an_outage_everything_is_noted_and_only_the_latest_is_told(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    before = len(notices(scene, "am"))
    found = run_sweep(scene, "2026-12-07 09:00")
    assert found == {"halfway": 1, "due_day": 1, "breached": 1, "escalated": 1}
    assert notices(scene, "am")[before:] == []
    assert notices(scene, "gm") == ["complaint.escalated"]
    assert events(scene, complaint) == ["received", "halfway", "due_day", "breached", "escalated"]


@pytest.mark.rule("CHEM-12.3")
def test_the_clock_pauses_only_where_policy_lets_it(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    with pytest.raises(Refused):
        scene.act(handling.pause, "sm", complaint, "2026-11-24 10:00", reason="等样品")
    with scene.app.app_context(), transaction() as session:
        newest = session.scalars(select(PolicyVersion).order_by(PolicyVersion.version.desc()).limit(1)).one()
        allowing = {**newest.values, "complaint.may_pause": True}
        session.add(
            PolicyVersion(
                version=newest.version + 1,
                state="adopted",
                in_force_from=at("2026-11-23 00:00").date(),
                values=allowing,
                drafter="销售部",
                source="试行",
                adopted_at=at("2026-11-20 10:00"),
            )
        )
    other = scene.take(severity="major")
    scene.act(handling.pause, "sm", other, "2026-11-24 10:00", reason="等样品")
    assert scene.clock(other).due_at == at("2026-12-02 17:30"), "day 7 at the latest"
    scene.act(handling.resume, "sm", other, "2026-11-26 10:00")
    clock = scene.clock(other)
    assert (clock.paused_days, clock.due_at) == (2, at("2026-11-30 17:30"))
    assert events(scene, other) == ["received", "paused", "resumed"]


@pytest.mark.groundwork("CHEM-9.6")
def test_a_breach_by_the_customer_is_upheld_by_the_sales_manager_once(scene: Scene) -> None:
    complaint = scene.take()
    with pytest.raises(Forbidden):
        scene.act(answering.uphold_breach, "am", complaint, "2026-11-24 10:00", what="低价倾销")
    scene.act(answering.uphold_breach, "sm", complaint, "2026-11-24 10:00", what="低价倾销")
    with pytest.raises(Refused):
        scene.act(answering.uphold_breach, "sm", complaint, "2026-11-24 10:00", what="低价倾销")


def test_who_may_not_see_a_complaint_does_not_find_it(scene: Scene) -> None:
    complaint = scene.take()
    for login in ("am2", "sm2", "admin", "qa"):
        with pytest.raises((NotFound, Forbidden)):
            scene.act(handling.consult, login, complaint, "2026-11-23 11:00", department_id=1, question="x")
    with pytest.raises(Forbidden):
        scene.act(handling.consult, "finance", complaint, "2026-11-23 11:00", department_id=1, question="x")


@pytest.mark.parametrize("change", ["UPDATE {} SET id = id", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["complaint_event", "complaint_meeting", "complaint_telling", "customer_breach"])
def test_registers_of_complaints_are_append_only(scene: Scene, table: str, change: str) -> None:
    complaint = scene.take(severity="serious")
    scene.meet(complaint, "2026-11-24 10:00")
    scene.approve(scene.propose(complaint, "2026-11-24 11:00"), "2026-11-24 12:00", login="gm")
    scene.tell(complaint, "2026-11-25 09:00")
    scene.act(answering.uphold_breach, "sm", complaint, "2026-11-25 10:00", what="x")
    statement = text(change.format(table))
    with scene.app.app_context(), pytest.raises(DBAPIError, match="append-only"):
        _run(statement)


def _run(statement: object) -> None:
    with transaction() as session:
        session.execute(statement)


@pytest.mark.rule("CHEM-12.3")
def test_a_thousand_due_among_ten_thousand_open_are_swept_in_a_few_statements(scene: Scene) -> None:
    """The cost follows what is due: a fixed number of statements, flat in what is open."""
    first = scene.take(severity="major")
    with scene.app.app_context(), transaction() as session:
        multiply(session, first, copies=9_999, due_every=10)
        assert outstanding(session, at("2026-11-24 12:00")) == 1000
    with scene.app.app_context(), transaction() as session, statements_of(db.engine) as sent:
        assert sweep(session, at("2026-11-24 12:00")) == {"halfway": 1000}
    assert len(sent) < 25, len(sent)
    with scene.app.app_context(), transaction() as session:
        assert sweep(session, at("2026-11-24 12:00")) == {}


def multiply(session: Session, complaint: int, copies: int, due_every: int) -> None:
    """Copies of a complaint and its clock; every n-th has its next event two days earlier."""
    row, clock = session.get_one(Complaint, complaint), session.scalars(select(Clock)).one()
    plain = {column.key: getattr(row, column.key) for column in inspect(Complaint).column_attrs}
    ticking = {column.key: getattr(clock, column.key) for column in inspect(Clock).column_attrs}
    ids = range(100_000, 100_000 + copies)
    session.execute(insert(Complaint), [{**plain, "id": n, "number": f"X-{n}"} for n in ids])
    early = clock.next_at - timedelta(days=2)
    clocks = [{**ticking, "id": n, "complaint_id": n} for n in ids]
    session.execute(insert(Clock), [{**c, "next_at": early} if c["id"] % due_every == 0 else c for c in clocks])
