"""Tables of taking over: which customer came with which import, and what the company holds in contracts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk


class TakenOver(Model):
    """A customer the company had before: the import it came with, and its place in it."""

    __tablename__ = "taken_over"
    __table_args__ = (UniqueConstraint("batch_id", "position"),)

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    batch_id: Mapped[int] = mapped_column(ForeignKey("import_batch.id"))
    position: Mapped[int]  # 1, 2, 3 … in the file's order
    row: Mapped[int]  # as counted in the file


class Contract(Model):
    """A contract with a customer and where its paper is kept (CHEM-4).

    Half-open [from_on, to_on): `to_on` is the first day it no longer holds. `value` in fen, NULL where it names none.
    """

    __tablename__ = "contract"
    __table_args__ = (
        CheckConstraint("to_on > from_on", name="period"),
        CheckConstraint("value IS NULL OR value >= 0", name="value"),
        CheckConstraint("(ended_at IS NULL) = (end_reason = '')", name="ended"),
        Index("ix_contract_customer_id", "customer_id", "to_on"),
        Index("ix_contract_to_on", "to_on", "id"),
        Index("ix_contract_custodian_id", "custodian_id"),
    )

    id: Mapped[int] = pk()
    number: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    title: Mapped[str]
    from_on: Mapped[date]
    to_on: Mapped[date]
    value: Mapped[int | None]
    custodian_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    place: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_file.id"))
    renews_id: Mapped[int | None] = mapped_column(ForeignKey("contract.id"), unique=True)
    entered_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    entered_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # given up before its day
    end_reason: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(default=1)


class Handover(Model):
    """An account manager's whole portfolio given to another on a day, signed by both (CHEM-3.3).

    Where it stands follows from its times: proposed, signed (both have), done, or ended without effect. `moved`: what
    was moved, counted by kind.
    """

    __tablename__ = "handover"
    __table_args__ = (
        CheckConstraint("giver_id <> taker_id", name="two_people"),
        CheckConstraint("(giver_signed_at IS NULL) = (giver_signed_by_id IS NULL)", name="giver_signed"),
        CheckConstraint("giver_signed_by_id IS NULL OR giver_signed_by_id = giver_id OR absence <> ''", name="absence"),
        CheckConstraint(
            "done_at IS NULL OR (giver_signed_at IS NOT NULL AND taker_signed_at IS NOT NULL)", name="done"
        ),
        CheckConstraint("done_at IS NULL OR ended_at IS NULL", name="one_end"),
        Index("ix_handover_giver_id", "giver_id", "id"),
        Index("ix_handover_taker_id", "taker_id", "id"),
        Index(
            "uq_handover_live",
            "giver_id",
            unique=True,
            sqlite_where=sql("done_at IS NULL AND ended_at IS NULL"),
            postgresql_where=sql("done_at IS NULL AND ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    giver_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    taker_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    effective_on: Mapped[date]
    reason: Mapped[str]
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    proposed_at: Mapped[datetime]
    giver_signed_at: Mapped[datetime | None]
    giver_signed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    absence: Mapped[str] = mapped_column(default="")  # why somebody else signed for the giver
    taker_signed_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    moved: Mapped[dict[str, Any]]
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    end_reason: Mapped[str] = mapped_column(default="")
