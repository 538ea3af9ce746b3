"""Levels' timed duties: proposed on the 1st working day, escalated after the 5th, large runs worked out (CHEM-9.5)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from jobs.setup import Setup
from tierflow.common.db import db
from tierflow.grading import duties


def work(_now: datetime, _setup: Setup) -> None:
    """Go on with runs that are being worked out; their rows are the truth."""
    session: Session = db.session()
    for run_id in duties.computing(session):
        duties.compute(session, run_id)
    session.rollback()
    for test_id in duties.trials_computing(session):
        duties.try_on(session, test_id)


def count(session: Session, _errand: Errand) -> int:
    """How many runs and trials are being worked out."""
    return len(duties.computing(session)) + len(duties.trials_computing(session))


def review(session: Session, errand: Errand) -> Result:
    """Open, score and freeze periodic reviews."""
    return dict(duties.open_reviews(session, errand.now))


def propose(session: Session, errand: Errand) -> Result:
    """Propose the month that is over."""
    return dict(duties.propose(session, errand.now))


def watch(session: Session, errand: Errand) -> Result:
    """Escalate what nobody confirmed, warn of levels about to be lost."""
    return {**duties.escalate(session, errand.now), **duties.warn(session, errand.now)}


def count_proposals(session: Session, errand: Errand) -> int:
    """How many months would be proposed."""
    return len(duties.to_propose(session, errand.now))


def count_reviews(session: Session, errand: Errand) -> int:
    """How many reviews would be opened and how many scored anew."""
    return duties.reviews_due(session, errand.now)


def count_warnings(session: Session, errand: Errand) -> int:
    """How many months would be escalated and how many account managers warned."""
    return duties.to_watch(session, errand.now)
