"""Months nobody confirmed in time go to the general manager (CHEM-9.5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common import audit, notices
from tierflow.common.users import holders
from tierflow.grading.models import GradingRun
from tierflow.grading.service.runs import SUBJECT
from tierflow.kernel.months import Month, local_day
from tierflow.kernel.roles import SYSTEM, Role
from tierflow.kernel.text import Text, text


def escalate(session: Session, now: datetime) -> int:
    """Note the proposed runs nobody confirmed in time, and tell the general managers (CHEM-9.5)."""
    runs = late(session, now)
    for run in runs:
        run.escalated_at = now
        words: Text = text(
            "The levels of %(month)s are not confirmed by the sales manager; you may confirm them.",
            month=str(Month.of(run.month)),
        )
        people = [user.id for user in holders(session, Role.GENERAL_MANAGER, local_day(now))]
        notices.notify(
            session,
            people,
            "grading.escalated",
            words,
            (SUBJECT, run.id),
            now,
            dedupe_key=f"grading.escalated.{run.id}",
        )
        audit.record(session, SYSTEM, "grading.escalate", SUBJECT, run.id, now)
    return len(runs)


def late(session: Session, now: datetime) -> Sequence[GradingRun]:
    """The proposed runs nobody confirmed in time that are not escalated yet."""
    query = select(GradingRun).where(
        GradingRun.state == "proposed", GradingRun.due_at < now, GradingRun.escalated_at.is_(None)
    )
    return session.scalars(query).all()
