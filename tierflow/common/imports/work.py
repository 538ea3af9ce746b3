"""The worker: reads, checks, applies and reverts what waits; every step can be begun again after a crash.

Checking writes a chunk at a time with short pauses, so that nobody's save waits long (TRAPS: speed). Applying is one
transaction: all or nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.clock import Clock
from tierflow.common.db import db, insert_rows, transaction
from tierflow.common.imports import reading, service
from tierflow.common.imports.importer import Finding, Importer, Row, importer_of
from tierflow.common.imports.tables import WAITING, ImportBatch, ImportRow, ImportRowError
from tierflow.common.notices import notify, plain_params
from tierflow.common.users import User, actor_of
from tierflow.kernel.errors import Forbidden, Invalid, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, text

log = structlog.get_logger("imports")

LEASE = timedelta(minutes=5)
CHUNK = 1000


def waiting(now: datetime) -> Any:
    """The batches there is something to do about, and no living worker at it."""
    unsettled = (ImportBatch.state == "applied") & ImportBatch.settled_at.is_(None)
    free = ImportBatch.claimed_at.is_(None) | (ImportBatch.claimed_at < now - LEASE)
    return select(ImportBatch.id).where(or_(ImportBatch.state.in_(WAITING), unsettled), free).order_by(ImportBatch.id)


def work_off(clock: Clock, *, spoken: Callable[[str], str] = str, pause: float = 0.003) -> int:
    """Do everything that waits; returns how many steps were done."""
    done = 0
    while (step := _claim(clock())) is not None:
        batch_id, state = step
        importer = importer_of_batch(batch_id)
        try:
            _STEPS[state](batch_id, importer, clock, spoken, pause)
        except Discarded:
            _forget(batch_id)
        except Invalid as error:
            _end(batch_id, "discarded" if state == "to_read" else "mapping", _first(error), clock())
        except (Refused, Forbidden, IntegrityError) as error:
            _refused(batch_id, state, error, clock())
        finally:
            db.session.remove()
        log.info("import worked on", batch=batch_id, step=state)
        done += 1
    return done


def _forget(batch_id: int) -> None:
    with transaction() as session:
        service.forget_rows(session, batch_id)


def importer_of_batch(batch_id: int) -> Importer:
    """The importer of a batch."""
    return importer_of(db.session().execute(select(ImportBatch.kind).where(ImportBatch.id == batch_id)).scalar_one())


def _claim(now: datetime) -> tuple[int, str] | None:
    with transaction() as session:
        found = session.execute(
            update(ImportBatch)
            .where(ImportBatch.id == waiting(now).limit(1).scalar_subquery())
            .values(claimed_at=now)
            .returning(ImportBatch.id, ImportBatch.state)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    return (found.id, found.state) if found is not None else None


def _first(error: Invalid) -> Text:
    messages = next(iter(error.errors.values()))
    message = messages[0] if isinstance(messages, list) else messages
    return message if isinstance(message, Text) else Text(str(message))


def _end(batch_id: int, state: str, why: Text | None, now: datetime) -> None:
    with transaction() as session:
        batch = session.get_one(ImportBatch, batch_id)
        batch.state, batch.claimed_at = state, None
        batch.failure = {"msgid": why.msgid, "params": plain_params(why)} if why is not None else None
        if state != "applied":
            service.lapse(session, batch, now)


def _refused(batch_id: int, state: str, error: Exception, now: datetime) -> None:
    """Facts have changed since the preview: back to where a person sees why."""
    if isinstance(error, Refused):
        why = error.refusals[0].reason
    elif isinstance(error, Forbidden):
        why = text("Whoever asked for this may not do it any more.")
    else:
        why = text("Something else took one of these keys meanwhile; the rows are checked again.")
    log.warning("import refused", batch=batch_id, step=state, reason=str(why))
    if state == "applied":  # what follows an application is tried again when the lease is over
        return
    back = {"to_apply": "to_check", "to_revert": "applied"}.get(state, "mapping")
    if isinstance(error, Forbidden) and state == "to_apply":
        back = "checked"
    _end(batch_id, back, why, now)


def _read(batch_id: int, _importer: Importer, _clock: Clock, spoken: Callable[[str], str], _pause: float) -> None:
    batch = db.session().get_one(ImportBatch, batch_id)
    content = service.content_of(db.session(), batch)
    with transaction() as session:
        batch = session.get_one(ImportBatch, batch_id)
        service.read_heads(session, batch, content, spoken)
        batch.claimed_at = None


def _check(batch_id: int, importer: Importer, clock: Clock, _spoken: Callable[[str], str], pause: float) -> None:
    session: Session = db.session()
    batch = session.get_one(ImportBatch, batch_id)
    content, kind = service.content_of(session, batch), batch.file_kind
    columns = {key: int(index) for key, index in batch.mapping.items()}
    failure = batch.failure
    actor = _actor(session, batch.created_by_id, clock())
    context = importer.begin(session, actor, clock())
    with transaction() as session:
        service.forget_rows(session, batch_id)
        session.execute(
            update(ImportBatch)
            .where(ImportBatch.id == batch_id)
            .values(total=0, good=0, doubtful=0, duplicate=0, bad=0, checked_at=None)
        )
    seen: dict[str, int] = {}
    for rows in checked_rows(content, kind, columns, importer, context, seen):
        importer.compare(db.session(), rows, context)
        _keep(batch_id, rows, clock())
        time.sleep(pause)
    with transaction() as session:
        batch = session.get_one(ImportBatch, batch_id)
        batch.state, batch.claimed_at, batch.checked_at, batch.failure = "checked", None, clock(), failure
        message = text(
            "%(file)s is checked: %(good)s rows good, %(bad)s with errors.",
            file=batch.file_name,
            good=batch.good + batch.doubtful,
            bad=batch.bad,
        )
        key = f"import.{batch.id}.{batch.checked_at:%Y%m%d%H%M%S}"
        notify(
            session,
            [batch.created_by_id],
            "import.checked",
            message,
            (f"import.{batch.kind}", batch.id),
            clock(),
            dedupe_key=key,
        )


def checked_rows(
    content: bytes, kind: str, columns: dict[str, int], importer: Importer, context: Any, seen: dict[str, int]
) -> Iterator[list[Row]]:
    """Chunks of rows, each parsed and compared with the rows before it; `seen` holds their keys. Raises `Invalid`."""
    parse = importer.parse
    at = list(columns.items())
    with reading.opened(content, kind) as table:
        for batch in table.rows():
            rows = []
            for number, cells in batch:
                row = parse(number, {key: cells[index] for key, index in at}, context)
                row.raw = cells
                _within_file(row, seen)
                rows.append(row)
            yield rows


def _within_file(row: Row, seen: dict[str, int]) -> None:
    for keys, severity in ((row.unique, "bad"), (row.likely, "doubtful")):
        for field, key in keys.items():
            first = seen.setdefault(f"{field}\x1f{key}", row.number)
            if first != row.number:
                reason = text("Row %(row)s of this file has the same.", row=first)
                row.findings.append(Finding(field, reason, severity))  # type: ignore[arg-type]


def _keep(batch_id: int, rows: Sequence[Row], now: datetime) -> None:
    kept, found = [], []
    tally = {"good": 0, "doubtful": 0, "duplicate": 0, "bad": 0}
    for row in rows:
        verdict = row.verdict
        tally[verdict] += 1
        kept.append(
            {
                "batch_id": batch_id,
                "number": row.number,
                "verdict": verdict,
                "data": row.data if verdict != "bad" else None,
                "raw": list(row.raw) if verdict != "good" else None,
            }
        )
        found += [
            {
                "batch_id": batch_id,
                "number": row.number,
                "field": finding.field,
                "severity": finding.severity,
                "msgid": finding.reason.msgid,
                "params": plain_params(finding.reason),
            }
            for finding in row.findings
        ]
    with transaction() as session:
        insert_rows(session, ImportRow, kept)
        insert_rows(session, ImportRowError, found)
        counts = {name: getattr(ImportBatch, name) + number for name, number in tally.items()}
        moved = session.execute(
            update(ImportBatch)
            .where(ImportBatch.id == batch_id, ImportBatch.state == "to_check")
            .values(total=ImportBatch.total + len(rows), claimed_at=now, **counts)
            .returning(ImportBatch.id)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if moved is None:
            raise Discarded


class Discarded(Refused):
    """Somebody gave the import up while it was checked."""

    def __init__(self) -> None:
        super().__init__([])


def _actor(session: Session, user_id: int, now: datetime) -> Actor:
    return actor_of(session, session.get_one(User, user_id), local_day(now))


def _apply(batch_id: int, importer: Importer, clock: Clock, _spoken: Callable[[str], str], _pause: float) -> None:
    now = clock()
    with transaction() as session:
        batch = session.scalars(select(ImportBatch).where(ImportBatch.id == batch_id).with_for_update()).one()
        actor = _actor(session, batch.applied_by_id or batch.created_by_id, now)
        require(actor, importer.deciding)
        batch.applied_at = now
        batch.result = importer.apply(session, batch, chunks(session, batch_id), actor, now)
        batch.state, batch.claimed_at, batch.failure, batch.settled = "applied", None, None, 0
        batch.settled_at = None if importer.settle is not None else now
        after = {"file": batch.file_name, "sha256": batch.sha256, **batch.result}
        audit.record(session, actor, "import.apply", service.SUBJECT, batch.id, now, after=after)
        message = text("%(file)s is imported: %(rows)s rows.", file=batch.file_name, rows=batch.good + batch.doubtful)
        told = {batch.created_by_id, actor.user_id}
        subject = (f"import.{batch.kind}", batch.id)
        notify(
            session,
            told,
            "import.applied",
            message,
            subject,
            now,
            dedupe_key=f"import.{batch.id}.applied.{now:%Y%m%d%H%M%S}",
        )


def chunks(session: Session, batch_id: int) -> Iterator[list[tuple[int, dict[str, Any]]]]:
    """The rows to apply, in the file's order; duplicates are left out."""
    last = 0
    while True:
        rows = session.execute(
            select(ImportRow.number, ImportRow.data)
            .where(
                ImportRow.batch_id == batch_id,
                ImportRow.verdict.in_(("good", "doubtful")),
                ImportRow.number > last,
            )
            .order_by(ImportRow.number)
            .limit(CHUNK)
        ).all()
        if not rows:
            return
        last = rows[-1].number
        yield [(number, data) for number, data in rows if data is not None]


