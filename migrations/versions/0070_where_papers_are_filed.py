"""Covers of papers are filed under their customer's region and manager, so that what ends soonest is found at once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0070"
down_revision = "0066"
branch_labels = None
depends_on = None

COPIED = ("region_id", "account_manager_id", "disqualified_on")
AWAITED = sa.text("superseded_at IS NULL AND disqualified_on IS NULL")
WHOLE = ["valid_to", "id", "kind", "superseded_at", "disqualified_on"]
INDEXES = {
    "ix_paper_cover_awaited": [],
    "ix_paper_cover_region": ["region_id"],
    "ix_paper_cover_manager": ["account_manager_id"],
}

PLACES = {
    "sqlite": [
        """
CREATE TRIGGER guard_cover_place AFTER INSERT ON paper_cover
BEGIN UPDATE paper_cover SET (region_id, account_manager_id, disqualified_on) =
  (SELECT region_id, account_manager_id, disqualified_on FROM customer WHERE id = NEW.customer_id)
  WHERE id = NEW.id; END""",
        """
CREATE TRIGGER guard_cover_follows AFTER UPDATE OF region_id, account_manager_id, disqualified_on ON customer
BEGIN UPDATE paper_cover SET region_id = NEW.region_id, account_manager_id = NEW.account_manager_id,
  disqualified_on = NEW.disqualified_on WHERE customer_id = NEW.id; END""",
    ],
    "postgresql": [
        """CREATE OR REPLACE FUNCTION tierflow_cover_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  SELECT region_id, account_manager_id, disqualified_on
    INTO NEW.region_id, NEW.account_manager_id, NEW.disqualified_on
    FROM customer WHERE id = NEW.customer_id FOR SHARE;
  RETURN NEW;
END $$""",
        "CREATE TRIGGER guard_cover_place BEFORE INSERT ON paper_cover "
        "FOR EACH ROW EXECUTE FUNCTION tierflow_cover_place()",
        """CREATE OR REPLACE FUNCTION tierflow_cover_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE paper_cover SET region_id = NEW.region_id, account_manager_id = NEW.account_manager_id,
    disqualified_on = NEW.disqualified_on WHERE customer_id = NEW.id;
  RETURN NULL;
END $$""",
        "CREATE TRIGGER guard_cover_follows AFTER UPDATE OF region_id, account_manager_id, disqualified_on ON customer "
        "FOR EACH ROW EXECUTE FUNCTION tierflow_cover_follows()",
    ],
}


def upgrade() -> None:
    """File what is there, then let the database keep it so."""
    op.add_column("paper_cover", sa.Column("region_id", sa.BigInteger(), nullable=True))
    op.add_column("paper_cover", sa.Column("account_manager_id", sa.BigInteger(), nullable=True))
    op.add_column("paper_cover", sa.Column("disqualified_on", sa.Date(), nullable=True))
    op.execute(
        "UPDATE paper_cover SET (region_id, account_manager_id, disqualified_on) = "
        "(SELECT region_id, account_manager_id, disqualified_on FROM customer WHERE id = paper_cover.customer_id)"
    )
    for name, columns in INDEXES.items():
        op.create_index(
            name,
            "paper_cover",
            [*columns, *WHOLE],
            unique=False,
            sqlite_where=AWAITED,
            postgresql_where=AWAITED,
        )
    for statement in PLACES[op.get_context().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Only the customer says whose it is."""
    on_postgres = op.get_context().dialect.name == "postgresql"
    for trigger, table in (("guard_cover_follows", "customer"), ("guard_cover_place", "paper_cover")):
        op.execute(f"DROP TRIGGER {trigger}" + (f" ON {table}" if on_postgres else ""))
        if on_postgres:
            op.execute(f"DROP FUNCTION tierflow_{trigger.removeprefix('guard_')}()")
    for name in reversed(INDEXES):
        op.drop_index(name, table_name="paper_cover", sqlite_where=AWAITED, postgresql_where=AWAITED)
    for column in reversed(COPIED):
        op.drop_column("paper_cover", column)
