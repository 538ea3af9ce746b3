"""Lifting orders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


APPEND_ONLY = (
    "lifting_weighing",
    "lifting_return",
    "lifting_money",
    "lifting_settlement",
    "lifting_invoice",
    "bank_statement",
)


def upgrade() -> None:
    """Lifting orders."""
    op.create_table(
        "bank_statement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("new_lines", sa.BigInteger(), nullable=False),
        sa.Column("known_lines", sa.BigInteger(), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["user_account.id"], name=op.f("fk_bank_statement_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_statement")),
        sa.UniqueConstraint("sha256", name=op.f("uq_bank_statement_sha256")),
    )
    op.create_table(
        "bank_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("statement_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line_key", sa.String(), nullable=False),
        sa.Column("booked_on", sa.Date(), nullable=False),
        sa.Column("payer_name", sa.String(), nullable=False),
        sa.Column("payer_account", sa.String(), nullable=False),
        sa.Column("account_key", sa.String(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("memo", sa.String(), nullable=False),
        sa.Column("matched_fen", sa.BigInteger(), nullable=False),
        sa.Column("put_aside_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("put_aside_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("put_aside_reason", sa.String(), nullable=True),
        sa.CheckConstraint("fen > 0", name=op.f("ck_bank_line_fen")),
        sa.CheckConstraint("matched_fen BETWEEN 0 AND fen", name=op.f("ck_bank_line_matched")),
        sa.ForeignKeyConstraint(["put_aside_by_id"], ["user_account.id"], name=op.f("fk_bank_line_put_aside_by_id")),
        sa.ForeignKeyConstraint(["statement_id"], ["bank_statement.id"], name=op.f("fk_bank_line_statement_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bank_line")),
        sa.UniqueConstraint("line_key", name=op.f("uq_bank_line_line_key")),
    )
    op.create_index(
        "ix_bank_line_open",
        "bank_line",
        ["id"],
        unique=False,
        sqlite_where=sa.text("matched_fen < fen AND put_aside_at IS NULL"),
        postgresql_where=sa.text("matched_fen < fen AND put_aside_at IS NULL"),
    )
    op.create_index("ix_bank_line_statement_id", "bank_line", ["statement_id", "id"], unique=False)
    op.create_table(
        "lifting_order",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("form_of_sale", sa.String(), nullable=False),
        sa.Column("quantity_grams", sa.BigInteger(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("pay_by_on", sa.Date(), nullable=False),
        sa.Column("remark", sa.String(), nullable=False),
        sa.Column("placed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("placed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("received_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_out_fen", sa.BigInteger(), nullable=False),
        sa.Column("released_grams", sa.BigInteger(), nullable=False),
        sa.Column("lifted_grams", sa.BigInteger(), nullable=False),
        sa.Column("settled_fen", sa.BigInteger(), nullable=True),
        sa.Column("owes_fen", sa.BigInteger(), nullable=False),
        sa.Column("paid_on", sa.Date(), nullable=True),
        sa.Column("let_out_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("let_out_on", sa.Date(), nullable=True),
        sa.Column("let_out_reason", sa.String(), nullable=True),
        sa.Column("cancel_reason", sa.String(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'settled') = (settled_fen IS NOT NULL)", name=op.f("ck_lifting_order_settled")),
        sa.CheckConstraint("form_of_sale IN ('auction', 'planned')", name=op.f("ck_lifting_order_form_of_sale")),
        sa.CheckConstraint(
            "state <> 'cancelled' OR released_grams = 0", name=op.f("ck_lifting_order_cancelled_is_empty")
        ),
        sa.CheckConstraint(
            "state IN ('placed', 'paid', 'released', 'lifted', 'settled', 'cancelled')",
            name=op.f("ck_lifting_order_state"),
        ),
        sa.CheckConstraint(
            "lifted_grams BETWEEN 0 AND released_grams", name=op.f("ck_lifting_order_lifted_was_released")
        ),
        sa.CheckConstraint(
            "paid_out_fen >= 0 AND paid_out_fen <= received_fen", name=op.f("ck_lifting_order_paid_out_was_received")
        ),
        sa.CheckConstraint("price_fen BETWEEN 1 AND 100000000", name=op.f("ck_lifting_order_price")),
        sa.CheckConstraint("quantity_grams BETWEEN 1 AND 50000000000", name=op.f("ck_lifting_order_quantity")),
        sa.CheckConstraint("received_fen - paid_out_fen <= 5000000000000", name=op.f("ck_lifting_order_money")),
        sa.CheckConstraint(
            "released_grams BETWEEN 0 AND quantity_grams", name=op.f("ck_lifting_order_released_was_ordered")
        ),
        sa.CheckConstraint(
            "settled_fen IS NOT NULL OR released_grams * price_fen <= (received_fen - paid_out_fen) * 1000000",
            name=op.f("ck_lifting_order_released_was_paid"),
        ),
        sa.CheckConstraint(
            "settled_fen IS NULL OR (released_grams = lifted_grams AND received_fen - paid_out_fen >= settled_fen)",
            name=op.f("ck_lifting_order_settled_is_covered"),
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_lifting_order_customer_id")),
        sa.ForeignKeyConstraint(["let_out_by_id"], ["user_account.id"], name=op.f("fk_lifting_order_let_out_by_id")),
        sa.ForeignKeyConstraint(["placed_by_id"], ["user_account.id"], name=op.f("fk_lifting_order_placed_by_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_lifting_order_product_id")),
        sa.ForeignKeyConstraint(
            ["product_line_id"], ["product_line.id"], name=op.f("fk_lifting_order_product_line_id")
        ),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"], name=op.f("fk_lifting_order_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifting_order")),
        sa.UniqueConstraint("number", name=op.f("uq_lifting_order_number")),
    )
    op.create_index("ix_lifting_order_customer_id", "lifting_order", ["customer_id", "id"], unique=False)
    op.create_index(
        "ix_lifting_order_money_back",
        "lifting_order",
        ["id"],
        unique=False,
        sqlite_where=sa.text("owes_fen > 0"),
        postgresql_where=sa.text("owes_fen > 0"),
    )
    op.create_index("ix_lifting_order_state", "lifting_order", ["state", "id"], unique=False)
    op.create_index("ix_lifting_order_warehouse_id", "lifting_order", ["warehouse_id", "id"], unique=False)
    op.create_table(
        "lifting_invoice",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("invoiced_on", sa.Date(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("particulars", sa.JSON(), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("fen <> 0", name=op.f("ck_lifting_invoice_fen")),
        sa.ForeignKeyConstraint(["by_id"], ["user_account.id"], name=op.f("fk_lifting_invoice_by_id")),
        sa.ForeignKeyConstraint(["order_id"], ["lifting_order.id"], name=op.f("fk_lifting_invoice_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifting_invoice")),
        sa.UniqueConstraint("number", name=op.f("uq_lifting_invoice_number")),
    )
    op.create_index("ix_lifting_invoice_invoiced_on", "lifting_invoice", ["invoiced_on", "id"], unique=False)
    op.create_index("ix_lifting_invoice_order_id", "lifting_invoice", ["order_id", "id"], unique=False)
    op.create_table(
        "lifting_money",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("value_on", sa.Date(), nullable=False),
        sa.Column("payer_name", sa.String(), nullable=False),
        sa.Column("payer_account", sa.String(), nullable=False),
        sa.Column("is_other_payer", sa.Boolean(), nullable=False),
        sa.Column("reference", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("bank_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("other_order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(kind IN ('carry_in', 'carry_out')) = (other_order_id IS NOT NULL)", name=op.f("ck_lifting_money_carried")
        ),
        sa.CheckConstraint(
            "kind IN ('receipt', 'refund', 'carry_in', 'carry_out')", name=op.f("ck_lifting_money_kind")
        ),
        sa.CheckConstraint("fen > 0", name=op.f("ck_lifting_money_fen")),
        sa.ForeignKeyConstraint(["bank_line_id"], ["bank_line.id"], name=op.f("fk_lifting_money_bank_line_id")),
        sa.ForeignKeyConstraint(["by_id"], ["user_account.id"], name=op.f("fk_lifting_money_by_id")),
        sa.ForeignKeyConstraint(["order_id"], ["lifting_order.id"], name=op.f("fk_lifting_money_order_id")),
        sa.ForeignKeyConstraint(["other_order_id"], ["lifting_order.id"], name=op.f("fk_lifting_money_other_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifting_money")),
    )
    op.create_index("ix_lifting_money_order_id", "lifting_money", ["order_id", "id"], unique=False)
    op.create_index(
        "uq_lifting_money_bank_line",
        "lifting_money",
        ["bank_line_id", "order_id"],
        unique=True,
        sqlite_where=sa.text("bank_line_id IS NOT NULL"),
        postgresql_where=sa.text("bank_line_id IS NOT NULL"),
    )
    op.create_table(
        "lifting_settlement",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("lifted_grams", sa.BigInteger(), nullable=False),
        sa.Column("price_fen", sa.BigInteger(), nullable=False),
        sa.Column("value_fen", sa.BigInteger(), nullable=False),
        sa.Column("money_fen", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["user_account.id"], name=op.f("fk_lifting_settlement_by_id")),
        sa.ForeignKeyConstraint(["order_id"], ["lifting_order.id"], name=op.f("fk_lifting_settlement_order_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifting_settlement")),
        sa.UniqueConstraint("order_id", "number", name=op.f("uq_lifting_settlement_order_id_number")),
    )
    op.create_table(
        "lifting_slip",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("warehouse_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("lifted_grams", sa.BigInteger(), nullable=False),
        sa.Column("withdrawn_grams", sa.BigInteger(), nullable=False),
        sa.Column("vehicle", sa.String(), nullable=False),
        sa.Column("driver", sa.String(), nullable=False),
        sa.Column("released_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("grams > 0", name=op.f("ck_lifting_slip_grams")),
        sa.CheckConstraint("lifted_grams + withdrawn_grams <= grams", name=op.f("ck_lifting_slip_lifted_was_released")),
        sa.CheckConstraint("lifted_grams >= 0 AND withdrawn_grams >= 0", name=op.f("ck_lifting_slip_not_negative")),
        sa.ForeignKeyConstraint(["order_id"], ["lifting_order.id"], name=op.f("fk_lifting_slip_order_id")),
        sa.ForeignKeyConstraint(["released_by_id"], ["user_account.id"], name=op.f("fk_lifting_slip_released_by_id")),
        sa.ForeignKeyConstraint(["warehouse_id"], ["warehouse.id"], name=op.f("fk_lifting_slip_warehouse_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifting_slip")),
        sa.UniqueConstraint("code", name=op.f("uq_lifting_slip_code")),
        sa.UniqueConstraint("number", name=op.f("uq_lifting_slip_number")),
    )
    op.create_index(
        "ix_lifting_slip_open",
        "lifting_slip",
        ["warehouse_id", "id"],
        unique=False,
        sqlite_where=sa.text("lifted_grams + withdrawn_grams < grams"),
        postgresql_where=sa.text("lifted_grams + withdrawn_grams < grams"),
    )
    op.create_index("ix_lifting_slip_order_id", "lifting_slip", ["order_id", "id"], unique=False)
    op.create_table(
        "lifting_weighing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("slip_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("vehicle", sa.String(), nullable=False),
        sa.Column("weighed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offtake_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("grams > 0", name=op.f("ck_lifting_weighing_grams")),
        sa.ForeignKeyConstraint(["by_id"], ["user_account.id"], name=op.f("fk_lifting_weighing_by_id")),
        sa.ForeignKeyConstraint(["offtake_id"], ["offtake.id"], name=op.f("fk_lifting_weighing_offtake_id")),
        sa.ForeignKeyConstraint(["order_id"], ["lifting_order.id"], name=op.f("fk_lifting_weighing_order_id")),
        sa.ForeignKeyConstraint(["slip_id"], ["lifting_slip.id"], name=op.f("fk_lifting_weighing_slip_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifting_weighing")),
        sa.UniqueConstraint("number", name=op.f("uq_lifting_weighing_number")),
        sa.UniqueConstraint("offtake_id", name=op.f("uq_lifting_weighing_offtake_id")),
    )
    op.create_index("ix_lifting_weighing_order_id", "lifting_weighing", ["order_id", "id"], unique=False)
    op.create_index("ix_lifting_weighing_slip_id", "lifting_weighing", ["slip_id", "id"], unique=False)
    op.create_table(
        "lifting_return",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("order_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("weighing_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("offtake_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("grams > 0", name=op.f("ck_lifting_return_grams")),
        sa.ForeignKeyConstraint(["by_id"], ["user_account.id"], name=op.f("fk_lifting_return_by_id")),
        sa.ForeignKeyConstraint(["offtake_id"], ["offtake.id"], name=op.f("fk_lifting_return_offtake_id")),
        sa.ForeignKeyConstraint(["order_id"], ["lifting_order.id"], name=op.f("fk_lifting_return_order_id")),
        sa.ForeignKeyConstraint(["weighing_id"], ["lifting_weighing.id"], name=op.f("fk_lifting_return_weighing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lifting_return")),
        sa.UniqueConstraint("number", name=op.f("uq_lifting_return_number")),
        sa.UniqueConstraint("offtake_id", name=op.f("uq_lifting_return_offtake_id")),
    )
    op.create_index("ix_lifting_return_order_id", "lifting_return", ["order_id", "id"], unique=False)
    op.create_index("ix_lifting_return_weighing_id", "lifting_return", ["weighing_id", "id"], unique=False)
    dialect = op.get_context().dialect.name
    for table in APPEND_ONLY:
        for statement in trigger_ddl(dialect, table):
            op.execute(statement)


def downgrade() -> None:
    """Take them back."""
    op.drop_index("ix_lifting_return_weighing_id", table_name="lifting_return")
    op.drop_index("ix_lifting_return_order_id", table_name="lifting_return")
    op.drop_table("lifting_return")
    op.drop_index("ix_lifting_weighing_slip_id", table_name="lifting_weighing")
    op.drop_index("ix_lifting_weighing_order_id", table_name="lifting_weighing")
    op.drop_table("lifting_weighing")
    op.drop_index("ix_lifting_slip_order_id", table_name="lifting_slip")
    op.drop_index(
        "ix_lifting_slip_open",
        table_name="lifting_slip",
        sqlite_where=sa.text("lifted_grams + withdrawn_grams < grams"),
        postgresql_where=sa.text("lifted_grams + withdrawn_grams < grams"),
    )
    op.drop_table("lifting_slip")
    op.drop_table("lifting_settlement")
    op.drop_index(
        "uq_lifting_money_bank_line",
        table_name="lifting_money",
        sqlite_where=sa.text("bank_line_id IS NOT NULL"),
        postgresql_where=sa.text("bank_line_id IS NOT NULL"),
    )
    op.drop_index("ix_lifting_money_order_id", table_name="lifting_money")
    op.drop_table("lifting_money")
    op.drop_index("ix_lifting_invoice_order_id", table_name="lifting_invoice")
    op.drop_index("ix_lifting_invoice_invoiced_on", table_name="lifting_invoice")
    op.drop_table("lifting_invoice")
    op.drop_index("ix_lifting_order_warehouse_id", table_name="lifting_order")
    op.drop_index("ix_lifting_order_state", table_name="lifting_order")
    op.drop_index(
        "ix_lifting_order_money_back",
        table_name="lifting_order",
        sqlite_where=sa.text("owes_fen > 0"),
        postgresql_where=sa.text("owes_fen > 0"),
    )
    op.drop_index("ix_lifting_order_customer_id", table_name="lifting_order")
    op.drop_table("lifting_order")
    op.drop_index("ix_bank_line_statement_id", table_name="bank_line")
    op.drop_index(
        "ix_bank_line_open",
        table_name="bank_line",
        sqlite_where=sa.text("matched_fen < fen AND put_aside_at IS NULL"),
        postgresql_where=sa.text("matched_fen < fen AND put_aside_at IS NULL"),
    )
    op.drop_table("bank_line")
    op.drop_table("bank_statement")
