"""Tables of the customer file: papers handed in anew, links for the customer's phone, changes, former names."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only

_WAITING = "outcome IS NULL"


class UploadLink(Model):
    """A link by which a customer's phone hands in one paper, once (CHEM-15). Its secret is kept as a hash only."""

    __tablename__ = "upload_link"
    __table_args__ = (
        CheckConstraint("expires_at > made_at", name="lasts"),
        Index("ix_upload_link_customer_id", "customer_id", "id"),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    kind: Mapped[str]
    is_proof: Mapped[bool]
    token_hash: Mapped[str] = mapped_column(unique=True)
    made_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PaperRenewal(Model):
    """A new version of a paper, or a proof that it is being renewed; counts once its examiner accepts it (CHEM-15).

    `valid_to` is inclusive, as printed. Where the examination stands is told by the case of subject
    ("paper_renewal", id); `outcome` is its end.
    """

    __tablename__ = "paper_renewal"
    __table_args__ = (
        CheckConstraint("outcome IN ('accepted', 'rejected', 'void')", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name="decided"),
        CheckConstraint("NOT is_proof OR (valid_to IS NOT NULL AND NOT is_long_term)", name="proof_ends"),
        CheckConstraint("valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from", name="period"),
        Index("ix_paper_renewal_customer_id", "customer_id", "id"),
        Index(
            "uq_paper_renewal_waiting",
            "customer_id",
            "kind",
            unique=True,
            sqlite_where=sql(_WAITING),
            postgresql_where=sql(_WAITING),
        ),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    kind: Mapped[str]
    is_proof: Mapped[bool]
    number: Mapped[str] = mapped_column(default="")
    issuer: Mapped[str] = mapped_column(default="")
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    is_long_term: Mapped[bool] = mapped_column(default=False)
    remark: Mapped[str] = mapped_column(default="")
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_file.id"))
    link_id: Mapped[int | None] = mapped_column(ForeignKey("upload_link.id"))
    handed_in_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    handed_in_at: Mapped[datetime]
    outcome: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class CustomerChange(Model):
    """Examined particulars of a customer that are to change; the old values serve until it is approved (CHEM-8.1).

    `old` and `new` hold the fields that differ. The case is that of subject ("customer_change", id).
    """

    __tablename__ = "customer_change"
    __table_args__ = (
        CheckConstraint("outcome IN ('accepted', 'rejected', 'void')", name="outcome"),
        CheckConstraint("(outcome IS NULL) = (decided_at IS NULL)", name="decided"),
        Index("ix_customer_change_customer_id", "customer_id", "id"),
        Index(
            "uq_customer_change_waiting",
            "customer_id",
            unique=True,
            sqlite_where=sql(_WAITING),
            postgresql_where=sql(_WAITING),
        ),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    old: Mapped[dict[str, Any]]
    new: Mapped[dict[str, Any]]
    reason: Mapped[str]
    file_id: Mapped[int | None] = mapped_column(ForeignKey("stored_file.id"))
    proposed_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    proposed_at: Mapped[datetime]
    outcome: Mapped[str | None]
    decided_at: Mapped[datetime | None]


class FormerName(Model):
    """A name a customer went by, as compared: duplicates and the list of the disqualified know it too (CHEM-17)."""

    __tablename__ = append_only("former_name")
    __table_args__ = (Index("ix_former_name_name_key", "name_key"), Index("ix_former_name_customer_id", "customer_id"))

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    name: Mapped[str]
    name_key: Mapped[str]
    until_on: Mapped[date]
