"""Who did what, when, in whose name: append-only, hash-chained, head exported by `tierflow anchor`.

Entries are collected during a transaction and chained just before its commit, so that the one lock
on the chain's head is held for a moment only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, bindparam, insert, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, before_commit, pk
from tierflow.common.guards import append_only
from tierflow.common.users import User
from tierflow.kernel.approval import digest, plain
from tierflow.kernel.roles import Actor

GENESIS = "0" * 64


class ChainHead(Model):
    """The last link of a hash chain; updating it is the chain's lock."""

    __tablename__ = "chain_head"

    name: Mapped[str] = mapped_column(primary_key=True)
    seq: Mapped[int]
    hash: Mapped[str]


class AuditEntry(Model):
    """One act. `before` and `after` hold only the fields that changed."""

    __tablename__ = append_only("audit_entry")
    __table_args__ = (
        Index("ix_audit_entry_subject", "subject_type", "subject_id", "seq"),
        Index("ix_audit_entry_actor_id_seq", "actor_id", "seq"),
        Index("ix_audit_entry_action", "action", "seq"),
        Index("ix_audit_entry_at", "at"),
    )

    seq: Mapped[int] = pk()
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    on_behalf_of_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    actor_name: Mapped[str]
    action: Mapped[str]
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    reason: Mapped[str]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]
    prev_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)


@dataclass(frozen=True)
class _Pending:
    at: datetime
    actor: Actor
    on_behalf_of_id: int | None
    action: str
    subject_type: str
    subject_id: int
    reason: str
    before: dict[str, Any]
    after: dict[str, Any]


def record(
    session: Session,
    actor: Actor,
    action: str,
    subject_type: str,
    subject_id: int,
    now: datetime,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    on_behalf_of_id: int | None = None,
) -> None:
    """Note an act; it is written with the transaction's commit or not at all. Values must be JSON.

    Who only stood in is named together with `on_behalf_of_id`, by default whomever the actor acts for.
    """
    old, new = plain(dict(before or {})), plain(dict(after or {}))
    absent_id = actor.acts_for if on_behalf_of_id is None else on_behalf_of_id
    pending = _Pending(now.astimezone(UTC), actor, absent_id, action, subject_type, subject_id, reason, old, new)
    session.info.setdefault("audit", []).append(pending)


def in_whose_name(session: Session, subject: tuple[str, int], action: str, at: datetime | None) -> str | None:
    """The absent colleague an act was done for, by name; None when it was the actor's own.

    Also of an act of this transaction, which its commit will write.
    """
    if at is None:
        return None
    for act in session.info.get("audit", ()):
        if ((act.subject_type, act.subject_id), act.action, act.at) == (subject, action, at.astimezone(UTC)):
            return session.get_one(User, act.on_behalf_of_id).name if act.on_behalf_of_id else None
    mine = (AuditEntry.subject_type == subject[0]) & (AuditEntry.subject_id == subject[1])
    query = select(User.name).join(AuditEntry, AuditEntry.on_behalf_of_id == User.id)
    return session.scalars(query.where(mine, AuditEntry.action == action, AuditEntry.at == at)).first()


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that differ, as (old values, new values)."""
    keys = [key for key in {*before, *after} if before.get(key) != after.get(key)]
    return {key: before.get(key) for key in keys}, {key: after.get(key) for key in keys}


def link_hash(prev_hash: str, fields: Mapping[str, Any]) -> str:
    """The hash of a link: over the previous hash and everything the entry says."""
    return digest([prev_hash, dict(fields)])


_SAID = (
    "seq",
    "at",
    "actor_id",
    "on_behalf_of_id",
    "actor_name",
    "action",
    "subject_type",
    "subject_id",
    "reason",
    "before",
    "after",
)


def _fields(entry: AuditEntry) -> dict[str, Any]:
    return _hashed({name: getattr(entry, name) for name in _SAID})


def _hashed(said: Mapping[str, Any]) -> dict[str, Any]:
    """What an entry says, as its hash covers it."""
    return {**said, "at": said["at"].isoformat()}


_HEADS: Any = ChainHead.__table__
_ENTRIES: Any = AuditEntry.__table__
# Written once, and by the tables: every write of the product runs through these three.
_LOCK_HEAD = select(_HEADS.c.seq, _HEADS.c.hash).where(_HEADS.c.name == "audit").with_for_update()
_APPEND = insert(_ENTRIES)
_MOVE_HEAD = (
    update(_HEADS).where(_HEADS.c.name == "audit").values(seq=bindparam("last_seq"), hash=bindparam("last_hash"))
)


def write_pending(session: Session) -> None:
    """Chain what was recorded. Takes the chain's lock: runs last, from `transaction()`.

    SQLite has no row locks and needs none: whoever writes there is alone already.
    """
    pending: list[_Pending] = session.info.pop("audit", [])
    if not pending:
        return
    connection = session.connection()  # all is flushed: the session itself has nothing to add
    seq, prev = connection.execute(_LOCK_HEAD).one()
    rows = []
    for act in pending:
        seq += 1
        said = {
            "seq": seq,
            "at": act.at,
            "actor_id": act.actor.user_id or None,
            "on_behalf_of_id": act.on_behalf_of_id,
            "actor_name": act.actor.name,
            "action": act.action,
            "subject_type": act.subject_type,
            "subject_id": act.subject_id,
            "reason": act.reason,
            "before": act.before,
            "after": act.after,
        }
        link = link_hash(prev, _hashed(said))
        rows.append({**said, "prev_hash": prev, "hash": link})
        prev = link
    connection.execute(_APPEND, rows)
    connection.execute(_MOVE_HEAD, {"last_seq": seq, "last_hash": prev})


before_commit.append(write_pending)


def verify_chain(session: Session, batch: int = 2000) -> Iterator[str]:
    """Walk the chain and yield every lie found: a gap, a changed entry, a head that does not fit."""
    prev, seq = GENESIS, 0
    while True:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.seq > seq).order_by(AuditEntry.seq).limit(batch))
        entries = rows.all()
        for entry in entries:
            if entry.seq != seq + 1:
                yield f"audit: entry {seq + 1} is missing"
            if entry.prev_hash != prev or entry.hash != link_hash(entry.prev_hash, _fields(entry)):
                yield f"audit: entry {entry.seq} was altered"
            prev, seq = entry.hash, entry.seq
        session.expunge_all()
        if len(entries) < batch:
            break
    head = session.get(ChainHead, "audit")
    if head is None or (head.seq, head.hash) != (seq, prev):
        yield "audit: the chain's head does not fit its last entry"
