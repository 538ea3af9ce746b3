"""Levels in force are written at less cost: checks said one by one on SQLite, and no index that only a proof asked.

SQLite builds the list of a check's IN anew for every row; the table is taken anew there.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0098"
down_revision = "0095"
branch_labels = None
depends_on = None

LEVELS = ("auction", "ordinary", "one_star", "two_star", "three_star")
BASES = ("run", "adjusted", "pinned")
COLUMNS = "id, customer_id, product_line_id, level, basis, from_on, to_on, month, run_id, pin_id, recorded_at"


def upgrade() -> None:
    """The table anew on SQLite; on both without the index."""
    op.drop_index("ix_standing_run_id", table_name="standing")
    if op.get_bind().dialect.name == "sqlite":
        _anew(*(" OR ".join(f"{name} = '{word}'" for word in words) for name, words in _listed()))


def downgrade() -> None:
    """Back to what was."""
    if op.get_bind().dialect.name == "sqlite":
        _anew(*("{} IN ({})".format(name, ", ".join(f"'{word}'" for word in words)) for name, words in _listed()))
    op.create_index("ix_standing_run_id", "standing", ["run_id"])


def _listed() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("level", LEVELS), ("basis", BASES)


def _anew(level: str, basis: str) -> None:
    """By hand: batch mode would lose the triggers without a word."""
    op.create_table(
        "standing_anew",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", sa.Integer(), nullable=False),
        sa.Column("product_line_id", sa.Integer(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("basis", sa.String(), nullable=False),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.Column("month", sa.Date(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True),
        sa.Column("pin_id", sa.BigInteger(), nullable=True),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(level, name=op.f("ck_standing_level")),
        sa.CheckConstraint(basis, name=op.f("ck_standing_basis")),
        sa.CheckConstraint("(basis = 'pinned') = (to_on IS NOT NULL)", name=op.f("ck_standing_only_pins_end")),
        sa.CheckConstraint("to_on IS NULL OR to_on > from_on", name=op.f("ck_standing_period")),
        sa.ForeignKeyConstraint(["customer_id"], ["customer.id"], name=op.f("fk_standing_customer_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_standing_product_line_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing")),
    )
    op.execute(f"INSERT INTO standing_anew ({COLUMNS}) SELECT {COLUMNS} FROM standing ORDER BY id")  # noqa: S608
    op.drop_table("standing")
    op.rename_table("standing_anew", "standing")
    op.create_index("ix_standing_customer_id", "standing", ["customer_id", "product_line_id", "from_on", "id"])
    for verb in ("update", "delete"):
        op.execute(
            f"CREATE TRIGGER guard_standing_{verb} BEFORE {verb.upper()} ON standing "
            "BEGIN SELECT RAISE(ABORT, 'standing is append-only'); END"
        )
