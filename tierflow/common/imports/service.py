"""The verbs and queries of imports. A person asks; the worker (`work`) does, so that closing the page loses nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Session

from tierflow.common import approvals, audit, files
from tierflow.common.approvals import ApprovalCase, Seen
from tierflow.common.db import is_sqlite
from tierflow.common.imports import handing_over, outcome, reading
from tierflow.common.imports.importer import Importer, folded, guess, importer_of
from tierflow.common.imports.tables import ImportBatch, ImportChunk, ImportMapping, ImportRow, ImportRowError
from tierflow.common.imports.waking import wake
from tierflow.common.policies import policy_on
from tierflow.common.uploads import clean_name
from tierflow.common.users import User
from tierflow.kernel.approval import EDITABLE, State, Verdict, digest
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, Refused, refuse_if_any
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import SYSTEM, Actor, is_allowed, require
from tierflow.kernel.text import Text, text

SUBJECT = "import"
CLAUSE = "house"
SAMPLE_MOST = 60  # characters of a cell kept as a sample

Spoken = Callable[[str], str]
FINAL = frozenset({"applied", "reverted", "discarded"})


def receive(
    session: Session, actor: Actor, importer: Importer, name: str, content: bytes, now: datetime, *, spoken: Spoken
) -> ImportBatch:
    """Take a file in. The same file again gives the batch that is under way.

    Raises `Invalid` for what is no table, `Refused` when this very file is in force already.
    """
    require(actor, importer.action)
    kind = reading.kind_of(content)
    sha256 = hashlib.sha256(content).hexdigest()
    for batch in session.scalars(
        select(ImportBatch)
        .where(ImportBatch.kind == importer.kind, ImportBatch.sha256 == sha256)
        .order_by(ImportBatch.id.desc())
    ):
        if batch.state == "applied":
            reason = text("This very file was imported already: import no. %(number)s.", number=batch.id)
            raise Refused(Refusal(CLAUSE, reason, "file"))
        if batch.state not in FINAL and batch.created_by_id == actor.user_id:
            return batch
    batch = ImportBatch(
        kind=importer.kind,
        sha256=sha256,
        file_name=clean_name(name, kind),
        file_kind=kind,
        heads=[],
        mapping={},
        state="to_read",
        result={},
        failure=None,
        created_by_id=actor.user_id,
        created_at=now,
    )
    session.add(batch)
    session.flush()
    files.store(session, content, batch.file_name, kind, (SUBJECT, batch.id), actor.user_id, now)
    after = {"file": batch.file_name, "sha256": sha256}
    audit.record(session, actor, "import.receive", SUBJECT, batch.id, now, after=after)
    if len(content) <= reading.READ_AT_ONCE:
        take_heads(session, batch, reading.top_of(content, kind), spoken)
    else:
        wake(session, actor.user_id, now)
    return batch


def content_of(session: Session, batch: ImportBatch) -> bytes:
    """The file's bytes."""
    return session.execute(
        select(files.FileContent.content).where(files.FileContent.sha256 == batch.sha256)
    ).scalar_one()


def take_heads(session: Session, batch: ImportBatch, top: reading.Top, spoken: Spoken) -> None:
    """Keep the heads, and map them as the same person mapped them last time, or as the words tell."""
    importer = importer_of(batch.kind)
    batch.heads, batch.sheet, batch.expected = top.heads, top.sheet, top.about
    batch.samples = [[None if cell is None else str(cell)[:SAMPLE_MOST] for cell in row] for row in top.samples]
    known = session.get(ImportMapping, (batch.created_by_id, batch.kind, heads_hash(batch.heads)))
    batch.mapping = dict(known.mapping) if known is not None else guess(importer, batch.heads, spoken)
    batch.state = "mapping"
    session.flush()


def heads_hash(heads: Sequence[str]) -> str:
    """Tells the same heads again, however they are spaced."""
    return digest([folded(head) for head in heads])


def visible(actor: Actor, importer: Importer) -> Any:
    """SQL condition: the batches of a kind the actor may see: the own ones; all, for who decides on them."""
    mine = {actor.user_id, *(principal.user_id for principal in actor.principals)}
    own = ImportBatch.created_by_id.in_(mine)
    everything = is_allowed(actor, importer.deciding) and importer.apply_action is not None
    return (ImportBatch.kind == importer.kind) & (or_(own, ImportBatch.id > 0) if everything else own)


def batches(actor: Actor, importer: Importer) -> Any:
    """The imports of a kind with whose they are, and whether the actor may open them; to be paged by id.

    What the actor may take over of colleagues is named too; what stands in it is not shown.
    """
    seen: Any = visible(actor, importer)
    query = select(ImportBatch, User.name, seen.label("is_visible")).join(User, User.id == ImportBatch.created_by_id)
    if is_allowed(actor, importer.action):
        theirs = (ImportBatch.kind == importer.kind) & ImportBatch.state.in_(handing_over.FREE)
        seen |= theirs & handing_over.is_covered(actor, importer)
    return query.where(seen)


