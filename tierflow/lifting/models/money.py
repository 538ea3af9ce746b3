"""The money on an order, its settlement, and the invoices recorded for it (CHEM-5)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only


class Money(Model):
    """One movement, confirmed by finance: in (receipt, carried in) or out (refund, carried out). Never changed."""

    __tablename__ = append_only("lifting_money")
    __table_args__ = (
        CheckConstraint("kind IN ('receipt', 'refund', 'carry_in', 'carry_out')", name="kind"),
        CheckConstraint("fen > 0", name="fen"),
        CheckConstraint("(kind IN ('carry_in', 'carry_out')) = (other_order_id IS NOT NULL)", name="carried"),
        Index("ix_lifting_money_order_id", "order_id", "id"),
        Index(
            "uq_lifting_money_bank_line",
            "bank_line_id",
            "order_id",
            unique=True,
            sqlite_where=sql("bank_line_id IS NOT NULL"),
            postgresql_where=sql("bank_line_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = pk()
    order_id: Mapped[int] = mapped_column(ForeignKey("lifting_order.id"))
    kind: Mapped[str]
    fen: Mapped[int]
    value_on: Mapped[date]
    payer_name: Mapped[str]
    payer_account: Mapped[str]
    is_other_payer: Mapped[bool]
    reference: Mapped[str]
    note: Mapped[str]
    bank_line_id: Mapped[int | None] = mapped_column(ForeignKey("bank_line.id"))
    other_order_id: Mapped[int | None] = mapped_column(ForeignKey("lifting_order.id"))
    by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime]


class Settlement(Model):
    """Lifted times price, beside what was received (结算). A return settles anew; the last one counts."""

    __tablename__ = append_only("lifting_settlement")
    __table_args__ = (UniqueConstraint("order_id", "number"),)

    id: Mapped[int] = pk()
    order_id: Mapped[int] = mapped_column(ForeignKey("lifting_order.id"))
    number: Mapped[int]
    lifted_grams: Mapped[int]
    price_fen: Mapped[int]
    value_fen: Mapped[int]
    money_fen: Mapped[int]
    note: Mapped[str]
    by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    settled_at: Mapped[datetime]


class Invoice(Model):
    """An invoice as finance issued it elsewhere: number, day, amount, and the particulars in force that day.

    A red invoice has a negative amount.
    """

    __tablename__ = append_only("lifting_invoice")
    __table_args__ = (
        CheckConstraint("fen <> 0", name="fen"),
        Index("ix_lifting_invoice_order_id", "order_id", "id"),
        Index("ix_lifting_invoice_invoiced_on", "invoiced_on", "id"),
    )

    id: Mapped[int] = pk()
    order_id: Mapped[int] = mapped_column(ForeignKey("lifting_order.id"))
    number: Mapped[str] = mapped_column(unique=True)
    invoiced_on: Mapped[date]
    fen: Mapped[int]
    particulars: Mapped[dict[str, Any]]
    by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime]
