"""The ledger of timed duties: what ran when and for which period, once. The scheduler is only the alarm clock.

The scheduler process publishes its timetable here and answers what is asked of it here, so that web server and
scheduler need nothing of each other but the database.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Select, UniqueConstraint, select, update
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common import audit
from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, Refused
from tierflow.kernel.months import AnyPeriod, local_day, parse_period
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import text


class Run(Model):
    """A duty done for a period and item. Claim, effect and mark share one transaction.

    Item "" is the period as a whole. Runs by hand that leave the period's slot alone have items of their own.
    """

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("job", "period", "item"),
        CheckConstraint("state IN ('done', 'failed')", name="state"),
        Index("ix_run_job", "job", "id"),
        Index("ix_run_state", "state", "id"),
    )

    id: Mapped[int] = pk()
    job: Mapped[str]
    period: Mapped[str]
    item: Mapped[str] = mapped_column(default="")
    state: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=1)
    result: Mapped[dict[str, Any]]
    error: Mapped[str] = mapped_column(default="")
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))


class Heartbeat(Model):
    """A living scheduler process; `held_since` is set while its clock is doubted."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    started_at: Mapped[datetime]
    host: Mapped[str]
    held_since: Mapped[datetime | None]
    hold_reason: Mapped[str] = mapped_column(default="")
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    released_at: Mapped[datetime | None]


class JobDuty(Model):
    """A duty of the timetable, as the scheduler last published it. `every` is the period kind, "" for always.

    A duty that runs always has no line in the ledger: how it is doing stands here.
    """

    __tablename__ = "job_duty"

    key: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    label: Mapped[str]
    every: Mapped[str]
    at: Mapped[str]
    next_period: Mapped[str]
    next_due_at: Mapped[datetime | None]
    missed: Mapped[int]  # periods due and not done
    outstanding: Mapped[int | None]  # what a run by this time tomorrow would do, when last counted
    counted_at: Mapped[datetime | None]
    last_ok_at: Mapped[datetime | None]  # of duties that run always, as are the next two
    last_error: Mapped[str] = mapped_column(default="", server_default=sql("''"))
    tries: Mapped[int] = mapped_column(default=0, server_default=sql("0"))  # failures since it last went well


