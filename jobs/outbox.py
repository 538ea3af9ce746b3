"""The outbox: notices go out over the channels, every minute."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from jobs.duty import Errand
from jobs.setup import Setup
from tierflow.common import delivery
from tierflow.common.db import db

log = structlog.get_logger("jobs")


def deliver(_now: datetime, setup: Setup) -> None:
    """Send what is due."""
    tally = delivery.deliver(db.session(), setup.clock, setup.translate, public_url=setup.public_url)
    if any(tally):
        log.info("notices delivered", sent=tally.sent, failed=tally.failed, dead=tally.dead)


def count(session: Session, errand: Errand) -> int:
    """How many messages are due."""
    return delivery.waiting(session, errand.now)
