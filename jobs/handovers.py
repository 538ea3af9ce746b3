"""Portfolios that both sides have signed over and whose day has come (CHEM-3.3)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.common import ending as offices
from tierflow.common.policies import policy_on
from tierflow.kernel.months import local_day
from tierflow.onboarding.service import handover, orphans
from tierflow.onboarding.terms_keeping import PORTFOLIO_WARN_DAYS


def due(session: Session, errand: Errand) -> Sequence[str]:
    """The handovers to bring about."""
    return [str(handover_id) for handover_id in handover.due(session, errand.now)]


def complete(session: Session, errand: Errand) -> Result:
    """Bring one about; what cannot be is told to the sales managers, and tried again the next day."""
    return {"done": handover.complete_due(session, int(errand.item), errand.now)}


def ending(session: Session, errand: Errand) -> Sequence[str]:
    """Portfolios, and work of an office, without a valid person soon or already: an office ends by itself."""
    days = policy_on(session, local_day(errand.now)).integer(PORTFOLIO_WARN_DAYS)
    return [*orphans.ending(session, errand.now), *offices.ending(session, errand.now, days)]


def warn(session: Session, errand: Errand) -> Result:
    """Tell whoever answers for one of them."""
    tell = offices.warn if errand.item.startswith((offices.OFFICE, offices.PERSON)) else orphans.warn
    return {"notices": tell(session, errand.item, errand.now)}
