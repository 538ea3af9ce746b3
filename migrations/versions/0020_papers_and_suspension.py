"""Papers and suspension."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0012"
branch_labels = None
depends_on = None

# Every dated paper of a customer was examined with its application; a later one of the same kind supersedes it.
EXAMINED = """
INSERT INTO paper_cover (customer_id, kind, source, source_id, counts_from, valid_to, accepted_at)
SELECT paper.customer_id, paper.kind, 'paper', paper.id, coalesce(paper.valid_from, customer.approved_on),
       paper.valid_to, customer.approved_at
FROM paper JOIN customer ON customer.id = paper.customer_id
WHERE paper.kind <> 'annex1_signed'
"""
SUPERSEDED = """
UPDATE paper_cover SET superseded_at = accepted_at
WHERE valid_to IS NOT NULL AND EXISTS (
    SELECT 1 FROM paper_cover AS newer
    WHERE newer.customer_id = paper_cover.customer_id AND newer.kind = paper_cover.kind
      AND newer.source_id > paper_cover.source_id AND (newer.valid_to IS NULL OR newer.valid_to >= paper_cover.valid_to)
)
"""


def upgrade() -> None:
    """Papers and suspension."""
    op.create_table(
        "paper_cover",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.BigInteger(), nullable=False),
        sa.Column("counts_from", sa.Date(), nullable=False),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "kind IN ('merged_licence', 'business_licence', 'organisation_code_certificate', 'tax_registration_national', 'tax_registration_local', 'tax_registration_joint')",
            name=op.f("ck_paper_cover_kind"),
        ),
        sa.CheckConstraint("source = 'paper' OR valid_to IS NOT NULL", name=op.f("ck_paper_cover_proof_ends")),
        sa.CheckConstraint("source IN ('paper', 'proof')", name=op.f("ck_paper_cover_source")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to >= counts_from", name=op.f("ck_paper_cover_period")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_paper_cover_customer_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper_cover")),
        sa.UniqueConstraint("source", "source_id", name=op.f("uq_paper_cover_source_source_id")),
    )
    op.create_index("ix_paper_cover_customer_id", "paper_cover", ["customer_id", "kind", "valid_to"], unique=False)
    op.create_index(
        "ix_paper_cover_end",
        "paper_cover",
        ["valid_to", "id"],
        unique=False,
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.add_column("customer", sa.Column("disqualified_on", sa.Date(), nullable=True))
    op.execute(EXAMINED)
    op.execute(SUPERSEDED)


def downgrade() -> None:
    """Take it back."""
    op.drop_column("customer", "disqualified_on")
    op.drop_index(
        "ix_paper_cover_end",
        table_name="paper_cover",
        sqlite_where=sa.text("superseded_at IS NULL"),
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.drop_index("ix_paper_cover_customer_id", table_name="paper_cover")
    op.drop_table("paper_cover")
