"""Timetable and requests of the scheduler."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Timetable and requests of the scheduler."""
    op.create_table(
        "warned",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("for_day", sa.Date(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("topic", "subject_id", "for_day", "stage", name=op.f("pk_warned")),
    )
    for statement in trigger_ddl(op.get_bind().dialect.name, "warned"):
        op.execute(statement)
    op.create_table(
        "job_duty",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("every", sa.String(), nullable=False),
        sa.Column("at", sa.String(), nullable=False),
        sa.Column("next_period", sa.String(), nullable=False),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("missed", sa.BigInteger(), nullable=False),
        sa.Column("outstanding", sa.BigInteger(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_job_duty")),
    )
    op.create_table(
        "job_request",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("job", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_ok", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.CheckConstraint("kind IN ('run', 'count')", name=op.f("ck_job_request_kind")),
        sa.ForeignKeyConstraint(["requested_by_id"], ["user_account.id"], name=op.f("fk_job_request_requested_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job_request")),
    )
    op.create_index(
        "ix_job_request_waiting",
        "job_request",
        ["id"],
        unique=False,
        sqlite_where=sa.text("taken_at IS NULL"),
        postgresql_where=sa.text("taken_at IS NULL"),
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_table("warned")
    op.drop_index(
        "ix_job_request_waiting",
        table_name="job_request",
        sqlite_where=sa.text("taken_at IS NULL"),
        postgresql_where=sa.text("taken_at IS NULL"),
    )
    op.drop_table("job_request")
    op.drop_table("job_duty")
