"""What is there to see after a scene: events, notices, what a sweep noted."""

from __future__ import annotations

from sqlalchemy import select

from tests.complaints.facts import at
from tests.complaints.scenes import Scene
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
