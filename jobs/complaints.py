"""Complaints' timed duties: clocks and errands every minute, the general manager's digest every working morning."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from jobs.setup import Setup
from tierflow.common.db import db, transaction
from tierflow.complaints import duties
from tierflow.complaints.service import digest as making
from tierflow.complaints.service.recipients import Recipients
from tierflow.kernel.roles import SYSTEM

log = structlog.get_logger("jobs")


def watch(now: datetime, setup: Setup) -> None:
    """Note what is due on the clocks; the rows are the truth."""
    _work_off("complaint clocks", duties.due, now, setup)


def follow_up(now: datetime, setup: Setup) -> None:
    """Tell of measures, inquiries and departments' answers that are due or overdue; the rows are the truth."""
    _work_off("follow-ups", duties.errands_due, now, setup)


def _work_off(name: str, due: Callable[[Session, datetime], list[duties.Work]], now: datetime, setup: Setup) -> None:
    """Do what is due until nothing is, a batch at a time, each in a transaction of its own.

    What fails keeps nothing else waiting; it is raised when the rest is done.
    """
    tally: Counter[str] = Counter()
    failures: dict[duties.Work, Exception] = {}
    while works := [work for work in due(db.session(), now) if work not in failures]:
        before = tally.total()
        for work in works:
            try:
                with transaction() as session:
                    tally.update(work(session, now))
            except Exception as error:
                failures[work] = error
            time.sleep(setup.pause)
        if tally.total() == before:
            break  # a rival is at it
    if tally:
        log.info(name, **tally)
    if failures:
        raise ExceptionGroup(name, list(failures.values()))


def count(session: Session, errand: Errand) -> int:
    """How much `watch` would find to do by the errand's moment."""
    return duties.outstanding(session, errand.now)


def count_followups(session: Session, errand: Errand) -> int:
    """How many measures, inquiries and departments' answers somebody would be told of by the errand's moment."""
    return duties.errands_outstanding(session, errand.now)


def count_digest(session: Session, errand: Errand) -> int:
    """How many would be sent a digest: nobody, when there is nothing in it."""
    if making.digest(session, SYSTEM, errand.now).is_empty:
        return 0
    return len(Recipients(session, errand.now).general_managers())


def digest(session: Session, errand: Errand) -> Result:
    """The morning digest."""
    return dict(duties.send_digest(session, errand.now))
