"""The inbox's indexes in the inbox's order: due time, then subject."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0010"
branch_labels = None
depends_on = None

OPEN = sa.text("state = 'in_approval'")
INDEXES = {
    "ix_approval_case_waiting": (["waiting_role", "due_at"], OPEN),
    "ix_approval_case_region": (["waiting_role", "region_id", "due_at"], OPEN),
    "ix_approval_case_submitter": (["submitter_id", "state", "due_at"], None),
}


def _made_with(last: str) -> None:
    for name, (columns, where) in INDEXES.items():
        op.drop_index(name, table_name="approval_case")
        op.create_index(name, "approval_case", [*columns, last], sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Ties in the due time come by subject, as the inbox shows them: an ordered walk needs no sorting."""
    _made_with("subject_id")


def downgrade() -> None:
    """Take it back."""
    _made_with("id")
