"""Levels, reviews and trials of policy drafts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

APPEND_ONLY = ("level_decision", "grading_chunk", "grading_case", "backtest_tally", "backtest_move")


def upgrade() -> None:
    """Levels, reviews and trials of policy drafts."""
    op.create_table(
        "backtest_move",
        sa.Column("backtest_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("real_level", sa.String(), nullable=False),
        sa.Column("draft_level", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("backtest_id", "month", "customer_id", name=op.f("pk_backtest_move")),
        sqlite_with_rowid=False,
    )
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
        "review",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("first_month", sa.Date(), nullable=False),
        sa.Column("last_month", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("scored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('quarter', 'halfyear', 'year')", name=op.f("ck_review_kind")),
        sa.CheckConstraint("state IN ('open', 'frozen', 'closed')", name=op.f("ck_review_state")),
        sa.ForeignKeyConstraint(["closed_by_id"], ["user_account.id"], name=op.f("fk_review_closed_by_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_review_product_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("product_line_id", "period", name=op.f("uq_review_product_line_id_period")),
    )
    op.create_index("ix_review_last_month", "review", ["last_month", "id"], unique=False)
    op.create_table(
        "backtest",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("policy_version_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("values_hash", sa.String(), nullable=False),
        sa.Column("values", sa.JSON(), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_month", sa.Date(), nullable=False),
        sa.Column("last_month", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("started_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("state IN ('computing', 'done')", name=op.f("ck_backtest_state")),
        sa.CheckConstraint("last_month >= first_month", name=op.f("ck_backtest_months")),
        sa.ForeignKeyConstraint(
            ["policy_version_id"], ["policy_version.id"], name=op.f("fk_backtest_policy_version_id")
        ),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_backtest_product_line_id")),
        sa.ForeignKeyConstraint(["started_by_id"], ["user_account.id"], name=op.f("fk_backtest_started_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backtest")),
    )
    op.create_index(
        "ix_backtest_computing",
        "backtest",
        ["id"],
        unique=False,
        sqlite_where=sa.text("state = 'computing'"),
        postgresql_where=sa.text("state = 'computing'"),
    )
    op.create_index("ix_backtest_policy_version_id", "backtest", ["policy_version_id", "id"], unique=False)
    op.create_table(
        "grading_case",
        sa.Column("run_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("target", sa.String(), nullable=False),
        sa.Column("move", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["grading_run.id"], name=op.f("fk_grading_case_run_id")),
        sa.PrimaryKeyConstraint("run_id", "key", name=op.f("pk_grading_case")),
        sqlite_with_rowid=False,
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
    op.create_table(
        "review_score",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("review_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("previous_grams", sa.BigInteger(), nullable=False),
        sa.Column("planned_grams", sa.BigInteger(), nullable=True),
        sa.Column("completion", sa.BigInteger(), nullable=True),
        sa.Column("evenness", sa.BigInteger(), nullable=True),
        sa.Column("payment_discipline", sa.BigInteger(), nullable=True),
        sa.Column("breaches", sa.BigInteger(), nullable=False),
        sa.Column("cooperation", sa.BigInteger(), nullable=True),
        sa.Column("papers_ok", sa.Boolean(), nullable=True),
        sa.Column("score", sa.BigInteger(), nullable=True),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("recommended", sa.String(), nullable=False),
        sa.Column("confirmed", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("confirmed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "confirmed IN ('keep', 'raise', 'lower', 'end_class', 'disqualify')", name=op.f("ck_review_score_confirmed")
        ),
        sa.CheckConstraint(
            "recommended IN ('keep', 'raise', 'lower', 'end_class', 'disqualify')",
            name=op.f("ck_review_score_recommended"),
        ),
        sa.CheckConstraint("(confirmed IS NULL) = (confirmed_at IS NULL)", name=op.f("ck_review_score_confirmed_at")),
        sa.CheckConstraint("score BETWEEN 0 AND 10000", name=op.f("ck_review_score_score")),
        sa.ForeignKeyConstraint(["confirmed_by_id"], ["user_account.id"], name=op.f("fk_review_score_confirmed_by_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_review_score_customer_id")),
        sa.ForeignKeyConstraint(["review_id"], ["review.id"], name=op.f("fk_review_score_review_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_score")),
        sa.UniqueConstraint("review_id", "customer_id", name=op.f("uq_review_score_review_id_customer_id")),
    )
    op.create_index("ix_review_score_customer_id", "review_score", ["customer_id", "review_id"], unique=False)
    op.create_index("ix_review_score_rank", "review_score", ["review_id", "rank"], unique=False)
    op.create_table(
        "backtest_tally",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("backtest_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("region_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("real_level", sa.String(), nullable=False),
        sa.Column("draft_level", sa.String(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["backtest_id"], ["backtest.id"], name=op.f("fk_backtest_tally_backtest_id")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_backtest_tally_region_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backtest_tally")),
    )
    op.create_index(
        "ix_backtest_tally_backtest_id", "backtest_tally", ["backtest_id", "month", "region_id"], unique=False
    )
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in trigger_ddl(dialect, table):
            op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_backtest_tally_backtest_id", table_name="backtest_tally")
    op.drop_table("backtest_tally")
    op.drop_index("ix_review_score_rank", table_name="review_score")
    op.drop_index("ix_review_score_customer_id", table_name="review_score")
    op.drop_table("review_score")
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
    op.drop_table("grading_case")
    op.drop_index("ix_backtest_policy_version_id", table_name="backtest")
    op.drop_index(
        "ix_backtest_computing",
        table_name="backtest",
        sqlite_where=sa.text("state = 'computing'"),
        postgresql_where=sa.text("state = 'computing'"),
    )
    op.drop_table("backtest")
    op.drop_index("ix_review_last_month", table_name="review")
    op.drop_table("review")
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
    op.drop_table("backtest_move")
