"""What is there to see after a scene: events, notices, what a sweep noted."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from tests.complaints.facts import at
from tests.complaints.scenes import Scene
from tierflow.common import suspension
from tierflow.common.db import db, transaction
from tierflow.common.notices import Notice
from tierflow.complaints.models import ClockEvent
from tierflow.complaints.service.sweep import sweep
from tierflow.kernel.errors import Refused


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


def licensed(scene: Scene, valid_to: date) -> None:
    """The company's customer has a merged business licence on file, good until this day."""
    with scene.app.app_context(), transaction() as session:
        days, on = (date(2026, 1, 5), valid_to), date(2026, 1, 5)
        suspension.accept(
            session, scene.company.customer, "merged_licence", ("paper", 1), days, on, at("2026-01-05 10:00")
        )
