"""A run's levels are written as it works them out and count from one row on; an index for facts learnt lately."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The table, with every run that is confirmed."""
    op.create_table(
        "standing_run",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_standing_run")),
    )
    op.execute("INSERT INTO standing_run SELECT id, confirmed_at FROM grading_run WHERE state = 'confirmed'")
    for statement in _guards():
        op.execute(statement)
    op.create_index("ix_month_facts_updated_at", "month_facts", ["product_line_id", "month", "updated_at"])


def downgrade() -> None:
    """Levels that only a waiting run proposed would count without the table: that run is to be settled first."""
    op.drop_index("ix_month_facts_updated_at", table_name="month_facts")
    op.drop_table("standing_run")


def _guards() -> list[str]:
    if op.get_bind().dialect.name == "sqlite":
        return [
            f"CREATE TRIGGER guard_standing_run_{verb} BEFORE {verb.upper()} ON standing_run "
            "BEGIN SELECT RAISE(ABORT, 'standing_run is append-only'); END"
            for verb in ("update", "delete")
        ]
    return [
        "CREATE TRIGGER guard_standing_run_row BEFORE UPDATE OR DELETE ON standing_run "
        "FOR EACH ROW EXECUTE FUNCTION tierflow_refuse()",
        "CREATE TRIGGER guard_standing_run_truncate BEFORE TRUNCATE ON standing_run "
        "FOR EACH STATEMENT EXECUTE FUNCTION tierflow_refuse()",
    ]
