"""What the scheduler does for complaints; each asks for a state, so that it may run late, twice or after an outage."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from tierflow.common.notices import notify
from tierflow.complaints.service import extensions, redating
from tierflow.complaints.service import sweep as sweeping
from tierflow.complaints.service.digest import NewlySuspended, digest, nobody
from tierflow.complaints.service.sweep import Recipients
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SYSTEM


def sweep_clocks(session: Session, now: datetime) -> dict[str, int]:
    """Note warnings, breaches and escalations that are due, and tell who must know; a batch at a time."""
    return sweeping.sweep(session, now)


def clocks_outstanding(session: Session, now: datetime) -> int:
    """How many clocks a sweep would touch."""
    return sweeping.outstanding(session, now)


def void_extensions(session: Session, now: datetime) -> dict[str, int]:
    """End requests for more time whose limit has passed undecided."""
    return {"void": extensions.void_lapsed(session, now)}


def extensions_outstanding(session: Session, now: datetime) -> int:
    """How many requests have lapsed."""
    return len(extensions.lapsed(session, now))


def redate_clocks(session: Session, now: datetime) -> dict[str, int]:
    """After a calendar was loaded: make provisional due times firm; what a person must decide stays."""
    return redating.run(session, now)


def redating_outstanding(session: Session, now: datetime) -> int:
    """How many open clocks were reckoned with an older calendar, a batch at most."""
    return len(redating.behind(session))


def send_digest(session: Session, now: datetime, *, newly_suspended: NewlySuspended = nobody) -> dict[str, int]:
    """The general manager's morning digest, once a day; robots and mail carry its one sentence."""
    found = digest(session, SYSTEM, now, newly_suspended=newly_suspended)
    if found.is_empty:
        return {"notices": 0}
    people = Recipients(session, now).general_managers()
    key = f"complaint.digest.{local_day(now)}"
    subject = ("complaint_digest", 0)
    written = notify(session, people, "complaint.digest", found.summary(), subject, now, dedupe_key=key)
    return {"notices": len(written)}
