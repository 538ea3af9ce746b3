"""Decisions of a month are written at half the cost: SQLite builds the list of a check's IN anew for every row.

The same check said one by one, which takes the table anew there. The index of those who moved also holds the few whose
level their class set anew, so that what a run seals is found in it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0077"
down_revision = "0076"
branch_labels = None
depends_on = None

LEVELS = ("auction", "ordinary", "one_star", "two_star", "three_star")
ONE_BY_ONE = " OR ".join(f"level = '{level}'" for level in LEVELS)
LISTED = "level IN ({})".format(", ".join(f"'{level}'" for level in LEVELS))
NUMBERS = ("idle_before", "grams", "planned_grams", "evenness", "payment_discipline", "breaches", "cooperation")


def upgrade() -> None:
    """The table anew on SQLite, the index on both."""
    _build(ONE_BY_ONE, "move <> 'same' OR level <> held")


def downgrade() -> None:
    """Back to what was."""
    _build(LISTED, "move <> 'same'")


def _build(check: str, moved: str) -> None:
    op.drop_index("ix_level_decision_move", table_name="level_decision")
    if op.get_bind().dialect.name == "sqlite":
        _anew(check)
    op.create_index(
        "ix_level_decision_move",
        "level_decision",
        ["run_id", "move", "customer_id"],
        sqlite_where=sa.text(moved),
        postgresql_where=sa.text(moved),
    )


def _anew(check: str) -> None:
    """By hand: batch mode would lose the triggers without a word."""
    words = ("level", "target", "move", "code")
    op.create_table(
        "level_decision_anew",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("customer_id", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("class", "held")),
        *(sa.Column(name, sa.BigInteger(), nullable=name not in ("idle_before", "grams")) for name in NUMBERS),
        *(sa.Column(name, sa.String(), nullable=False) for name in words),
        sa.Column("idle", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(check, name=op.f("ck_level_decision_level")),
        sa.PrimaryKeyConstraint("run_id", "customer_id", name=op.f("pk_level_decision")),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO level_decision_anew SELECT * FROM level_decision ORDER BY run_id, customer_id")
    op.drop_table("level_decision")
    op.rename_table("level_decision_anew", "level_decision")
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER guard_level_decision_{verb} BEFORE {verb.upper()} ON level_decision "
            "BEGIN SELECT RAISE(ABORT, 'level_decision is append-only'); END"
        )
