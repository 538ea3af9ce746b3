"""Contracts near their end: a warning at each of policy's distances (CHEM-4)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.onboarding.service import contracts


def near_their_end(session: Session, errand: Errand) -> Sequence[str]:
    """The contracts to warn of, as "contract.stage"."""
    return contracts.near_their_end(session, errand.now)


def warn(session: Session, errand: Errand) -> Result:
    """Warn of one."""
    return {"notices": contracts.warn(session, errand.item, errand.now)}
