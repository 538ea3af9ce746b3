"""Notices: written to an outbox in the transaction that causes them, delivered after it.

Every notice is in the recipient's in-app inbox at once; `Delivery` rows carry it out by mail and
robot, with retries and a dead letter.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    bindparam,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from tierflow.common.db import Model, UtcDateTime, is_sqlite, pk
from tierflow.common.users import User
from tierflow.kernel.errors import NotFound
from tierflow.kernel.text import Text


class Channel(Model):
    """A way out of the house: SMTP, or a robot of WeCom, DingTalk or Feishu."""

    __tablename__ = "channel"
    __table_args__ = (CheckConstraint("kind IN ('smtp', 'wecom', 'dingtalk', 'feishu')", name="kind"),)

    id: Mapped[int] = pk()
    kind: Mapped[str]
    name: Mapped[str]
    settings: Mapped[dict[str, Any]]
    topics: Mapped[list[Any]]  # notice kinds it carries; empty = all
    is_enabled: Mapped[bool] = mapped_column(default=True)


class Notice(Model):
    """One message to one account. The text is a sentence and its parameters, translated when shown."""

    __tablename__ = "notice"
    __table_args__ = (
        UniqueConstraint("user_id", "dedupe_key"),
        Index("ix_notice_user_id", "user_id", "id"),
        Index(
            "ix_notice_unread",
            "user_id",
            "id",
            sqlite_where=sql("read_at IS NULL"),
            postgresql_where=sql("read_at IS NULL"),
        ),
    )

    id: Mapped[int] = pk()
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    kind: Mapped[str]
    msgid: Mapped[str]
    params: Mapped[dict[str, Any]]
    subject_type: Mapped[str]
    subject_id: Mapped[int]
    dedupe_key: Mapped[str]
    created_at: Mapped[datetime]
    read_at: Mapped[datetime | None]


_TABLE: Any = Notice.__table__  # by the table, not the model: one compiled statement serves every batch
_QUEUED = (_TABLE.c.id, _TABLE.c.user_id, _TABLE.c.kind, _TABLE.c.dedupe_key)


class Delivery(Model):
    """One attempt series of a notice over a channel. `state`: waiting, sent, dead."""

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'sent', 'dead')", name="state"),
        UniqueConstraint("notice_id", "channel_id"),
        Index(
            "ix_delivery_waiting",
            "next_try_at",
            "id",
            sqlite_where=sql("state = 'waiting'"),
            postgresql_where=sql("state = 'waiting'"),
        ),
        Index(
            "ix_delivery_dead",
            "id",
            sqlite_where=sql("state = 'dead'"),
            postgresql_where=sql("state = 'dead'"),
        ),
    )

    id: Mapped[int] = pk()
    notice_id: Mapped[int] = mapped_column(ForeignKey("notice.id"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("channel.id"))
    state: Mapped[str]
    tries: Mapped[int] = mapped_column(default=0)
    next_try_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str] = mapped_column(default="")


def plain_params(message: Text) -> dict[str, Any]:
    """A sentence's parameters as JSON; `as_text` reads them back."""
    return {name: _plain_value(value) for name, value in message.params.items()}


def _plain_value(value: object) -> Any:
    if isinstance(value, Text):
        return {"msgid": value.msgid, "params": plain_params(value)}
    return value


def as_text(msgid: str, params: dict[str, Any]) -> Text:
    """The sentence back from its stored form."""
    return Text(
        msgid,
        {
            name: as_text(value["msgid"], value["params"]) if isinstance(value, dict) else value
            for name, value in params.items()
        },
    )


@dataclass(frozen=True)
class Message:
    """One sentence to several accounts; the same `dedupe_key` reaches an account once."""

    user_ids: Iterable[int]
    kind: str
    text: Text
    subject: tuple[str, int]
    dedupe_key: str


def notify(
    session: Session,
    user_ids: Iterable[int],
    kind: str,
    message: Text,
    subject: tuple[str, int],
    now: datetime,
    *,
    dedupe_key: str,
) -> list[int]:
    """Write one notice per account and queue it on the channels that carry its kind.

    The same `dedupe_key` reaches an account once. Returns the ids of the notices written. Robots speak to a
    group: each robot channel carries one delivery per call, not one per recipient.
    """
    return notify_many(session, [Message(user_ids, kind, message, subject, dedupe_key)], now)


