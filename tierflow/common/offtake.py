"""What customers lifted (提货量): an append-only ledger in grams, and its sums by month (CHEM-2).

Written by lifting and by imports, read by grading, allocation and the customer's page. A line is never changed or
taken back: a reversal names it and counts in its month. The sums are kept in the transaction that writes the lines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    and_,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from tierflow.common.db import Model, is_sqlite, pk, write_rows
from tierflow.common.guards import append_only, row_guard
from tierflow.common.sql import week_month, week_number
from tierflow.kernel.months import Month, Week

FORMS = ("auction", "planned")
STRETCH = 10_000  # lines a statement


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


@dataclass(frozen=True, slots=True)
class Lifting:
    """A line to record: `grams` above 0, `lifted_on` the Asia/Shanghai day of the gate weighing."""

    customer_id: int
    product_id: int
    product_line_id: int
    lifted_on: date
    grams: int
    form_of_sale: str
    external_number: str
    take: int = 1


COLUMNS = tuple(Lifting.__slots__)

Sums = dict[tuple[int, int, date], list[int]]
"""By customer, line and month: the month's grams, then those of its weeks."""


def record(
    session: Session, source: str, rows: Sequence[Lifting], now: datetime, *, import_id: int | None = None
) -> list[int]:
    """Add lines and their months' sums; the new lines' ids, in the order given (CHEM-2)."""
    if not rows:
        return []
    shared = {"source": source, "import_id": import_id, "recorded_at": now}
    values = [
        {name: getattr(row, name) for name in COLUMNS} | shared | {"month": row.lifted_on.replace(day=1)}
        for row in rows
    ]
    ids = session.scalars(insert(Offtake).returning(Offtake.id, sort_by_parameter_order=True), values).all()
    sums: Sums = defaultdict(lambda: [0] * len(SUMS))
    for row in rows:
        _count(sums, row.customer_id, row.product_line_id, row.lifted_on, row.grams)
    _add(session, sums)
    return list(ids)


Plain = tuple[int, int, int, str, int, str, str, int]
"""A line as an import tells it: the fields of `Lifting` in their order, the day as 2026-11-22."""


def record_import(
    session: Session, source: str, chunks: Iterable[Sequence[Plain]], now: datetime, import_id: int
) -> int:
    """Add an import's lines, a chunk a statement, then their months' sums; how many lines (CHEM-2)."""
    names = [*COLUMNS, "month", "source", "import_id", "recorded_at"]
    at: Any = _instant(now).type.dialect_impl(session.get_bind().dialect).bind_processor(session.get_bind().dialect)
    shared = (source, import_id, at(now) if at else now)
    before, count = _last_of(session, import_id), 0
    for chunk in chunks:
        write_rows(session, Offtake, names, ((*line, f"{line[3][:8]}01", *shared) for line in chunk))
        count += len(chunk)
    _add_from(session, _written(import_id, before))
    return count


def _last_of(session: Session, import_id: int) -> int:
    return session.scalar(select(func.max(Offtake.id)).where(Offtake.import_id == import_id)) or 0


def _written(import_id: int, after: int) -> Select[Any]:
    """The sums of what an import wrote after a line of its own: nothing is added twice."""
    return sums_of(select(Offtake).where(Offtake.import_id == import_id, Offtake.id > after).subquery())


def reverse(session: Session, offtake_id: int, grams: int, external_number: str, now: datetime) -> int:
    """Take `grams` off a line, in its own month (CHEM-2); the reversal's id.

    The database refuses what is more than is left of the line (`IntegrityError`).
    """
    line = session.get_one(Offtake, offtake_id)
    row = Offtake(
        **{name: getattr(line, name) for name in ("customer_id", "product_id", "product_line_id", "lifted_on")},
        month=line.month,
        grams=-grams,
        form_of_sale=line.form_of_sale,
        source=line.source,
        external_number=external_number,
        take=1,
        reverses_id=line.id,
        recorded_at=now,
    )
    session.add(row)
    session.flush()
    sums: Sums = defaultdict(lambda: [0] * len(SUMS))
    _count(sums, line.customer_id, line.product_line_id, line.lifted_on, -grams)
    _add(session, sums)
    return row.id


def reverse_import(session: Session, import_id: int, now: datetime) -> int:
    """Take off whatever is left of an import's lines, each in its month; how many lines.

    In stretches: a million lines in one statement would outlast the database's patience with any of them. Each is held
    first: what somebody takes off by hand meanwhile is waited for and seen; the months lose what was written then.
    """
    line, taken = aliased(Offtake), aliased(Offtake)
    off = select(func.sum(taken.grams)).where(taken.reverses_id == line.id).scalar_subquery()
    left = cast(line.grams + func.coalesce(off, 0), BigInteger)
    of_import = (line.import_id == import_id, line.reverses_id.is_(None))
    copied = ("customer_id", "product_id", "product_line_id", "lifted_on", "month", "form_of_sale", "source")
    query = select(
        *(getattr(line, name) for name in copied),
        -left,
        line.external_number + "/R" + cast(line.id, Offtake.source.type),
        literal(1),
        line.id,
        literal(import_id),
        _instant(now),
    ).where(*of_import, left > 0)
    names = [*copied, "grams", "external_number", "take", "reverses_id", "import_id", "recorded_at"]
    before, count, after = _last_of(session, import_id), 0, 0
    while True:
        ahead = select(line.id).where(*of_import, line.id > after).order_by(line.id).limit(STRETCH)
        last = session.scalar(select(func.max(ahead.with_for_update().subquery().c.id)))
        if last is None:
            _add_from(session, _written(import_id, before))
            return count
        stretch = query.where(line.id > after, line.id <= last)
        adding = insert(Offtake).from_select(names, stretch)
        made: Any = session.execute(adding, execution_options={"preserve_rowcount": True})
        count += made.rowcount
        after = last