class JobRequest(Model):
    """A run by hand, or a count of what would run, asked of the scheduler. Taken once; `answer` says how it went."""

    __tablename__ = "job_request"
    __table_args__ = (
        CheckConstraint("kind IN ('run', 'count')", name="kind"),
        Index(
            "ix_job_request_waiting",
            "id",
            sqlite_where=sql("taken_at IS NULL"),
            postgresql_where=sql("taken_at IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    kind: Mapped[str]
    job: Mapped[str]
    period: Mapped[str]
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    requested_at: Mapped[datetime]
    taken_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]
    is_ok: Mapped[bool | None]
    answer: Mapped[dict[str, Any] | None]


class Warned(Model):
    """A warning given about something that nears its day; unique, so that none is given twice.

    `day` is part of the key: a day that is moved is warned of anew.
    """

    __tablename__ = append_only("warned")

    topic: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    day: Mapped[date] = mapped_column("for_day", primary_key=True)
    stage: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]


SCHEDULER = "scheduler"
LATE_AFTER = timedelta(minutes=5)
FAILING_AFTER = 5  # failures in a row of a duty that runs every minute: as long as a silent scheduler is let pass


class Pulse(StrEnum):
    """How the scheduler is."""

    OK = "ok"
    LATE = "late"
    HELD = "held"
    FAILING = "failing"
    NEVER = "never"


def heartbeat(session: Session) -> Heartbeat | None:
    """The scheduler's last sign of life; None when it has never run."""
    return session.get(Heartbeat, SCHEDULER)


def pulse(session: Session, now: datetime) -> Pulse:
    """How the scheduler is: late after five silent minutes, held while its clock is doubted.

    Failing: it lives, and a duty that runs every minute has failed five times in a row.
    """
    failing = select(JobDuty.key).where(JobDuty.tries >= FAILING_AFTER).exists()
    row = session.execute(select(Heartbeat, failing).where(Heartbeat.name == SCHEDULER)).one_or_none()
    if row is None:
        return Pulse.NEVER
    beat, is_failing = row
    if abs(now - beat.at) > LATE_AFTER:  # a beat from the future is none
        return Pulse.LATE
    if beat.held_since is not None:
        return Pulse.HELD
    return Pulse.FAILING if is_failing else Pulse.OK


def duties(session: Session) -> list[JobDuty]:
    """The timetable as last published."""
    return list(session.scalars(select(JobDuty).order_by(JobDuty.position)))


def runs(*, job: str | None = None, state: str | None = None, period: str | None = None) -> Select[Any]:
    """The ledger, to be paged by `id`."""
    query = select(Run)
    if job:
        query = query.where(Run.job == job)
    if state:
        query = query.where(Run.state == state)
    if period:
        query = query.where(Run.period == period)
    return query


def recent_requests(session: Session, limit: int = 20) -> list[JobRequest]:
    """What was asked of the scheduler lately, newest first."""
    return list(session.scalars(select(JobRequest).order_by(JobRequest.id.desc()).limit(limit)))


def request_run(session: Session, actor: Actor, job: str, period: str, now: datetime) -> JobRequest:
    """Ask the scheduler to run a duty for a period. Raises `NotFound`, `Invalid`, `Refused`."""
    require(actor, "job.write")
    duty = session.get(JobDuty, job)
    if duty is None:
        raise NotFound
    if duty.every:
        refuse_period(duty.every, period, now)
    return _request(session, actor, "run", job, period if duty.every else "", now)


def refuse_period(every: str, written: str, now: datetime) -> AnyPeriod:
    """The period so written, when it is of the duty's kind and has begun. Raises `Invalid`, `Refused`."""
    try:
        period = parse_period(written)
    except ValueError:
        period = None
    if period is None or kind_of(period) != every:
        example = {"day": "2026-11-22", "week": "2026-W47", "month": "2026-11", "quarter": "2026-Q4"}.get(every, "2026")
        raise Invalid({"period": [text("Write the period as %(example)s.", example=example)]})
    if period.start > local_day(now):
        raise Refused(Refusal("house", text("%(period)s has not begun.", period=written), "period"))
    return period


def kind_of(period: AnyPeriod) -> str:
    """day, week, month, quarter, halfyear or year."""
    return type(period).__name__.lower()


def request_count(session: Session, actor: Actor, now: datetime) -> JobRequest:
    """Ask the scheduler what it would do until this time tomorrow, without doing it."""
    require(actor, "job.write")
    return _request(session, actor, "count", "", "", now)


def _request(session: Session, actor: Actor, kind: str, job: str, period: str, now: datetime) -> JobRequest:
    waiting = session.scalar(
        select(JobRequest).where(
            JobRequest.taken_at.is_(None), JobRequest.kind == kind, JobRequest.job == job, JobRequest.period == period
        )
    )
    if waiting is not None:
        return waiting
    row = JobRequest(kind=kind, job=job, period=period, requested_by_id=actor.user_id, requested_at=now)
    session.add(row)
    session.flush()
    if kind == "run":
        audit.record(session, actor, "job.request", "job", row.id, now, after={"job": job, "period": period})
    return row


def release(session: Session, actor: Actor, now: datetime, *, seen_on: date) -> Heartbeat:
    """An administrator confirms the date the server shows; held duties go on, oldest first.

    `seen_on` is the day the administrator was shown and confirmed. Raises `Refused`, `Conflict`.
    """
    require(actor, "job.write")
    today = local_day(now)
    if seen_on != today:
        reason = text("The server's date is %(today)s, not %(seen)s.", today=str(today), seen=str(seen_on))
        raise Refused(Refusal("house", reason, "date"))
    beat = heartbeat(session)
    if beat is None or beat.held_since is None:
        raise Conflict(Refusal("conflict", text("The scheduler is not held.")))
    held, reason_held = beat.held_since, beat.hold_reason
    # The last beat moves too: the silence before it has been answered for.
    session.execute(
        update(Heartbeat)
        .where(Heartbeat.name == SCHEDULER)
        .values(at=now, held_since=None, hold_reason="", released_by_id=actor.user_id, released_at=now)
    )
    session.refresh(beat)
    audit.record(
        session,
        actor,
        "job.release",
        "job",
        0,
        now,
        before={"held_since": held.isoformat(), "hold_reason": reason_held},
        after={"confirmed": str(seen_on)},
    )
    return beat
