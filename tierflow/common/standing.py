"""The level a customer stands at on a product line, by the day it is in force and the moment it was recorded.

One writer: grading. Rows are only added, so that what was decided on an old level stays explained: a level earned by
month M is in force from the 1st of M+1 and recorded when it was confirmed (CHEM-9.5). A run writes its levels as it
works them out; one row that says they count makes all of them valid at once, so that confirming keeps nobody waiting.
A pin by hand has an end; the computed level carries on beneath it. A direct customer is ordinary whatever the rows say
(CHEM-9.3); a customer without a row stands where admission put it: auction, or ordinary when it came as a direct
customer (CHEM-9.4).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import BigInteger, CheckConstraint, Index, and_, case, func, literal, or_, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from tierflow.common.customers import CustomerLine
from tierflow.common.db import Model, in_force, pk
from tierflow.common.guards import append_only, one_of, row_guard

LEVELS = ("auction", "ordinary", "one_star", "two_star", "three_star")
"""Lowest first (CHEM-9.2)."""

Basis = Literal["direct", "pinned", "run", "adjusted", "admission"]
_MOST = 500  # ids in one question


class StandingRow(Model):
    """One level and the day it counts from. `run_id` or `pin_id` names the decision behind it, in grading's tables.

    What a run wrote counts once its `StandingRun` is there, and is recorded at that moment.
    """

    __tablename__ = append_only("standing")
    __table_args__ = (
        CheckConstraint(one_of("level", LEVELS), name="level"),
        CheckConstraint(one_of("basis", ("run", "adjusted", "pinned")), name="basis"),
        CheckConstraint("(basis = 'pinned') = (to_on IS NOT NULL)", name="only_pins_end"),
        CheckConstraint("to_on IS NULL OR to_on > from_on", name="period"),
        Index("ix_standing_customer_id", "customer_id", "product_line_id", "from_on", "id"),
    )

    id: Mapped[int] = pk()
    customer_id: Mapped[int]  # and the line: held by a guard, of all of a statement's rows at once
    product_line_id: Mapped[int]
    level: Mapped[str]
    basis: Mapped[str]
    from_on: Mapped[date]
    to_on: Mapped[date | None]
    month: Mapped[date | None]  # the month that earned it, by its first day
    run_id: Mapped[int | None]
    pin_id: Mapped[int | None]
    recorded_at: Mapped[datetime]


# Instead of foreign keys, which PostgreSQL checks by a query for each row: a run writes a hundred thousand. Within the
# statement asked row by row, so that no planner reads every customer for a stretch.
GUARD = row_guard(
    "standing",
    "standing_known",
    on="AFTER INSERT",
    each="REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
    sqlite=[
        """
CREATE TRIGGER guard_standing_known BEFORE INSERT ON standing
WHEN NOT EXISTS (SELECT 1 FROM customer WHERE id = NEW.customer_id)
  OR NOT EXISTS (SELECT 1 FROM product_line WHERE id = NEW.product_line_id)
BEGIN SELECT RAISE(ABORT, 'standing: no such customer or product line'); END""",
    ],
    postgres="""
BEGIN
  IF EXISTS (SELECT 1 FROM added WHERE (SELECT id FROM customer WHERE id = added.customer_id) IS NULL
      OR (SELECT id FROM product_line WHERE id = added.product_line_id) IS NULL) THEN
    RAISE EXCEPTION 'standing: no such customer or product line' USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NULL;
