"""The half-yearly draw of customer files to inspect (CHEM-8.2): asked is whether this half-year's was made."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.kernel.months import HalfYear
from tierflow.onboarding.models import InspectionRound
from tierflow.onboarding.service import inspecting


def draw(session: Session, errand: Errand) -> Result:
    """Draw this half-year's round, once; a round that was missed is not drawn afterwards: its half-year is over."""
    return {"drawn": inspecting.open_round(session, errand.now)}


def count(session: Session, errand: Errand) -> int:
    """Whether there is a draw to make now."""
    period = str(HalfYear.at(errand.now))
    return 0 if session.scalar(select(InspectionRound.id).where(InspectionRound.period == period)) else 1