def notify_many(session: Session, messages: Iterable[Message], now: datetime) -> list[int]:
    """`notify` for many messages at the cost of a few statements."""
    rows = [
        {
            "user_id": user_id,
            "kind": message.kind,
            "msgid": message.text.msgid,
            "params": plain_params(message.text),
            "subject_type": message.subject[0],
            "subject_id": message.subject[1],
            "dedupe_key": message.dedupe_key,
            "created_at": now,
        }
        for message in messages
        for user_id in sorted(set(message.user_ids))
    ]
    if not rows:
        return []
    written = session.execute(_ONCE[is_sqlite(session)], rows).all()
    if written:
        _queue(session, _channels(session), written, now)
    return [notice.id for notice in written]


_ONCE = {
    on_sqlite: insert(_TABLE).on_conflict_do_nothing().returning(*_QUEUED)
    for on_sqlite, insert in ((True, insert_sqlite), (False, insert_postgres))
}


def notify_selected(session: Session, selected: Any, given: Mapping[str, Any], now: datetime) -> None:
    """`notify` for a thousand messages, written inside the database: `selected` is made by `messages`."""
    values = {**given, "written_at": now}
    if channels := _channels(session):
        _queue(session, channels, session.execute(selected.returning(*_QUEUED), values).all(), now)
    else:
        session.execute(selected, values)


def messages(on_sqlite: bool, kind: str, msgid: str, subject_type: str, source: Select[Any]) -> Any:
    """The statement that writes one kind of notice; build it once and keep it.

    `source` selects user_id, params (a JSON object as `notify` would store it), subject_id, dedupe_key.
    """
    found = source.subquery()
    values = {
        "user_id": found.c.user_id,
        "kind": literal(kind),
        "msgid": literal(msgid),
        "params": found.c.params,
        "subject_type": literal(subject_type),
        "subject_id": found.c.subject_id,
        "dedupe_key": found.c.dedupe_key,
        "created_at": bindparam("written_at", type_=UtcDateTime()),
    }
    statement: Any = (insert_sqlite if on_sqlite else insert_postgres)(_TABLE)
    # Without a WHERE, SQLite reads ON CONFLICT as a join's ON.
    return statement.from_select(list(values), select(*values.values()).where(sql("1 = 1"))).on_conflict_do_nothing()


_WAYS: Any = Channel.__table__
_ENABLED = select(_WAYS.c.id, _WAYS.c.kind, _WAYS.c.topics).where(_WAYS.c.is_enabled.is_(True))


def _channels(session: Session) -> Sequence[Any]:
    """Id, kind and topics of the ways out that are open."""
    return session.execute(_ENABLED).all()


def _queue(session: Session, channels: Sequence[Any], written: Sequence[Any], now: datetime) -> None:
    """Delivery rows on every enabled channel: mail to each account that has an address, robots once a message."""
    if not channels:
        return
    ids = {notice.user_id for notice in written}
    mailable = set(session.scalars(select(User.id).where(User.id.in_(ids), User.email.is_not(None))))
    first_of_message = list({(notice.kind, notice.dedupe_key): notice for notice in reversed(written)}.values())
    deliveries = [
        {"notice_id": notice.id, "channel_id": channel.id, "state": "waiting", "next_try_at": now}
        for channel in channels
        for notice in (written if channel.kind == "smtp" else first_of_message)
        if (not channel.topics or notice.kind in channel.topics)
        and (channel.kind != "smtp" or notice.user_id in mailable)
    ]
    if deliveries:
        session.execute(insert(Delivery), deliveries)


def read_one(session: Session, user_id: int, notice_id: int, now: datetime) -> Notice:
    """Mark one notice as read; read once, it stays read as it was. Raises `NotFound` for another's."""
    row = session.get(Notice, notice_id)
    if row is None or row.user_id != user_id:
        raise NotFound
    row.read_at = row.read_at or now
    session.flush()
    return row


def read_all(session: Session, user_id: int, now: datetime) -> None:
    """Mark everything an account was told as read."""
    mine = update(Notice).where(Notice.user_id == user_id, Notice.read_at.is_(None))
    session.execute(mine.values(read_at=now), execution_options={"synchronize_session": False})
