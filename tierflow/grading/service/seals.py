"""The seal of a stretch of a run: a hash over whoever's level changed in it, every column of it, by customer.

The database spells the rows, as Python prints a tuple of them: a seal is worked out twice for each row there ever was,
and the seals that were made of Python's own tuples hold good.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import String, Text, case, cast, func, literal, select
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


def seal(session: Session, run_id: int, after: int, last: int) -> Seal:
    """Of the customers above `after` up to `last`. One query, over whoever moved or was held."""
    seen = LevelDecisionRow
    spell = func.printf if is_sqlite(session) else func.format
    values = [func.coalesce(cast(column, Text), "None") if column.nullable else column for column in _COLUMNS]
    query = (
        select(seen.move, case((seen.level != seen.held, spell(literal(_SPELLED), *values))))
        .where(seen.run_id == run_id, seen.customer_id > after, seen.customer_id <= last, moved())
        .order_by(seen.customer_id)
    )
    found = session.execute(query).all()
    rows = [row for _move, row in found if row is not None]
    return Seal(Counter(move for move, _row in found), len(rows), sha256("".join(rows).encode()).hexdigest())
