"""Standing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0040"
down_revision = "0032"
branch_labels = None
depends_on = None

APPEND_ONLY = ("standing",)


def upgrade() -> None:
    """Standing."""
    op.create_table(
        "month_facts",
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("planned_grams", sa.BigInteger(), nullable=True),
        sa.Column("evenness", sa.BigInteger(), nullable=True),
        sa.Column("payment_discipline", sa.BigInteger(), nullable=True),
        sa.Column("breaches", sa.BigInteger(), nullable=True),
        sa.Column("cooperation", sa.BigInteger(), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("breaches >= 0", name=op.f("ck_month_facts_breaches")),
        sa.CheckConstraint("cooperation BETWEEN 0 AND 100", name=op.f("ck_month_facts_cooperation")),
        sa.CheckConstraint("evenness BETWEEN 0 AND 10000", name=op.f("ck_month_facts_evenness")),
        sa.CheckConstraint("payment_discipline BETWEEN 0 AND 10000", name=op.f("ck_month_facts_payment_discipline")),
        sa.CheckConstraint("planned_grams >= 0", name=op.f("ck_month_facts_planned_grams")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_month_facts_customer_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_month_facts_product_line_id")),
        sa.PrimaryKeyConstraint("product_line_id", "month", "customer_id", name=op.f("pk_month_facts")),
    )
    op.create_table(
        "standing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("pin_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(basis = 'pinned') = (to_on IS NOT NULL)", name=op.f("ck_standing_only_pins_end")),
        sa.CheckConstraint("basis IN ('run', 'adjusted', 'pinned')", name=op.f("ck_standing_basis")),
        sa.CheckConstraint(
            "level IN ('auction', 'ordinary', 'one_star', 'two_star', 'three_star')", name=op.f("ck_standing_level")
        ),
        sa.CheckConstraint("to_on IS NULL OR to_on > from_on", name=op.f("ck_standing_period")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_standing_customer_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_standing_product_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing")),
    )
    op.create_index(
        "ix_standing_customer_id", "standing", ["customer_id", "product_line_id", "from_on", "id"], unique=False
    )
    op.create_index("ix_standing_run_id", "standing", ["run_id"], unique=False)
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in trigger_ddl(dialect, table):
            op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_standing_run_id", table_name="standing")
    op.drop_index("ix_standing_customer_id", table_name="standing")
    op.drop_table("standing")
    op.drop_table("month_facts")
