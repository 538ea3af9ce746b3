"""Customers not sent yet: to finance those taken over, to a resident office those tied to it since too (CHEM-8.2)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from jobs.duty import Errand, Result
from tierflow.onboarding.service import distributing


def untold(session: Session, errand: Errand) -> Sequence[str]:
    """What finance and the offices still lack, some hundred customers an item."""
    return distributing.untold(session, errand.now)


def tell(session: Session, errand: Errand) -> Result:
    """Send one item's customers to whom it names."""
    return {"sent": distributing.tell(session, errand.item, errand.now)}
