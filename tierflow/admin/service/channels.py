"""Ways out of the house (SMTP, robots of WeCom, DingTalk, Feishu), and what could not be delivered.

Secrets are written, never read back: not by a page, not by the API, not into the audit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tierflow.admin import rules
from tierflow.admin.service.shared import account
from tierflow.common import audit
from tierflow.common.notices import Channel, Delivery, Notice
from tierflow.common.users import User
from tierflow.kernel.approval import digest
from tierflow.kernel.errors import Conflict, Invalid, NotFound, Refusal, refuse_if_any
from tierflow.kernel.roles import Actor, require
from tierflow.kernel.text import mark, text
from tierflow.web.paging import Page, Sort, page_of

SUBJECT = "channel"


@dataclass(frozen=True)
class ChannelKind:
    """A kind of channel: its word, its settings, and which of them are secret. A robot's address carries its key."""

    key: str
    label: str
    icon: str
    settings: tuple[str, ...]
    secrets: frozenset[str]
    required: frozenset[str]


_ROBOT_SETTINGS = ("url", "secret", "language")
CHANNEL_KINDS: dict[str, ChannelKind] = {
    kind.key: kind
    for kind in (
        ChannelKind(
            "smtp",
            mark("E-mail (SMTP)"),
            "envelope",
            ("host", "port", "security", "username", "password", "sender"),
            frozenset({"password"}),
            frozenset({"host", "sender"}),
        ),
        ChannelKind(
            "wecom",
            mark("WeCom robot"),
            "chat-dots",
            ("url", "language"),
            frozenset({"url"}),
            frozenset({"url"}),
        ),
        ChannelKind(
            "dingtalk",
            mark("DingTalk robot"),
            "bell",
            _ROBOT_SETTINGS,
            frozenset({"url", "secret"}),
            frozenset({"url"}),
        ),
        ChannelKind(
            "feishu",
            mark("Feishu robot"),
            "send",
            _ROBOT_SETTINGS,
            frozenset({"url", "secret"}),
            frozenset({"url"}),
        ),
    )
}

# Kinds of notice a channel can be limited to; the composition root adds those of other domains.
TOPICS: dict[str, str] = {
    "role_grant": mark("Role grants"),
    "delegation": mark("Delegations"),
    "account": mark("Accounts and passwords"),
    "approval.remind": mark("Reminders of waiting approvals"),
    "approval.escalate": mark("Escalated approvals"),
    "calendar.missing": mark("Missing working calendar"),
    "delivery.dead": mark("Failed deliveries"),
}

TEST_SENTENCE = "This is a test of the channel %(name)s."
mark("This is a test of the channel %(name)s.")


@dataclass(frozen=True)
class ChannelRow:
    """A channel as it may be seen: open settings, and for each secret whether it is set."""

    channel: Channel
    kind: ChannelKind
    settings: Mapping[str, Any]
    secrets: Mapping[str, bool]
    target: str  # the host it speaks to
    stamp: str


@dataclass(frozen=True)
class DeadLetter:
    """A delivery given up: to whom, over what, why. Its text may name customers and is not shown."""

    delivery: Delivery
    notice_kind: str
    created_at: datetime
    recipient: str
    channel_name: str


def list_channels(session: Session, actor: Actor) -> list[ChannelRow]:
    """Every channel, by name."""
    require(actor, "channel.read")
    return [_row(channel) for channel in session.scalars(select(Channel).order_by(Channel.name, Channel.id))]


def get(session: Session, actor: Actor, channel_id: int) -> ChannelRow:
    """One channel. Raises `NotFound`."""
    require(actor, "channel.read")
    return _row(_channel(session, channel_id))


def _channel(session: Session, channel_id: int) -> Channel:
    channel = session.get(Channel, channel_id)
    if channel is None:
        raise NotFound
    return channel


def _row(channel: Channel) -> ChannelRow:
    kind = CHANNEL_KINDS[channel.kind]
    return ChannelRow(
        channel,
        kind,
        {key: channel.settings.get(key) for key in kind.settings if key not in kind.secrets},
        {key: bool(channel.settings.get(key)) for key in kind.settings if key in kind.secrets},
        channel.settings.get("host") or urlsplit(channel.settings.get("url") or "").hostname or "",
        _stamp(channel),
    )


def _stamp(channel: Channel) -> str:
    return digest([channel.name, channel.settings, channel.topics, channel.is_enabled])[:16]


def create(session: Session, actor: Actor, data: Mapping[str, Any], now: datetime) -> Channel:
    """A new channel: `kind`, `name`, `topics` (none: all) and the kind's settings. Raises `Invalid`."""
    require(actor, "channel.write")
    kind = CHANNEL_KINDS[data["kind"]]
    channel = Channel(
        kind=kind.key,
        name=data["name"],
        settings=_settings(kind, data, {}),
        topics=_topics(data),
        is_enabled=data.get("is_enabled", True),
    )
    session.add(channel)
    session.flush()
    audit.record(session, actor, "channel.create", SUBJECT, channel.id, now, after=_told(channel))
    return channel


