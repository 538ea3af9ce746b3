"""Tables of leaving, filing and inspection (CHEM-8.2, CHEM-17)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk

_UNDECIDED = "outcome IS NULL"
_UNREAD = "acknowledged_at IS NULL"
_OPEN = "inspected_at IS NULL"
_UNCLOSED = "closed_at IS NULL"


class Disqualification(Model):
    """The proposal to withdraw a customer's status: ground, facts, evidence; the general manager decides (CHEM-17)."""

    __tablename__ = "disqualification"
    __table_args__ = (
        CheckConstraint("ground IN ('fraud', 'loss', 'law')", name="ground"),
        CheckConstraint("outcome IN ('accepted', 'rejected', 'void')", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name="decided"),
        Index("ix_disqualification_customer_id", "customer_id", "id"),
        Index(
            "uq_disqualification_waiting",
            "customer_id",
            unique=True,
            sqlite_where=sql(_UNDECIDED),
            postgresql_where=sql(_UNDECIDED),
        ),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    ground: Mapped[str]
    facts: Mapped[str]
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_file.id"))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    proposed_at: Mapped[datetime]
    outcome: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class Listing(Model):
    """A company that never was a customer, to be put on the list of the disqualified or taken off it (CHEM-17).

    The general manager decides. `disqualified_id`: what is taken off; what was put on once it is accepted.
    """

    __tablename__ = "listing"
    __table_args__ = (
        CheckConstraint("kind IN ('enter', 'strike')", name="kind"),
        CheckConstraint("ground IN ('fraud', 'loss', 'law')", name="ground"),
        CheckConstraint("outcome IN ('accepted', 'rejected')", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name="decided"),
        CheckConstraint("kind = 'enter' OR disqualified_id IS NOT NULL", name="struck"),
        CheckConstraint("kind = 'strike' OR file_id IS NOT NULL", name="evidence"),
        Index("ix_listing_disqualified_id", "disqualified_id"),
        Index(
            "ix_listing_waiting",
            "name_key",
            sqlite_where=sql(_UNDECIDED),
            postgresql_where=sql(_UNDECIDED),
        ),
        Index(
            "uq_listing_strike",
            "disqualified_id",
            unique=True,
            sqlite_where=sql(_UNDECIDED),
            postgresql_where=sql(_UNDECIDED),
        ),
    )

    id: Mapped[int] = pk()
    kind: Mapped[str]
    disqualified_id: Mapped[int | None] = mapped_column(ForeignKey("disqualified.id"))
    name: Mapped[str]
    name_key: Mapped[str]
    former_names: Mapped[list[Any]]
    credit_code: Mapped[str | None]
    organisation_code: Mapped[str | None]
    legal_representative: Mapped[str]
    ground: Mapped[str]
    reason: Mapped[str]
    since: Mapped[date]
    file_id: Mapped[int | None] = mapped_column(ForeignKey("stored_file.id"))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    proposed_at: Mapped[datetime]
    outcome: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class Distribution(Model):
    """Customer information sent to finance or a resident office; a named person acknowledges it in time (CHEM-8.2)."""

    __tablename__ = "distribution"
    __table_args__ = (
        CheckConstraint("event IN ('approved', 'changed', 'readmitted', 'disqualified')", name="event"),
        CheckConstraint("(recipient = 'office') = (office_id IS NOT NULL)", name="office"),
        CheckConstraint("recipient IN ('finance', 'office')", name="recipient"),
        CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by_id IS NULL)", name="acknowledged"),
        Index("ix_distribution_customer_id", "customer_id", "id"),
        Index("ix_distribution_recipient", "recipient", "id"),
        Index(
            "ix_distribution_waiting",
            "recipient",
            "office_id",
            "due_at",
            "id",
            sqlite_where=sql(_UNREAD),
            postgresql_where=sql(_UNREAD),
        ),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    event: Mapped[str]
    what: Mapped[dict[str, Any]]  # the fields that changed, new values
    recipient: Mapped[str]
    office_id: Mapped[int | None] = mapped_column(ForeignKey("office.id"))
    sent_at: Mapped[datetime]
    due_at: Mapped[datetime]
    acknowledged_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    acknowledged_at: Mapped[datetime | None]


class InspectionRound(Model):
    """A half-year's inspection of files: the draw decides which file is inspected when; its seed is kept."""

    __tablename__ = "inspection_round"
    __table_args__ = (CheckConstraint("ends_on > begins_on", name="period"),)

    id: Mapped[int] = pk()
    period: Mapped[str] = mapped_column(unique=True)
    seed: Mapped[str]
    begins_on: Mapped[date]
    ends_on: Mapped[date]
    drawn_at: Mapped[datetime]
    drawn: Mapped[int]


class Inspection(Model):
    """One customer's file in a round: `place` in the draw, the day it is planned for, the answers."""

    __tablename__ = "inspection"
    __table_args__ = (
        UniqueConstraint("round_id", "customer_id"),
        CheckConstraint("(inspected_at IS NULL) = (inspector_id IS NULL)", name="inspected"),
        Index("ix_inspection_customer_id", "customer_id", "id"),
        Index("ix_inspection_planned", "planned_on", "id", sqlite_where=sql(_OPEN), postgresql_where=sql(_OPEN)),
        Index("ix_inspection_round_id", "round_id", "place"),
    )

    id: Mapped[int] = pk()
    round_id: Mapped[int] = mapped_column(ForeignKey("inspection_round.id"))
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    place: Mapped[int]
    planned_on: Mapped[date]
    answers: Mapped[list[Any]]
    inspector_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    inspected_at: Mapped[datetime | None]


class InspectionFinding(Model):
    """What was found wanting; the account manager mends it, whoever inspects closes it."""

    __tablename__ = "inspection_finding"
    __table_args__ = (
        UniqueConstraint("inspection_id", "item"),
        CheckConstraint("(mended_at IS NULL) = (mended_by_id IS NULL)", name="mended"),
        CheckConstraint("closed_at IS NULL OR mended_at IS NOT NULL", name="mended_first"),
        Index(
            "ix_inspection_finding_open",
            "due_at",
            "id",
            sqlite_where=sql(_UNCLOSED),
            postgresql_where=sql(_UNCLOSED),
        ),
    )

    id: Mapped[int] = pk()
    inspection_id: Mapped[int] = mapped_column(ForeignKey("inspection.id"))
    item: Mapped[str]
    remark: Mapped[str]
    due_at: Mapped[datetime]
    mended: Mapped[str] = mapped_column(default="")
    mended_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    mended_at: Mapped[datetime | None]
    closed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    closed_at: Mapped[datetime | None]
