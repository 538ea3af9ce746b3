"""The ledger of timed duties: what ran for which period, once. The scheduler is only the alarm clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk


class Run(Model):
    """A duty done for a period and item. Claim, effect and mark share one transaction."""

    __tablename__ = "run"
    __table_args__ = (
        UniqueConstraint("job", "period", "item"),
        CheckConstraint("state IN ('done', 'failed')", name="state"),
        Index("ix_run_job", "job", "id"),
        Index("ix_run_state", "state", "id"),
    )

    id: Mapped[int] = pk()
    job: Mapped[str]
    period: Mapped[str]
    item: Mapped[str] = mapped_column(default="")
    state: Mapped[str]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    tries: Mapped[int] = mapped_column(default=1)
    result: Mapped[dict[str, Any]]
    error: Mapped[str] = mapped_column(default="")
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))


class Heartbeat(Model):
    """A living scheduler process; `held_since` is set while its clock is doubted."""

    __tablename__ = "heartbeat"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    started_at: Mapped[datetime]
    host: Mapped[str]
    held_since: Mapped[datetime | None]
    hold_reason: Mapped[str] = mapped_column(default="")
    released_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    released_at: Mapped[datetime | None]
