"""Indexes of the logs and of dead letters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Indexes of the logs and of dead letters."""
    dead = sa.text("state = 'dead'")
    op.create_index("ix_audit_entry_action", "audit_entry", ["action", "seq"])
    op.create_index("ix_audit_entry_at", "audit_entry", ["at"])
    op.create_index("ix_delivery_dead", "delivery", ["id"], sqlite_where=dead, postgresql_where=dead)
    op.create_index("ix_security_event_kind", "security_event", ["kind", "id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_security_event_kind", table_name="security_event")
    op.drop_index("ix_delivery_dead", table_name="delivery")
    op.drop_index("ix_audit_entry_at", table_name="audit_entry")
    op.drop_index("ix_audit_entry_action", table_name="audit_entry")
