"""Gate confirmations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Gate confirmations."""
    op.create_table(
        "gate_confirmation",
        sa.Column(
            "offtake_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("import_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["import_id"], ["import_batch.id"], name=op.f("fk_gate_confirmation_import_id")),
        sa.ForeignKeyConstraint(["offtake_id"], ["offtake.id"], name=op.f("fk_gate_confirmation_offtake_id")),
        sa.PrimaryKeyConstraint("offtake_id", name=op.f("pk_gate_confirmation")),
    )
    op.create_index("ix_gate_confirmation_import_id", "gate_confirmation", ["import_id"], unique=False)


def downgrade() -> None:
    """Take them back."""
    op.drop_index("ix_gate_confirmation_import_id", table_name="gate_confirmation")
    op.drop_table("gate_confirmation")