def get(session: Session, actor: Actor, importer: Importer, batch_id: int) -> ImportBatch:
    """One batch. Raises `NotFound` for what the actor may not see."""
    if not (is_allowed(actor, importer.action) or is_allowed(actor, importer.deciding)):
        raise NotFound
    batch = session.scalar(select(ImportBatch).where(ImportBatch.id == batch_id, visible(actor, importer)))
    if batch is None:
        raise NotFound
    return batch


def _move(session: Session, batch: ImportBatch, before: Sequence[str], after: str) -> None:
    moved = session.execute(
        update(ImportBatch)
        .where(ImportBatch.id == batch.id, ImportBatch.state.in_(before))
        .values(state=after, claimed_at=None, failure=None)
        .returning(ImportBatch.id)
        .execution_options(synchronize_session=False)
    ).scalar_one_or_none()
    if moved is None:
        raise _moved_on()
    session.refresh(batch)


def _moved_on() -> Conflict:
    return Conflict(Refusal("conflict", text("This import has moved on meanwhile; reload the page.")))


def set_mapping(
    session: Session, actor: Actor, importer: Importer, batch_id: int, mapping: Mapping[str, int], now: datetime
) -> ImportBatch:
    """Say which head is which column; remembered for the next file with these heads. The rows are then checked."""
    require(actor, importer.action)
    batch = get(session, actor, importer, batch_id)
    errors: dict[str, list[Text]] = {}
    used: dict[int, str] = {}
    for column in importer.columns:
        index = mapping.get(column.key)
        if index is None:
            if column.required:
                errors[column.key] = [text("Say which column holds this.")]
        elif not 0 <= index < len(batch.heads):
            errors[column.key] = [text("Choose one of the list.")]
        elif index in used:
            errors[column.key] = [text("This column is taken for something else already.")]
        else:
            used[index] = column.key
    if errors or (unknown := set(mapping) - {column.key for column in importer.columns}):
        raise Invalid(errors or {key: [text("This field is not known.")] for key in unknown})
    _move(session, batch, ("mapping", "checked"), "to_check")
    batch.mapping = dict(mapping)
    row = {
        "user_id": actor.user_id,
        "kind": batch.kind,
        "heads_hash": heads_hash(batch.heads),
        "mapping": batch.mapping,
        "used_at": now,
    }
    insert = (insert_sqlite if is_sqlite(session) else insert_postgres)(ImportMapping).values(**row)
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["user_id", "kind", "heads_hash"], set_={"mapping": batch.mapping, "used_at": now}
        )
    )
    wake(session, actor.user_id, now)
    session.flush()
    return batch


def check_again(session: Session, actor: Actor, importer: Importer, batch_id: int, now: datetime) -> ImportBatch:
    """Check the rows anew: what they refer to has been set right meanwhile."""
    require(actor, importer.action)
    batch = get(session, actor, importer, batch_id)
    _move(session, batch, ("checked",), "to_check")
    wake(session, actor.user_id, now)
    return batch


def hand_in(
    session: Session, actor: Actor, importer: Importer, batch_id: int, command: Mapping[str, Any], now: datetime
) -> ImportBatch:
    """Hand a checked import to who decides, or let it be applied where one person is enough.

    `leave_out_duplicates` and `doubts_seen` say what the person chose. Raises `Refused` while a row is bad, a
    duplicate is not left out or a doubt was not looked at.
    """
    require(actor, importer.action)
    batch = get(session, actor, importer, batch_id)
    refuse_if_any(why_not(batch, command))
    _move(session, batch, ("checked",), "handed_in" if importer.apply_action else "to_apply")
    batch.leave_out_duplicates = bool(command.get("leave_out_duplicates"))
    batch.handed_in_by_id, batch.handed_in_at = actor.user_id, now
    after = {"rows": batch.good + batch.doubtful, "left_out": batch.duplicate, "doubtful": batch.doubtful}
    audit.record(session, actor, "import.hand_in", SUBJECT, batch.id, now, after=after)
    if importer.apply_action:
        _submit(session, actor, importer, batch, now)
    else:
        batch.applied_by_id = actor.user_id
        wake(session, actor.user_id, now)
    session.flush()
    return batch


def _submit(session: Session, actor: Actor, importer: Importer, batch: ImportBatch, now: datetime) -> None:
    if importer.chain is None:
        return
    case = case_of(session, batch)
    if case is None:
        subject = (importer.subject, batch.id)
        case = approvals.open_case(session, importer.chain, subject, batch.file_name, None, actor, now)
        case.submitter_id = batch.created_by_id
        handing_over.seat_makers(session, case, batch)  # also where it is handed in by who stands in
    content = {
        "file": batch.file_name,
        "sha256": batch.sha256,
        "mapping": batch.mapping,
        "rows": batch.good + batch.doubtful,
        "doubtful": batch.doubtful,
        "left_out": batch.duplicate,
    }
    approvals.submit(session, case, {"import": content}, actor, now, seen_version=case.version)


def case_of(session: Session, batch: ImportBatch) -> ApprovalCase | None:
    """Where its approval stands; None before it was handed in, and where one person is enough."""
    subject = importer_of(batch.kind).subject
    query = select(ApprovalCase).where(ApprovalCase.subject_type == subject, ApprovalCase.subject_id == batch.id)
    return session.scalars(query).one_or_none()


