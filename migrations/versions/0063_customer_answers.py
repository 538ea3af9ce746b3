"""Customer answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0063"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Customer answers."""
    op.create_table(
        "complaint_customer_answer",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("clock_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_by", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=True),
        sa.Column("recorded_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["clock_id"], ["complaint_clock.id"], name=op.f("fk_complaint_customer_answer_clock_id")
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_customer_answer_complaint_id")
        ),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"], ["user_account.id"], name=op.f("fk_complaint_customer_answer_recorded_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_customer_answer")),
    )
    op.create_index(
        "ix_complaint_customer_answer_complaint_id", "complaint_customer_answer", ["complaint_id"], unique=False
    )
    for statement in trigger_ddl(op.get_bind().dialect.name, "complaint_customer_answer"):
        op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_complaint_customer_answer_complaint_id", table_name="complaint_customer_answer")
    op.drop_table("complaint_customer_answer")