def monthly(
    session: Session, customer_ids: Iterable[int], product_line_id: int, first: Month, last: Month
) -> dict[int, dict[Month, int]]:
    """Grams by customer and month, first and last month included; months without offtake are left out."""
    rows = session.execute(
        select(OfftakeMonth.customer_id, OfftakeMonth.month, OfftakeMonth.grams).where(
            OfftakeMonth.customer_id.in_(list(customer_ids)),
            OfftakeMonth.product_line_id == product_line_id,
            OfftakeMonth.month.between(first.start, last.start),
            OfftakeMonth.grams != 0,  # a week that a neighbour's days began has a row of its own
        )
    )
    found: dict[int, dict[Month, int]] = defaultdict(dict)
    for customer_id, month, grams in rows:
        found[customer_id][Month.of(month)] = grams
    return dict(found)


def sums_of(lines: Any) -> Select[Any]:
    """What ledger lines add up to: by customer, line and month, the month's grams and those of its weeks.

    `lines`: a table with customer_id, product_line_id, month, lifted_on, grams. A line of a week that belongs to the
    neighbour's counts there, beside its own month.
    """
    line = lines.c
    # The days of many lines are few: each is placed once, not for every line and week.
    placed = [week_month(line.lifted_on).label("belongs"), week_number(line.lifted_on).label("number")]
    days = select(line.lifted_on, *placed).group_by(line.lifted_on).subquery()
    day, none = days.c, literal(0, BigInteger)
    who = (line.customer_id, line.product_line_id)
    joined = lines.join(days, day.lifted_on == line.lifted_on)

    def weeks(*conditions: Any) -> list[Any]:
        return [
            case((and_(day.number == at, *conditions), line.grams), else_=none).label(name)
            for at, name in enumerate(WEEKS, 1)
        ]

    own = select(*who, line.month.label("month"), line.grams, *weeks(day.belongs == line.month))
    other = select(*who, day.belongs.label("month"), none.label("grams"), *weeks()).where(day.belongs != line.month)
    each = union_all(own.select_from(joined), other.select_from(joined)).subquery()
    key = [each.c[name] for name in KEY]
    return select(*key, *(cast(func.sum(each.c[name]), BigInteger).label(name) for name in SUMS)).group_by(*key)


def verify(session: Session) -> Iterator[str]:
    """Months and weeks whose sum is not what the ledger's lines add up to."""
    told, kept = sums_of(Offtake.__table__).subquery(), OfftakeMonth.__table__
    both = union_all(
        select(*(told.c[name] for name in KEY + SUMS)),
        select(*(kept.c[name] for name in KEY), *((-kept.c[name]).label(name) for name in SUMS)),
    ).subquery()
    key, sums = [both.c[name] for name in KEY], [func.sum(both.c[name]) for name in SUMS]
    off = select(*key, *sums).group_by(*key).having(or_(*(each != 0 for each in sums))).order_by(*key)
    for customer_id, line_id, month, grams, *weeks in session.execute(off):
        where = f"customer {customer_id}, line {line_id}, {Month.of(month)}"
        if grams:
            yield f"offtake: {where}: the month's sum is off by {-int(grams)} g"
        for number, week in enumerate(weeks, 1):
            if week:
                yield f"offtake: {where}: the sum of its week {number} is off by {-int(week)} g"


def _instant(now: datetime) -> Any:
    return bindparam("recorded_at", now, type_=Offtake.recorded_at.type)


@lru_cache(maxsize=4096)
def _place(day: date) -> tuple[date, date, int]:
    """A day's month, the month its week belongs to, and which of that month's weeks it is."""
    week = Week.of(day)
    return day.replace(day=1), week.month.start, week.number


def _count(sums: Sums, customer_id: int, line_id: int, day: date, grams: int) -> None:
    month, belongs, number = _place(day)
    sums[customer_id, line_id, month][0] += grams
    sums[customer_id, line_id, belongs][number] += grams


def _add(session: Session, sums: Sums) -> None:
    # In one order everywhere, so that two writers never wait for each other in a ring.
    names = KEY + SUMS
    rows = [dict(zip(names, (*key, *values), strict=True)) for key, values in sorted(sums.items())]
    make = insert_sqlite if is_sqlite(session) else insert_postgres
    session.execute(_adding(make(OfftakeMonth)), rows)


def _add_from(session: Session, sums: Select[*tuple[Any, ...]]) -> None:
    make = insert_sqlite if is_sqlite(session) else insert_postgres
    found = sums.subquery()
    key = [found.c[name] for name in KEY]
    # SQLite takes the ON of ON CONFLICT for a join's unless a WHERE stands before it.
    ordered = select(*key, *(found.c[name] for name in SUMS)).where(sql("1 = 1")).order_by(*key)
    session.execute(_adding(make(OfftakeMonth).from_select(list(KEY + SUMS), ordered)))


def _adding(statement: Any) -> Any:
    added = {name: getattr(OfftakeMonth, name) + statement.excluded[name] for name in SUMS}
    return statement.on_conflict_do_update(index_elements=KEY, set_=added)
