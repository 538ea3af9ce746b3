"""The complaint, its clocks, and everything that happened to a clock."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.complaints.rules.words import Event, Severity, State


def _listed(words: type[Event | Severity | State]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_SEVERITY = f"severity IN ({_listed(Severity)})"


class Complaint(Model):
    """客户投诉 (CHEM-12.1). `said_at`: when the customer first spoke; `due_at`: of the clock that runs, or ran last.

    `customer_id` is NULL while the customer is not known to us; the name as given is kept in any case.
    """

    __tablename__ = "complaint"
    __table_args__ = (
        CheckConstraint(_SEVERITY, name="severity"),
        CheckConstraint(f"state IN ({_listed(State)})", name="state"),
        CheckConstraint("quantity_grams IS NULL OR quantity_grams >= 0", name="quantity"),
        CheckConstraint("said_at <= keyed_at", name="said_first"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("satisfaction IS NULL OR satisfaction BETWEEN 1 AND 5", name="satisfaction"),
        Index("ix_complaint_state", "state", "due_at", "id"),
        Index("ix_complaint_region", "region_id", "state", "due_at", "id"),
        Index("ix_complaint_manager", "account_manager_id", "state", "due_at", "id"),
        Index("ix_complaint_taken_by", "taken_by_id", "id"),
        Index("ix_complaint_customer", "customer_id", "id"),
        Index("ix_complaint_due", "due_at", "id"),
        Index(
            "ix_complaint_waiting",
            "account_manager_id",
            "due_at",
            "id",
            sqlite_where=sql("state IN ('handling', 'approved')"),
            postgresql_where=sql("state IN ('handling', 'approved')"),
        ),
        Index(
            "ix_complaint_meeting",
            "due_at",
            "id",
            sqlite_where=sql("needs_meeting"),
            postgresql_where=sql("needs_meeting"),
        ),
    )

    id: Mapped[int] = pk()
    number: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    customer_name: Mapped[str]
    contact_name: Mapped[str]
    contact_phone: Mapped[str]
    was_suspended: Mapped[bool]
    region_id: Mapped[int] = mapped_column(ForeignKey("region.id"))
    account_manager_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    taken_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    batch: Mapped[str]
    lifting_order: Mapped[str]
    quantity_grams: Mapped[int | None]
    severity: Mapped[str]
    channel: Mapped[str]
    said_at: Mapped[datetime]
    keyed_at: Mapped[datetime]
    facts: Mapped[str]
    demand: Mapped[str]
    inquiry_id: Mapped[int | None] = mapped_column(ForeignKey("inquiry.id"), unique=True)
    state: Mapped[str]
    clock_number: Mapped[int]  # of the clock that runs, or ran last
    due_at: Mapped[datetime]
    needs_meeting: Mapped[bool]
    opinion_decided_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    satisfaction: Mapped[int | None]
    satisfaction_note: Mapped[str] = mapped_column(default="")


class Clock(Model):
    """时限: one receipt and the time to answer it (CHEM-12.3). A complaint that recurs gets a new one, linked.

    What the duties look for is laid down beforehand: `next_kind` is noted from `next_at` on, and the later instants
    stand ready in their columns, so that a sweep is two statements whatever the number of open clocks.
    """

    __tablename__ = "complaint_clock"
    __table_args__ = (
        CheckConstraint(_SEVERITY, name="severity"),
        CheckConstraint("(told_at IS NULL) = (recorded_at IS NULL)", name="told"),
        CheckConstraint("(told_at IS NULL) = (in_time IS NULL)", name="judged"),
        CheckConstraint("(next_kind IS NULL) = (next_at IS NULL)", name="next"),
        UniqueConstraint("complaint_id", "number"),
        Index(
            "uq_complaint_clock_running",
            "complaint_id",
            unique=True,
            sqlite_where=sql("told_at IS NULL"),
            postgresql_where=sql("told_at IS NULL"),
        ),
        Index(
            "ix_complaint_clock_next",
            "next_at",
            "id",
            sqlite_where=sql("told_at IS NULL"),
            postgresql_where=sql("told_at IS NULL"),
        ),
        Index(
            "ix_complaint_clock_calendar",
            "calendar_version",
            "asked_version",
            "id",
            sqlite_where=sql("told_at IS NULL"),
            postgresql_where=sql("told_at IS NULL"),
        ),
        Index(
            "ix_complaint_clock_asked",
            "complaint_id",
            sqlite_where=sql("told_at IS NULL AND calendar_version < asked_version"),
            postgresql_where=sql("told_at IS NULL AND calendar_version < asked_version"),
        ),
        Index("ix_complaint_clock_month", "received_month", "id"),
    )

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    number: Mapped[int]
    previous_id: Mapped[int | None] = mapped_column(ForeignKey("complaint_clock.id"), unique=True)
    received_at: Mapped[datetime]
    received_month: Mapped[str]  # 2026-11, in Shanghai
    severity: Mapped[str]
    extended_to: Mapped[int | None]
    paused_days: Mapped[int] = mapped_column(default=0)
    paused_at: Mapped[datetime | None]
    not_before: Mapped[date | None]
    policy_version: Mapped[int]

    revision: Mapped[int]
    limit_days: Mapped[int]
    due_at: Mapped[datetime]
    base_due_at: Mapped[datetime]  # the plain limit, without extension or pause
    is_provisional: Mapped[bool]
    calendar_version: Mapped[int]
    asked_version: Mapped[int | None]  # the newest calendar that would move this firm due: a person decides
    warn_at: Mapped[datetime]
    late_at: Mapped[datetime]
    escalate_at: Mapped[datetime]
    next_kind: Mapped[str | None]
    next_at: Mapped[datetime | None]

    breached_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]
    recorded_at: Mapped[datetime | None]
    in_time: Mapped[bool | None]
    worked_minutes: Mapped[int | None]


class ClockEvent(Model):
    """One thing that happened to a clock, once per revision. Those that set a due time keep what it followed from."""

    __tablename__ = append_only("complaint_event")
    __table_args__ = (
        CheckConstraint(f"kind IN ({_listed(Event)})", name="kind"),
        UniqueConstraint("clock_id", "revision", "kind"),
    )

    id: Mapped[int] = pk()
    clock_id: Mapped[int] = mapped_column(ForeignKey("complaint_clock.id"))
    revision: Mapped[int]
    kind: Mapped[str]
    at: Mapped[datetime]  # when it came about by the clock
    recorded_at: Mapped[datetime]
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    note: Mapped[str] = mapped_column(default="")
    due_at: Mapped[datetime | None]
    limit_days: Mapped[int | None]
    severity: Mapped[str | None]
    extended_to: Mapped[int | None]
    paused_days: Mapped[int | None]
    is_paused: Mapped[bool | None]
    not_before: Mapped[date | None]
    is_provisional: Mapped[bool | None]
    calendar_version: Mapped[int | None]
