"""What lies on the desk beside complaints: inquiries, reply templates, breaches by customers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only


class Inquiry(Model):
    """咨询 (CHEM-4): question, owner, answer, time. One click turns it into a complaint."""

    __tablename__ = "inquiry"
    __table_args__ = (
        CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name="answered"),
        CheckConstraint("asked_at <= keyed_at", name="asked_first"),
        Index("ix_inquiry_region_id", "region_id", "id"),
        Index("ix_inquiry_owner_id", "owner_id", "id"),
        Index("ix_inquiry_customer_id", "customer_id", "id"),
        Index(
            "ix_inquiry_waiting",
            "owner_id",
            "due_at",
            "id",
            sqlite_where=sql("answered_at IS NULL AND turned_at IS NULL"),
            postgresql_where=sql("answered_at IS NULL AND turned_at IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    number: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    customer_name: Mapped[str]
    contact_name: Mapped[str]
    contact_phone: Mapped[str]
    region_id: Mapped[int] = mapped_column(ForeignKey("region.id"))
    product_id: Mapped[int | None] = mapped_column(ForeignKey("product.id"))
    channel: Mapped[str]
    question: Mapped[str]
    asked_at: Mapped[datetime]
    keyed_at: Mapped[datetime]
    due_at: Mapped[datetime]
    taken_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    owner_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    answer: Mapped[str | None]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    answered_at: Mapped[datetime | None]
    turned_at: Mapped[datetime | None]  # became a complaint


class ReplyTemplate(Model):
    """A ready reply. `{customer}`, `{number}`, `{product}`, `{batch}` stand for the complaint's particulars."""

    __tablename__ = "reply_template"

    id: Mapped[int] = pk()
    name: Mapped[str] = mapped_column(unique=True)
    body: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    updated_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    updated_at: Mapped[datetime]


class CustomerBreach(Model):
    """A breach *by* the customer, upheld in a complaint: an indicator for grading (CHEM-9.6)."""

    __tablename__ = append_only("customer_breach")
    __table_args__ = (Index("ix_customer_breach_customer_id", "customer_id", "product_line_id", "on_day"),)

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"), unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    on: Mapped[date] = mapped_column("on_day")
    what: Mapped[str]
    upheld_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    upheld_at: Mapped[datetime]