def why_not(batch: ImportBatch, command: Mapping[str, Any]) -> list[Refusal]:
    """What keeps a checked import from being applied; all or nothing."""
    reasons = []
    if batch.bad:
        reasons.append(
            Refusal(CLAUSE, text("Rows with errors: %(count)s. Mend the file and upload it again.", count=batch.bad))
        )
    if batch.duplicate and not command.get("leave_out_duplicates"):
        reason = text("Rows that are here already: %(count)s. Say that they are left out.", count=batch.duplicate)
        reasons.append(Refusal(CLAUSE, reason, "leave_out_duplicates"))
    if batch.doubtful and not command.get("doubts_seen"):
        reason = text("Rows to look at twice: %(count)s. Say that you have looked.", count=batch.doubtful)
        reasons.append(Refusal(CLAUSE, reason, "doubts_seen"))
    if not batch.bad and not batch.good + batch.doubtful:
        reasons.append(Refusal(CLAUSE, text("There is no row to import.")))
    return reasons


def apply(session: Session, actor: Actor, importer: Importer, batch_id: int, seen: Seen, now: datetime) -> ImportBatch:
    """Let the worker bring it into force: the second person's word. Raises `Refused` for who prepared it."""
    batch = _decide(session, actor, importer, batch_id, seen, Verdict.APPROVE, "", now)
    batch.applied_by_id = actor.user_id
    audit.record(session, actor, "import.approve", SUBJECT, batch.id, now)
    wake(session, actor.user_id, now)
    session.flush()
    return batch


def send_back(
    session: Session, actor: Actor, importer: Importer, batch_id: int, seen: Seen, reason: str, now: datetime
) -> ImportBatch:
    """Return a handed-in import to who prepared it."""
    batch = _decide(session, actor, importer, batch_id, seen, Verdict.RETURN, reason, now)
    batch.reason, batch.handed_in_at, batch.handed_in_by_id = reason, None, None
    audit.record(session, actor, "import.send_back", SUBJECT, batch.id, now, reason=reason)
    session.flush()
    return batch


def _decide(
    session: Session,
    actor: Actor,
    importer: Importer,
    batch_id: int,
    seen: Seen,
    verdict: Verdict,
    reason: str,
    now: datetime,
) -> ImportBatch:
    require(actor, importer.deciding)
    batch, on = get(session, actor, importer, batch_id), local_day(now)
    case = case_of(session, batch)
    if case is None:
        raise _moved_on()
    version = policy_on(session, on).version
    approvals.decide(session, case, seen, verdict, actor, now, on=on, policy_version=version, reason=reason)
    _move(session, batch, ("handed_in",), "to_apply" if verdict is Verdict.APPROVE else "checked")
    return batch


def withdraw(session: Session, actor: Actor, importer: Importer, batch_id: int, now: datetime) -> ImportBatch:
    """Take a handed-in import back before it is decided. Raises `Refused` for who did not prepare it."""
    require(actor, importer.action)
    batch = get(session, actor, importer, batch_id)
    case = case_of(session, batch)
    if case is None:
        raise _moved_on()
    approvals.withdraw(session, case, actor, now, seen_version=case.version, reason="")
    _move(session, batch, ("handed_in",), "checked")
    batch.handed_in_at, batch.handed_in_by_id = None, None
    session.flush()
    return batch


def lapse(session: Session, batch: ImportBatch, now: datetime) -> None:
    """The worker could not bring an approved import into force: its approval is asked for again."""
    case = case_of(session, batch)
    if case is not None and case.state == State.APPROVED:
        failure = outcome.failure_of(batch)
        approvals.lapse(session, case, SYSTEM, now, reason=str(failure) if failure else "")


def discard(session: Session, actor: Actor, importer: Importer, batch_id: int, now: datetime) -> ImportBatch:
    """Give an import up before it is in force; its rows go, the file stays on record."""
    require(actor, importer.action)
    batch = get(session, actor, importer, batch_id)
    _move(session, batch, ("to_read", "mapping", "to_check", "checked"), "discarded")
    case = case_of(session, batch)
    if case is not None and State(case.state) in EDITABLE:
        approvals.discard(session, case, actor, now, seen_version=case.version)
    forget_rows(session, batch.id)
    audit.record(session, actor, "import.discard", SUBJECT, batch.id, now)
    return batch


def revert(
    session: Session, actor: Actor, importer: Importer, batch_id: int, reason: str, now: datetime
) -> ImportBatch:
    """Ask for everything an import brought to be taken away again; the worker does it, if nothing else touched it."""
    require(actor, importer.deciding)
    batch = get(session, actor, importer, batch_id)
    _move(session, batch, ("applied",), "to_revert")
    batch.reverted_by_id, batch.reason = actor.user_id, reason
    wake(session, actor.user_id, now)
    session.flush()
    return batch


def forget_rows(session: Session, batch_id: int) -> None:
    """Delete what was read, findings first."""
    for table in (ImportRowError, ImportRow, ImportChunk):
        session.execute(delete(table).where(table.batch_id == batch_id))
