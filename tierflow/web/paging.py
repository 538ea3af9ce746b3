"""Lists that stay flat as data grow: pages by key, never by OFFSET, and counts that stop at a cap."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar

from sqlalchemy import Select, and_, bindparam, literal_column, or_
from sqlalchemy.orm import Session

from tierflow.kernel.errors import Invalid
from tierflow.kernel.text import text

Row = TypeVar("Row")


@dataclass(frozen=True)
class Sort:
    """One sort key: its column and direction. The last of a list must be unique."""

    name: str
    column: Any
    descending: bool = False


@dataclass(frozen=True)
class Page(Generic[Row]):
    """A page of rows and the cursors to its neighbours (None: there is none)."""

    rows: Sequence[Row]
    after: str | None
    before: str | None
    size: int


Widen = Callable[[Any], Select[Any]]


def page_of(
    session: Session,
    query: Select[Any],
    sorts: Sequence[Sort],
    *,
    cursor: str | None = None,
    size: int = 30,
    given: dict[str, Any] | None = None,
    widen: Widen | None = None,
) -> Page[Any]:
    """One page of `query`. The cursor says where it begins and in which direction; raises `Invalid` for a bad one.

    The sort columns must be among the selected columns or attributes of the selected entity, never NULL. `given`: the
    parameters of a query that is written once and kept, so that its pages are written once too; see `once`. `widen`:
    what is asked of the rows of the page, once it is cut; without it a planner may ask it of all of them.
    """
    backwards, values = _read_cursor(cursor, sorts)
    write = _paged.__wrapped__ if given is None else _paged
    page = write(query, tuple(sorts), size, backwards, values is not None, widen)
    place = {f"_from_{i}": value for i, value in enumerate(values or ())}
    found = session.execute(page, {**(given or {}), **place}).all()
    more = len(found) > size
    found = found[:size]
    if backwards:
        found = list(reversed(found))
    width = len(sorts)
    rows = [row[0] if len(row) == width + 1 else row[:-width] for row in found]
    first = found[0][-width:] if found else None
    last = found[-1][-width:] if found else None
    has_next = more if not backwards else bool(values is not None)
    has_before = (values is not None) if not backwards else more
    return Page(
        rows=rows,
        after=_cursor("a", last) if last is not None and has_next else None,
        before=_cursor("b", first) if first is not None and has_before else None,
        size=size,
    )


# For functions that write a statement: that costs more than running it. What they are given says all they need.
once = lru_cache(maxsize=512)


@once
def _paged(
    query: Select[Any], sorts: tuple[Sort, ...], size: int, backwards: bool, from_cursor: bool, widen: Widen | None
) -> Select[Any]:
    directed = [(sort, sort.descending != backwards) for sort in sorts]
    if from_cursor:
        query = query.where(
            _beyond(directed, [bindparam(f"_from_{i}", type_=s.column.type) for i, s in enumerate(sorts)])
        )
    query = query.add_columns(*[sort.column.label(f"_key_{i}") for i, sort in enumerate(sorts)])
    query = query.order_by(None).order_by(
        *[sort.column.desc() if descending else sort.column.asc() for sort, descending in directed]
    )
    query = query.limit(most(size + 1))
    if widen is None:
        return query
    cut = query.subquery("cut")
    keys = [cut.c[f"_key_{i}"] for i in range(len(sorts))]
    ordered = [key.desc() if descending else key.asc() for key, (_sort, descending) in zip(keys, directed, strict=True)]
    return widen(cut).add_columns(*keys).order_by(*ordered)


def most(size: int) -> Any:
    """A LIMIT that stands in the statement: a plan made for any number of rows is none for a page."""
    return literal_column(str(int(size)))


def _beyond(directed: list[tuple[Sort, bool]], values: list[Any]) -> Any:
    alternatives = []
    for i, (sort, descending) in enumerate(directed):
        equal = [earlier.column == values[j] for j, (earlier, _d) in enumerate(directed[:i])]
        step = sort.column < values[i] if descending else sort.column > values[i]
        alternatives.append(and_(*equal, step))
    # Says again what the alternatives imply, so that the index is entered at the cursor and not at its beginning.
    (first, descending), value = directed[0], values[0]
    return and_(first.column <= value if descending else first.column >= value, or_(*alternatives))


def _cursor(direction: str, values: Sequence[Any]) -> str:
    plain = [value.isoformat() if isinstance(value, date) else value for value in values]
    raw = json.dumps([direction, *plain], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None, sorts: Sequence[Sort]) -> tuple[bool, list[Any] | None]:
    if not cursor:
        return False, None
    try:
        direction, *plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if direction not in ("a", "b") or len(plain) != len(sorts):
            raise ValueError(cursor)
        values = [_typed(sort.column.type.python_type, value) for sort, value in zip(sorts, plain, strict=True)]
    except UNREADABLE as error:
        raise Invalid({"cursor": [text("This page address is not valid; begin at the first page.")]}) from error
    return direction == "b", values


# What reading a forged cursor can raise: bad base64, bad JSON, nested too deep, another type, a time out of range.
UNREADABLE = (ValueError, TypeError, NotImplementedError, OverflowError, RecursionError)


def read_stamp(value: Any) -> datetime:
    """An instant out of a cursor, in UTC. Raises one of `UNREADABLE`."""
    stamp = datetime.fromisoformat(value)
    if stamp.tzinfo is None:
        raise ValueError(value)
    return stamp.astimezone(UTC)


def _typed(kind: type, value: Any) -> Any:
    if kind is datetime:
        return read_stamp(value)
    if kind is date:
        return date.fromisoformat(value)
    if kind is int and not (isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62):
        raise ValueError(value)
    if kind is str and not (isinstance(value, str) and value.isprintable()):
        raise ValueError(value)
    return value
