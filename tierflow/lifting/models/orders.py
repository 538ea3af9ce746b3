"""The lifting order (提货单), its slips, and what the gate weighed. The database is the last guard of CHEM-2."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only


class LiftingOrder(Model):
    """An order. The figures are kept with it so that no row can be stored that breaks CHEM-2, by whatever door."""

    __tablename__ = "lifting_order"
    __table_args__ = (
        CheckConstraint("form_of_sale IN ('auction', 'planned')", name="form_of_sale"),
        CheckConstraint("state IN ('placed', 'paid', 'released', 'lifted', 'settled', 'cancelled')", name="state"),
        CheckConstraint("quantity_grams BETWEEN 1 AND 50000000000", name="quantity"),
        CheckConstraint("price_fen BETWEEN 1 AND 100000000", name="price"),
        CheckConstraint("paid_out_fen >= 0 AND paid_out_fen <= received_fen", name="paid_out_was_received"),
        CheckConstraint("received_fen - paid_out_fen <= 5000000000000", name="money"),
        CheckConstraint("released_grams BETWEEN 0 AND quantity_grams", name="released_was_ordered"),
        CheckConstraint("lifted_grams BETWEEN 0 AND released_grams", name="lifted_was_released"),
        # Paid first: to the gram, without rounding. What is settled is rounded to the fen, once.
        CheckConstraint(
            "settled_fen IS NOT NULL OR released_grams * price_fen <= (received_fen - paid_out_fen) * 1000000",
            name="released_was_paid",
        ),
        CheckConstraint(
            "settled_fen IS NULL OR (released_grams = lifted_grams AND received_fen - paid_out_fen >= settled_fen)",
            name="settled_is_covered",
        ),
        CheckConstraint("(state = 'settled') = (settled_fen IS NOT NULL)", name="settled"),
        CheckConstraint("state <> 'cancelled' OR released_grams = 0", name="cancelled_is_empty"),
        Index("ix_lifting_order_customer_id", "customer_id", "id"),
        Index("ix_lifting_order_state", "state", "id"),
        Index("ix_lifting_order_warehouse_id", "warehouse_id", "id"),
        Index("ix_lifting_order_pay_by_on", "product_line_id", "pay_by_on", "customer_id"),
        Index(
            "ix_lifting_order_money_back",
            "id",
            sqlite_where=sql("owes_fen > 0"),
            postgresql_where=sql("owes_fen > 0"),
        ),
    )

    id: Mapped[int] = pk()
    number: Mapped[str] = mapped_column(unique=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouse.id"))
    form_of_sale: Mapped[str]
    quantity_grams: Mapped[int]
    price_fen: Mapped[int]
    pay_by_on: Mapped[date]
    remark: Mapped[str]
    placed_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    placed_at: Mapped[datetime]
    state: Mapped[str]
    received_fen: Mapped[int]
    paid_out_fen: Mapped[int]
    released_grams: Mapped[int]
    lifted_grams: Mapped[int]
    settled_fen: Mapped[int | None]
    owes_fen: Mapped[int]  # what goes back to the customer once the order is closed
    paid_on: Mapped[date | None]  # the day the whole order was covered
    let_out_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    let_out_on: Mapped[date | None]
    let_out_reason: Mapped[str | None]
    cancel_reason: Mapped[str | None]
    closed_at: Mapped[datetime | None]


class Slip(Model):
    """A release (放货): the gate slip the driver brings. `code` proves the paper at the gate."""

    __tablename__ = "lifting_slip"
    __table_args__ = (
        CheckConstraint("grams > 0", name="grams"),
        CheckConstraint("lifted_grams >= 0 AND withdrawn_grams >= 0", name="not_negative"),
        CheckConstraint("lifted_grams + withdrawn_grams <= grams", name="lifted_was_released"),
        Index("ix_lifting_slip_order_id", "order_id", "id"),
        Index(
            "ix_lifting_slip_open",
            "warehouse_id",
            "id",
            sqlite_where=sql("lifted_grams + withdrawn_grams < grams"),
            postgresql_where=sql("lifted_grams + withdrawn_grams < grams"),
        ),
    )

    id: Mapped[int] = pk()
    order_id: Mapped[int] = mapped_column(ForeignKey("lifting_order.id"))
    warehouse_id: Mapped[int] = mapped_column(ForeignKey("warehouse.id"))
    number: Mapped[str] = mapped_column(unique=True)
    code: Mapped[str] = mapped_column(unique=True)
    grams: Mapped[int]
    lifted_grams: Mapped[int]
    withdrawn_grams: Mapped[int]
    vehicle: Mapped[str]
    driver: Mapped[str]
    released_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    released_at: Mapped[datetime]


class Weighing(Model):
    """What the gate weighed on a slip: one line of the offtake ledger, under the number of the exit pass (出门证)."""

    __tablename__ = append_only("lifting_weighing")
    __table_args__ = (
        CheckConstraint("grams > 0", name="grams"),
        Index("ix_lifting_weighing_slip_id", "slip_id", "id"),
        Index("ix_lifting_weighing_order_id", "order_id", "id"),
    )

    id: Mapped[int] = pk()
    order_id: Mapped[int] = mapped_column(ForeignKey("lifting_order.id"))
    slip_id: Mapped[int] = mapped_column(ForeignKey("lifting_slip.id"))
    number: Mapped[str] = mapped_column(unique=True)
    grams: Mapped[int]
    vehicle: Mapped[str]
    weighed_at: Mapped[datetime]
    offtake_id: Mapped[int] = mapped_column(ForeignKey("offtake.id"), unique=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime]


class Return(Model):
    """Goods that came back: reverses the weighing it names, in that weighing's month."""

    __tablename__ = append_only("lifting_return")
    __table_args__ = (
        CheckConstraint("grams > 0", name="grams"),
        Index("ix_lifting_return_weighing_id", "weighing_id", "id"),
        Index("ix_lifting_return_order_id", "order_id", "id"),
    )

    id: Mapped[int] = pk()
    order_id: Mapped[int] = mapped_column(ForeignKey("lifting_order.id"))
    weighing_id: Mapped[int] = mapped_column(ForeignKey("lifting_weighing.id"))
    number: Mapped[str] = mapped_column(unique=True)
    grams: Mapped[int]
    reason: Mapped[str]
    offtake_id: Mapped[int] = mapped_column(ForeignKey("offtake.id"), unique=True)
    by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    recorded_at: Mapped[datetime]
