"""Carrying notices out: claim, send, mark, each on its own, so that a crash sends again and never loses.

The claim itself counts the try and puts the next one off; a process that dies while sending leaves a row that comes
up again by itself. After the last try the row is dead, and administrators are told once a day for each channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from tierflow.common.clock import Clock
from tierflow.common.db import transaction
from tierflow.common.notices import Channel, Delivery, Notice, as_text, notify
from tierflow.common.senders import SENDERS, Message, Sender, Undelivered
from tierflow.common.users import User, holders
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import Role
from tierflow.kernel.text import Text, mark, text

MAX_TRIES = 12  # with the waits below: about a day
FIRST_WAIT = timedelta(minutes=1)
LAST_WAIT = timedelta(hours=6)
SUBJECT = mark("tierflow: a notice for you")

Translate = Callable[[str], Callable[[str], str]]
"""Language ("zh", "en") -> sentence -> sentence; the web layer knows the catalogue, this one does not."""


class Tally(NamedTuple):
    """How a round of deliveries went."""

    sent: int
    failed: int
    dead: int


@dataclass(frozen=True)
class _Claimed:
    delivery_id: int
    channel_id: int
    kind: str
    name: str
    is_enabled: bool
    settings: Mapping[str, object]
    tries: int
    message: Message


def wait_after(tries: int) -> timedelta:
    """How long after its n-th try a delivery is tried again."""
    return min(FIRST_WAIT * (1 << min(max(tries, 1) - 1, 20)), LAST_WAIT)


def deliver(
    session: Session,
    clock: Clock,
    translate: Translate,
    *,
    public_url: str = "",
    senders: Mapping[str, Sender] = SENDERS,
    limit: int = 200,
) -> Tally:
    """Send what is due, oldest first. A channel that fails is left alone for the rest of the round."""
    sent = failed = dead = 0
    broken: set[int] = set()
    for _ in range(limit):
        claimed = _claim(session, clock(), translate, public_url, broken)
        if claimed is None:
            break
        error = _send(claimed, senders, clock())
        if error is None:
            _note_sent(session, claimed.delivery_id, clock())
            sent += 1
            continue
        if not error.for_good:
            broken.add(claimed.channel_id)
        died = _note_failure(session, claimed, error, clock())
        failed, dead = failed + (not died), dead + died
    return Tally(sent, failed, dead)


def _send(claimed: _Claimed, senders: Mapping[str, Sender], now: datetime) -> Undelivered | None:
    if not claimed.is_enabled:
        return Undelivered("the channel is switched off", for_good=True)
    try:
        senders[claimed.kind](claimed.settings, claimed.message, now)
    except Undelivered as error:
        return error
    except Exception as error:  # a fault of ours must not keep the other messages waiting
        return Undelivered(f"{type(error).__name__}: {error}"[:200])
    return None


def waiting(session: Session, now: datetime) -> int:
    """How many deliveries are due now."""
    query = select(func.count()).where(Delivery.state == "waiting", Delivery.next_try_at <= now)
    return session.scalar(query) or 0


def _claim(session: Session, now: datetime, translate: Translate, public_url: str, broken: set[int]) -> _Claimed | None:
    session.rollback()
    due = select(Delivery.id, Delivery.tries).where(Delivery.state == "waiting", Delivery.next_try_at <= now)
    if broken:
        due = due.where(Delivery.channel_id.not_in(broken))
    # Rivals look at the same rows; the conditional update decides, so look at a few.
    candidates = session.execute(due.order_by(Delivery.next_try_at, Delivery.id).limit(10)).all()
    for delivery_id, tries in candidates:
        with transaction(session):
            taken = session.execute(
                update(Delivery)
                .where(Delivery.id == delivery_id, Delivery.state == "waiting", Delivery.tries == tries)
                .values(tries=tries + 1, next_try_at=now + wait_after(tries + 1))
                .returning(Delivery.id)
            ).scalar_one_or_none()
        if taken is not None:
            return _load(session, delivery_id, translate, public_url)
    return None


def _load(session: Session, delivery_id: int, translate: Translate, public_url: str) -> _Claimed:
    delivery, notice, channel, user = session.execute(
        select(Delivery, Notice, Channel, User)
        .join(Notice, Notice.id == Delivery.notice_id)
        .join(Channel, Channel.id == Delivery.channel_id)
        .join(User, User.id == Notice.user_id)
        .where(Delivery.id == delivery_id)
    ).one()
    # A robot speaks to a group, in the house's language unless its channel says otherwise.
    language = user.locale if channel.kind == "smtp" else str(channel.settings.get("language") or "zh")
    say = translate(language)
    body = as_text(notice.msgid, notice.params).render(say)
    link = f"\n{public_url}/notices" if public_url else ""
    subject = body if len(body) <= 78 else Text(SUBJECT).render(say)
    claimed = _Claimed(
        delivery_id=delivery.id,
        channel_id=channel.id,
        kind=channel.kind,
        name=channel.name,
        is_enabled=channel.is_enabled,
        settings=dict(channel.settings),
        tries=delivery.tries,
        message=Message(subject, body + link, user.email, f"delivery-{delivery.id}"),
    )
    session.rollback()
    return claimed


def _note_sent(session: Session, delivery_id: int, now: datetime) -> None:
    with transaction(session):
        session.execute(
            update(Delivery)
            .where(Delivery.id == delivery_id, Delivery.state == "waiting")
            .values(state="sent", sent_at=now, last_error="")
        )


def _note_failure(session: Session, claimed: _Claimed, error: Undelivered, now: datetime) -> bool:
    """Keep the reason; whether the delivery is dead now."""
    dead = error.for_good or claimed.tries >= MAX_TRIES
    values = {"last_error": str(error)[:500]} | ({"state": "dead"} if dead else {})
    with transaction(session):
        session.execute(
            update(Delivery).where(Delivery.id == claimed.delivery_id, Delivery.state == "waiting").values(**values)
        )
        if dead and claimed.is_enabled:
            _tell_administrators(session, claimed, now)
    return dead


def _tell_administrators(session: Session, claimed: _Claimed, now: datetime) -> None:
    today = local_day(now)
    notify(
        session,
        [user.id for user in holders(session, Role.ADMINISTRATOR, today)],
        "delivery.dead",
        text(
            "Notices could not be delivered over the channel %(name)s. See its settings and the log.", name=claimed.name
        ),
        ("channel", claimed.channel_id),
        now,
        dedupe_key=f"delivery.dead.{claimed.channel_id}.{today}",
    )
