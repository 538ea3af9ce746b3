"""A run's levels are written as it works them out and count from one row on; an index for facts learnt lately."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0076"
down_revision = "0075"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The table, with every run that is confirmed. A month that waits is put aside, and proposed again when it is due.

    Its levels used to be written when it was confirmed, and would not be now. An adjustment's still are: it may wait.
    """
    op.create_table(
        "standing_run",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_standing_run")),
    )
    op.execute("INSERT INTO standing_run SELECT id, confirmed_at FROM grading_run WHERE state = 'confirmed'")
    op.execute(
        "UPDATE grading_run SET state = 'withdrawn' WHERE kind = 'monthly' AND state IN ('computing', 'proposed')"
    )
    for statement in _guards("standing_run"):
        op.execute(statement)
    op.create_index("ix_month_facts_updated_at", "month_facts", ["product_line_id", "month", "updated_at"])


def downgrade() -> None:
    """Levels of runs that wait or were put aside go: without the table they would count."""
    op.drop_index("ix_month_facts_updated_at", table_name="month_facts")
    lite = op.get_bind().dialect.name == "sqlite"
    for name in ("update", "delete") if lite else ("row", "truncate"):
        op.execute(f"DROP TRIGGER guard_standing_{name}" + ("" if lite else " ON standing"))
    op.execute(
        "DELETE FROM standing WHERE run_id IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM standing_run WHERE standing_run.run_id = standing.run_id)"
    )
    for statement in _guards("standing"):
        op.execute(statement)
    op.drop_table("standing_run")


def _guards(table: str) -> list[str]:
    if op.get_bind().dialect.name == "sqlite":
        return [
            f"CREATE TRIGGER guard_{table}_{verb} BEFORE {verb.upper()} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            for verb in ("update", "delete")
        ]
    return [
        f"CREATE TRIGGER guard_{table}_row BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION tierflow_refuse()",
        f"CREATE TRIGGER guard_{table}_truncate BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION tierflow_refuse()",
    ]
