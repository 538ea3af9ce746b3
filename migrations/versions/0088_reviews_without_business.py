"""A review knows no breaches of whoever had no business in its period (CHEM-16)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0088"
down_revision = "0085"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No data is NULL, as with every other indicator."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("review_score", "breaches", existing_type=sa.BigInteger(), nullable=True)
    else:
        _remake(sa.Column("kept", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """No data counts as none."""
    op.execute("UPDATE review_score SET breaches = 0 WHERE breaches IS NULL")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("review_score", "breaches", existing_type=sa.BigInteger(), nullable=False)
    else:
        _remake(sa.Column("kept", sa.BigInteger(), nullable=False, server_default=sa.text("0")))


def _remake(column: sa.Column[int]) -> None:
    """SQLite changes no column that stands; no check and no index names this one."""
    op.add_column("review_score", column)
    op.execute("UPDATE review_score SET kept = breaches")
    op.drop_column("review_score", "breaches")
    op.execute("ALTER TABLE review_score RENAME COLUMN kept TO breaches")
