"""Extensions, severity, pauses and the sweep, on both engines, the clock passed in (CHEM-12.3)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import insert, inspect, select
from sqlalchemy.orm import Session

from tests.complaints.facts import at
from tests.complaints.scenes import Scene, statements_of
from tests.complaints.seen import clauses, events, notices, run_sweep
from tierflow.common.approvals import ApprovalCase
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice, as_text
from tierflow.common.policies import PolicyVersion
from tierflow.complaints import duties
from tierflow.complaints.models import Clock, Complaint, Consultation
from tierflow.complaints.service import answering, extensions, handling, opinions, queries
from tierflow.complaints.service.sweep import outstanding, sweep
from tierflow.kernel.errors import Forbidden, Refused


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


def let_pause(scene: Scene) -> None:
    """The policy lets the clock be paused from 2026-11-23 on."""
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


@pytest.mark.rule("CHEM-12.3")
def test_a_pause_does_not_lengthen_the_time_to_ask_for_an_extension(scene: Scene) -> None:
    let_pause(scene)
    waiting, late = scene.take(severity="major"), scene.take(severity="major")
    for complaint in (waiting, late):
        scene.act(handling.pause, "sm", complaint, "2026-11-24 10:00", reason="等样品")
        assert scene.clock(complaint).due_at == at("2026-12-02 17:30")
        assert scene.clock(complaint).base_due_at == at("2026-11-26 17:30"), "the third working day from receipt"
    request = scene.extend(waiting, "2026-11-26 17:30")
    with pytest.raises(Refused) as refused:
        scene.extend(late, "2026-11-26 17:31")
    assert clauses(refused.value) == ["CHEM-12.3"]
    with pytest.raises(Refused):
        scene.decide_extension(request, "sm", "2026-11-26 17:31")
    scene.act(handling.resume, "sm", late, "2026-11-26 17:00")
    assert scene.clock(late).base_due_at == at("2026-11-26 17:30"), "nor does it afterwards"


@pytest.mark.rule("CHEM-12.3")
def test_a_paused_clock_past_its_due_is_late_all_the_same(scene: Scene) -> None:
    let_pause(scene)
    complaint = scene.take(severity="major")
    scene.act(handling.pause, "sm", complaint, "2026-11-24 10:00", reason="等样品")
    with scene.app.app_context():
        clock = db.session.scalars(select(Clock)).one()
        for now, outcome in (("2026-12-02 17:30", "paused"), ("2026-12-02 17:31", "late")):
            down = queries.Cards(db.session(), at(now)).countdown(clock)
            assert (down.outcome, down.is_paused, down.was_breached) == (outcome, True, outcome == "late")


@pytest.mark.rule("CHEM-12.2", "CHEM-12.3")
def test_what_departments_and_leaders_are_asked_is_never_due_after_the_complaint(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    asked = {"department_id": scene.company.department, "question": "为何？"}
    early, late = at("2026-11-24 12:00"), at("2026-11-26 12:00")
    for due_at in (early, late):
        scene.act(handling.consult, "am", complaint, "2026-11-23 11:00", due_at=due_at, **asked)
    opinion = scene.propose(complaint, "2026-11-23 11:30")
    with scene.app.app_context(), transaction() as session:  # as under a policy that gives leaders longer
        case = opinions.case_of(session, opinion)
        case.due_at, seen = at("2026-11-26 17:30"), case.version
    scene.act(handling.classify, "sm", complaint, "2026-11-23 13:00", severity="general", reason="x")
    assert scene.clock(complaint).due_at == at("2026-11-24 17:30")
    assert consultations(scene) == [early, at("2026-11-24 17:30")]
    with scene.app.app_context(), transaction() as session:
        case = opinions.case_of(session, opinion)
        assert (case.due_at, case.version) == (at("2026-11-24 17:30"), seen)
    scene.approve(opinion, "2026-11-24 09:00")


@pytest.mark.rule("CHEM-12.3")
def test_a_resumed_clock_draws_its_departments_with_it(scene: Scene) -> None:
    let_pause(scene)
    complaint = scene.take(severity="major")
    scene.act(handling.pause, "sm", complaint, "2026-11-24 10:00", reason="等样品")
    asked = {"department_id": scene.company.department, "question": "为何？"}
    scene.act(handling.consult, "am", complaint, "2026-11-24 11:00", due_at=at("2026-12-02 12:00"), **asked)
    scene.act(handling.resume, "sm", complaint, "2026-11-24 15:00")
    assert consultations(scene) == [at("2026-11-26 17:30")] == [scene.clock(complaint).due_at]


def consultations(scene: Scene) -> list[datetime]:
    """When the departments asked must answer."""
    with scene.app.app_context():
        return list(db.session.scalars(select(Consultation.due_at).order_by(Consultation.id)))


@pytest.mark.rule("CHEM-12.3")
def test_the_clock_pauses_only_where_policy_lets_it(scene: Scene) -> None:
    complaint = scene.take(severity="major")
    with pytest.raises(Refused):
        scene.act(handling.pause, "sm", complaint, "2026-11-24 10:00", reason="等样品")
    let_pause(scene)
    other = scene.take(severity="major")
    scene.act(handling.pause, "sm", other, "2026-11-24 10:00", reason="等样品")
    assert scene.clock(other).due_at == at("2026-12-02 17:30"), "day 7 at the latest"
    scene.act(handling.resume, "sm", other, "2026-11-26 10:00")
    clock = scene.clock(other)
    assert (clock.paused_days, clock.due_at) == (2, at("2026-11-30 17:30"))
    assert events(scene, other) == ["received", "paused", "resumed"]


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


@pytest.mark.rule("CHEM-12.3")
def test_the_sentences_the_database_writes_are_those_of_any_other_notice(scene: Scene) -> None:
    complaint = scene.take("2026-11-20 18:00")
    for when in ("2026-11-23 09:00", "2026-11-23 17:31", "2026-11-24 17:31"):
        run_sweep(scene, when)
    with scene.app.app_context():
        query = select(Notice).where(
            Notice.kind.in_(["complaint.due_day", "complaint.breached", "complaint.escalated"])
        )
        found = db.session.scalars(query.order_by(Notice.id)).all()
        said = {as_text(notice.msgid, notice.params).render() for notice in found}
        about = {(notice.subject_type, notice.subject_id) for notice in found}
    whose = "Complaint TS-2026-00001 of 宁波海曙化工有限公司 (General)"
    assert said == {
        f"{whose} is due today: 2026-11-23 17:30.",
        f"{whose} has passed its limit of 2026-11-23 17:30.",
        f"{whose} is still unanswered; due 2026-11-23 17:30.",
    }
    assert about == {("complaint", complaint)}
    assert all(notice.params["severity"] == {"msgid": "General", "params": {}} for notice in found)


@pytest.mark.rule("CHEM-12.3")
def test_a_look_that_finds_nothing_takes_no_lock_and_scans_no_table(scene: Scene) -> None:
    scene.take()
    with scene.app.app_context(), statements_of(db.engine) as sent:
        assert duties.due(db.session(), at("2026-11-23 10:00")) == []
        looks = [statement for statement in sent if statement.startswith("SELECT")]
        assert len(looks) <= 2, "the calendar's version, and one look at three indexes"
        assert duties.due(db.session(), at("2026-11-24 17:31")) == [duties.sweep_clocks]
