"""An import is taken back after the duties have worked over its customers, not after a person has (CHEM-3.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select, update

from tests import builders
from tests.conftest import NOW, StandingClock
from tests.jobs.world import duty, runner
from tests.onboarding import lists
from tests.onboarding.test_takeover import Takeover
from tierflow.common import lookup, notices
from tierflow.common.customers import Customer, CustomerLine, CustomerOffice
from tierflow.common.db import db, transaction
from tierflow.common.imports import ImportBatch, service
from tierflow.common.notices import Delivery, Notice
from tierflow.common.runs import Warned
from tierflow.common.suspension import WARNED_TOPIC, PaperCover
from tierflow.common.users import User
from tierflow.grading.models import LevelDecisionRow
from tierflow.kernel.roles import Role
from tierflow.kernel.text import text
from tierflow.onboarding.models import Distribution, Inspection, Paper
from tierflow.onboarding.rules.inspection import ITEMS
from tierflow.onboarding.service import distributing, inspecting

DUTIES = ("distribution", "papers", "inspection")
OF_CUSTOMERS = (
    Customer, CustomerLine, CustomerOffice, Delivery, Distribution, Inspection, Paper, PaperCover, lookup.SearchKey
)  # fmt: skip


class Office(Takeover):
    """A company with a resident office, and its scheduler."""

    def __init__(self, app: Flask, clock: StandingClock, folder: Path) -> None:
        super().__init__(clock)
        self.app, self.folder = app, folder
        with transaction() as session:
            office = builders.office(session)
            resident = builders.user(session, "resident", (Role.RESIDENT_OFFICE, office.id), name="驻厂")
            session.flush()
            session.refresh(resident)
            session.expunge(resident)
            self.place.users["resident"] = resident

    def sweep(self) -> None:
        """Let the duties of the morning run."""
        runner(self.app, self.folder, [duty(key) for key in DUTIES]).sweep()

    def taken_over(self) -> ImportBatch:
        """Two customers, one paper run out, and the duties of the next morning done."""
        self.clock.at = NOW
        rows = [lists.customer(1), lists.customer(2, **{"merged_licence.valid_to": "2026-11-22"})]
        batch = self.applied(*rows)
        self.clock.at = NOW + timedelta(days=1)
        self.sweep()
        return batch

    def reverted(self, batch: ImportBatch) -> ImportBatch:
        self.act("gm", service.revert, batch.id, "名单有误")
        self.work()
        return self.batch(batch.id)

    def warnings(self) -> int:
        db.session().rollback()
        query = select(func.count()).select_from(Notice).where(Notice.kind == "paper.expiry")
        return db.session().scalar(query) or 0


@pytest.fixture
def office(both_app: Flask, clock: StandingClock, tmp_path: Path) -> Iterator[Office]:
    with both_app.app_context():
        yield Office(both_app, clock, tmp_path)


@pytest.mark.rule("CHEM-3.3")
def test_what_only_duties_wrote_goes_with_the_import(office: Office) -> None:
    batch = office.taken_over()
    assert [office.count(table) for table in (CustomerOffice, Distribution, Inspection)] == [2, 4, 2]
    told = office.warnings()
    assert told
    assert office.count(Warned) == 1
    batch = office.reverted(batch)
    assert (batch.state, batch.failure) == ("reverted", None)
    assert {table.__tablename__: office.count(table) for table in OF_CUSTOMERS if office.count(table)} == {}
    assert office.warnings() == 0
    office.clock.at = NOW + timedelta(days=2)
    mended = office.applied(lists.customer(3), lists.customer(2, **{"merged_licence.valid_to": "2026-11-22"}))
    office.sweep()
    assert office.warnings() == told, "the paper of the second import is warned of as the first one's was"
    assert office.count(CustomerOffice) == 2
    covers = select(PaperCover.id).where(PaperCover.valid_to.is_not(None))
    warned = select(Warned.subject_id).where(Warned.topic == WARNED_TOPIC, Warned.subject_id.in_(covers))
    assert len(db.session().scalars(warned).all()) == 1
    assert office.reverted(mended).state == "reverted"


def _acknowledged(office: Office, session: Any, customer: Customer, who: str = "resident") -> None:
    at_work = office.place.actor(session, who)
    query = select(Distribution.id).where(Distribution.customer_id == customer.id, distributing.mine(at_work))
    distributing.acknowledge(session, at_work, session.scalars(query).one(), office.clock())


def _acknowledged_by_finance(office: Office, session: Any, customer: Customer) -> None:
    _acknowledged(office, session, customer, "finance")


def _inspected(office: Office, session: Any, customer: Customer) -> None:
    drawn = session.scalars(select(Inspection.id).where(Inspection.customer_id == customer.id)).one()
    answers = [{"key": key, "verdict": "pass"} for key in ITEMS]
    inspecting.inspect(session, office.place.actor(session, "sales"), drawn, answers, office.clock())


def _unlogged_receipt(office: Office, session: Any, customer: Customer) -> None:
    """As it stands where only the row itself says so."""
    told = update(Distribution).where(Distribution.customer_id == customer.id)
    session.execute(told.values(acknowledged_at=NOW, acknowledged_by_id=office.place.id_of("resident")))


def _unlogged_inspection(office: Office, session: Any, customer: Customer) -> None:
    drawn = update(Inspection).where(Inspection.customer_id == customer.id)
    session.execute(drawn.values(inspected_at=NOW, inspector_id=office.place.id_of("sales")))


def _changed(office: Office, session: Any, customer: Customer) -> None:
    distributing.distribute(session, customer, "changed", {"phone": "1"}, office.clock())


def _noticed(office: Office, session: Any, customer: Customer) -> None:
    whom = [session.scalars(select(User.id).limit(1)).one()]
    subject = ("customer", customer.id)
    notices.notify(session, whom, "customer.other", text("yes"), subject, office.clock(), dedupe_key="x")


def _graded(_office: Office, session: Any, customer: Customer) -> None:
    """Its month was decided: that is kept for good, and has no foreign key."""
    numbers = dict.fromkeys(("run_id", "idle_before", "grams", "idle"), 1)
    words = {"customer_class": "dealer", "held": "auction", "level": "auction", "target": "auction"}
    said = {"move": "same", "code": "x"}
    session.add(LevelDecisionRow(customer_id=customer.id, **numbers, **words, **said))


@pytest.mark.rule("CHEM-3.3")
@pytest.mark.parametrize(
    "act",
    [
        _acknowledged,
        _acknowledged_by_finance,
        _inspected,
        _unlogged_receipt,
        _unlogged_inspection,
        _changed,
        _noticed,
        _graded,
    ],
)
def test_what_a_person_did_after_the_duties_keeps_the_import(
    office: Office, act: Callable[[Office, Any, Customer], None]
) -> None:
    batch = office.taken_over()
    with transaction() as session:
        act(office, session, session.scalars(select(Customer).order_by(Customer.id)).all()[1])
    batch = office.reverted(batch)
    assert (batch.state, office.count(), office.count(CustomerOffice)) == ("applied", 2, 2)
    assert batch.failure is not None
    assert batch.failure["params"]["customer"] == "老客户第2有限公司"
