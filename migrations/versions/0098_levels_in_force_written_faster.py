"""Levels in force are written at less cost, the same things refused.

Checks said one by one on SQLite, which builds the list of an IN anew for every row; customer and line held by a guard,
which PostgreSQL asks of all of a statement's rows at once; no index that only a proof asked for. SQLite's table is taken
anew for it.
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
NAMED = ("customer", "product_line")

ON_SQLITE = """
CREATE TRIGGER guard_standing_known BEFORE INSERT ON standing
WHEN NOT EXISTS (SELECT 1 FROM customer WHERE id = NEW.customer_id)
  OR NOT EXISTS (SELECT 1 FROM product_line WHERE id = NEW.product_line_id)
BEGIN SELECT RAISE(ABORT, 'standing: no such customer or product line'); END"""

ON_POSTGRES = """
BEGIN
  IF EXISTS (SELECT 1 FROM added WHERE (SELECT id FROM customer WHERE id = added.customer_id) IS NULL
      OR (SELECT id FROM product_line WHERE id = added.product_line_id) IS NULL) THEN
    RAISE EXCEPTION 'standing: no such customer or product line' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END """


def upgrade() -> None:
    """Guard for foreign keys; on SQLite the table anew."""
    op.drop_index("ix_standing_run_id", table_name="standing")
    if op.get_bind().dialect.name == "sqlite":
        _anew(*(" OR ".join(f"{name} = '{word}'" for word in words) for name, words in _listed()))
        op.execute(ON_SQLITE)
        return
    for table in NAMED:
        op.drop_constraint(f"fk_standing_{table}_id", "standing", type_="foreignkey")
    op.execute(f"CREATE FUNCTION tierflow_standing_known() RETURNS trigger LANGUAGE plpgsql AS $${ON_POSTGRES}$$")
    op.execute(
        "CREATE TRIGGER guard_standing_known AFTER INSERT ON standing REFERENCING NEW TABLE AS added "
        "FOR EACH STATEMENT EXECUTE FUNCTION tierflow_standing_known()"
    )


def downgrade() -> None:
    """Back to foreign keys and the index."""
    if op.get_bind().dialect.name == "sqlite":
        listed = ("{} IN ({})".format(name, ", ".join(f"'{word}'" for word in words)) for name, words in _listed())
        keys = (
            sa.ForeignKeyConstraint([f"{each}_id"], [f"{each}.id"], name=f"fk_standing_{each}_id") for each in NAMED
        )
        _anew(*listed, *keys)
    else:
        op.execute("DROP TRIGGER guard_standing_known ON standing")
        op.execute("DROP FUNCTION tierflow_standing_known()")
        for table in NAMED:
            op.create_foreign_key(f"fk_standing_{table}_id", "standing", table, [f"{table}_id"], ["id"])
    op.create_index("ix_standing_run_id", "standing", ["run_id"])


def _listed() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("level", LEVELS), ("basis", BASES)


def _anew(level: str, basis: str, *keys: sa.ForeignKeyConstraint) -> None:
    """By hand: batch mode would lose the triggers without a word."""
    number = sa.Integer() if keys else sa.BigInteger()  # a foreign key's type is that of what it names
    op.create_table(
        "standing_anew",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("customer_id", number, nullable=False),
        sa.Column("product_line_id", number, nullable=False),
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
        *keys,
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
