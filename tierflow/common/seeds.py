"""What every database begins with: the built-in policy, the published calendars, the head of the audit chain."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tierflow.common.audit import GENESIS, ChainHead
from tierflow.common.calendars import CalendarNotice, built_in_years, load_year
from tierflow.common.policies import PolicyVersion, catalogue

FIRST_DAY = date(2004, 1, 1)


def plant(session: Session, now: datetime, *, policy: Mapping[str, Any] | None = None) -> None:
    """Fill an empty database. `policy` overrides built-in values (the demo and tests use it)."""
    if session.get(ChainHead, "audit") is None:
        session.add(ChainHead(name="audit", seq=0, hash=GENESIS))
    plant_policy(session, now, policy or {})
    if session.scalar(select(CalendarNotice.id).limit(1)) is None:
        for year, days in built_in_years().items():
            load_year(session, year, days, "built in", None, now)
    session.flush()


def plant_policy(session: Session, now: datetime, overrides: Mapping[str, Any]) -> None:
    """The built-in version; or, when a new release brings new terms, a version that adds their first values.

    An adopted version is never changed: what it decided must stay explained by it.
    """
    newest = session.scalars(
        select(PolicyVersion)
        .where(PolicyVersion.state == "adopted")
        .order_by(PolicyVersion.in_force_from.desc(), PolicyVersion.version.desc())
        .limit(1)
    ).one_or_none()
    values = {**catalogue().defaults(), **(newest.values if newest is not None else overrides)}
    if newest is not None and values.keys() == newest.values.keys():
        return
    last = session.scalar(select(func.max(PolicyVersion.version))) or 0
    session.add(
        PolicyVersion(
            version=last + 1,
            state="adopted",
            in_force_from=newest.in_force_from if newest is not None else FIRST_DAY,
            values=plain_values(values),
            drafter="tierflow",
            source="built in",
            adopted_at=now,
        )
    )


def plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Policy values as JSON (tuples become lists)."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