END """,
)


class StandingRun(Model):
    """From now on the levels this run wrote count. Those of a run without a row here were only proposed."""

    __tablename__ = append_only("standing_run")

    run_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    recorded_at: Mapped[datetime]


def _told(row: Any, known_at: datetime | None) -> Any:
    """SQL condition: a row counts, as known now or at a moment."""
    own, said = [row.run_id.is_(None)], [StandingRun.run_id == row.run_id]
    if known_at is not None:
        own.append(row.recorded_at <= known_at)
        said.append(StandingRun.recorded_at <= known_at)
    return or_(and_(*own), select(literal(1)).where(*said).correlate_except(StandingRun).exists())


@dataclass(frozen=True)
class Standing:
    """Where a customer stands on a line on a day. `computed` is the level beneath a pin, else the level itself."""

    customer_id: int
    level: str
    basis: Basis
    computed: str
    from_on: date
    to_on: date | None
    month: date | None


def level_column(customer_id: Any, line_id: Any, on: Any, known_at: datetime | None = None) -> Any:
    """SQL: the level on a day, for a column of customer ids; as it was known at a moment, when one is given."""
    present, first, before = (aliased(CustomerLine) for _each in range(3))
    direct = (
        select(literal(1))
        .where(
            present.customer_id == customer_id,
            present.product_line_id == line_id,
            present.customer_class == "direct",
            in_force(present.from_on, present.to_on, on),
        )
        .correlate_except(present)
        .exists()
    )
    # Whoever left and came back begins anew: only what counts since the present stint began.
    stints = (
        first.customer_id == customer_id,
        first.product_line_id == line_id,
        first.from_on <= on,
        ~select(literal(1))
        .where(
            before.customer_id == first.customer_id,
            before.product_line_id == first.product_line_id,
            before.to_on == first.from_on,
        )
        .correlate(first)
        .exists(),
    )
    newest = select(first.customer_class).where(*stints).order_by(first.from_on.desc()).limit(1)
    began = newest.correlate_except(first).scalar_subquery()
    since = select(func.max(first.from_on)).where(*stints).correlate_except(first).scalar_subquery()
    initial = case((began == "direct", "ordinary"), else_="auction")
    pinned, computed = (
        _newest(row, customer_id, line_id, on, known_at, since, is_pin).scalar_subquery()
        for row, is_pin in ((aliased(StandingRow), True), (aliased(StandingRow), False))
    )
    return case((direct, "ordinary"), else_=func.coalesce(pinned, computed, initial))


def _newest(
    row: Any, customer_id: Any, line_id: Any, on: date, known_at: datetime | None, since: Any, is_pin: bool
) -> Any:
    conditions = [
        row.customer_id == customer_id,
        row.product_line_id == line_id,
        row.from_on <= on,
        row.from_on >= since,
        _told(row, known_at),
    ]
    if is_pin:  # of two pins the one said later holds, whatever day it began
        conditions.append(row.to_on > on)
        order = [row.id.desc()]
    else:
        conditions.append(row.to_on.is_(None))
        order = [row.from_on.desc(), row.id.desc()]
    return select(row.level).where(*conditions).order_by(*order).limit(1).correlate_except(row)


def standing_on(
    session: Session, customer_ids: Iterable[int], line_id: int, on: date, known_at: datetime | None = None
) -> dict[int, Standing]:
    """Where these customers stand on a line on a day, as known now or at a moment.

    Customers that do not hold the line on that day are left out. Two queries for each 500 ids.
    """
    found: dict[int, Standing] = {}
    ids = sorted(set(customer_ids))
    for at in range(0, len(ids), _MOST):
        found |= _standing_on(session, ids[at : at + _MOST], line_id, on, known_at)
    return found


def _standing_on(
    session: Session, ids: list[int], line_id: int, on: date, known_at: datetime | None
) -> dict[int, Standing]:
    lines: dict[int, list[CustomerLine]] = {}
    for line in session.scalars(
        select(CustomerLine)
        .where(CustomerLine.customer_id.in_(ids), CustomerLine.product_line_id == line_id, CustomerLine.from_on <= on)
        .order_by(CustomerLine.from_on)
    ):
        lines.setdefault(line.customer_id, []).append(line)
    rows: dict[int, list[StandingRow]] = {}
    told = or_(StandingRow.to_on.is_(None), StandingRow.to_on > on)
    query = select(StandingRow).where(
        StandingRow.customer_id.in_(ids),
        StandingRow.product_line_id == line_id,
        StandingRow.from_on <= on,
        told,
        _told(StandingRow, known_at),
    )
    for row in session.scalars(query.order_by(StandingRow.from_on, StandingRow.id)):
        rows.setdefault(row.customer_id, []).append(row)
    return {
        customer_id: _of(customer_id, held, rows.get(customer_id, []))
        for customer_id, held in lines.items()
        if held[-1].to_on is None or held[-1].to_on > on
    }


def _of(customer_id: int, held: list[CustomerLine], rows: list[StandingRow]) -> Standing:
    present = first = held[-1]
    for line in reversed(held[:-1]):  # back to where the present stint began
        if line.to_on != first.from_on:
            break
        first = line
    rows = [row for row in rows if row.from_on >= first.from_on]
    if present.customer_class == "direct":
        return Standing(customer_id, "ordinary", "direct", "ordinary", present.from_on, None, None)
    computed = next((row for row in reversed(rows) if row.to_on is None), None)
    pin = max((row for row in rows if row.to_on is not None), key=lambda row: row.id, default=None)
    beneath = computed.level if computed else "ordinary" if first.customer_class == "direct" else "auction"
    if pin is not None:
        return Standing(customer_id, pin.level, "pinned", beneath, pin.from_on, pin.to_on, None)
    if computed is not None:
        basis: Basis = "adjusted" if computed.basis == "adjusted" else "run"
        return Standing(customer_id, beneath, basis, beneath, computed.from_on, None, computed.month)
    return Standing(customer_id, beneath, "admission", beneath, first.from_on, None, None)


@dataclass(frozen=True)
class Past:
    """A level once recorded, as history shows it."""

    level: str
    basis: str
    from_on: date
    to_on: date | None
    month: date | None
    run_id: int | None
    pin_id: int | None
    recorded_at: datetime


def history(session: Session, customer_id: int, line_id: int) -> list[Past]:
    """Every level ever recorded for a customer on a line, newest first."""
    row = StandingRow
    recorded = func.coalesce(StandingRun.recorded_at, row.recorded_at)
    query = (
        select(row.level, row.basis, row.from_on, row.to_on, row.month, row.run_id, row.pin_id, recorded)
        .outerjoin(StandingRun, StandingRun.run_id == row.run_id)
        .where(row.customer_id == customer_id, row.product_line_id == line_id, _told(row, None))
    )
    return [Past(*found) for found in session.execute(query.order_by(row.from_on.desc(), row.id.desc()))]
