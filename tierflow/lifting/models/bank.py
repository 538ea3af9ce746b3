"""What the bank says came in: statements as imported, and their lines until each has found its orders."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only


class BankStatement(Model):
    """A statement file; the same bytes are taken once."""

    __tablename__ = append_only("bank_statement")

    id: Mapped[int] = pk()
    sha256: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    new_lines: Mapped[int]
    known_lines: Mapped[int]
    by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    imported_at: Mapped[datetime]


class BankLine(Model):
    """One receipt. `line_key` is the bank's serial number, or what else makes it this line and no other."""

    __tablename__ = "bank_line"
    __table_args__ = (
        CheckConstraint("fen > 0", name="fen"),
        CheckConstraint("matched_fen BETWEEN 0 AND fen", name="matched"),
        Index(
            "ix_bank_line_open",
            "id",
            sqlite_where=sql("matched_fen < fen AND put_aside_at IS NULL"),
            postgresql_where=sql("matched_fen < fen AND put_aside_at IS NULL"),
        ),
        Index("ix_bank_line_statement_id", "statement_id", "id"),
    )

    id: Mapped[int] = pk()
    statement_id: Mapped[int] = mapped_column(ForeignKey("bank_statement.id"))
    line_key: Mapped[str] = mapped_column(unique=True)
    booked_on: Mapped[date]
    payer_name: Mapped[str]
    payer_account: Mapped[str]
    account_key: Mapped[str]
    fen: Mapped[int]
    memo: Mapped[str]
    matched_fen: Mapped[int]
    put_aside_at: Mapped[datetime | None]
    put_aside_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    put_aside_reason: Mapped[str | None]
