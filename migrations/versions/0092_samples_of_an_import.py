"""An import keeps its first two rows, to be seen beside its heads while its columns are named."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0092"
down_revision = "0091"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; what was uploaded before has none."""
    op.add_column("import_batch", sa.Column("samples", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Take them away."""
    op.drop_column("import_batch", "samples")
