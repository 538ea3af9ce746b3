"""Periodic reviews: quarter, half-year, year (CHEM-16)."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk

RECOMMENDATIONS = ("keep", "raise", "lower", "end_class", "disqualify")


class Review(Model):
    """One review of a product line's customers over a period, such as 2026-Q3, 2026-H2 or 2026.

    Scores are worked out while it is open and freeze when the period's last month is closed; it is closed when every
    recommendation is confirmed.
    """

    __tablename__ = "review"
    __table_args__ = (
        UniqueConstraint("product_line_id", "period"),
        CheckConstraint("state IN ('open', 'frozen', 'closed')", name="state"),
        CheckConstraint("kind IN ('quarter', 'halfyear', 'year')", name="kind"),
        Index("ix_review_last_month", "last_month", "id"),
    )

    id: Mapped[int] = pk()
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    kind: Mapped[str]
    period: Mapped[str]
    first_month: Mapped[date]
    last_month: Mapped[date]
    state: Mapped[str]
    policy_version: Mapped[int]
    customers: Mapped[int]
    confirmed: Mapped[int]
    opened_at: Mapped[datetime]
    scored_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    closed_at: Mapped[datetime | None]


class ReviewScore(Model):
    """One customer's review: what was seen, a column each, the score in hundredths, the recommendation.

    `recommended` is the rule's, `confirmed` a person's. `score` None: nothing could be scored. `rank` by score, the
    customer's number breaking ties.
    """

    __tablename__ = "review_score"
    __table_args__ = (
        CheckConstraint("recommended IN ('keep', 'raise', 'lower', 'end_class', 'disqualify')", name="recommended"),
        CheckConstraint("confirmed IN ('keep', 'raise', 'lower', 'end_class', 'disqualify')", name="confirmed"),
        CheckConstraint("(confirmed IS NULL) = (confirmed_at IS NULL)", name="confirmed_at"),
        CheckConstraint("score BETWEEN 0 AND 10000", name="score"),
        UniqueConstraint("review_id", "customer_id"),
        Index("ix_review_score_rank", "review_id", "rank"),
        Index("ix_review_score_customer_id", "customer_id", "review_id"),
    )

    id: Mapped[int] = pk()
    review_id: Mapped[int] = mapped_column(ForeignKey("review.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    customer_class: Mapped[str] = mapped_column("class")
    level: Mapped[str]
    grams: Mapped[int]
    previous_grams: Mapped[int]
    planned_grams: Mapped[int | None]
    completion: Mapped[int | None]
    evenness: Mapped[int | None]
    payment_discipline: Mapped[int | None]
    breaches: Mapped[int | None]  # None: no business in the period that could have been breached
    cooperation: Mapped[int | None]
    orders_due: Mapped[int | None]  # in the period, and paid by their pay-by day
    orders_in_time: Mapped[int | None]
    papers_ok: Mapped[bool | None]  # on the period's last day
    suspended_days: Mapped[int | None]  # of its `days` as a customer within the period
    days: Mapped[int | None]
    score: Mapped[int | None]
    rank: Mapped[int]
    recommended: Mapped[str]
    confirmed: Mapped[str | None]
    reason: Mapped[str] = mapped_column(default="")
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    confirmed_at: Mapped[datetime | None]
