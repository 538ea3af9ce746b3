"""Account opening."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Account opening."""
    op.create_table(
        "application",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=True),
        sa.Column("organisation_code", sa.String(), nullable=True),
        sa.Column("legal_representative", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("contact_name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("phone_key", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("region_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("readmission_reason", sa.String(), nullable=False),
        sa.Column("bank_name", sa.String(), nullable=False),
        sa.Column("bank_account", sa.String(), nullable=False),
        sa.Column("account_key", sa.String(), nullable=False),
        sa.Column("invoice_address", sa.String(), nullable=False),
        sa.Column("invoice_phone", sa.String(), nullable=False),
        sa.Column("account_manager_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("submitter_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("copied_from_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("over_quota", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.CheckConstraint("name = '' OR name_key <> ''", name=op.f("ck_application_name_keyed")),
        sa.ForeignKeyConstraint(
            ["account_manager_id"], ["user_account.id"], name=op.f("fk_application_account_manager_id")
        ),
        sa.ForeignKeyConstraint(["copied_from_id"], ["application.id"], name=op.f("fk_application_copied_from_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_application_customer_id")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_application_region_id")),
        sa.ForeignKeyConstraint(["submitter_id"], ["user_account.id"], name=op.f("fk_application_submitter_id")),
        sa.ForeignKeyConstraint(["updated_by_id"], ["user_account.id"], name=op.f("fk_application_updated_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application")),
        sa.UniqueConstraint("number", name=op.f("uq_application_number")),
    )
    op.create_index("ix_application_account_key", "application", ["account_key"], unique=False)
    op.create_index("ix_application_account_manager_id", "application", ["account_manager_id", "id"], unique=False)
    op.create_index("ix_application_credit_code", "application", ["credit_code"], unique=False)
    op.create_index("ix_application_customer_id", "application", ["customer_id"], unique=False)
    op.create_index("ix_application_name_key", "application", ["name_key"], unique=False)
    op.create_index("ix_application_organisation_code", "application", ["organisation_code"], unique=False)
    op.create_index("ix_application_phone_key", "application", ["phone_key"], unique=False)
    op.create_index("ix_application_region_id", "application", ["region_id", "id"], unique=False)
    op.create_table(
        "application_line",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("application_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("struck_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("struck_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("struck_step", sa.String(), nullable=True),
        sa.Column("struck_reason", sa.String(), nullable=False),
        sa.CheckConstraint(
            "(struck_at IS NULL) = (struck_reason = '') AND (struck_at IS NULL) = (struck_step IS NULL) AND (struck_at IS NULL) = (struck_by_id IS NULL)",
            name=op.f("ck_application_line_struck"),
        ),
        sa.CheckConstraint("class IN ('direct', 'exclusive_agent', 'dealer')", name=op.f("ck_application_line_class")),
        sa.ForeignKeyConstraint(
            ["application_id"], ["application.id"], name=op.f("fk_application_line_application_id")
        ),
        sa.ForeignKeyConstraint(
            ["product_line_id"], ["product_line.id"], name=op.f("fk_application_line_product_line_id")
        ),
        sa.ForeignKeyConstraint(["struck_by_id"], ["user_account.id"], name=op.f("fk_application_line_struck_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_application_line")),
        sa.UniqueConstraint(
            "application_id", "product_line_id", name=op.f("uq_application_line_application_id_product_line_id")
        ),
    )
    op.create_index(
        "ix_application_line_product_line_id",
        "application_line",
        ["product_line_id", "class", "application_id"],
        unique=False,
    )
    op.create_table(
        "disqualified",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("credit_code", sa.String(), nullable=True),
        sa.Column("organisation_code", sa.String(), nullable=True),
        sa.Column("legal_representative", sa.String(), nullable=False),
        sa.Column("ground", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("readmitted_on", sa.Date(), nullable=True),
        sa.Column("readmitted_application_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("ground IN ('fraud', 'loss', 'law')", name=op.f("ck_disqualified_ground")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_disqualified_customer_id")),
        sa.ForeignKeyConstraint(
            ["readmitted_application_id"], ["application.id"], name=op.f("fk_disqualified_readmitted_application_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disqualified")),
    )
    op.create_index("ix_disqualified_credit_code", "disqualified", ["credit_code"], unique=False)
    op.create_index("ix_disqualified_legal_representative", "disqualified", ["legal_representative"], unique=False)
    op.create_index("ix_disqualified_organisation_code", "disqualified", ["organisation_code"], unique=False)
    op.create_table(
        "entry_check",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("application_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("class", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.CheckConstraint("answer IN ('yes', 'no', '')", name=op.f("ck_entry_check_answer")),
        sa.CheckConstraint("class IN ('direct', 'exclusive_agent', 'dealer')", name=op.f("ck_entry_check_class")),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name=op.f("fk_entry_check_application_id")),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"], name=op.f("fk_entry_check_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_entry_check")),
        sa.UniqueConstraint("application_id", "class", "item", name=op.f("uq_entry_check_application_id_class_item")),
    )
    op.create_table(
        "paper",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("application_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("issuer", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_to", sa.Date(), nullable=True),
        sa.Column("is_long_term", sa.Boolean(), nullable=False),
        sa.Column("file_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("added_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('merged_licence', 'business_licence', 'organisation_code_certificate', 'tax_registration_national', 'tax_registration_local', 'tax_registration_joint', 'annex1_signed')",
            name=op.f("ck_paper_kind"),
        ),
        sa.CheckConstraint("NOT (is_long_term AND valid_to IS NOT NULL)", name=op.f("ck_paper_one_end")),
        sa.CheckConstraint("application_id IS NOT NULL OR customer_id IS NOT NULL", name=op.f("ck_paper_belongs")),
        sa.CheckConstraint(
            "valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from", name=op.f("ck_paper_period")
        ),
        sa.ForeignKeyConstraint(["added_by_id"], ["user_account.id"], name=op.f("fk_paper_added_by_id")),
        sa.ForeignKeyConstraint(["application_id"], ["application.id"], name=op.f("fk_paper_application_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_paper_customer_id")),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"], name=op.f("fk_paper_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_paper")),
        sa.UniqueConstraint("application_id", "kind", name=op.f("uq_paper_application_id_kind")),
    )
    op.create_index("ix_paper_customer_id", "paper", ["customer_id", "kind"], unique=False)
    op.create_index("ix_paper_file_id", "paper", ["file_id"], unique=False)
    op.create_index("ix_paper_valid_to", "paper", ["valid_to", "customer_id"], unique=False)
    op.create_table(
        "disqualified_name",
        sa.Column("disqualified_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_key", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["disqualified_id"], ["disqualified.id"], name=op.f("fk_disqualified_name_disqualified_id")
        ),
        sa.PrimaryKeyConstraint("disqualified_id", "name", name=op.f("pk_disqualified_name")),
    )
    op.create_index("ix_disqualified_name_name_key", "disqualified_name", ["name_key"], unique=False)
    op.create_index("ix_approval_case_state", "approval_case", ["subject_type", "state", "subject_id"], unique=False)
    op.create_index("ix_customer_organisation_code", "customer", ["organisation_code"], unique=False)


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_customer_organisation_code", table_name="customer")
    op.drop_index("ix_approval_case_state", table_name="approval_case")
    op.drop_index("ix_disqualified_name_name_key", table_name="disqualified_name")
    op.drop_table("disqualified_name")
    op.drop_index("ix_paper_valid_to", table_name="paper")
    op.drop_index("ix_paper_file_id", table_name="paper")
    op.drop_index("ix_paper_customer_id", table_name="paper")
    op.drop_table("paper")
    op.drop_table("entry_check")
    op.drop_index("ix_disqualified_organisation_code", table_name="disqualified")
    op.drop_index("ix_disqualified_legal_representative", table_name="disqualified")
    op.drop_index("ix_disqualified_credit_code", table_name="disqualified")
    op.drop_table("disqualified")
    op.drop_index("ix_application_line_product_line_id", table_name="application_line")
    op.drop_table("application_line")
    op.drop_index("ix_application_region_id", table_name="application")
    op.drop_index("ix_application_phone_key", table_name="application")
    op.drop_index("ix_application_organisation_code", table_name="application")
    op.drop_index("ix_application_name_key", table_name="application")
    op.drop_index("ix_application_customer_id", table_name="application")
    op.drop_index("ix_application_credit_code", table_name="application")
    op.drop_index("ix_application_account_manager_id", table_name="application")
    op.drop_index("ix_application_account_key", table_name="application")
    op.drop_table("application")
