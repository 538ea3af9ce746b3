"""Writing the ledger: lines one by one, by import, and the reversals of either (CHEM-2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, cast, func, insert, literal, select
from sqlalchemy.orm import Session, aliased

from tierflow.common.db import write_rows
from tierflow.common.offtake import sums as months
from tierflow.common.offtake.sums import Sums, sums_of
from tierflow.common.offtake.tables import SUMS, Offtake

STRETCH = 10_000  # lines a statement


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


def _instant(now: datetime) -> Any:
    return bindparam("recorded_at", now, type_=Offtake.recorded_at.type)


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
        months.count(sums, row.customer_id, row.product_line_id, row.lifted_on, row.grams)
    months.add(session, sums)
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
    months.add_from(session, _written(import_id, before))
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
    months.count(sums, line.customer_id, line.product_line_id, line.lifted_on, -grams)
    months.add(session, sums)
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
            months.add_from(session, _written(import_id, before))
            return count
        stretch = query.where(line.id > after, line.id <= last)
        adding = insert(Offtake).from_select(names, stretch)
        made: Any = session.execute(adding, execution_options={"preserve_rowcount": True})
        count += made.rowcount
        after = last
