"""Imports that wait to be read, checked, applied or reverted: at once when asked for, else within the minute."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from jobs.duty import Errand
from jobs.setup import Setup
from tierflow.common.db import capped_count
from tierflow.common.imports.work import waiting, work_off


def work(_now: datetime, setup: Setup) -> None:
    """Do what waits; each step keeps its own truth in the batch's row."""
    work_off(setup.clock, spoken=setup.translate("zh"), pause=setup.pause)


def count(session: Session, errand: Errand) -> int:
    """How many imports wait."""
    return capped_count(session, waiting(errand.now))
