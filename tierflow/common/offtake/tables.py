"""The ledger of what customers lifted and its sums by month: two tables, and what the database itself refuses."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only, row_guard

FORMS = ("auction", "planned")


class Offtake(Model):
    """One line: what a customer lifted on a day, or the reversal (negative) of a line, on that line's day.

    `external_number` is the line's own number in its source. A line that was reversed wholly may come again under
    its number, as its next `take`. `recorded_at` is when the ledger learnt of it.
    """

    __tablename__ = append_only("offtake")
    __table_args__ = (
        UniqueConstraint("source", "external_number", "take"),
        CheckConstraint("grams <> 0 AND (grams < 0) = (reverses_id IS NOT NULL)", name="only_reversals_are_negative"),
        CheckConstraint("form_of_sale IN ('auction', 'planned')", name="form_of_sale"),
        CheckConstraint("take > 0", name="take"),
        # Covering: months, weeks and their sums are read in its order, without the table.
        Index("ix_offtake_customer", "customer_id", "product_line_id", "month", "lifted_on", "grams"),
        Index(
            "ix_offtake_reverses_id",
            "reverses_id",
            "grams",
            sqlite_where=sql("reverses_id IS NOT NULL"),
            postgresql_where=sql("reverses_id IS NOT NULL"),
        ),
        Index(
            "ix_offtake_import_id",
            "import_id",
            "id",
            sqlite_where=sql("import_id IS NOT NULL"),
            postgresql_where=sql("import_id IS NOT NULL"),
        ),
        Index("ix_offtake_recorded_at", "recorded_at"),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    lifted_on: Mapped[date]
    month: Mapped[date]
    grams: Mapped[int]
    form_of_sale: Mapped[str]
    source: Mapped[str]
    external_number: Mapped[str]
    take: Mapped[int]
    reverses_id: Mapped[int | None] = mapped_column(ForeignKey("offtake.id"))
    import_id: Mapped[int | None]
    recorded_at: Mapped[datetime]


class OfftakeMonth(Model):
    """What a customer lifted of a product line in a month, reversals taken off. `month` is its first day.

    Beside it the month's weeks, so that nobody need read the ledger to know how even they were. A week belongs, whole,
    to the month of its Thursday, so that these need not add up to `grams`; the fifth is often none.
    """

    __tablename__ = "offtake_month"
    __table_args__ = (
        Index("ix_offtake_month_month", "month", "product_line_id", "customer_id", "grams"),
        {"sqlite_with_rowid": False},
    )

    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), primary_key=True)
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"), primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    grams: Mapped[int]
    week_1: Mapped[int] = mapped_column(server_default=sql("0"))
    week_2: Mapped[int] = mapped_column(server_default=sql("0"))
    week_3: Mapped[int] = mapped_column(server_default=sql("0"))
    week_4: Mapped[int] = mapped_column(server_default=sql("0"))
    week_5: Mapped[int] = mapped_column(server_default=sql("0"))


WEEKS = ("week_1", "week_2", "week_3", "week_4", "week_5")
SUMS = ("grams", *WEEKS)
KEY = ("customer_id", "product_line_id", "month")


# What the database itself refuses. A reversal belongs to the line it names and to its month, and never takes off more
# than is left of it; a number comes again only when all it stood for was reversed; a month is that of its day.
GUARD = row_guard(
    "offtake",
    "offtake_fit",
    sqlite=[
        """
CREATE TRIGGER guard_offtake_fit BEFORE INSERT ON offtake WHEN NEW.reverses_id IS NOT NULL AND (
  EXISTS (SELECT 1 FROM offtake o WHERE o.id = NEW.reverses_id AND (o.reverses_id IS NOT NULL
    OR (o.customer_id, o.product_id, o.product_line_id, o.month, o.lifted_on, o.form_of_sale)
    <> (NEW.customer_id, NEW.product_id, NEW.product_line_id, NEW.month, NEW.lifted_on, NEW.form_of_sale)))
  OR NEW.grams + coalesce((SELECT grams FROM offtake WHERE id = NEW.reverses_id), 0)
  + coalesce((SELECT sum(grams) FROM offtake WHERE reverses_id = NEW.reverses_id), 0) < 0)
BEGIN SELECT RAISE(ABORT, 'offtake is append-only: a reversal must fit the line it names'); END""",
        """
CREATE TRIGGER guard_offtake_take BEFORE INSERT ON offtake WHEN NEW.take > 1 AND coalesce(
  (SELECT o.grams + coalesce((SELECT sum(r.grams) FROM offtake r WHERE r.reverses_id = o.id), 0) FROM offtake o
    WHERE o.source = NEW.source AND o.external_number = NEW.external_number AND o.take = NEW.take - 1), 1) <> 0
BEGIN SELECT RAISE(ABORT, 'offtake is append-only: this number still counts'); END""",
        """
CREATE TRIGGER guard_offtake_month BEFORE INSERT ON offtake
WHEN NEW.month <> date(NEW.lifted_on, 'start of month')
BEGIN SELECT RAISE(ABORT, 'offtake: the month is not that of the day'); END""",
    ],
    postgres="""
DECLARE
  named offtake%ROWTYPE;
BEGIN
  IF NEW.month <> date_trunc('month', NEW.lifted_on)::date THEN
    RAISE EXCEPTION 'offtake: the month is not that of the day' USING ERRCODE = 'check_violation';
  END IF;
  IF NEW.reverses_id IS NOT NULL THEN
    SELECT * INTO named FROM offtake WHERE id = NEW.reverses_id FOR UPDATE;
    IF FOUND AND (named.reverses_id IS NOT NULL
      OR (named.customer_id, named.product_id, named.product_line_id, named.month, named.lifted_on, named.form_of_sale)
      <> (NEW.customer_id, NEW.product_id, NEW.product_line_id, NEW.month, NEW.lifted_on, NEW.form_of_sale)
      OR named.grams + NEW.grams
      + coalesce((SELECT sum(grams) FROM offtake WHERE reverses_id = NEW.reverses_id), 0) < 0) THEN
      RAISE EXCEPTION 'offtake is append-only: a reversal must fit the line it names'
        USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  IF NEW.take > 1 THEN
    SELECT * INTO named FROM offtake
     WHERE source = NEW.source AND external_number = NEW.external_number AND take = NEW.take - 1 FOR UPDATE;
    IF NOT FOUND OR named.grams
      + coalesce((SELECT sum(grams) FROM offtake WHERE reverses_id = named.id), 0) <> 0 THEN
      RAISE EXCEPTION 'offtake is append-only: this number still counts' USING ERRCODE = 'restrict_violation';
    END IF;
  END IF;
  RETURN NEW;
END """,
)
