"""What administration keeps beside the accounts themselves."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk


class FactorReset(Model):
    """A second factor to be taken away: asked for by one administrator, decided by a second."""

    __tablename__ = "factor_reset"
    __table_args__ = (
        CheckConstraint("outcome IN ('done', 'refused', 'taken_back')", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name="ended"),
        Index(
            "uq_factor_reset_open",
            "user_id",
            unique=True,
            sqlite_where=sql("outcome IS NULL"),
            postgresql_where=sql("outcome IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    factor_at: Mapped[datetime]  # since when the factor stood that is to go: one set up since stays
    reason: Mapped[str]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    asked_at: Mapped[datetime]
    outcome: Mapped[str | None]
    ended_at: Mapped[datetime | None]
