"""Offtake from the ERP, by file or by batches: added to the ledger all or nothing, taken back as one (CHEM-2)."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tierflow.common import audit, offtake
from tierflow.common.db import is_sqlite
from tierflow.common.imports import ImportBatch, Importer, Row, register
from tierflow.common.imports import service as imports
from tierflow.common.imports.importer import Chunks, Seen, within_file
from tierflow.kernel.errors import Invalid, refuse_if_any
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, mark
from tierflow.lifting.models import GateConfirmation
from tierflow.lifting.service.offtake_rows import COLUMNS, SOURCE, begin, compare, parse, tell, why_no_more


def apply(session: Session, batch: ImportBatch, chunks: Chunks, _actor: Actor, now: datetime) -> dict[str, int]:
    """Add every row to the ledger, in the transaction of the whole; rows of our own gate confirm and add nothing.

    Raises `Refused` when the gate has weighed under one of their numbers since they were checked.
    """
    confirmed: list[int] = []

    def added() -> Iterator[list[offtake.Plain]]:
        for chunk in chunks:
            refuse_if_any(why_no_more(session, (data for _number, data in chunk)))
            confirmed.extend(data[-1] for _number, data in chunk if data[-1] is not None)
            yield [tuple(data[:-1]) for _number, data in chunk if data[-1] is None]

    lines = offtake.record_import(session, SOURCE, added(), now, batch.id)
    _confirm(session, confirmed, batch.id, now)
    return {"lines": lines, "confirmed": len(confirmed)}


def _confirm(session: Session, offtake_ids: Sequence[int], import_id: int, now: datetime) -> None:
    if not offtake_ids:
        return
    make = insert_sqlite if is_sqlite(session) else insert_postgres
    rows = [{"offtake_id": each, "import_id": import_id, "confirmed_at": now} for each in offtake_ids]
    session.execute(make(GateConfirmation).on_conflict_do_nothing(), rows)


def undo(session: Session, batch: ImportBatch, actor: Actor, now: datetime) -> dict[str, int]:
    """Reverse what is left of an import's lines, each in its month; what it confirmed is unconfirmed."""
    reversed_lines = offtake.reverse_import(session, batch.id, now)
    session.execute(delete(GateConfirmation).where(GateConfirmation.import_id == batch.id))
    return {"lines": reversed_lines}


OFFTAKE = register(
    Importer(
        "offtake",
        mark("Offtake from the ERP"),
        "offtake.write",
        COLUMNS,
        begin,
        parse,
        compare,
        apply,
        undo,
        tell=tell,
    )
)


def take_batch(session: Session, actor: Actor, lines: Sequence[Mapping[str, Any]], now: datetime) -> ImportBatch:
    """Lines sent by a program, all or nothing; the very same lines again change nothing.

    Raises `Invalid` by line and field. Lines that the ledger has already are left out and counted as duplicates.
    """
    require(actor, "offtake.write")
    canonical = json.dumps(list(lines), sort_keys=True, ensure_ascii=False, default=str).encode()
    sha256 = hashlib.sha256(b"api\x1f" + canonical).hexdigest()
    same = select(ImportBatch).where(
        ImportBatch.kind == OFFTAKE.kind, ImportBatch.sha256 == sha256, ImportBatch.state == "applied"
    )
    if (known := session.scalar(same)) is not None:
        return known
    context = begin(session, actor, now, frozenset())
    columns = {column.key: [line.get(column.key) for line in lines] for column in COLUMNS}
    rows = parse(range(len(lines)), columns, context)
    seen: Seen = defaultdict(dict)
    within_file(rows, seen)
    compare(session, rows, context)
    if wrong := {row.number: _messages(row) for row in rows if row.verdict == "bad"}:
        raise Invalid({"lines": wrong})
    good = [row for row in rows if row.verdict != "duplicate"]
    batch = ImportBatch(
        kind=OFFTAKE.kind,
        sha256=sha256,
        file_name="API",
        file_kind="csv",
        heads=[],
        mapping={},
        state="applied",
        total=len(rows),
        good=len(good),
        duplicate=len(rows) - len(good),
        result={},
        failure=None,
        created_by_id=actor.user_id,
        created_at=now,
        checked_at=now,
        applied_by_id=actor.user_id,
        applied_at=now,
        settled_at=now,
    )
    session.add(batch)
    session.flush()
    batch.result = apply(session, batch, iter([[(row.number, row.data) for row in good]]), actor, now)
    session.flush()
    after = {"file": batch.file_name, "sha256": sha256, **batch.result}
    audit.record(session, actor, "import.apply", imports.SUBJECT, batch.id, now, after=after)
    return batch


def _messages(row: Row) -> dict[str, list[Text]]:
    found: dict[str, list[Text]] = {}
    for finding in row.findings:
        found.setdefault(finding.field, []).append(finding.reason)
    return found
