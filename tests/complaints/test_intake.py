"""Complaints are accepted at once, whoever calls, and only those concerned see them (CHEM-12.1)."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.complaints.facts import at
from tests.complaints.scenes import Scene
from tests.complaints.seen import licensed, notices
from tierflow.common.db import transaction
from tierflow.complaints.service import answering, handling, intake
from tierflow.kernel.errors import Forbidden, Invalid, NotFound, Refused


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
    assert scene.complaint(scene.take()).was_suspended, "no paper of this customer was ever on file"
    licensed(scene, date(2026, 11, 24))
    assert not scene.complaint(scene.take("2026-11-24 10:00")).was_suspended, "its last day counts"
    assert scene.complaint(scene.take("2026-11-25 10:00")).was_suspended
    scene.act(intake.identify, "sm", unknown, "2026-11-25 11:00", customer_id=company.customer)
    assert not scene.complaint(unknown).was_suspended, "on the day it was taken it was not"
    assert scene.complaint(unknown).customer_id == company.customer
    with pytest.raises(Refused):
        scene.act(intake.identify, "sm", unknown, "2026-11-23 11:00", customer_id=company.customer)


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
