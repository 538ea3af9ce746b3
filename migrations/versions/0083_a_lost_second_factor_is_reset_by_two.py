"""A lost second factor is reset by two."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0083"
down_revision = "0080"
branch_labels = None
depends_on = None

case = sa.table(
    "approval_case",
    *(sa.column(name) for name in ("chain", "state", "step", "waiting_role", "version", "ended_at")),
)


def upgrade() -> None:
    """A lost second factor is reset by two."""
    op.create_table(
        "factor_reset",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("factor_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("outcome IN ('done', 'refused', 'taken_back')", name=op.f("ck_factor_reset_outcome")),
        sa.CheckConstraint("(outcome IS NULL) = (ended_at IS NULL)", name=op.f("ck_factor_reset_ended")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["user_account.id"], name=op.f("fk_factor_reset_asked_by_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_factor_reset_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_reset")),
    )
    op.create_index(
        "uq_factor_reset_open",
        "factor_reset",
        ["user_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )


def downgrade() -> None:
    """Take it back. What still waits is given up: nobody could decide it any more."""
    ended = {"state": "discarded", "step": None, "waiting_role": None, "version": case.c.version + 1}
    waiting = (case.c.chain == "factor_reset") & (case.c.state == "in_approval")
    op.execute(case.update().where(waiting).values(**ended, ended_at=sa.func.current_timestamp()))
    op.drop_index(
        "uq_factor_reset_open",
        table_name="factor_reset",
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.drop_table("factor_reset")
