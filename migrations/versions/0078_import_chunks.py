"""Rows to be imported are kept a chunk at a time; by themselves stand those only in which something was found."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

import sqlalchemy as sa
from alembic import op

revision = "0078"
down_revision = "0077"
branch_labels = None
depends_on = None

CHUNK = 5000
# What the approval of these was given for stays as it is; any others are checked anew by the worker.
KEPT = "SELECT id FROM import_batch WHERE kind = 'customers' AND state IN ('handed_in', 'to_apply')"
ANEW = (
    "UPDATE import_batch SET state = 'to_check' WHERE state = 'checked' OR (kind <> 'customers' AND state = 'to_apply')"
)

Id = sa.BigInteger()
chunk = sa.table("import_chunk", sa.column("batch_id", Id), sa.column("first", Id), sa.column("rows", sa.String()))
row = sa.table(
    "import_row",
    sa.column("batch_id", Id),
    sa.column("number", Id),
    sa.column("verdict", sa.String()),
    sa.column("data", sa.JSON(none_as_null=True)),
)


def upgrade() -> None:
    """Pack what waits to be applied; what was applied needs its rows no more."""
    op.create_table(
        "import_chunk",
        sa.Column("batch_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("rows", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["import_batch.id"], name=op.f("fk_import_chunk_batch_id")),
        sa.PrimaryKeyConstraint("batch_id", "first", name=op.f("pk_import_chunk")),
    )
    op.add_column("import_batch", sa.Column("expected", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.execute(ANEW)
    good = row.c.verdict.in_(("good", "doubtful"))
    query = sa.select(row.c.batch_id, row.c.number, row.c.data).where(good, row.c.batch_id.in_(sa.text(KEPT)))
    found = op.get_bind().execute(query.order_by(row.c.batch_id, row.c.number)).all()
    for batch_id, rows in groupby(found, lambda one: one.batch_id):
        for part in _parts([[one.number, one.data] for one in rows]):
            words = json.dumps(part, ensure_ascii=False, separators=(",", ":"))
            op.execute(chunk.insert().values(batch_id=batch_id, first=part[0][0], rows=words))
    op.execute(row.delete().where(row.c.verdict == "good"))
    op.drop_index("ix_import_row_verdict", table_name="import_row")
    op.drop_column("import_row", "data")


def _parts(rows: list[list[object]]) -> Iterator[list[list[object]]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def downgrade() -> None:
    """Unpack them."""
    op.add_column("import_row", sa.Column("data", sa.JSON(), nullable=True))
    op.create_index("ix_import_row_verdict", "import_row", ["batch_id", "verdict", "number"])
    op.execute(ANEW)
    for packed in op.get_bind().execute(sa.select(chunk).where(chunk.c.batch_id.in_(sa.text(KEPT)))).all():
        for number, data in json.loads(packed.rows):
            there = (row.c.batch_id == packed.batch_id) & (row.c.number == number)
            made = op.get_bind().execute(row.update().where(there).values(data=data))
            if made.rowcount == 0:
                op.execute(row.insert().values(batch_id=packed.batch_id, number=number, verdict="good", data=data))
    op.drop_table("import_chunk")
    op.drop_column("import_batch", "expected")
