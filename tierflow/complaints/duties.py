"""What the scheduler does for complaints; each asks for a state, so that it may run late, twice or after an outage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Select, false, func, select
from sqlalchemy.orm import Session

from tierflow.common.calendars import working_calendar
from tierflow.common.db import capped_count
from tierflow.common.notices import notify
from tierflow.complaints.models import Clock
from tierflow.complaints.service import extensions, raising, redating
from tierflow.complaints.service import sweep as sweeping
from tierflow.complaints.service.digest import digest
from tierflow.complaints.service.recipients import Recipients
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SYSTEM

COUNTED_TO = 10_000


def sweep_clocks(session: Session, now: datetime) -> dict[str, int]:
    """Note warnings, breaches and escalations that are due, and tell who must know; a batch at a time."""
    return sweeping.sweep(session, now)


def void_extensions(session: Session, now: datetime) -> dict[str, int]:
    """End requests for more time whose limit has passed undecided; a batch at a time."""
    lapsed = extensions.void_lapsed(session, now)
    return {"void": lapsed} if lapsed else {}


def redate_clocks(session: Session, now: datetime) -> dict[str, int]:
    """After a calendar was loaded: make provisional due times firm, ask about firm ones; a batch at a time."""
    return redating.run(session, now)


Work = Callable[[Session, datetime], dict[str, int]]


def due(session: Session, now: datetime) -> list[Work]:
    """Which of the three have something to do: one read of three small indexes, no lock.

    In this order: a due time a new calendar makes firm is judged by that calendar. Each look takes the first of its
    index: a planner that expects many would rather read every open clock until it meets one.
    """
    behind = _behind(session).order_by(Clock.calendar_version, Clock.asked_version).limit(1)
    first_at = select(Clock.next_at).where(Clock.told_at.is_(None), Clock.next_at.is_not(None)).order_by(Clock.next_at)
    row = session.execute(
        select(
            behind.scalar_subquery().is_not(None),
            extensions.lapsing(now).exists(),
            func.coalesce(first_at.limit(1).scalar_subquery() <= now, false()),
        )
    ).one()
    works: tuple[Work, ...] = (redate_clocks, void_extensions, sweep_clocks)
    return [work for work, is_due in zip(works, row, strict=True) if is_due]


def raise_errands(session: Session, now: datetime) -> dict[str, int]:
    """Tell of measures, inquiries and departments' answers that are due or overdue; a batch at a time."""
    return raising.run(session, now)


def errands_due(session: Session, now: datetime) -> list[Work]:
    """Whether there is anything of the kind to tell."""
    return [raise_errands] if raising.anything(session, now) else []


def errands_outstanding(session: Session, now: datetime) -> int:
    """How many errands somebody would be told of, counted no further than ten thousand of each kind."""
    return raising.outstanding(session, now, COUNTED_TO)


def outstanding(session: Session, now: datetime) -> int:
    """How many clocks and requests the three would touch, counted no further than ten thousand each."""
    looks = (_behind(session), extensions.lapsing(now), _due(now))
    return sum(capped_count(session, look, COUNTED_TO) for look in looks)


def _behind(session: Session) -> Select[int]:
    return select(Clock.id).where(redating.is_behind(working_calendar(session).version))


def _due(now: datetime) -> Select[int]:
    return select(Clock.id).where(sweeping.due_clocks(now))


def send_digest(session: Session, now: datetime) -> dict[str, int]:
    """The general manager's morning digest, once a day; robots and mail carry counts and names."""
    found = digest(session, SYSTEM, now)
    if found.is_empty:
        return {"notices": 0}
    people = Recipients(session, now).general_managers()
    key = f"complaint.digest.{local_day(now)}"
    subject = ("complaint_digest", 0)
    written = notify(session, people, "complaint.digest", found.message(), subject, now, dedupe_key=key)
    return {"notices": len(written)}
