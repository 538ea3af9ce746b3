"""What lies on the desk beside complaints: inquiries, reply templates, breaches by customers."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.complaints.models.errands import errand_indexes


class Inquiry(Model):
    """咨询 (CHEM-4): question, owner, answer, time, and how satisfied the customer is. One click: a complaint."""

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
        Index(
            "ix_inquiry_to_close",
            "owner_id",
            "answered_at",
            "id",
            sqlite_where=sql("answered_at IS NOT NULL AND closed_at IS NULL AND turned_at IS NULL"),
            postgresql_where=sql("answered_at IS NOT NULL AND closed_at IS NULL AND turned_at IS NULL"),
        ),
        *errand_indexes("inquiry", "answered_at IS NULL AND turned_at IS NULL"),
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
    raised_to: Mapped[str | None]
    raise_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]  # how satisfied the customer was: `InquiryClosing`


class InquiryClosing(Model):
    """The end of an answered inquiry: how satisfied the customer is, from 1 to 5."""

    __tablename__ = append_only("inquiry_closing")
    __table_args__ = (CheckConstraint("satisfaction BETWEEN 1 AND 5", name="satisfaction"),)

    inquiry_id: Mapped[int] = mapped_column(ForeignKey("inquiry.id"), primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    closed_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    satisfaction: Mapped[int]
    note: Mapped[str]


class ReplyTemplate(Model):
    """A ready reply to a complaint or an inquiry; `{customer}`, `{number}` … stand for its particulars."""

    __tablename__ = "reply_template"

    id: Mapped[int] = pk()
    name: Mapped[str] = mapped_column(unique=True)
    body: Mapped[str]
    purpose: Mapped[str] = mapped_column(default="complaint", server_default=sql("'complaint'"))
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
