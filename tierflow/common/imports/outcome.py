"""What was found in an import, for whoever looks at it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from tierflow.common.imports.tables import ImportBatch, ImportRow, ImportRowError
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
