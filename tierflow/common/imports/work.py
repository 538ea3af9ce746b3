"""The worker: reads, checks, applies and reverts what waits; every step can be begun again after a crash.

Checking writes a chunk at a time with short pauses, so that nobody's save waits long (TRAPS: speed). Applying is one
transaction: all or nothing.
"""

from __future__ import annotations

import gc
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from tierflow.common import audit
from tierflow.common.clock import Clock
from tierflow.common.db import db, insert_rows, transaction
from tierflow.common.imports import handing_over, reading, service
from tierflow.common.imports.importer import Importer, Row, Seen, importer_of, within_file
from tierflow.common.imports.tables import WAITING, ImportBatch, ImportChunk, ImportRow, ImportRowError
from tierflow.common.notices import notify, plain_params
from tierflow.common.users import User, actor_of
from tierflow.kernel.errors import Forbidden, Invalid, Refused
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import Text, text

log = structlog.get_logger("imports")

LEASE = timedelta(minutes=5)
CHUNK = 1000  # of what follows an application; a chunk of rows is the reading process's


def waiting(now: datetime) -> Any:
    """The batches there is something to do about, and no living worker at it."""
    return select(ImportBatch.id).where(_waits(now)).order_by(ImportBatch.id)


def _waits(now: datetime) -> Any:
    unsettled = (ImportBatch.state == "applied") & ImportBatch.settled_at.is_(None)
    free = ImportBatch.claimed_at.is_(None) | (ImportBatch.claimed_at < now - LEASE)
    return or_(ImportBatch.state.in_(WAITING), unsettled) & free


def work_off(clock: Clock, *, spoken: Callable[[str], str] = str, pause: float = 0.003) -> int:
    """Do everything that waits; returns how many steps were done."""
    done = 0
    while (step := _claim(clock())) is not None:
        batch_id, state = step
        importer = importer_of_batch(batch_id)
        try:
            _STEPS[state](batch_id, importer, clock, spoken, pause)
        except Overtaken:
            _forget(batch_id)
        except Invalid as error:
            _end(batch_id, state, "discarded" if state == "to_read" else "mapping", _first(error), clock())
        except (Refused, Forbidden, IntegrityError) as error:
            _refused(batch_id, state, error, clock())
        finally:
            db.session.remove()
        log.info("import worked on", batch=batch_id, step=state)
        done += 1
    return done


