"""The scheduler's heartbeat, and its doubts about the clock."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from jobs.timetable import Doubt, doubt
from tierflow.common import runs
from tierflow.common.db import db, is_sqlite, transaction
from tierflow.common.runs import Heartbeat

log = structlog.get_logger("jobs")

BEAT_EVERY = timedelta(seconds=20)


def steady() -> float:
    """Seconds by a clock nobody sets. Counts sleep where the system can, so that a closed laptop is no jump."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Watch:
    """Beats for one process. Asked before every piece of work, from several threads."""

    def __init__(self, started_at: datetime, read_steady: Callable[[], float] = steady) -> None:
        self._steady = read_steady
        self._lock = threading.Lock()
        self._started_at = started_at
        self._seen: tuple[datetime, float] | None = None  # the last look at both clocks
        self._beaten_at: datetime | None = None

    def may_work(self, now: datetime) -> bool:
        """Look at the clock, beat when it is time, and say whether duties may run.

        A jump holds every duty, in the database, until an administrator confirms the date (`runs.release`).
        """
        with self._lock:
            ticks = self._steady()
            doubted = self._doubt(now, ticks)
            fresh = self._beaten_at is not None and self._beaten_at <= now < self._beaten_at + BEAT_EVERY
            if doubted is not None or not fresh:
                self._beat(now, doubted)
                self._beaten_at = now
            self._seen = (now, ticks)  # last: a jump that could not be written down is seen again
        session = db.session()
        session.rollback()  # a fresh look: the confirmation comes from another process
        beat = session.get(Heartbeat, runs.SCHEDULER, populate_existing=True)
        return beat is not None and beat.held_since is None

    def _doubt(self, now: datetime, ticks: float) -> Doubt | None:
        if self._seen is not None:
            return doubt(self._seen[0], now, timedelta(seconds=ticks - self._seen[1]))
        session = db.session()
        session.rollback()
        beat = session.get(Heartbeat, runs.SCHEDULER, populate_existing=True)
        return None if beat is None else doubt(beat.at, now, None)

    def _beat(self, now: datetime, doubted: Doubt | None) -> None:
        with transaction(db.session()) as session:
            insert = insert_sqlite if is_sqlite(session) else insert_postgres
            first = insert(Heartbeat).values(
                name=runs.SCHEDULER, at=now, started_at=self._started_at, host="", hold_reason=""
            )
            session.execute(first.on_conflict_do_nothing())  # two may start together
            beat = session.get_one(Heartbeat, runs.SCHEDULER, with_for_update=True, populate_existing=True)
            beat.at, beat.started_at, beat.host = now, self._started_at, socket.gethostname()
            if doubted is not None and beat.held_since is None:
                beat.held_since, beat.hold_reason = now, doubted.value
                log.error("held: the clock is doubted", reason=doubted.value, now=now.isoformat())
