"""What every database begins with: the built-in policy, the published calendars, the head of the audit chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tierflow.common.audit import GENESIS, ChainHead
from tierflow.common.calendars import CalendarNotice, built_in_years, load_year
from tierflow.common.policies import PolicyVersion
from tierflow.kernel.policy import PolicyValue, Terms
from tierflow.kernel.terms import GROUND_TERMS

FIRST_DAY = date(2004, 1, 1)

# Every catalogue of policy terms the first version is made of; the composition root adds the domains' own.
CATALOGUES: list[Terms] = [GROUND_TERMS]


def plant(session: Session, now: datetime, *, policy: Mapping[str, Any] | None = None) -> None:
    """Fill an empty database. `policy` overrides built-in values (the demo and tests use it)."""
    if session.get(ChainHead, "audit") is None:
        session.add(ChainHead(name="audit", seq=0, hash=GENESIS))
    if session.scalar(select(PolicyVersion.id).limit(1)) is None:
        session.add(
            PolicyVersion(
                version=1,
                state="adopted",
                in_force_from=FIRST_DAY,
                values=plain_values({**defaults(), **(policy or {})}),
                drafter="tierflow",
                source="built in",
                adopted_at=now,
            )
        )
    if session.scalar(select(CalendarNotice.id).limit(1)) is None:
        for year, days in built_in_years().items():
            load_year(session, year, days, "built in", None, now)
    session.flush()


def defaults() -> dict[str, PolicyValue]:
    """The first value of every term of every catalogue."""
    return {key: value for terms in CATALOGUES for key, value in terms.defaults().items()}


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Policy values as JSON (tuples become lists)."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
