"""What resident offices are concerned with."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0085"
down_revision = "0084"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Ties of offices to lines and regions. The offices there are were sent everything, and keep being sent it."""
    op.create_table(
        "office_tie",
        sa.Column("id", _ID, nullable=False),
        sa.Column("office_id", _ID, nullable=False),
        sa.Column("product_line_id", _ID, nullable=True),
        sa.Column("region_id", _ID, nullable=True),
        sa.Column("from_on", sa.Date(), nullable=False),
        sa.Column("to_on", sa.Date(), nullable=True),
        sa.CheckConstraint("to_on IS NULL OR to_on > from_on", name=op.f("ck_office_tie_period")),
        sa.ForeignKeyConstraint(["office_id"], ["office.id"], name=op.f("fk_office_tie_office_id")),
        sa.ForeignKeyConstraint(["product_line_id"], ["product_line.id"], name=op.f("fk_office_tie_product_line_id")),
        sa.ForeignKeyConstraint(["region_id"], ["region.id"], name=op.f("fk_office_tie_region_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_tie")),
    )
    op.create_index("ix_office_tie_office_id", "office_tie", ["office_id", "id"], unique=False)
    op.create_index(
        "uq_office_tie_open",
        "office_tie",
        ["office_id", sa.text("coalesce(product_line_id, 0)"), sa.text("coalesce(region_id, 0)")],
        unique=True,
        sqlite_where=sa.text("to_on IS NULL"),
        postgresql_where=sa.text("to_on IS NULL"),
    )
    op.create_index("ix_customer_office_office_id", "customer_office", ["office_id", "customer_id"], unique=False)
    op.execute("INSERT INTO office_tie (office_id, from_on, to_on) SELECT id, from_on, to_on FROM office")


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_customer_office_office_id", table_name="customer_office")
    op.drop_index("uq_office_tie_open", table_name="office_tie")
    op.drop_index("ix_office_tie_office_id", table_name="office_tie")
    op.drop_table("office_tie")
