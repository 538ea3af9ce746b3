"""Companies disqualified before tierflow come on the list, and off it (CHEM-17)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0095"
down_revision = "0094"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Companies disqualified before tierflow come on the list, and off it (CHEM-17)."""
    op.create_table(
        "listing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("disqualified_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("former_names", sa.JSON(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=True),
        sa.Column("organisation_code", sa.String(), nullable=True),
        sa.Column("legal_representative", sa.String(), nullable=False),
        sa.Column("ground", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("proposed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("proposed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("ground IN ('fraud', 'loss', 'law')", name=op.f("ck_listing_ground")),
        sa.CheckConstraint("kind = 'enter' OR disqualified_id IS NOT NULL", name=op.f("ck_listing_struck")),
        sa.CheckConstraint("kind = 'strike' OR file_id IS NOT NULL", name=op.f("ck_listing_evidence")),
        sa.CheckConstraint("kind IN ('enter', 'strike')", name=op.f("ck_listing_kind")),
        sa.CheckConstraint("outcome IN ('accepted', 'rejected')", name=op.f("ck_listing_outcome")),
        sa.CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name=op.f("ck_listing_decided")),
        sa.ForeignKeyConstraint(["disqualified_id"], ["disqualified.id"], name=op.f("fk_listing_disqualified_id")),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"], name=op.f("fk_listing_file_id")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["user_account.id"], name=op.f("fk_listing_proposed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
    )
    op.create_index("ix_listing_disqualified_id", "listing", ["disqualified_id"], unique=False)
    op.create_index(
        "ix_listing_waiting",
        "listing",
        ["name_key"],
        unique=False,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index(
        "uq_listing_strike",
        "listing",
        ["disqualified_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE disqualified ADD COLUMN batch_id {kind} "
        "CONSTRAINT fk_disqualified_batch_id REFERENCES import_batch (id)"
    )
    op.create_index("ix_disqualified_batch_id", "disqualified", ["batch_id"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_disqualified_batch_id", table_name="disqualified")
    op.drop_column("disqualified", "batch_id")
    op.drop_index(
        "uq_listing_strike",
        table_name="listing",
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.drop_index(
        "ix_listing_waiting",
        table_name="listing",
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.drop_index("ix_listing_disqualified_id", table_name="listing")
    op.drop_table("listing")
