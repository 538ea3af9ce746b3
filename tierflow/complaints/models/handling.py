"""What is done about a complaint: departments asked, opinion, meeting, extension, telling, measures."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only
from tierflow.complaints.models.errands import errand_indexes
from tierflow.complaints.rules.words import MEASURES


class Consultation(Model):
    """A department asked, with its own due time, never after the complaint's (CHEM-12.2)."""

    __tablename__ = "complaint_consultation"
    __table_args__ = (
        CheckConstraint("(answered_at IS NULL) = (answer IS NULL)", name="answered"),
        Index("ix_complaint_consultation_complaint_id", "complaint_id"),
        Index(
            "ix_complaint_consultation_waiting",
            "department_id",
            "due_at",
            "id",
            sqlite_where=sql("answered_at IS NULL AND lapsed_at IS NULL"),
            postgresql_where=sql("answered_at IS NULL AND lapsed_at IS NULL"),
        ),
        *errand_indexes("complaint_consultation", "answered_at IS NULL AND lapsed_at IS NULL"),
    )

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    department_id: Mapped[int] = mapped_column(ForeignKey("department.id"))
    question: Mapped[str]
    due_at: Mapped[datetime]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    asked_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    answered_at: Mapped[datetime | None]
    lapsed_at: Mapped[datetime | None]  # the customer was told before it answered
    raised_to: Mapped[str | None]
    raise_at: Mapped[datetime | None]


class Opinion(Model):
    """处理意见 (CHEM-12.1). Where its approval stands is told by the case of subject ("complaint_opinion", id)."""

    __tablename__ = "complaint_opinion"
    __table_args__ = (UniqueConstraint("complaint_id", "number"),)

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    clock_id: Mapped[int] = mapped_column(ForeignKey("complaint_clock.id"))
    number: Mapped[int]
    cause: Mapped[str]
    proposal: Mapped[str]
    drafted_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    drafted_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class Meeting(Model):
    """专题会议: the general manager's special meeting on a serious complaint (CHEM-12.2)."""

    __tablename__ = append_only("complaint_meeting")
    __table_args__ = (Index("ix_complaint_meeting_complaint_id", "complaint_id"),)

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    clock_id: Mapped[int] = mapped_column(ForeignKey("complaint_clock.id"))
    held_at: Mapped[datetime]
    place: Mapped[str]
    present: Mapped[str]
    conclusion: Mapped[str]
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime]


class Extension(Model):
    """A request for more time (CHEM-12.3): sales manager, then general manager, before the limit passes."""

    __tablename__ = "complaint_extension"
    __table_args__ = (
        CheckConstraint("outcome IN ('granted', 'refused', 'void')", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name="decided"),
        Index("ix_complaint_extension_complaint_id", "complaint_id"),
        Index(
            "ix_complaint_extension_waiting",
            "clock_id",
            sqlite_where=sql("outcome IS NULL"),
            postgresql_where=sql("outcome IS NULL"),
        ),
        Index(
            "uq_complaint_extension_live",
            "clock_id",
            unique=True,
            sqlite_where=sql("outcome IS NULL OR outcome = 'granted'"),
            postgresql_where=sql("outcome IS NULL OR outcome = 'granted'"),
        ),
    )

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    clock_id: Mapped[int] = mapped_column(ForeignKey("complaint_clock.id"))
    to_day: Mapped[int]
    circumstance: Mapped[str]
    requested_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    requested_at: Mapped[datetime]
    outcome: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class Telling(Model):
    """The customer told: who, how, when, and what the customer said. Stops the clock (CHEM-12.3)."""

    __tablename__ = append_only("complaint_telling")
    __table_args__ = (Index("ix_complaint_telling_complaint_id", "complaint_id"),)

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    clock_id: Mapped[int] = mapped_column(ForeignKey("complaint_clock.id"), unique=True)
    channel: Mapped[str]
    told_at: Mapped[datetime]
    told_to: Mapped[str]
    reply: Mapped[str]
    customer_said: Mapped[str]
    is_accepted: Mapped[bool | None]
    told_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime]


class CustomerAnswer(Model):
    """What the customer answered after it was told, a day later or a week; each answer is kept (CHEM-12.1)."""

    __tablename__ = append_only("complaint_customer_answer")
    __table_args__ = (Index("ix_complaint_customer_answer_complaint_id", "complaint_id"),)

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    clock_id: Mapped[int] = mapped_column(ForeignKey("complaint_clock.id"))
    said_at: Mapped[datetime]
    said_by: Mapped[str]
    words: Mapped[str]
    is_accepted: Mapped[bool | None]
    recorded_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime]


class Measure(Model):
    """A measure of an opinion: binding once the opinion is approved, done with proof, checked (CHEM-12.1)."""

    __tablename__ = "complaint_measure"
    __table_args__ = (
        CheckConstraint("kind IN ({})".format(", ".join(f"'{kind}'" for kind in MEASURES)), name="kind"),
        CheckConstraint("quantity_grams IS NULL OR quantity_grams >= 0", name="quantity"),
        CheckConstraint("amount_fen IS NULL OR amount_fen >= 0", name="amount"),
        CheckConstraint("done_at IS NULL OR (agreed_at IS NOT NULL AND proof <> '')", name="done"),
        CheckConstraint("checked_at IS NULL OR done_at IS NOT NULL", name="checked"),
        Index("ix_complaint_measure_complaint_id", "complaint_id"),
        Index(
            "ix_complaint_measure_to_do",
            "owner_id",
            "due_at",
            "id",
            sqlite_where=sql("agreed_at IS NOT NULL AND done_at IS NULL"),
            postgresql_where=sql("agreed_at IS NOT NULL AND done_at IS NULL"),
        ),
        Index(
            "ix_complaint_measure_to_check",
            "region_id",
            "due_at",
            "id",
            sqlite_where=sql("done_at IS NOT NULL AND checked_at IS NULL"),
            postgresql_where=sql("done_at IS NOT NULL AND checked_at IS NULL"),
        ),
        *errand_indexes("complaint_measure", "agreed_at IS NOT NULL AND done_at IS NULL"),
    )

    id: Mapped[int] = pk()
    complaint_id: Mapped[int] = mapped_column(ForeignKey("complaint.id"))
    opinion_id: Mapped[int] = mapped_column(ForeignKey("complaint_opinion.id"))
    region_id: Mapped[int] = mapped_column(ForeignKey("region.id"))
    kind: Mapped[str]
    what: Mapped[str]
    quantity_grams: Mapped[int | None]
    amount_fen: Mapped[int | None]
    owner_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    due_on: Mapped[date]
    due_at: Mapped[datetime]
    raised_to: Mapped[str | None]
    raise_at: Mapped[datetime | None]
    agreed_at: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    done_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    proof: Mapped[str] = mapped_column(default="")
    checked_at: Mapped[datetime | None]
    checked_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    remark: Mapped[str] = mapped_column(default="")
