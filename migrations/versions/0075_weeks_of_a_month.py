"""The weeks of a customer's month beside its tonnes, so that no month close reads the ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0075"
down_revision = "0070"
branch_labels = None
depends_on = None

WEEKS = tuple(f"week_{number}" for number in range(1, 6))

# A week belongs to the month of its Thursday, and is numbered by it.
SQLITE = """
SELECT customer_id, product_line_id, date(lifted_on, 'weekday 0', '-3 days', 'start of month') AS month,
  (CAST(strftime('%d', lifted_on, 'weekday 0', '-3 days') AS INTEGER) + 6) / 7 AS number, grams FROM offtake"""
POSTGRES = """
SELECT customer_id, product_line_id, CAST(date_trunc('month', thursday) AS date) AS month,
  (CAST(extract(day FROM thursday) AS integer) + 6) / 7 AS number, grams
FROM (SELECT *, date_trunc('week', lifted_on) + interval '3 days' AS thursday FROM offtake) AS dated"""


def upgrade() -> None:
    """The columns, filled out of the ledger."""
    for name in WEEKS:
        op.add_column("offtake_month", sa.Column(name, sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    lines = SQLITE if op.get_bind().dialect.name == "sqlite" else POSTGRES
    sums = ", ".join(f"sum(CASE WHEN number = {at} THEN grams ELSE 0 END)" for at in range(1, 6))
    told = ", ".join(f"{name} = excluded.{name}" for name in WEEKS)
    op.execute(
        f"INSERT INTO offtake_month (customer_id, product_line_id, month, grams, {', '.join(WEEKS)})"  # noqa: S608
        f" SELECT customer_id, product_line_id, month, 0, {sums} FROM ({lines}) AS placed WHERE 1 = 1"
        " GROUP BY customer_id, product_line_id, month"
        f" ON CONFLICT (customer_id, product_line_id, month) DO UPDATE SET {told}"
    )


def downgrade() -> None:
    """Back to the months alone; rows that held nothing but a neighbour's week go."""
    op.execute("DELETE FROM offtake_month WHERE grams = 0")
    for name in reversed(WEEKS):
        op.drop_column("offtake_month", name)