def edit(session: Session, actor: Actor, channel_id: int, data: Mapping[str, Any], now: datetime) -> Channel:
    """Change a channel; a key that is absent, and a secret left blank, stay as they are."""
    require(actor, "channel.write")
    channel = _channel(session, channel_id)
    if data.get("seen") is not None and data["seen"] != _stamp(channel):
        raise Conflict(Refusal("conflict", text("Somebody changed this meanwhile: look at it again.")))
    kind = CHANNEL_KINDS[channel.kind]
    if data.get("kind") not in (None, kind.key):
        raise Invalid({"kind": [text("The kind of a channel stays; make a new one.")]})
    before = _told(channel)
    held = dict(channel.settings)
    channel.name = data.get("name") or channel.name
    channel.settings = _settings(kind, data, held)
    if "topics" in data:
        channel.topics = _topics(data)
    if data.get("is_enabled") is not None:
        channel.is_enabled = data["is_enabled"]
    session.flush()
    old, new = audit.changes(before, _told(channel))
    replaced = sorted(key for key in kind.secrets if held.get(key) != channel.settings.get(key))
    if replaced:
        new["secrets_replaced"] = replaced
    if new:
        audit.record(session, actor, "channel.edit", SUBJECT, channel.id, now, before=old, after=new)
    return channel


def _settings(kind: ChannelKind, data: Mapping[str, Any], held: Mapping[str, Any]) -> dict[str, Any]:
    errors: dict[str, Any] = {
        key: [text("This kind of channel has no such setting.")]
        for key in ALL_SETTINGS - set(kind.settings)
        if data.get(key) is not None
    }
    settings = {}
    for key in kind.settings:
        value = data.get(key)
        if value is None and (key in kind.secrets or key not in data):
            value = held.get(key)
        if value is not None:
            settings[key] = value
        elif key in kind.required:
            errors[key] = [text("This channel cannot do without it.")]
    if errors:
        raise Invalid(errors)
    return settings


ALL_SETTINGS = frozenset(key for kind in CHANNEL_KINDS.values() for key in kind.settings)


def _topics(data: Mapping[str, Any]) -> list[str]:
    return sorted(set(data.get("topics") or []))


def _told(channel: Channel) -> dict[str, Any]:
    row = _row(channel)
    return {
        "name": channel.name,
        "kind": channel.kind,
        "topics": list(channel.topics),
        "is_enabled": channel.is_enabled,
        **row.settings,
    }


def send_test(session: Session, actor: Actor, channel_id: int, now: datetime) -> Delivery:
    """Queue a notice to the actor over this channel alone; the scheduler delivers it within a minute."""
    require(actor, "channel.write")
    channel = _channel(session, channel_id)
    refusals = []
    if not channel.is_enabled:
        refusals.append(Refusal(rules.HOUSE, text("Enable the channel first.")))
    if channel.kind == "smtp" and not account(session, actor.user_id).email:
        refusals.append(Refusal(rules.HOUSE, text("Your account has no e-mail address to send the test to.")))
    refuse_if_any(refusals)
    notice = Notice(
        user_id=actor.user_id,
        kind="channel.test",
        msgid=TEST_SENTENCE,
        params={"name": channel.name},
        subject_type=SUBJECT,
        subject_id=channel.id,
        dedupe_key=f"channel.test:{channel.id}:{now.isoformat()}",
        created_at=now,
    )
    session.add(notice)
    session.flush()
    delivery = Delivery(notice_id=notice.id, channel_id=channel.id, state="waiting", next_try_at=now)
    session.add(delivery)
    session.flush()
    audit.record(session, actor, "channel.test", SUBJECT, channel.id, now)
    return delivery


def dead_letters(session: Session, actor: Actor, *, cursor: str | None = None) -> Page[DeadLetter]:
    """Deliveries that were given up, newest first. One query."""
    require(actor, "channel.read")
    query: Any = (
        select(Delivery, Notice.kind, Notice.created_at, User.name, Channel.name)
        .join(Notice, Notice.id == Delivery.notice_id)
        .join(Channel, Channel.id == Delivery.channel_id)
        .join(User, User.id == Notice.user_id)
        .where(Delivery.state == "dead")
    )
    page = page_of(session, query, [Sort("id", Delivery.id, descending=True)], cursor=cursor)
    return Page([DeadLetter(*row) for row in page.rows], page.after, page.before, page.size)


def try_again(session: Session, actor: Actor, delivery_id: int, now: datetime) -> Delivery:
    """Put a dead letter back into the queue, with all its tries. Raises `Conflict` when it is not dead."""
    require(actor, "channel.write")
    delivery = session.get(Delivery, delivery_id)
    if delivery is None:
        raise NotFound
    if not _revive(session, Delivery.id == delivery_id, now):
        raise Conflict(Refusal("conflict", text("This delivery was not given up.")))
    session.refresh(delivery)
    audit.record(session, actor, "delivery.retry", "delivery", delivery.id, now)
    return delivery


def try_all_again(session: Session, actor: Actor, channel_id: int, now: datetime) -> int:
    """Put every dead letter of a channel back into the queue; how many there were."""
    require(actor, "channel.write")
    channel = _channel(session, channel_id)
    revived = _revive(session, Delivery.channel_id == channel.id, now)
    if revived:
        audit.record(session, actor, "delivery.retry", SUBJECT, channel.id, now, after={"deliveries": revived})
    return revived


def _revive(session: Session, which: Any, now: datetime) -> int:
    done = session.execute(
        update(Delivery)
        .where(which, Delivery.state == "dead")
        .values(state="waiting", tries=0, next_try_at=now)
        .returning(Delivery.id),
        execution_options={"synchronize_session": False},
    )
    return len(done.all())
