"""Scans owed: the papers of one file in their order."""

from __future__ import annotations

from alembic import op

revision = "0060"
down_revision = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Papers that wait for their scan share one file per import; the list of them pages by (file, paper)."""
    op.drop_index("ix_paper_file_id", table_name="paper")
    op.create_index("ix_paper_file_id", "paper", ["file_id", "id"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_paper_file_id", table_name="paper")
    op.create_index("ix_paper_file_id", "paper", ["file_id"], unique=False)
