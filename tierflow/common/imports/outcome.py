"""What was found in an import, for whoever looks at it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from tierflow.common.imports.importer import Importer, Told
from tierflow.common.imports.tables import ImportBatch, ImportChunk, ImportRow, ImportRowError
from tierflow.common.notices import as_text
from tierflow.kernel.text import Text

CHUNK = 1000


def findings(batch_id: int, severity: str | None = None) -> Select[Any]:
    """What was found, to be paged by row number and id."""
    query = select(ImportRowError).where(ImportRowError.batch_id == batch_id)
    return query.where(ImportRowError.severity == severity) if severity else query


def sentence(finding: ImportRowError) -> Text:
    """The finding's reason."""
    return as_text(finding.msgid, finding.params)


def failure_of(batch: ImportBatch) -> Text | None:
    """Why the last work ended without success."""
    return as_text(batch.failure["msgid"], batch.failure["params"]) if batch.failure else None


def faulty_rows(session: Session, batch_id: int) -> Iterator[tuple[int, Sequence[Any], list[ImportRowError]]]:
    """Rows in which something was found: number, cells as in the file, findings; a chunk at a time."""
    last = 0
    while True:
        rows = session.execute(
            select(ImportRow.number, ImportRow.raw)
            .where(ImportRow.batch_id == batch_id, ImportRow.number > last)
            .order_by(ImportRow.number)
            .limit(CHUNK)
        ).all()
        if not rows:
            return
        first, last = rows[0].number, rows[-1].number
        by_row: dict[int, list[ImportRowError]] = {}
        for found in session.scalars(
            findings(batch_id).where(ImportRowError.number.between(first, last)).order_by(ImportRowError.id)
        ):
            by_row.setdefault(found.number, []).append(found)
        for number, raw in rows:
            yield number, raw or (), by_row.get(number, [])


@dataclass(frozen=True)
class ToBring:
    """A row as it will be imported: its number in the file, in words by column, and whether it wants a look."""

    number: int
    told: Told
    is_doubtful: bool


@dataclass(frozen=True)
class Preview:
    """A page of rows. `after`, `before`: the row numbers beyond which the next and the previous page lie, if any."""

    rows: Sequence[ToBring]
    after: int | None
    before: int | None


PREVIEWED = ("checked", "handed_in", "to_apply")  # then the rows stand, and are kept


def preview(session: Session, importer: Importer, batch: ImportBatch, beyond: int, size: int, *, back: bool) -> Preview:
    """The rows an import will bring, in the file's order, from beyond a row number on, or `back` before it.

    A page costs a chunk or two of rows, however many the file has. What is left out or in error is not among them.
    """
    if batch.state not in PREVIEWED:
        return Preview([], None, None)
    found = _beyond(session, batch.id, beyond, size + 1, back=back)
    more, found = len(found) > size, found[:size]
    if back:
        found.reverse()
    numbers = [number for number, _data in found]
    doubtful = select(ImportRow.number).where(ImportRow.batch_id == batch.id, ImportRow.number.in_(numbers))
    seen = set(session.scalars(doubtful))
    told = importer.tell(session, [data for _number, data in found])
    rows = [ToBring(number, words, number in seen) for number, words in zip(numbers, told, strict=True)]
    has_after, has_before = (True, more) if back else (more, beyond > 0)
    return Preview(rows, numbers[-1] if rows and has_after else None, numbers[0] if rows and has_before else None)


def _beyond(session: Session, batch_id: int, beyond: int, wanted: int, *, back: bool) -> list[tuple[int, Any]]:
    """So many rows after that number, or before it and then the nearest first."""
    first = ImportChunk.first
    of_batch = select(ImportChunk.rows).where(ImportChunk.batch_id == batch_id)
    if back:
        query = of_batch.where(first < beyond).order_by(first.desc())
    else:
        within = select(func.max(first)).where(ImportChunk.batch_id == batch_id, first <= beyond).scalar_subquery()
        query = of_batch.where(first >= func.coalesce(within, 0)).order_by(first)
    found: list[tuple[int, Any]] = []
    at = 0
    while len(found) < wanted and (packed := session.scalar(query.limit(1).offset(at))) is not None:
        rows = [(number, data) for number, data in json.loads(packed) if (number < beyond if back else number > beyond)]
        found += reversed(rows) if back else rows
        at += 1
    return found[:wanted]
