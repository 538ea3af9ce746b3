"""Leaving, filing and inspection."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Leaving, filing and inspection."""
    op.create_table(
        "inspection_round",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("period", sa.String(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("begins_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("drawn", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("ends_on > begins_on", name=op.f("ck_inspection_round_period")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_round")),
        sa.UniqueConstraint("period", name=op.f("uq_inspection_round_period")),
    )
    op.create_table(
        "disqualification",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("ground", sa.String(), nullable=False),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("proposed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("ground IN ('fraud', 'loss', 'law')", name=op.f("ck_disqualification_ground")),
        sa.CheckConstraint("outcome IN ('accepted', 'rejected', 'void')", name=op.f("ck_disqualification_outcome")),
        sa.CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name=op.f("ck_disqualification_decided")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_disqualification_customer_id")),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"], name=op.f("fk_disqualification_file_id")),
        sa.ForeignKeyConstraint(
            ["proposed_by_id"], ["user_account.id"], name=op.f("fk_disqualification_proposed_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disqualification")),
    )
    op.create_index("ix_disqualification_customer_id", "disqualification", ["customer_id", "id"], unique=False)
    op.create_index(
        "uq_disqualification_waiting",
        "disqualification",
        ["customer_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_table(
        "distribution",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("what", sa.JSON(), nullable=False),
        sa.Column("recipient", sa.String(), nullable=False),
        sa.Column("office_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("acknowledged_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(recipient = 'office') = (office_id IS NOT NULL)", name=op.f("ck_distribution_office")),
        sa.CheckConstraint(
            "event IN ('approved', 'changed', 'readmitted', 'disqualified')", name=op.f("ck_distribution_event")
        ),
        sa.CheckConstraint("recipient IN ('finance', 'office')", name=op.f("ck_distribution_recipient")),
        sa.CheckConstraint(
            "(acknowledged_at IS NULL) = (acknowledged_by_id IS NULL)", name=op.f("ck_distribution_acknowledged")
        ),
        sa.ForeignKeyConstraint(
            ["acknowledged_by_id"], ["user_account.id"], name=op.f("fk_distribution_acknowledged_by_id")
        ),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_distribution_customer_id")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_distribution_office_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_distribution")),
    )
    op.create_index("ix_distribution_customer_id", "distribution", ["customer_id", "id"], unique=False)
    op.create_index("ix_distribution_recipient", "distribution", ["recipient", "id"], unique=False)
    op.create_index(
        "ix_distribution_waiting",
        "distribution",
        ["recipient", "office_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("acknowledged_at IS NULL"),
        postgresql_where=sa.text("acknowledged_at IS NULL"),
    )
    op.create_table(
        "inspection",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("round_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("planned_on", sa.Date(), nullable=False),
        sa.Column("answers", sa.JSON(), nullable=False),
        sa.Column("inspector_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("inspected_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(inspected_at IS NULL) = (inspector_id IS NULL)", name=op.f("ck_inspection_inspected")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_inspection_customer_id")),
        sa.ForeignKeyConstraint(["inspector_id"], ["user_account.id"], name=op.f("fk_inspection_inspector_id")),
        sa.ForeignKeyConstraint(["round_id"], ["inspection_round.id"], name=op.f("fk_inspection_round_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection")),
        sa.UniqueConstraint("round_id", "customer_id", name=op.f("uq_inspection_round_id_customer_id")),
    )
    op.create_index("ix_inspection_customer_id", "inspection", ["customer_id", "id"], unique=False)
    op.create_index(
        "ix_inspection_planned",
        "inspection",
        ["planned_on", "id"],
        unique=False,
        sqlite_where=sa.text("inspected_at IS NULL"),
        postgresql_where=sa.text("inspected_at IS NULL"),
    )
    op.create_index("ix_inspection_round_id", "inspection", ["round_id", "place"], unique=False)
    op.create_table(
        "inspection_finding",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("inspection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("remark", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mended", sa.String(), nullable=False),
        sa.Column("mended_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("mended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(mended_at IS NULL) = (mended_by_id IS NULL)", name=op.f("ck_inspection_finding_mended")),
        sa.CheckConstraint(
            "closed_at IS NULL OR mended_at IS NOT NULL", name=op.f("ck_inspection_finding_mended_first")
        ),
        sa.ForeignKeyConstraint(["closed_by_id"], ["user_account.id"], name=op.f("fk_inspection_finding_closed_by_id")),
        sa.ForeignKeyConstraint(["inspection_id"], ["inspection.id"], name=op.f("fk_inspection_finding_inspection_id")),
        sa.ForeignKeyConstraint(["mended_by_id"], ["user_account.id"], name=op.f("fk_inspection_finding_mended_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inspection_finding")),
        sa.UniqueConstraint("inspection_id", "item", name=op.f("uq_inspection_finding_inspection_id_item")),
    )
    op.create_index(
        "ix_inspection_finding_open",
        "inspection_finding",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    whole = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE application ADD COLUMN supplements_id {whole}"
        " CONSTRAINT fk_application_supplements_id REFERENCES customer (id)"
    )
    op.create_index("ix_application_supplements_id", "application", ["supplements_id"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_application_supplements_id", table_name="application")
    op.drop_column("application", "supplements_id")
    op.drop_index(
        "ix_inspection_finding_open",
        table_name="inspection_finding",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.drop_table("inspection_finding")
    op.drop_index("ix_inspection_round_id", table_name="inspection")
    op.drop_index(
        "ix_inspection_planned",
        table_name="inspection",
        sqlite_where=sa.text("inspected_at IS NULL"),
        postgresql_where=sa.text("inspected_at IS NULL"),
    )
    op.drop_index("ix_inspection_customer_id", table_name="inspection")
    op.drop_table("inspection")
    op.drop_index(
        "ix_distribution_waiting",
        table_name="distribution",
        sqlite_where=sa.text("acknowledged_at IS NULL"),
        postgresql_where=sa.text("acknowledged_at IS NULL"),
    )
    op.drop_index("ix_distribution_recipient", table_name="distribution")
    op.drop_index("ix_distribution_customer_id", table_name="distribution")
    op.drop_table("distribution")
    op.drop_index(
        "uq_disqualification_waiting",
        table_name="disqualification",
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.drop_index("ix_disqualification_customer_id", table_name="disqualification")
    op.drop_table("disqualification")
    op.drop_table("inspection_round")
