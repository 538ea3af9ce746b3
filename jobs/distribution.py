"""Customers a resident office was not sent yet: tied to their line or region since, or taken over (CHEM-8.2)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.onboarding.service import distributing


def untold(session: Session, errand: Errand) -> Sequence[str]:
    """What the offices still lack, some hundred customers an item."""
    return distributing.untold(session, errand.now)


def tell(session: Session, errand: Errand) -> Result:
    """Send an office one item's customers."""
    return {"sent": distributing.tell_office(session, errand.item, errand.now)}