def _settle(batch_id: int, importer: Importer, clock: Clock, _spoken: Callable[[str], str], pause: float) -> None:
    done = 1
    while done and importer.settle is not None:
        with transaction() as session:
            batch = session.scalars(select(ImportBatch).where(ImportBatch.id == batch_id).with_for_update()).one()
            if batch.state != "applied":
                return
            done = importer.settle(session, batch, CHUNK)
            batch.settled += done
            batch.claimed_at = clock()
        time.sleep(pause)
    with transaction() as session:
        batch = session.get_one(ImportBatch, batch_id)
        batch.settled_at, batch.claimed_at = clock(), None


def _revert(batch_id: int, importer: Importer, clock: Clock, _spoken: Callable[[str], str], _pause: float) -> None:
    now = clock()
    with transaction() as session:
        batch = session.scalars(select(ImportBatch).where(ImportBatch.id == batch_id).with_for_update()).one()
        actor = _actor(session, batch.reverted_by_id or batch.created_by_id, now)
        require(actor, importer.deciding)
        undone = importer.undo(session, batch, actor, now)
        batch.state, batch.reverted_at, batch.claimed_at, batch.failure = "reverted", now, None, None
        audit.record(
            session,
            actor,
            "import.revert",
            service.SUBJECT,
            batch.id,
            now,
            before=batch.result,
            after=undone,
            reason=batch.reason,
        )


_STEPS: dict[str, Callable[[int, Importer, Clock, Callable[[str], str], float], None]] = {
    "to_read": _read,
    "to_check": _check,
    "to_apply": _apply,
    "applied": _settle,
    "to_revert": _revert,
}
