"""Portfolios that both sides have signed over and whose day has come (CHEM-3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.onboarding.service import handover, orphans


def due(session: Session, errand: Errand) -> Sequence[str]:
    """The handovers to bring about."""
    return [str(handover_id) for handover_id in handover.due(session, errand.now)]


def complete(session: Session, errand: Errand) -> Result:
    """Bring one about; what cannot be is told to the sales managers, and tried again the next day."""
    return {"done": handover.complete_due(session, int(errand.item), errand.now)}


def ending(session: Session, errand: Errand) -> Sequence[str]:
    """Portfolios whose account manager's office ends soon, or has ended."""
    return orphans.ending(session, errand.now)


def warn(session: Session, errand: Errand) -> Result:
    """Tell whoever answers for one of them."""
    return {"notices": orphans.warn(session, errand.item, errand.now)}
