"""Who gave an opinion, beside whose it was to give (CHEM-7.2); unknown of those given before."""

from __future__ import annotations

from alembic import op

revision = "0090"
down_revision = "0089"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The account that answered; the key is part of the column, as SQLite adds none to a table that stands."""
    kind = "INTEGER" if op.get_bind().dialect.name == "sqlite" else "BIGINT"
    op.execute(
        f"ALTER TABLE asked_opinion ADD COLUMN answered_by_id {kind} "
        "CONSTRAINT fk_asked_opinion_answered_by_id REFERENCES user_account (id)"
    )


def downgrade() -> None:
    """Without it."""
    op.drop_column("asked_opinion", "answered_by_id")
