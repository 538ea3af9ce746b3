"""The monthly run, its decisions, and pins by hand (CHEM-9.5)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, and_, literal_column, or_
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from tierflow.common.db import Model, pk
from tierflow.common.guards import append_only, one_of
from tierflow.common.standing import LEVELS

_LIVE = "kind = 'monthly' AND state <> 'withdrawn'"
_LEVELS = ", ".join(f"'{level}'" for level in LEVELS)
# What a run is read for: whoever moved or was held, and the few that a rule of their class set anew.
_MOVED = "move <> 'same' OR level <> held"


class GradingRun(Model):
    """The levels a month earned on a product line, one run for the company.

    States: computing -> proposed -> confirmed, or withdrawn. A run of kind `adjusting` recomputes a closed month for
    the customers that late facts touch; those of one adjustment bear the id of its first month's run as `batch_id`.
    """

    __tablename__ = "grading_run"
    __table_args__ = (
        CheckConstraint("kind IN ('monthly', 'adjusting')", name="kind"),
        CheckConstraint("state IN ('computing', 'proposed', 'confirmed', 'withdrawn')", name="state"),
        CheckConstraint("(state = 'confirmed') = (confirmed_at IS NOT NULL)", name="confirmed"),
        CheckConstraint("(kind = 'adjusting') = (batch_id IS NOT NULL)", name="batch"),
        Index(
            "uq_grading_run_live",
            "product_line_id",
            "month",
            unique=True,
            sqlite_where=sql(_LIVE),
            postgresql_where=sql(_LIVE),
        ),
        Index("ix_grading_run_month", "product_line_id", "month", "id"),
        Index("ix_grading_run_state", "state", "due_at", "id"),
        Index("ix_grading_run_batch_id", "batch_id"),
    )

    id: Mapped[int] = pk()
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    month: Mapped[date]  # its first day
    kind: Mapped[str]
    state: Mapped[str]
    batch_id: Mapped[int | None]
    policy_version: Mapped[int]
    previous_run_id: Mapped[int | None] = mapped_column(ForeignKey("grading_run.id"))
    # progress: everybody up to `cursor` is decided; `total` is counted once, before the first chunk
    total: Mapped[int]
    done: Mapped[int]
    cursor: Mapped[int]
    chunks: Mapped[int]
    up: Mapped[int]
    down: Mapped[int]
    held: Mapped[int]
    changed: Mapped[int]
    facts_at: Mapped[datetime]  # facts recorded later are late
    due_at: Mapped[datetime]  # the end of the working day by which it is to be confirmed
    escalated_at: Mapped[datetime | None]
    started_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    started_at: Mapped[datetime]
    confirmed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    confirmed_at: Mapped[datetime | None]
    note: Mapped[str] = mapped_column(default="")


class LevelDecisionRow(Model):
    """What one customer's month came to: what the rule saw and what it said, a column each, so that all replay fast.

    No foreign keys: a run writes a million rows out of one question over the very tables they would point to, and
    checking each again costs more than the rule; `verify` asks whether they still do. `code`: the clauses.
    """

    __tablename__ = append_only("level_decision")
    __table_args__ = (
        CheckConstraint(one_of("level", LEVELS), name="level"),
        Index(
            "ix_level_decision_move",
            "run_id",
            "move",
            "customer_id",
            sqlite_where=sql(_MOVED),
            postgresql_where=sql(_MOVED),
        ),
        {"sqlite_with_rowid": False},
    )

    run_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    customer_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    customer_class: Mapped[str] = mapped_column("class")
    held: Mapped[str]
    idle_before: Mapped[int]
    grams: Mapped[int]
    planned_grams: Mapped[int | None]
    evenness: Mapped[int | None]
    payment_discipline: Mapped[int | None]
    breaches: Mapped[int | None]
    cooperation: Mapped[int | None]
    level: Mapped[str]
    target: Mapped[str]
    move: Mapped[str]
    code: Mapped[str]
    idle: Mapped[int]


def moved(row: Any = LevelDecisionRow) -> Any:
    """SQL condition: the rows `ix_level_decision_move` holds, said so that PostgreSQL seeks a stretch of them in it."""
    same: Any = literal_column("'same'")  # as the index says it
    return and_(row.move.in_(("up", "down", "held", "same")), or_(row.move != same, row.level != row.held))


class GradingCase(Model):
    """What the rule says of one of its cases under the policy of a run: the few hundred rows the run applies.

    The key: class, level held, where the grams lie, whether a gate and a force is missed; see `service.closing`.
    """

    __tablename__ = append_only("grading_case")
    __table_args__ = ({"sqlite_with_rowid": False},)

    run_id: Mapped[int] = mapped_column(ForeignKey("grading_run.id"), primary_key=True)
    key: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    level: Mapped[str]
    target: Mapped[str]
    move: Mapped[str]
    code: Mapped[str]


class GradingChunk(Model):
    """A stretch of a run by customer id, and the hash of whoever's level changed in it; the audit chain holds them."""

    __tablename__ = append_only("grading_chunk")

    run_id: Mapped[int] = mapped_column(ForeignKey("grading_run.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first_id: Mapped[int]
    last_id: Mapped[int]
    rows: Mapped[int]
    sha256: Mapped[str] = mapped_column(String(64))


class LevelPin(Model):
    """A level set by hand: one step from the computed one at most, with a reason and an end, decided by the GM."""

    __tablename__ = "level_pin"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'approved', 'rejected')", name="state"),
        CheckConstraint("to_on > from_on", name="period"),
        CheckConstraint(f"level IN ({_LEVELS})", name="level"),
        CheckConstraint("(state = 'waiting') = (decided_at IS NULL)", name="decided"),
        Index(
            "uq_level_pin_waiting",
            "customer_id",
            "product_line_id",
            unique=True,
            sqlite_where=sql("state = 'waiting'"),
            postgresql_where=sql("state = 'waiting'"),
        ),
        Index("ix_level_pin_customer_id", "customer_id", "id"),
        Index("ix_level_pin_state", "state", "asked_at", "id"),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    product_line_id: Mapped[int] = mapped_column(ForeignKey("product_line.id"))
    level: Mapped[str]
    computed: Mapped[str]  # the level it was a step from, when it was asked for
    from_on: Mapped[date]
    to_on: Mapped[date]
    reason: Mapped[str]
    state: Mapped[str]
    asked_by_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    asked_at: Mapped[datetime]
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    decided_at: Mapped[datetime | None]
    remark: Mapped[str] = mapped_column(default="")
