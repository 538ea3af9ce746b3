"""Indicators worked out of the ledger and the orders: what a review saw of them, and why a value was keyed in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0061"
down_revision = "0060"
branch_labels = None
depends_on = None

SEEN = ("orders_due", "orders_in_time", "suspended_days", "days")


def upgrade() -> None:
    """Columns beside what is there; an index for the orders due in a month."""
    op.add_column("month_facts", sa.Column("reason", sa.String(), nullable=True))
    for name in SEEN:
        op.add_column("review_score", sa.Column(name, sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_lifting_order_pay_by_on", "lifting_order", ["product_line_id", "pay_by_on", "customer_id"], unique=False
    )


def downgrade() -> None:
    """Back to what was."""
    op.drop_index("ix_lifting_order_pay_by_on", table_name="lifting_order")
    for name in reversed(SEEN):
        op.drop_column("review_score", name)
    op.drop_column("month_facts", "reason")
