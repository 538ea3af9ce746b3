"""Monthly levels."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

APPEND_ONLY = ("level_decision", "grading_chunk")


def upgrade() -> None:
    """Monthly levels."""
    op.create_table(
        "level_decision",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("held", sa.String(), nullable=False),
        sa.Column("idle_before", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("planned_grams", sa.BigInteger(), nullable=True),
        sa.Column("evenness", sa.BigInteger(), nullable=True),
        sa.Column("payment_discipline", sa.BigInteger(), nullable=True),
        sa.Column("breaches", sa.BigInteger(), nullable=True),
        sa.Column("cooperation", sa.BigInteger(), nullable=True),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("move", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("idle", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "level IN ('auction', 'ordinary', 'one_star', 'two_star', 'three_star')",
            name=op.f("ck_level_decision_level"),
        ),
        sa.PrimaryKeyConstraint("run_id", "customer_id", name=op.f("pk_level_decision")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_level_decision_move",
        "level_decision",
        ["run_id", "move", "customer_id"],
        unique=False,
        sqlite_where=sa.text("move <> 'same'"),
        postgresql_where=sa.text("move <> 'same'"),
    )
    op.create_table(
        "grading_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("batch_id", sa.BigInteger(), nullable=True),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("previous_run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.BigInteger(), nullable=False),
        sa.Column("up", sa.BigInteger(), nullable=False),
        sa.Column("down", sa.BigInteger(), nullable=False),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("facts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("escalated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("confirmed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint("(kind = 'adjusting') = (batch_id IS NOT NULL)", name=op.f("ck_grading_run_batch")),
        sa.CheckConstraint("(state = 'confirmed') = (confirmed_at IS NOT NULL)", name=op.f("ck_grading_run_confirmed")),
        sa.CheckConstraint("kind IN ('monthly', 'adjusting')", name=op.f("ck_grading_run_kind")),
        sa.CheckConstraint(
            "state IN ('computing', 'proposed', 'confirmed', 'withdrawn')", name=op.f("ck_grading_run_state")
        ),
        sa.ForeignKeyConstraint(["confirmed_by_id"], ["user_account.id"], name=op.f("fk_grading_run_confirmed_by_id")),
        sa.ForeignKeyConstraint(["previous_run_id"], ["grading_run.id"], name=op.f("fk_grading_run_previous_run_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_grading_run_product_line_id")),
        sa.ForeignKeyConstraint(["started_by_id"], ["user_account.id"], name=op.f("fk_grading_run_started_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grading_run")),
    )
    op.create_index("ix_grading_run_batch_id", "grading_run", ["batch_id"], unique=False)
    op.create_index("ix_grading_run_month", "grading_run", ["product_line_id", "month", "id"], unique=False)
    op.create_index("ix_grading_run_state", "grading_run", ["state", "due_at", "id"], unique=False)
    op.create_index(
        "uq_grading_run_live",
        "grading_run",
        ["product_line_id", "month"],
        unique=True,
        sqlite_where=sa.text("kind = 'monthly' AND state <> 'withdrawn'"),
        postgresql_where=sa.text("kind = 'monthly' AND state <> 'withdrawn'"),
    )
    op.create_table(
        "grading_chunk",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("first_id", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["grading_run.id"], name=op.f("fk_grading_chunk_run_id")),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_grading_chunk")),
    )
    op.create_table(
        "level_pin",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("computed", sa.String(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remark", sa.String(), nullable=False),
        sa.CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name=op.f("ck_level_pin_decided")),
        sa.CheckConstraint(
            "level IN ('auction', 'ordinary', 'one_star', 'two_star', 'three_star')", name=op.f("ck_level_pin_level")
        ),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'rejected')", name=op.f("ck_level_pin_state")),
        sa.CheckConstraint("to_on > from_on", name=op.f("ck_level_pin_period")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["user_account.id"], name=op.f("fk_level_pin_asked_by_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_level_pin_customer_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["user_account.id"], name=op.f("fk_level_pin_decided_by_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_level_pin_product_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_level_pin")),
    )
    op.create_index("ix_level_pin_customer_id", "level_pin", ["customer_id", "id"], unique=False)
    op.create_index("ix_level_pin_state", "level_pin", ["state", "asked_at", "id"], unique=False)
    op.create_index(
        "uq_level_pin_waiting",
        "level_pin",
        ["customer_id", "product_line_id"],
        unique=True,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in trigger_ddl(dialect, table):
            op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    op.drop_index(
        "uq_level_pin_waiting",
        table_name="level_pin",
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_index("ix_level_pin_state", table_name="level_pin")
    op.drop_index("ix_level_pin_customer_id", table_name="level_pin")
    op.drop_table("level_pin")
    op.drop_table("grading_chunk")
    op.drop_index(
        "uq_grading_run_live",
        table_name="grading_run",
        sqlite_where=sa.text("kind = 'monthly' AND state <> 'withdrawn'"),
        postgresql_where=sa.text("kind = 'monthly' AND state <> 'withdrawn'"),
    )
    op.drop_index("ix_grading_run_state", table_name="grading_run")
    op.drop_index("ix_grading_run_month", table_name="grading_run")
    op.drop_index("ix_grading_run_batch_id", table_name="grading_run")
    op.drop_table("grading_run")
    op.drop_index(
        "ix_level_decision_move",
        table_name="level_decision",
        sqlite_where=sa.text("move <> 'same'"),
        postgresql_where=sa.text("move <> 'same'"),
    )
    op.drop_table("level_decision")
