"""What is known of a customer's month besides tonnes (CHEM-9.6): plan, evenness, payment, breaches, cooperation.

Facts with one row for each customer, line and month. A column without value means "no data". Evenness and payment
discipline are worked out of the ledger and the orders; here they stand only where somebody keyed them in, with reason,
and count only where there is nothing to work out. Decisions keep the values they saw as columns of their own, so a
correction here never rewrites the past.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model

BASIS_POINTS = 10_000


class MonthFacts(Model):
    """Planned grams; evenness and payment discipline in basis points; breaches a count; cooperation 0-100."""

    __tablename__ = "month_facts"
    __table_args__ = (
        CheckConstraint("planned_grams >= 0", name="planned_grams"),
        CheckConstraint("evenness BETWEEN 0 AND 10000", name="evenness"),
        CheckConstraint("payment_discipline BETWEEN 0 AND 10000", name="payment_discipline"),
        CheckConstraint("breaches >= 0", name="breaches"),
        CheckConstraint("cooperation BETWEEN 0 AND 100", name="cooperation"),
        Index("ix_month_facts_updated_at", "product_line_id", "month", "updated_at"),
    )

    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)  # its first day
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    planned_grams: Mapped[int | None]
    evenness: Mapped[int | None]
    payment_discipline: Mapped[int | None]
    breaches: Mapped[int | None]
    cooperation: Mapped[int | None]
    reason: Mapped[str | None]  # why evenness or payment discipline were keyed in, where nothing could be worked out
    updated_at: Mapped[datetime]


def completion(lifted_grams: int, planned_grams: int | None) -> int | None:
    """Plan completion in basis points, capped at 100 %, rounded down; no plan, or a plan of nothing: no data."""
    if not planned_grams:
        return None
    return min(BASIS_POINTS, max(0, lifted_grams) * BASIS_POINTS // planned_grams)
