"""A colleague of the same office stands in: the record names both, act by act; of one's own it names nobody else."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select

from tests import builders
from tests.complaints.scenes import Scene, at, customer
from tierflow.common.approvals import ApprovalDecision
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, transaction
from tierflow.common.users import User
from tierflow.complaints.models import Measure
from tierflow.complaints.service import answering, handling, inquiries

DAY = "2026-11-23"


@pytest.mark.rule("CHEM-7.2", "CHEM-12.1")
def test_every_act_of_a_colleague_of_the_same_office_names_both(scene: Scene) -> None:
    ids = scene.company.people
    with scene.app.app_context(), transaction() as session:
        for absent, stand_in in (("am", "am2"), ("sm", "sm2"), ("qa", "finance")):
            pair = (session.get_one(User, ids[absent]), session.get_one(User, ids[stand_in]))
            builders.delegation(session, *pair, date(2026, 11, 1), date(2026, 12, 1))
        own = customer(session, scene.company.other_region, ids["am2"], "C-000002", name="自己的客户").id
    complaint = scene.take(f"{DAY} 09:00", "am2")
    scene.act(handling.classify, "sm2", complaint, f"{DAY} 09:10", severity="major", reason="停产")
    consulted = {"department_id": scene.company.department, "question": "原因？"}
    scene.act(handling.consult, "am2", complaint, f"{DAY} 09:20", **consulted)
    scene.act(handling.answer, "finance", 1, f"{DAY} 09:25", answer="批次波动")
    measure = {"kind": "other", "what": "换货", "owner_id": ids["am"], "due_on": at(f"{DAY} 12:00").date()}
    opinion = scene.propose(complaint, f"{DAY} 09:30", "am2", measures=[measure])
    scene.approve(opinion, f"{DAY} 09:40", "sm2")
    scene.tell(complaint, f"{DAY} 09:50", "am2")
    with scene.app.app_context():
        measure_id = db.session().scalars(select(Measure.id)).one()
    scene.act(answering.complete, "am2", measure_id, f"{DAY} 10:00", proof="出库单")
    scene.act(answering.check, "sm2", measure_id, f"{DAY} 10:10", verdict="pass")
    scene.act(answering.close, "am2", complaint, f"{DAY} 10:20", satisfaction=5)
    mine = scene.take(f"{DAY} 11:00", "am2", customer_id=own)
    scene.act(handling.classify, "sm2", mine, f"{DAY} 11:10", severity="major", reason="停产")
    with scene.app.app_context():
        session = db.session()
        entries = session.scalars(select(AuditEntry).where(AuditEntry.subject_type == "complaint")).all()
        told = {(row.subject_id, row.action, row.actor_id, row.on_behalf_of_id) for row in entries if row.actor_id}
        decided = session.scalars(select(ApprovalDecision)).one()
    pairs = {(ids["am2"], ids["am"]), (ids["sm2"], ids["sm"]), (ids["finance"], ids["qa"])}
    assert {row[2:] for row in told if row[0] == complaint} == pairs
    assert {row[2:] for row in told if row[0] == mine} == {(ids["am2"], None), (ids["sm2"], None)}
    assert len({row[1] for row in told if row[0] == complaint}) >= 8
    assert (decided.user_id, decided.on_behalf_of_id) == (ids["sm2"], ids["sm"])


@pytest.mark.rule("CHEM-4")
def test_an_inquiry_answered_for_its_owner_names_both(scene: Scene) -> None:
    ids = scene.company.people
    with scene.app.app_context(), transaction() as session:
        pair = (session.get_one(User, ids["am"]), session.get_one(User, ids["am2"]))
        builders.delegation(session, *pair, date(2026, 11, 1), date(2026, 12, 1))
        now = at(f"{DAY} 09:00")
        asked = {"customer_id": scene.company.customer, "channel": "phone", "question": "价格？", "asked_at": now}
        inquiry = inquiries.note(session, scene.actor(session, "am", now), asked, now).id
    scene.act(inquiries.answer, "am2", inquiry, f"{DAY} 09:30", answer="每吨7800元")
    with scene.app.app_context():
        entry = db.session().scalars(select(AuditEntry).where(AuditEntry.action == "inquiry.answer")).one()
    assert (entry.actor_id, entry.on_behalf_of_id) == (ids["am2"], ids["am"])