@contextmanager
def uncollected() -> Iterator[None]:
    """Rows name nothing that names them: to look for such rings among a million is half of what a check costs."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _forget(batch_id: int) -> None:
    """What was read of an import that was given up meanwhile; one that another worker has is its own to keep."""
    with transaction() as session:
        if session.get_one(ImportBatch, batch_id).state == "discarded":
            service.forget_rows(session, batch_id)


def importer_of_batch(batch_id: int) -> Importer:
    """The importer of a batch."""
    return importer_of(db.session().execute(select(ImportBatch.kind).where(ImportBatch.id == batch_id)).scalar_one())


def _claim(now: datetime) -> tuple[int, str] | None:
    # Two workers that look at once must not both find it: PostgreSQL has no lock on what a subquery found but this one.
    first = waiting(now).limit(1).with_for_update(skip_locked=True).scalar_subquery()
    with transaction() as session:
        found = session.execute(
            update(ImportBatch)
            .where(ImportBatch.id == first, _waits(now))
            .values(claimed_at=now)
            .returning(ImportBatch.id, ImportBatch.state)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    return (found.id, found.state) if found is not None else None


def _held(session: Session, batch_id: int, state: str, *conditions: Any) -> ImportBatch:
    """The batch, locked, as long as the step is still to be done. Raises `Overtaken` when it is not."""
    query = select(ImportBatch).where(ImportBatch.id == batch_id, ImportBatch.state == state, *conditions)
    batch = session.scalars(query.with_for_update()).one_or_none()
    if batch is None:
        raise Overtaken
    return batch


def _first(error: Invalid) -> Text:
    messages = next(iter(error.errors.values()))
    message = messages[0] if isinstance(messages, list) else messages
    return message if isinstance(message, Text) else Text(str(message))


def _end(batch_id: int, was: str, state: str, why: Text | None, now: datetime) -> None:
    with transaction() as session:
        batch = session.scalars(select(ImportBatch).where(ImportBatch.id == batch_id).with_for_update()).one()
        if batch.state != was:  # another has done it, or somebody gave it up
            return
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
    _end(batch_id, state, back, why, now)


def _read(batch_id: int, _importer: Importer, _clock: Clock, spoken: Callable[[str], str], _pause: float) -> None:
    batch = db.session().get_one(ImportBatch, batch_id)
    content, kind = service.content_of(db.session(), batch), batch.file_kind
    db.session().rollback()  # opening may take a minute
    top = reading.top_of(content, kind)
    with transaction() as session:
        batch = _held(session, batch_id, "to_read")
        service.take_heads(session, batch, top, spoken)
        batch.claimed_at = None


def _check(batch_id: int, importer: Importer, clock: Clock, _spoken: Callable[[str], str], pause: float) -> None:
    session: Session = db.session()
    batch = session.get_one(ImportBatch, batch_id)
    content, kind = service.content_of(session, batch), batch.file_kind
    columns = {key: int(index) for key, index in batch.mapping.items()}
    failure, since = batch.failure, batch.claimed_at
    actor = _actor(session, batch.created_by_id, clock())
    context = importer.begin(session, actor, clock(), handing_over.persons_of(session, batch))
    with transaction() as session:
        batch = _held(session, batch_id, "to_check", ImportBatch.claimed_at == since)
        service.forget_rows(session, batch_id)
        batch.total = batch.good = batch.doubtful = batch.duplicate = batch.bad = 0
        batch.checked_at = None
    seen: Seen = defaultdict(dict)
    with uncollected():
        for rows in checked_rows(content, kind, columns, importer, context, seen):
            importer.compare(db.session(), rows, context)
            since = _keep(batch_id, rows, since, clock())
            time.sleep(pause)
    with transaction() as session:
        batch = _held(session, batch_id, "to_check", ImportBatch.claimed_at == since)
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
    content: bytes, kind: str, columns: dict[str, int], importer: Importer, context: Any, seen: Seen
) -> Iterator[list[Row]]:
    """Chunks of rows, each parsed and compared with the rows before it; `seen` holds their keys. Raises `Invalid`."""
    with reading.opened(content, kind) as table:
        for batch in table.rows():
            numbers, cells = zip(*batch, strict=True)
            whole = list(zip(*cells, strict=True))
            rows = importer.parse(numbers, {key: whole[index] for key, index in columns.items()}, context)
            within_file(rows, seen)
            for row, written in zip(rows, cells, strict=True):
                row.raw = written
            yield rows


def _keep(batch_id: int, rows: Sequence[Row], since: datetime | None, now: datetime) -> datetime:
    """Write a chunk down, and the lease anew: `since` the one held so far. A worker that was thought dead has none."""
    faulty = [(row, row.verdict) for row in rows if row.findings]
    tally = dict.fromkeys(("doubtful", "duplicate", "bad"), 0)
    for _row, verdict in faulty:
        tally[verdict] += 1
    left_out = {row.number for row, verdict in faulty if verdict != "doubtful"}
    kept = [(row.number, row.data) for row in rows if row.number not in left_out]
    seen = [
        {"batch_id": batch_id, "number": row.number, "verdict": verdict, "raw": list(row.raw)}
        for row, verdict in faulty
    ]
    found = [
        {
            "batch_id": batch_id,
            "number": row.number,
            "field": finding.field,
            "severity": finding.severity,
            "msgid": finding.reason.msgid,
            "params": plain_params(finding.reason),
        }
        for row, _verdict in faulty
        for finding in row.findings
    ]
    written = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
    with transaction() as session:
        counts = {name: getattr(ImportBatch, name) + number for name, number in tally.items() if number}
        moved = session.execute(
            update(ImportBatch)
            .where(ImportBatch.id == batch_id, ImportBatch.state == "to_check", ImportBatch.claimed_at == since)
            .values(
                total=ImportBatch.total + len(rows),
                good=ImportBatch.good + len(rows) - len(faulty),
                claimed_at=now,
                **counts,
            )
            .returning(ImportBatch.id)
            .execution_options(synchronize_session=False)
        ).scalar_one_or_none()
        if moved is None:
            raise Overtaken
        if kept:
            insert_rows(session, ImportChunk, [{"batch_id": batch_id, "first": kept[0][0], "rows": written}])
        insert_rows(session, ImportRow, seen)
        insert_rows(session, ImportRowError, found)
    return now


class Overtaken(Refused):
    """Somebody gave the import up meanwhile, or another worker took it over."""

    def __init__(self) -> None:
        super().__init__([])


def _actor(session: Session, user_id: int, now: datetime) -> Actor:
    return actor_of(session, session.get_one(User, user_id), local_day(now))


def _apply(batch_id: int, importer: Importer, clock: Clock, _spoken: Callable[[str], str], _pause: float) -> None:
    now = clock()
    with transaction() as session:
        batch = _held(session, batch_id, "to_apply")
        actor = _actor(session, batch.applied_by_id or batch.created_by_id, now)
        require(actor, importer.deciding)
        batch.applied_at = now
        with uncollected():
            batch.result = importer.apply(session, batch, chunks(session, batch_id), actor, now)
        session.execute(delete(ImportChunk).where(ImportChunk.batch_id == batch_id))
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


def chunks(session: Session, batch_id: int) -> Iterator[list[tuple[int, Any]]]:
    """The rows to apply, in the file's order; duplicates are left out."""
    last = 0
    while True:
        row = session.execute(
            select(ImportChunk.first, ImportChunk.rows)
            .where(ImportChunk.batch_id == batch_id, ImportChunk.first > last)
            .order_by(ImportChunk.first)
            .limit(1)
        ).one_or_none()
        if row is None:
            return
        last = row.first
        yield json.loads(row.rows)


def _settle(batch_id: int, importer: Importer, clock: Clock, _spoken: Callable[[str], str], pause: float) -> None:
    done = 1
    while done and importer.settle is not None:
        with transaction() as session:
            batch = _held(session, batch_id, "applied")
            done = importer.settle(session, batch, CHUNK)
            batch.settled += done
            batch.claimed_at = clock()
        time.sleep(pause)
    with transaction() as session:
        batch = _held(session, batch_id, "applied")
        batch.settled_at, batch.claimed_at = clock(), None


def _revert(batch_id: int, importer: Importer, clock: Clock, _spoken: Callable[[str], str], _pause: float) -> None:
    now = clock()
    with transaction() as session:
        batch = _held(session, batch_id, "to_revert")
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
