"""What measures, inquiries and departments' answers share: a time, and who has heard that it slips.

Each row carries whom it was told last (`raised_to`) and from when on the next must hear (`raise_at`), under a partial
index of the open ones, so that a look costs what is due and not what is open.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.complaints.rules.errands import RAISED, ErrandKind, Level


def errand_indexes(table: str, open_: str) -> tuple[Index, Index, Index]:
    """Of the open ones: whom to tell next, what is due when, what a manager has been told of."""
    raised = "{} AND raised_to IN ({})".format(open_, ", ".join(f"'{level}'" for level in RAISED))
    return (
        Index(f"ix_{table}_raise", "raise_at", "id", sqlite_where=sql(open_), postgresql_where=sql(open_)),
        Index(f"ix_{table}_open", "due_at", "id", sqlite_where=sql(open_), postgresql_where=sql(open_)),
        Index(f"ix_{table}_raised", "due_at", "id", sqlite_where=sql(raised), postgresql_where=sql(raised)),
    )


class ErrandEvent(Model):
    """Somebody was told that an errand is due or overdue: once per due time and level."""

    __tablename__ = append_only("complaint_errand_event")
    __table_args__ = (
        CheckConstraint("kind IN ({})".format(", ".join(f"'{each}'" for each in ErrandKind)), name="kind"),
        CheckConstraint("level IN ({})".format(", ".join(f"'{each}'" for each in Level)), name="level"),
        UniqueConstraint("kind", "subject_id", "due_at", "level"),
        Index("ix_complaint_errand_event_complaint_id", "complaint_id", "id"),
    )

    id: Mapped[int] = pk()
    kind: Mapped[str]
    subject_id: Mapped[int]
    complaint_id: Mapped[int | None] = mapped_column(ForeignKey("complaint.id"))
    due_at: Mapped[datetime]
    level: Mapped[str]
    at: Mapped[datetime]  # when it came about by the clock
    recorded_at: Mapped[datetime]
