"""Tables of imports: the batch, its rows as understood, what was found in them, how heads were mapped last time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk

STATES = (
    "to_read",  # a large file whose heads the worker reads
    "mapping",  # uploaded; a person says which column is what
    "to_check",  # waits for the worker, or is in its hands
    "checked",  # the preview stands
    "handed_in",  # waits for the second person, where the kind wants one
    "to_apply",
    "applied",
    "to_revert",
    "reverted",
    "discarded",
)
WAITING = ("to_read", "to_check", "to_apply", "to_revert")


class ImportBatch(Model):
    """One file taken in. The file is kept; `sha256` tells the same file again.

    `claimed_at` is a worker's lease: one that is old belongs to a worker that died, and the work begins anew.
    `settled_at` ends what follows an application in chunks (search keys …).
    """

    __tablename__ = "import_batch"
    __table_args__ = (
        CheckConstraint(f"state IN {STATES!r}", name="state"),
        Index("ix_import_batch_kind", "kind", "id"),
        Index("ix_import_batch_sha256", "kind", "sha256"),
        Index(
            "uq_import_batch_applied",
            "kind",
            "sha256",
            unique=True,
            sqlite_where=sql("state = 'applied'"),
            postgresql_where=sql("state = 'applied'"),
        ),
        Index(
            "ix_import_batch_waiting",
            "id",
            sqlite_where=sql(f"state IN {WAITING!r} OR (state = 'applied' AND settled_at IS NULL)"),
            postgresql_where=sql(f"state IN {WAITING!r} OR (state = 'applied' AND settled_at IS NULL)"),
        ),
    )

    id: Mapped[int] = pk()
    kind: Mapped[str]
    sha256: Mapped[str]
    file_name: Mapped[str]
    file_kind: Mapped[str]  # csv, xlsx: what the content is
    sheet: Mapped[str] = mapped_column(default="")
    heads: Mapped[list[Any]]
    samples: Mapped[list[Any] | None]  # two rows, cut short; none before the heads are read
    mapping: Mapped[dict[str, Any]]  # our column -> number of the head
    state: Mapped[str]
    expected: Mapped[int] = mapped_column(default=0, server_default=sql("0"))  # about how many rows the file has
    total: Mapped[int] = mapped_column(default=0)  # rows read so far
    good: Mapped[int] = mapped_column(default=0)
    doubtful: Mapped[int] = mapped_column(default=0)
    duplicate: Mapped[int] = mapped_column(default=0)
    bad: Mapped[int] = mapped_column(default=0)
    leave_out_duplicates: Mapped[bool] = mapped_column(default=False)
    result: Mapped[dict[str, Any]]  # what applying brought about, counted
    failure: Mapped[dict[str, Any] | None]  # why the last work ended, as a sentence and its parameters
    created_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    checked_at: Mapped[datetime | None]
    handed_in_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    handed_in_at: Mapped[datetime | None]
    applied_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    applied_at: Mapped[datetime | None]
    settled: Mapped[int] = mapped_column(default=0)
    settled_at: Mapped[datetime | None]
    reverted_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    reverted_at: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(default="")  # why it was sent back, discarded or reverted


class ImportChunk(Model):
    """Rows to be applied, as understood: JSON `[[number, data], …]` as one text, a million rows being a few hundred.

    `first` is the first row's number. They go once they are applied: what they said then stands where it belongs.
    """

    __tablename__ = "import_chunk"

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id"), primary_key=True)
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    rows: Mapped[str]


class ImportRow(Model):
    """A row in which something was found, as it stands in the file."""

    __tablename__ = "import_row"
    __table_args__ = (CheckConstraint("verdict IN ('good', 'doubtful', 'duplicate', 'bad')", name="verdict"),)

    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # as counted in the file
    verdict: Mapped[str]
    raw: Mapped[list[Any] | None]


class ImportRowError(Model):
    """What was found in a field of a row; a sentence and its parameters, translated when shown."""

    __tablename__ = "import_row_error"
    __table_args__ = (
        CheckConstraint("severity IN ('doubtful', 'duplicate', 'bad')", name="severity"),
        ForeignKeyConstraint(["batch_id", "number"], ["import_row.batch_id", "import_row.number"]),
        Index("ix_import_row_error_batch_id", "batch_id", "number"),
    )

    id: Mapped[int] = pk()
    batch_id: Mapped[int]
    number: Mapped[int]
    field: Mapped[str]
    severity: Mapped[str]
    msgid: Mapped[str]
    params: Mapped[dict[str, Any]]


class ImportMapping(Model):
    """How a person mapped these heads last time."""

    __tablename__ = "import_mapping"

    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    heads_hash: Mapped[str] = mapped_column(primary_key=True)
    mapping: Mapped[dict[str, Any]]
    used_at: Mapped[datetime]
