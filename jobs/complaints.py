"""Complaints' timed duties: the clocks every minute, the general manager's digest every working morning (CHEM-12.3)."""

from __future__ import annotations

import time
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from jobs.setup import Setup
from tierflow.common.db import transaction
from tierflow.complaints import duties

log = structlog.get_logger("jobs")


def watch(now: datetime, setup: Setup) -> None:
    """Note what is due on the clocks, a batch at a time, each in a transaction of its own; the rows are the truth."""
    tally: dict[str, int] = {}
    with transaction() as session:
        tally.update(duties.redate_clocks(session, now))
        tally.update(duties.void_extensions(session, now))
    while True:
        with transaction() as session:
            found = duties.sweep_clocks(session, now)
        if not found:
            break
        for kind, number in found.items():
            tally[kind] = tally.get(kind, 0) + number
        time.sleep(setup.pause)
    if any(tally.values()):
        log.info("complaint clocks", **tally)


def count(session: Session, errand: Errand) -> int:
    """How much `watch` would do now."""
    return duties.clocks_outstanding(session, errand.now) + duties.extensions_outstanding(session, errand.now)


def digest(session: Session, errand: Errand) -> Result:
    """The morning digest."""
    return dict(duties.send_digest(session, errand.now))
