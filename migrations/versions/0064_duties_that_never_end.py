"""How the duties that never end are doing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """How the duties that never end are doing."""
    op.add_column("job_duty", sa.Column("last_ok_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("job_duty", sa.Column("last_error", sa.String(), nullable=False, server_default=sa.text("''")))
    op.add_column("job_duty", sa.Column("tries", sa.BigInteger(), nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("job_duty", "tries")
    op.drop_column("job_duty", "last_error")
    op.drop_column("job_duty", "last_ok_at")
