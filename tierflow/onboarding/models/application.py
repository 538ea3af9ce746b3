"""Tables of account opening: the application and its parts, papers, and the list of disqualified companies."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk


class Application(Model):
    """客户开户审批表 (CHEM-7.1). A customer only once its case is approved.

    A draft may be incomplete: text is then empty, codes and region are NULL. `version` counts the saves and guards
    against stale forms; where the approval stands is told by the case of subject ("application", id) alone.
    """

    __tablename__ = "application"
    __table_args__ = (
        CheckConstraint("name = '' OR name_key <> ''", name="name_keyed"),
        Index("ix_application_region_id", "region_id", "id"),
        Index("ix_application_account_manager_id", "account_manager_id", "id"),
        Index("ix_application_credit_code", "credit_code"),
        Index("ix_application_organisation_code", "organisation_code"),
        Index("ix_application_name_key", "name_key"),
        Index("ix_application_phone_key", "phone_key"),
        Index("ix_application_account_key", "account_key"),
        Index("ix_application_customer_id", "customer_id"),
        Index("ix_application_supplements_id", "supplements_id"),
    )

    id: Mapped[int] = pk()
    number: Mapped[str] = mapped_column(unique=True)
    version: Mapped[int] = mapped_column(default=1)

    name: Mapped[str] = mapped_column(default="")
    name_key: Mapped[str] = mapped_column(default="")
    credit_code: Mapped[str | None]
    organisation_code: Mapped[str | None]
    legal_representative: Mapped[str] = mapped_column(default="")
    address: Mapped[str] = mapped_column(default="")
    contact_name: Mapped[str] = mapped_column(default="")
    phone: Mapped[str] = mapped_column(default="")
    phone_key: Mapped[str] = mapped_column(default="")
    email: Mapped[str] = mapped_column(default="")
    region_id: Mapped[int | None] = mapped_column(ForeignKey("region.id"))
    readmission_reason: Mapped[str] = mapped_column(default="")

    bank_name: Mapped[str] = mapped_column(default="")
    bank_account: Mapped[str] = mapped_column(default="")
    account_key: Mapped[str] = mapped_column(default="")
    invoice_address: Mapped[str] = mapped_column(default="")
    invoice_phone: Mapped[str] = mapped_column(default="")

    account_manager_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    submitter_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    # A supplementary application: product lines and classes of this customer, through the whole chain (CHEM-8.1).
    supplements_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    copied_from_id: Mapped[int | None] = mapped_column(ForeignKey("application.id"))
    over_quota: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    updated_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))

    @property
    def taxpayer_number(self) -> str:
        """纳税人识别号: the credit code since 2015, before it nothing we could derive."""
        return self.credit_code or ""


class ApplicationLine(Model):
    """A product line asked for, and the class (CHEM-9.1, CHEM-10.1). An approver may strike one with a reason."""

    __tablename__ = "application_line"
    __table_args__ = (
        CheckConstraint("class IN ('direct', 'exclusive_agent', 'dealer')", name="class"),
        CheckConstraint(
            "(struck_at IS NULL) = (struck_reason = '') AND (struck_at IS NULL) = (struck_step IS NULL)"
            " AND (struck_at IS NULL) = (struck_by_id IS NULL)",
            name="struck",
        ),
        UniqueConstraint("application_id", "product_line_id"),
        Index("ix_application_line_product_line_id", "product_line_id", "class", "application_id"),
    )

    id: Mapped[int] = pk()
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    customer_class: Mapped[str] = mapped_column("class")
    struck_at: Mapped[datetime | None]
    struck_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    struck_step: Mapped[str | None]
    struck_reason: Mapped[str] = mapped_column(default="")


class EntryCheck(Model):
    """One entry condition of a class, answered with evidence (CHEM-10.2, CHEM-10.3, CHEM-10.7)."""

    __tablename__ = "entry_check"
    __table_args__ = (
        CheckConstraint("class IN ('direct', 'exclusive_agent', 'dealer')", name="class"),
        CheckConstraint("answer IN ('yes', 'no', '')", name="answer"),
        UniqueConstraint("application_id", "class", "item"),
    )

    id: Mapped[int] = pk()
    application_id: Mapped[int] = mapped_column(ForeignKey("application.id"))
    customer_class: Mapped[str] = mapped_column("class")
    item: Mapped[str]
    answer: Mapped[str] = mapped_column(default="")
    evidence: Mapped[str] = mapped_column(default="")
    file_id: Mapped[int | None] = mapped_column(ForeignKey("stored_file.id"))


class Paper(Model):
    """A qualification paper with its scan (CHEM-7.1); belongs to the application, after approval to the customer too.

    `valid_to` is the last valid day as printed, inclusive; NULL with `is_long_term` means for good.
    """

    __tablename__ = "paper"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('merged_licence', 'business_licence', 'organisation_code_certificate',"
            " 'tax_registration_national', 'tax_registration_local', 'tax_registration_joint', 'annex1_signed')",
            name="kind",
        ),
        CheckConstraint("NOT (is_long_term AND valid_to IS NOT NULL)", name="one_end"),
        CheckConstraint("valid_to IS NULL OR valid_from IS NULL OR valid_to >= valid_from", name="period"),
        CheckConstraint("application_id IS NOT NULL OR customer_id IS NOT NULL", name="belongs"),
        UniqueConstraint("application_id", "kind"),
        Index("ix_paper_customer_id", "customer_id", "kind"),
        Index("ix_paper_valid_to", "valid_to", "customer_id"),
        Index("ix_paper_file_id", "file_id", "id"),
    )

    id: Mapped[int] = pk()
    application_id: Mapped[int | None] = mapped_column(ForeignKey("application.id"))
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    kind: Mapped[str]
    number: Mapped[str] = mapped_column(default="")
    issuer: Mapped[str] = mapped_column(default="")
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    is_long_term: Mapped[bool] = mapped_column(default=False)
    file_id: Mapped[int] = mapped_column(ForeignKey("stored_file.id"))
    added_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    added_at: Mapped[datetime]


class Disqualified(Model):
    """A company on the list onboarding checks (CHEM-17).

    A customer of ours is readmitted only by the GM, on a new application. Who never was one (`customer_id` None) may be
    taken off by the GM too: then `readmitted_on` stands without an application.
    """

    __tablename__ = "disqualified"
    __table_args__ = (
        CheckConstraint("ground IN ('fraud', 'loss', 'law')", name="ground"),
        Index("ix_disqualified_credit_code", "credit_code"),
        Index("ix_disqualified_organisation_code", "organisation_code"),
        Index("ix_disqualified_legal_representative", "legal_representative"),
        Index("ix_disqualified_batch_id", "batch_id"),
    )

    id: Mapped[int] = pk()
    name: Mapped[str]
    credit_code: Mapped[str | None]
    organisation_code: Mapped[str | None]
    legal_representative: Mapped[str] = mapped_column(default="")
    ground: Mapped[str]
    reason: Mapped[str] = mapped_column(default="")
    since: Mapped[date]
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("customer.id"))
    readmitted_on: Mapped[date | None]
    readmitted_application_id: Mapped[int | None] = mapped_column(ForeignKey("application.id"))
    batch_id: Mapped[int | None] = mapped_column(ForeignKey("import_batch.id"))  # with which list it came


class DisqualifiedName(Model):
    """Every name a disqualified company goes or went by, as compared."""

    __tablename__ = "disqualified_name"
    __table_args__ = (Index("ix_disqualified_name_name_key", "name_key"),)

    disqualified_id: Mapped[int] = mapped_column(ForeignKey("disqualified.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    name_key: Mapped[str]
