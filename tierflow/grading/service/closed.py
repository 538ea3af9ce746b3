"""Which months are closed: what comes in for them now is late, and makes an adjusting run (CHEM-9.5)."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.grading.models import GradingRun
from tierflow.kernel.months import Month


def closed_months(session: Session) -> frozenset[tuple[int, Month]]:
    """Product line and month of every confirmed monthly run."""
    rows = session.execute(
        select(GradingRun.product_line_id, GradingRun.month).where(
            GradingRun.kind == "monthly", GradingRun.state == "confirmed"
        )
    )
    return frozenset((row.product_line_id, Month.of(row.month)) for row in rows)
