"""Reviews and trials of policy drafts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

APPEND_ONLY = ("backtest_tally", "backtest_move")


def upgrade() -> None:
    """Reviews and trials of policy drafts."""
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
    op.drop_table("backtest_move")
