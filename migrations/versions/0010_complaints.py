"""Complaints."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0010"
down_revision = "0004"
branch_labels = None
depends_on = None

APPEND_ONLY = ("complaint_event", "complaint_meeting", "complaint_telling", "customer_breach")


def upgrade() -> None:
    """Complaints."""
    op.create_table(
        "reply_template",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("updated_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["updated_by_id"], ["user_account.id"], name=op.f("fk_reply_template_updated_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply_template")),
        sa.UniqueConstraint("name", name=op.f("uq_reply_template_name")),
    )
    op.create_table(
        "inquiry",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_name", sa.String(), nullable=False),
        sa.Column("contact_name", sa.String(), nullable=False),
        sa.Column("contact_phone", sa.String(), nullable=False),
        sa.Column("region_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keyed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("turned_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name=op.f("ck_inquiry_answered")),
        sa.CheckConstraint("asked_at <= keyed_at", name=op.f("ck_inquiry_asked_first")),
        sa.ForeignKeyConstraint(["answered_by_id"], ["user_account.id"], name=op.f("fk_inquiry_answered_by_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_inquiry_customer_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["user_account.id"], name=op.f("fk_inquiry_owner_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_inquiry_product_id")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_inquiry_region_id")),
        sa.ForeignKeyConstraint(["taken_by_id"], ["user_account.id"], name=op.f("fk_inquiry_taken_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inquiry")),
        sa.UniqueConstraint("number", name=op.f("uq_inquiry_number")),
    )
    op.create_index("ix_inquiry_customer_id", "inquiry", ["customer_id", "id"], unique=False)
    op.create_index("ix_inquiry_owner_id", "inquiry", ["owner_id", "id"], unique=False)
    op.create_index("ix_inquiry_region_id", "inquiry", ["region_id", "id"], unique=False)
    op.create_index(
        "ix_inquiry_waiting",
        "inquiry",
        ["owner_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("answered_at IS NULL AND turned_at IS NULL"),
        postgresql_where=sa.text("answered_at IS NULL AND turned_at IS NULL"),
    )
    op.create_table(
        "complaint",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("customer_name", sa.String(), nullable=False),
        sa.Column("contact_name", sa.String(), nullable=False),
        sa.Column("contact_phone", sa.String(), nullable=False),
        sa.Column("was_suspended", sa.Boolean(), nullable=False),
        sa.Column("region_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_manager_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("taken_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("lifting_order", sa.String(), nullable=False),
        sa.Column("quantity_grams", sa.BigInteger(), nullable=True),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("keyed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", sa.String(), nullable=False),
        sa.Column("demand", sa.String(), nullable=False),
        sa.Column("inquiry_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("clock_number", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("needs_meeting", sa.Boolean(), nullable=False),
        sa.Column("opinion_decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("satisfaction", sa.BigInteger(), nullable=True),
        sa.Column("satisfaction_note", sa.String(), nullable=False),
        sa.CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name=op.f("ck_complaint_closed")),
        sa.CheckConstraint("severity IN ('general', 'major', 'serious')", name=op.f("ck_complaint_severity")),
        sa.CheckConstraint(
            "state IN ('handling', 'in_approval', 'approved', 'answered', 'closed')", name=op.f("ck_complaint_state")
        ),
        sa.CheckConstraint("quantity_grams IS NULL OR quantity_grams >= 0", name=op.f("ck_complaint_quantity")),
        sa.CheckConstraint("said_at <= keyed_at", name=op.f("ck_complaint_said_first")),
        sa.CheckConstraint(
            "satisfaction IS NULL OR satisfaction BETWEEN 1 AND 5", name=op.f("ck_complaint_satisfaction")
        ),
        sa.ForeignKeyConstraint(
            ["account_manager_id"], ["user_account.id"], name=op.f("fk_complaint_account_manager_id")
        ),
        sa.ForeignKeyConstraint(["closed_by_id"], ["user_account.id"], name=op.f("fk_complaint_closed_by_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_complaint_customer_id")),
        sa.ForeignKeyConstraint(["inquiry_id"], ["inquiry.id"], name=op.f("fk_complaint_inquiry_id")),
        sa.ForeignKeyConstraint(["product_id"], ["product.id"], name=op.f("fk_complaint_product_id")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_complaint_region_id")),
        sa.ForeignKeyConstraint(["taken_by_id"], ["user_account.id"], name=op.f("fk_complaint_taken_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint")),
        sa.UniqueConstraint("inquiry_id", name=op.f("uq_complaint_inquiry_id")),
        sa.UniqueConstraint("number", name=op.f("uq_complaint_number")),
    )
    op.create_index("ix_complaint_customer", "complaint", ["customer_id", "id"], unique=False)
    op.create_index("ix_complaint_due", "complaint", ["due_at", "id"], unique=False)
    op.create_index("ix_complaint_manager", "complaint", ["account_manager_id", "state", "due_at", "id"], unique=False)
    op.create_index(
        "ix_complaint_meeting",
        "complaint",
        ["due_at", "id"],
        unique=False,
        sqlite_where=sa.text("needs_meeting"),
        postgresql_where=sa.text("needs_meeting"),
    )
    op.create_index("ix_complaint_region", "complaint", ["region_id", "state", "due_at", "id"], unique=False)
    op.create_index("ix_complaint_state", "complaint", ["state", "due_at", "id"], unique=False)
    op.create_index("ix_complaint_taken_by", "complaint", ["taken_by_id", "id"], unique=False)
    op.create_index(
        "ix_complaint_waiting",
        "complaint",
        ["account_manager_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("state IN ('handling', 'approved')"),
        postgresql_where=sa.text("state IN ('handling', 'approved')"),
    )
    op.create_table(
        "complaint_clock",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("previous_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_month", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("extended_to", sa.BigInteger(), nullable=True),
        sa.Column("paused_days", sa.BigInteger(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.Date(), nullable=True),
        sa.Column("policy_version", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("limit_days", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("base_due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("is_provisional", sa.Boolean(), nullable=False),
        sa.Column("calendar_version", sa.BigInteger(), nullable=False),
        sa.Column("warn_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("escalate_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_kind", sa.String(), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("breached_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("in_time", sa.Boolean(), nullable=True),
        sa.Column("worked_minutes", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("severity IN ('general', 'major', 'serious')", name=op.f("ck_complaint_clock_severity")),
        sa.CheckConstraint("(next_kind IS NULL) = (next_at IS NULL)", name=op.f("ck_complaint_clock_next")),
        sa.CheckConstraint("(told_at IS NULL) = (in_time IS NULL)", name=op.f("ck_complaint_clock_judged")),
        sa.CheckConstraint("(told_at IS NULL) = (recorded_at IS NULL)", name=op.f("ck_complaint_clock_told")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_clock_complaint_id")),
        sa.ForeignKeyConstraint(["previous_id"], ["complaint_clock.id"], name=op.f("fk_complaint_clock_previous_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_clock")),
        sa.UniqueConstraint("complaint_id", "number", name=op.f("uq_complaint_clock_complaint_id_number")),
        sa.UniqueConstraint("previous_id", name=op.f("uq_complaint_clock_previous_id")),
    )
    op.create_index(
        "ix_complaint_clock_calendar",
        "complaint_clock",
        ["calendar_version", "id"],
        unique=False,
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
    op.create_index("ix_complaint_clock_month", "complaint_clock", ["received_month", "id"], unique=False)
    op.create_index(
        "ix_complaint_clock_next",
        "complaint_clock",
        ["next_at", "id"],
        unique=False,
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
    op.create_index(
        "uq_complaint_clock_running",
        "complaint_clock",
        ["complaint_id"],
        unique=True,
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
    op.create_table(
        "complaint_consultation",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("department_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("question", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lapsed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name=op.f("ck_complaint_consultation_answered")),
        sa.ForeignKeyConstraint(
            ["answered_by_id"], ["user_account.id"], name=op.f("fk_complaint_consultation_answered_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["asked_by_id"], ["user_account.id"], name=op.f("fk_complaint_consultation_asked_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_consultation_complaint_id")
        ),
        sa.ForeignKeyConstraint(
            ["department_id"], ["department.id"], name=op.f("fk_complaint_consultation_department_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_consultation")),
    )
    op.create_index("ix_complaint_consultation_complaint_id", "complaint_consultation", ["complaint_id"], unique=False)
    op.create_index(
        "ix_complaint_consultation_waiting",
        "complaint_consultation",
        ["department_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("answered_at IS NULL AND lapsed_at IS NULL"),
        postgresql_where=sa.text("answered_at IS NULL AND lapsed_at IS NULL"),
    )
    op.create_table(
        "customer_breach",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("customer_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("product_line_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("on_day", sa.Date(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("upheld_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("upheld_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_customer_breach_complaint_id")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_customer_breach_customer_id")),
        sa.ForeignKeyConstraint(
            ["product_line_id"], ["product_line.id"], name=op.f("fk_customer_breach_product_line_id")
        ),
        sa.ForeignKeyConstraint(["upheld_by_id"], ["user_account.id"], name=op.f("fk_customer_breach_upheld_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer_breach")),
        sa.UniqueConstraint("complaint_id", name=op.f("uq_customer_breach_complaint_id")),
    )
    op.create_index(
        "ix_customer_breach_customer_id", "customer_breach", ["customer_id", "product_line_id", "on_day"], unique=False
    )
    op.create_table(
        "complaint_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("clock_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("limit_days", sa.BigInteger(), nullable=True),
        sa.Column("severity", sa.String(), nullable=True),
        sa.Column("extended_to", sa.BigInteger(), nullable=True),
        sa.Column("paused_days", sa.BigInteger(), nullable=True),
        sa.Column("is_paused", sa.Boolean(), nullable=True),
        sa.Column("not_before", sa.Date(), nullable=True),
        sa.Column("is_provisional", sa.Boolean(), nullable=True),
        sa.Column("calendar_version", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('received', 'extended', 'reclassified', 'paused', 'resumed', 'published', 'amended', 'kept', 'halfway', 'due_day', 'breached', 'escalated', 'told')",
            name=op.f("ck_complaint_event_kind"),
        ),
        sa.ForeignKeyConstraint(["clock_id"], ["complaint_clock.id"], name=op.f("fk_complaint_event_clock_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_complaint_event_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_event")),
        sa.UniqueConstraint("clock_id", "revision", "kind", name=op.f("uq_complaint_event_clock_id_revision_kind")),
    )
    op.create_table(
        "complaint_extension",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("clock_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("to_day", sa.BigInteger(), nullable=False),
        sa.Column("circumstance", sa.String(), nullable=False),
        sa.Column("requested_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("outcome IN ('granted', 'refused', 'void')", name=op.f("ck_complaint_extension_outcome")),
        sa.CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name=op.f("ck_complaint_extension_decided")),
        sa.ForeignKeyConstraint(["clock_id"], ["complaint_clock.id"], name=op.f("fk_complaint_extension_clock_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_extension_complaint_id")),
        sa.ForeignKeyConstraint(
            ["requested_by_id"], ["user_account.id"], name=op.f("fk_complaint_extension_requested_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_extension")),
    )
    op.create_index("ix_complaint_extension_complaint_id", "complaint_extension", ["complaint_id"], unique=False)
    op.create_index(
        "ix_complaint_extension_waiting",
        "complaint_extension",
        ["clock_id"],
        unique=False,
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.create_index(
        "uq_complaint_extension_live",
        "complaint_extension",
        ["clock_id"],
        unique=True,
        sqlite_where=sa.text("outcome IS NULL OR outcome = 'granted'"),
        postgresql_where=sa.text("outcome IS NULL OR outcome = 'granted'"),
    )
    op.create_table(
        "complaint_meeting",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("clock_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("present", sa.String(), nullable=False),
        sa.Column("conclusion", sa.String(), nullable=False),
        sa.Column("recorded_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clock_id"], ["complaint_clock.id"], name=op.f("fk_complaint_meeting_clock_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_meeting_complaint_id")),
        sa.ForeignKeyConstraint(
            ["recorded_by_id"], ["user_account.id"], name=op.f("fk_complaint_meeting_recorded_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_meeting")),
    )
    op.create_index("ix_complaint_meeting_complaint_id", "complaint_meeting", ["complaint_id"], unique=False)
    op.create_table(
        "complaint_opinion",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("clock_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("proposal", sa.String(), nullable=False),
        sa.Column("drafted_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("drafted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clock_id"], ["complaint_clock.id"], name=op.f("fk_complaint_opinion_clock_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_opinion_complaint_id")),
        sa.ForeignKeyConstraint(
            ["drafted_by_id"], ["user_account.id"], name=op.f("fk_complaint_opinion_drafted_by_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_opinion")),
        sa.UniqueConstraint("complaint_id", "number", name=op.f("uq_complaint_opinion_complaint_id_number")),
    )
    op.create_table(
        "complaint_telling",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("clock_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_to", sa.String(), nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("customer_said", sa.String(), nullable=False),
        sa.Column("is_accepted", sa.Boolean(), nullable=True),
        sa.Column("told_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clock_id"], ["complaint_clock.id"], name=op.f("fk_complaint_telling_clock_id")),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_telling_complaint_id")),
        sa.ForeignKeyConstraint(["told_by_id"], ["user_account.id"], name=op.f("fk_complaint_telling_told_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_telling")),
        sa.UniqueConstraint("clock_id", name=op.f("uq_complaint_telling_clock_id")),
    )
    op.create_index("ix_complaint_telling_complaint_id", "complaint_telling", ["complaint_id"], unique=False)
    op.create_table(
        "complaint_measure",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("complaint_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("opinion_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("region_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("quantity_grams", sa.BigInteger(), nullable=True),
        sa.Column("amount_fen", sa.BigInteger(), nullable=True),
        sa.Column("owner_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("agreed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("done_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("proof", sa.String(), nullable=False),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_by_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("remark", sa.String(), nullable=False),
        sa.CheckConstraint(
            "done_at IS NULL OR (agreed_at IS NOT NULL AND proof <> '')", name=op.f("ck_complaint_measure_done")
        ),
        sa.CheckConstraint(
            "kind IN ('replacement', 'return', 'refund', 'reduction', 'compensation', 'service', 'improvement', 'other')",
            name=op.f("ck_complaint_measure_kind"),
        ),
        sa.CheckConstraint("amount_fen IS NULL OR amount_fen >= 0", name=op.f("ck_complaint_measure_amount")),
        sa.CheckConstraint("checked_at IS NULL OR done_at IS NOT NULL", name=op.f("ck_complaint_measure_checked")),
        sa.CheckConstraint("quantity_grams IS NULL OR quantity_grams >= 0", name=op.f("ck_complaint_measure_quantity")),
        sa.ForeignKeyConstraint(
            ["checked_by_id"], ["user_account.id"], name=op.f("fk_complaint_measure_checked_by_id")
        ),
        sa.ForeignKeyConstraint(["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_measure_complaint_id")),
        sa.ForeignKeyConstraint(["done_by_id"], ["user_account.id"], name=op.f("fk_complaint_measure_done_by_id")),
        sa.ForeignKeyConstraint(["opinion_id"], ["complaint_opinion.id"], name=op.f("fk_complaint_measure_opinion_id")),
        sa.ForeignKeyConstraint(["owner_id"], ["user_account.id"], name=op.f("fk_complaint_measure_owner_id")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_complaint_measure_region_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_measure")),
    )
    op.create_index("ix_complaint_measure_complaint_id", "complaint_measure", ["complaint_id"], unique=False)
    op.create_index(
        "ix_complaint_measure_to_check",
        "complaint_measure",
        ["region_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("done_at IS NOT NULL AND checked_at IS NULL"),
        postgresql_where=sa.text("done_at IS NOT NULL AND checked_at IS NULL"),
    )
    op.create_index(
        "ix_complaint_measure_to_do",
        "complaint_measure",
        ["owner_id", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("agreed_at IS NOT NULL AND done_at IS NULL"),
        postgresql_where=sa.text("agreed_at IS NOT NULL AND done_at IS NULL"),
    )
    dialect = op.get_bind().dialect.name
    for table in APPEND_ONLY:
        for statement in trigger_ddl(dialect, table):
            op.execute(statement)


def downgrade() -> None:
    """Take it back."""
    op.drop_index(
        "ix_complaint_measure_to_do",
        table_name="complaint_measure",
        sqlite_where=sa.text("agreed_at IS NOT NULL AND done_at IS NULL"),
        postgresql_where=sa.text("agreed_at IS NOT NULL AND done_at IS NULL"),
    )
    op.drop_index(
        "ix_complaint_measure_to_check",
        table_name="complaint_measure",
        sqlite_where=sa.text("done_at IS NOT NULL AND checked_at IS NULL"),
        postgresql_where=sa.text("done_at IS NOT NULL AND checked_at IS NULL"),
    )
    op.drop_index("ix_complaint_measure_complaint_id", table_name="complaint_measure")
    op.drop_table("complaint_measure")
    op.drop_index("ix_complaint_telling_complaint_id", table_name="complaint_telling")
    op.drop_table("complaint_telling")
    op.drop_table("complaint_opinion")
    op.drop_index("ix_complaint_meeting_complaint_id", table_name="complaint_meeting")
    op.drop_table("complaint_meeting")
    op.drop_index(
        "uq_complaint_extension_live",
        table_name="complaint_extension",
        sqlite_where=sa.text("outcome IS NULL OR outcome = 'granted'"),
        postgresql_where=sa.text("outcome IS NULL OR outcome = 'granted'"),
    )
    op.drop_index(
        "ix_complaint_extension_waiting",
        table_name="complaint_extension",
        sqlite_where=sa.text("outcome IS NULL"),
        postgresql_where=sa.text("outcome IS NULL"),
    )
    op.drop_index("ix_complaint_extension_complaint_id", table_name="complaint_extension")
    op.drop_table("complaint_extension")
    op.drop_table("complaint_event")
    op.drop_index("ix_customer_breach_customer_id", table_name="customer_breach")
    op.drop_table("customer_breach")
    op.drop_index(
        "ix_complaint_consultation_waiting",
        table_name="complaint_consultation",
        sqlite_where=sa.text("answered_at IS NULL AND lapsed_at IS NULL"),
        postgresql_where=sa.text("answered_at IS NULL AND lapsed_at IS NULL"),
    )
    op.drop_index("ix_complaint_consultation_complaint_id", table_name="complaint_consultation")
    op.drop_table("complaint_consultation")
    op.drop_index(
        "uq_complaint_clock_running",
        table_name="complaint_clock",
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
    op.drop_index(
        "ix_complaint_clock_next",
        table_name="complaint_clock",
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
    op.drop_index("ix_complaint_clock_month", table_name="complaint_clock")
    op.drop_index(
        "ix_complaint_clock_calendar",
        table_name="complaint_clock",
        sqlite_where=sa.text("told_at IS NULL"),
        postgresql_where=sa.text("told_at IS NULL"),
    )
    op.drop_table("complaint_clock")
    op.drop_index(
        "ix_complaint_waiting",
        table_name="complaint",
        sqlite_where=sa.text("state IN ('handling', 'approved')"),
        postgresql_where=sa.text("state IN ('handling', 'approved')"),
    )
    op.drop_index("ix_complaint_taken_by", table_name="complaint")
    op.drop_index("ix_complaint_state", table_name="complaint")
    op.drop_index("ix_complaint_region", table_name="complaint")
    op.drop_index(
        "ix_complaint_meeting",
        table_name="complaint",
        sqlite_where=sa.text("needs_meeting"),
        postgresql_where=sa.text("needs_meeting"),
    )
    op.drop_index("ix_complaint_manager", table_name="complaint")
    op.drop_index("ix_complaint_due", table_name="complaint")
    op.drop_index("ix_complaint_customer", table_name="complaint")
    op.drop_table("complaint")
    op.drop_index(
        "ix_inquiry_waiting",
        table_name="inquiry",
        sqlite_where=sa.text("answered_at IS NULL AND turned_at IS NULL"),
        postgresql_where=sa.text("answered_at IS NULL AND turned_at IS NULL"),
    )
    op.drop_index("ix_inquiry_region_id", table_name="inquiry")
    op.drop_index("ix_inquiry_owner_id", table_name="inquiry")
    op.drop_index("ix_inquiry_customer_id", table_name="inquiry")
    op.drop_table("inquiry")
    op.drop_table("reply_template")
