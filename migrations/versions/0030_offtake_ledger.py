"""Offtake ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0030"
down_revision = "0027"
branch_labels = None
depends_on = None


APPEND_ONLY = ("offtake",)

OFFTAKE_FIT = {
    "sqlite": [
        """
CREATE TRIGGER guard_offtake_fit BEFORE INSERT ON offtake WHEN NEW.reverses_id IS NOT NULL AND (
  EXISTS (SELECT 1 FROM offtake o WHERE o.id = NEW.reverses_id AND (o.reverses_id IS NOT NULL
    OR (o.customer_id, o.product_id, o.product_line_id, o.month, o.lifted_on, o.form_of_sale)
    <> (NEW.customer_id, NEW.product_id, NEW.product_line_id, NEW.month, NEW.lifted_on, NEW.form_of_sale)))
  OR NEW.grams + coalesce((SELECT grams FROM offtake WHERE id = NEW.reverses_id), 0)
  + coalesce((SELECT sum(grams) FROM offtake WHERE reverses_id = NEW.reverses_id), 0) < 0)
BEGIN SELECT RAISE(ABORT, 'offtake is append-only: a reversal must fit the line it names'); END""",
        """
CREATE TRIGGER guard_offtake_take BEFORE INSERT ON offtake WHEN NEW.take > 1 AND coalesce(
  (SELECT o.grams + coalesce((SELECT sum(r.grams) FROM offtake r WHERE r.reverses_id = o.id), 0) FROM offtake o
    WHERE o.source = NEW.source AND o.external_number = NEW.external_number AND o.take = NEW.take - 1), 1) <> 0
BEGIN SELECT RAISE(ABORT, 'offtake is append-only: this number still counts'); END""",
        """
CREATE TRIGGER guard_offtake_month BEFORE INSERT ON offtake
WHEN NEW.month <> date(NEW.lifted_on, 'start of month')
BEGIN SELECT RAISE(ABORT, 'offtake: the month is not that of the day'); END""",
    ],
    "postgresql": [
        """CREATE OR REPLACE FUNCTION tierflow_offtake_fit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  named offtake%ROWTYPE;
BEGIN
  IF NEW.month <> date_trunc('month', NEW.lifted_on)::date THEN
    RAISE EXCEPTION 'offtake: the month is not that of the day' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.reverses_id IS NOT NULL THEN
    SELECT * INTO named FROM offtake WHERE id = NEW.reverses_id FOR UPDATE;
    IF FOUND AND (named.reverses_id IS NOT NULL
      OR (named.customer_id, named.product_id, named.product_line_id, named.month, named.lifted_on, named.form_of_sale)
      <> (NEW.customer_id, NEW.product_id, NEW.product_line_id, NEW.month, NEW.lifted_on, NEW.form_of_sale)
      OR named.grams + NEW.grams
      + coalesce((SELECT sum(grams) FROM offtake WHERE reverses_id = NEW.reverses_id), 0) < 0) THEN
      RAISE EXCEPTION 'offtake is append-only: a reversal must fit the line it names'
        USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  IF NEW.take > 1 THEN
    SELECT * INTO named FROM offtake
     WHERE source = NEW.source AND external_number = NEW.external_number AND take = NEW.take - 1 FOR UPDATE;
    IF NOT FOUND OR named.grams
      + coalesce((SELECT sum(grams) FROM offtake WHERE reverses_id = named.id), 0) <> 0 THEN
      RAISE EXCEPTION 'offtake is append-only: this number still counts' USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  RETURN NEW;
END $$""",
        "CREATE TRIGGER guard_offtake_fit BEFORE INSERT ON offtake FOR EACH ROW EXECUTE FUNCTION tierflow_offtake_fit()",
    ],
}


def upgrade() -> None:
    """Offtake ledger."""
    op.create_table(
        "offtake",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("lifted_on", sa.Date(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.Column("form_of_sale", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_number", sa.String(), nullable=False),
        sa.Column("take", sa.BigInteger(), nullable=False),
        sa.Column("reverses_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("import_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("form_of_sale IN ('auction', 'planned')", name=op.f("ck_offtake_form_of_sale")),
        sa.CheckConstraint(
            "grams <> 0 AND (grams < 0) = (reverses_id IS NOT NULL)",
            name=op.f("ck_offtake_only_reversals_are_negative"),
        ),
        sa.CheckConstraint("take > 0", name=op.f("ck_offtake_take")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_offtake_customer_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_offtake_product_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_offtake_product_line_id")),
        sa.ForeignKeyConstraint(["reverses_id"], ["offtake.id"], name=op.f("fk_offtake_reverses_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_offtake")),
        sa.UniqueConstraint("source", "external_number", "take", name=op.f("uq_offtake_source_external_number_take")),
    )
    op.create_index(
        "ix_offtake_customer",
        "offtake",
        ["customer_id", "product_line_id", "month", "lifted_on", "grams"],
        unique=False,
    )
    op.create_index(
        "ix_offtake_import_id",
        "offtake",
        ["import_id", "id"],
        unique=False,
        sqlite_where=sa.text("import_id IS NOT NULL"),
        postgresql_where=sa.text("import_id IS NOT NULL"),
    )
    op.create_index("ix_offtake_recorded_at", "offtake", ["recorded_at"], unique=False)
    op.create_index(
        "ix_offtake_reverses_id",
        "offtake",
        ["reverses_id", "grams"],
        unique=False,
        sqlite_where=sa.text("reverses_id IS NOT NULL"),
        postgresql_where=sa.text("reverses_id IS NOT NULL"),
    )
    op.create_table(
        "offtake_month",
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("grams", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_offtake_month_customer_id")),
        sa.ForeignKeyConstraint(
            ["product_line_id"], ["product_line.id"], name=op.f("fk_offtake_month_product_line_id")
        ),
        sa.PrimaryKeyConstraint("customer_id", "product_line_id", "month", name=op.f("pk_offtake_month")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_offtake_month_month", "offtake_month", ["month", "product_line_id", "customer_id", "grams"], unique=False
    )
    dialect = op.get_context().dialect.name
    for table in APPEND_ONLY:
        for statement in trigger_ddl(dialect, table):
            op.execute(statement)
    for statement in OFFTAKE_FIT[dialect]:
        op.execute(statement)


def downgrade() -> None:
    """Take the ledger back."""
    op.drop_index("ix_offtake_month_month", table_name="offtake_month")
    op.drop_table("offtake_month")
    op.drop_index(
        "ix_offtake_reverses_id",
        table_name="offtake",
        sqlite_where=sa.text("reverses_id IS NOT NULL"),
        postgresql_where=sa.text("reverses_id IS NOT NULL"),
    )
    op.drop_index("ix_offtake_recorded_at", table_name="offtake")
    op.drop_index(
        "ix_offtake_import_id",
        table_name="offtake",
        sqlite_where=sa.text("import_id IS NOT NULL"),
        postgresql_where=sa.text("import_id IS NOT NULL"),
    )
    op.drop_index("ix_offtake_customer", table_name="offtake")
    op.drop_table("offtake")
    if op.get_context().dialect.name == "postgresql":
        op.execute("DROP FUNCTION tierflow_offtake_fit()")
