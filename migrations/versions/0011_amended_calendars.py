"""A person is asked once about a due time that an amended calendar would move (CHEM-12.3)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0005"
branch_labels = None
depends_on = None

RUNNING = sa.text("told_at IS NULL")
ASKED = sa.text("told_at IS NULL AND calendar_version < asked_version")
CALENDAR = "ix_complaint_clock_calendar"


def upgrade() -> None:
    """Remember for which calendar a person was asked, and find those who still are."""
    op.add_column("complaint_clock", sa.Column("asked_version", sa.BigInteger(), nullable=True))
    op.drop_index(CALENDAR, table_name="complaint_clock")
    op.create_index(
        CALENDAR,
        "complaint_clock",
        ["calendar_version", "asked_version", "id"],
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.create_index(
        "ix_complaint_clock_asked",
        "complaint_clock",
        ["complaint_id"],
        sqlite_where=ASKED,
        postgresql_where=ASKED,
    )


def downgrade() -> None:
    """Forget it."""
    op.drop_index("ix_complaint_clock_asked", table_name="complaint_clock")
    op.drop_index(CALENDAR, table_name="complaint_clock")
    op.create_index(
        CALENDAR,
        "complaint_clock",
        ["calendar_version", "id"],
        sqlite_where=RUNNING,
        postgresql_where=RUNNING,
    )
    op.drop_column("complaint_clock", "asked_version")
