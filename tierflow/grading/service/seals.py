"""The seal of a stretch of a run: a hash over whoever's level changed in it, every column of it, by customer.

The database spells the rows, as Python prints a tuple of them: a seal is worked out twice for each row there ever was,
and the seals that were made of Python's own tuples hold good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from sqlalchemy import BigInteger, String, Text, bindparam, case, cast, func, literal, select
from sqlalchemy.orm import Session

from tierflow.common.db import is_sqlite
from tierflow.grading.models import LevelDecisionRow, moved

_COLUMNS = LevelDecisionRow.__table__.columns
_SPELLED = "({})".format(", ".join("'%s'" if isinstance(column.type, String) else "%s" for column in _COLUMNS))


@dataclass(frozen=True)
class Seal:
    """How many rose, fell, were held; how many levels changed, and the hash of their decisions."""

    moves: Mapping[str, int]
    rows: int
    sha256: str


@lru_cache
def _query(lite: bool) -> Any:
    """Whoever of a stretch moved or was held: the move, and the row where the level changed."""
    seen = LevelDecisionRow
    run_id, after, last = (bindparam(name, type_=BigInteger) for name in ("run", "after", "last"))
    values = [func.coalesce(cast(column, Text), "None") if column.nullable else column for column in _COLUMNS]
    row = (func.printf if lite else func.format)(literal(_SPELLED), *values)
    return (
        select(seen.move, case((seen.level != seen.held, row)))
        .where(seen.run_id == run_id, seen.customer_id > after, seen.customer_id <= last, moved())
        .order_by(seen.customer_id)
    )


def seal(session: Session, run_id: int, after: int, last: int) -> Seal:
    """Of the customers above `after` up to `last`. One query, over whoever moved or was held."""
    found = session.execute(_query(is_sqlite(session)), {"run": run_id, "after": after, "last": last}).all()
    rows = [row for _move, row in found if row is not None]
    return Seal(Counter(move for move, _row in found), len(rows), sha256("".join(rows).encode()).hexdigest())
