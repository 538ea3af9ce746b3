"""A policy draft tried on the real past months, beside what the policy in force made of them (CMTE-2.1)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only


class BackTest(Model):
    """One trial: a draft's values as they were, a product line, the months from first to last. Stored with progress."""

    __tablename__ = "backtest"
    __table_args__ = (
        CheckConstraint("state IN ('computing', 'done')", name="state"),
        CheckConstraint("last_month >= first_month", name="months"),
        Index("ix_backtest_policy_version_id", "policy_version_id", "id"),
        Index(
            "ix_backtest_computing",
            "id",
            sqlite_where=sql("state = 'computing'"),
            postgresql_where=sql("state = 'computing'"),
        ),
    )

    id: Mapped[int] = pk()
    policy_version_id: Mapped[int] = mapped_column(ForeignKey("policy_version.id"))
    values_hash: Mapped[str]  # of the draft's values when it was tried: a draft edited since is another draft
    values: Mapped[dict[str, Any]]
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    first_month: Mapped[date]
    last_month: Mapped[date]
    state: Mapped[str]
    total: Mapped[int]
    done: Mapped[int]
    cursor: Mapped[int]
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    started_at: Mapped[datetime]


class BackTestTally(Model):
    """How many customers, and grams, of a region stood at one level in a month and would have stood at another.

    Part of a trial's stretch: several rows for one place are summed when read.
    """

    __tablename__ = append_only("backtest_tally")
    __table_args__ = (Index("ix_backtest_tally_backtest_id", "backtest_id", "month", "region_id"),)

    id: Mapped[int] = pk()
    backtest_id: Mapped[int] = mapped_column(ForeignKey("backtest.id"))
    month: Mapped[date]
    region_id: Mapped[int] = mapped_column(ForeignKey("region.id"))
    real_level: Mapped[str]
    draft_level: Mapped[str]
    customers: Mapped[int]
    grams: Mapped[int]


class BackTestMove(Model):
    """A customer's month that would have ended at another level. No foreign keys, as with the decisions themselves."""

    __tablename__ = append_only("backtest_move")
    __table_args__ = ({"sqlite_with_rowid": False},)

    backtest_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    month: Mapped[date] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    grams: Mapped[int]
    real_level: Mapped[str]
    draft_level: Mapped[str]
