"""Measures, inquiries and departments' answers rise when they are overdue; inquiries end with the customer's word."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from tierflow.common.guards import trigger_ddl

revision = "0080"
down_revision = "0078"
branch_labels = None
depends_on = None

OPEN = {
    "complaint_consultation": "answered_at IS NULL AND lapsed_at IS NULL",
    "complaint_measure": "agreed_at IS NOT NULL AND done_at IS NULL",
    "inquiry": "answered_at IS NULL AND turned_at IS NULL",
}
RAISED = "{} AND raised_to IN ('sales_manager', 'general_manager')"
TO_CLOSE = "answered_at IS NOT NULL AND closed_at IS NULL AND turned_at IS NULL"

Id, When = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.DateTime(timezone=True)


def _partial(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, unique=False, sqlite_where=where, postgresql_where=where)


def upgrade() -> None:
    """Two columns on each errand, its events, closings of inquiries, what a template is for."""
    op.create_table(
        "complaint_errand_event",
        sa.Column("id", Id, nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("complaint_id", Id, nullable=True),
        sa.Column("due_at", When, nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("at", When, nullable=False),
        sa.Column("recorded_at", When, nullable=False),
        sa.CheckConstraint(
            "kind IN ('complaint_measure', 'complaint_consultation', 'inquiry')",
            name=op.f("ck_complaint_errand_event_kind"),
        ),
        sa.CheckConstraint(
            "level IN ('owner', 'sales_manager', 'general_manager')", name=op.f("ck_complaint_errand_event_level")
        ),
        sa.ForeignKeyConstraint(
            ["complaint_id"], ["complaint.id"], name=op.f("fk_complaint_errand_event_complaint_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaint_errand_event")),
        sa.UniqueConstraint(
            "kind", "subject_id", "due_at", "level", name=op.f("uq_complaint_errand_event_kind_subject_id_due_at_level")
        ),
    )
    op.create_index("ix_complaint_errand_event_complaint_id", "complaint_errand_event", ["complaint_id", "id"])
    op.create_table(
        "inquiry_closing",
        sa.Column("inquiry_id", Id, autoincrement=False, nullable=False),
        sa.Column("at", When, nullable=False),
        sa.Column("closed_by_id", Id, nullable=False),
        sa.Column("satisfaction", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.CheckConstraint("satisfaction BETWEEN 1 AND 5", name=op.f("ck_inquiry_closing_satisfaction")),
        sa.ForeignKeyConstraint(["closed_by_id"], ["user_account.id"], name=op.f("fk_inquiry_closing_closed_by_id")),
        sa.ForeignKeyConstraint(["inquiry_id"], ["inquiry.id"], name=op.f("fk_inquiry_closing_inquiry_id")),
        sa.PrimaryKeyConstraint("inquiry_id", name=op.f("pk_inquiry_closing")),
    )
    for table in ("complaint_errand_event", "inquiry_closing"):
        for statement in trigger_ddl(op.get_bind().dialect.name, table):
            op.execute(statement)
    op.add_column("inquiry", sa.Column("closed_at", When, nullable=True))
    # Answered before anybody asked how satisfied the customer was: nobody is sent after those now.
    op.execute("UPDATE inquiry SET closed_at = answered_at WHERE answered_at IS NOT NULL AND turned_at IS NULL")
    _partial("ix_inquiry_to_close", "inquiry", ["owner_id", "answered_at", "id"], TO_CLOSE)
    for table, condition in OPEN.items():
        op.add_column(table, sa.Column("raised_to", sa.String(), nullable=True))
        op.add_column(table, sa.Column("raise_at", When, nullable=True))
        errand = sa.table(table, sa.column("raise_at", When), sa.column("due_at", When))
        op.execute(errand.update().values(raise_at=errand.c.due_at))
        _partial(f"ix_{table}_raise", table, ["raise_at", "id"], condition)
        _partial(f"ix_{table}_open", table, ["due_at", "id"], condition)
        _partial(f"ix_{table}_raised", table, ["due_at", "id"], RAISED.format(condition))
    op.add_column(
        "reply_template", sa.Column("purpose", sa.String(), server_default=sa.text("'complaint'"), nullable=False)
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_column("reply_template", "purpose")
    for table in reversed(OPEN):
        for name in ("raised", "open", "raise"):
            op.drop_index(f"ix_{table}_{name}", table_name=table)
        op.drop_column(table, "raise_at")
        op.drop_column(table, "raised_to")
    op.drop_index("ix_inquiry_to_close", table_name="inquiry")
    op.drop_column("inquiry", "closed_at")
    op.drop_table("inquiry_closing")
    op.drop_index("ix_complaint_errand_event_complaint_id", table_name="complaint_errand_event")
    op.drop_table("complaint_errand_event")
