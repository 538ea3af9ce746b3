"""JSON of channels and dead letters."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.admin.routes import ID
from tierflow.admin.schemas.settings import (
    ChannelOut,
    ChannelSchema,
    DeadLetterPage,
    DeliveryOut,
    NewChannelSchema,
    RevivedOut,
)
from tierflow.admin.schemas.shared import PagedSchema
from tierflow.admin.service import channels
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("channels", "Channels of notices")


@blp.route("/channels")
@reads("channel.read")
@blp.response(200, ChannelOut(many=True))
def index(*, session: Session, actor: Actor, now: datetime) -> Any:
    """Every channel; of secrets only whether they are set."""
    return channels.list_channels(session, actor)


@blp.route("/channels", methods=["POST"])
@writes("channel.write")
@blp.arguments(NewChannelSchema)
@blp.response(201, ChannelOut)
def create(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """A new channel."""
    return channels.get(session, actor, channels.create(session, actor, data, now).id)


@blp.route(f"/channels/<{ID}:channel_id>")
@reads("channel.read")
@blp.response(200, ChannelOut)
def show(*, session: Session, actor: Actor, now: datetime, channel_id: int) -> Any:
    """One channel."""
    return channels.get(session, actor, channel_id)


@blp.route(f"/channels/<{ID}:channel_id>", methods=["PATCH"])
@writes("channel.write")
@blp.arguments(ChannelSchema)
@blp.response(200, ChannelOut)
def edit(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, channel_id: int) -> Any:
    """Change a channel; what is not sent, and a blank secret, stays."""
    channels.edit(session, actor, channel_id, data, now)
    return channels.get(session, actor, channel_id)


@blp.route(f"/channels/<{ID}:channel_id>/test", methods=["POST"])
@writes("channel.write")
@blp.response(202, DeliveryOut)
def test(*, session: Session, actor: Actor, now: datetime, channel_id: int) -> Any:
    """Queue a test notice to oneself over this channel alone."""
    return channels.send_test(session, actor, channel_id, now)


@blp.route(f"/channels/<{ID}:channel_id>/retry", methods=["POST"])
@writes("channel.write")
@blp.response(200, RevivedOut)
def retry_all(*, session: Session, actor: Actor, now: datetime, channel_id: int) -> Any:
    """Try every dead letter of the channel again."""
    return {"deliveries": channels.try_all_again(session, actor, channel_id, now)}


@blp.route("/dead-letters")
@reads("channel.read")
@blp.arguments(PagedSchema, location="query")
@blp.response(200, DeadLetterPage)
def dead_letters(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Deliveries that were given up, newest first, a page at a time."""
    return channels.dead_letters(session, actor, cursor=wanted["cursor"])


@blp.route(f"/dead-letters/<{ID}:delivery_id>/retry", methods=["POST"])
@writes("channel.write")
@blp.response(200, DeliveryOut)
def retry(*, session: Session, actor: Actor, now: datetime, delivery_id: int) -> Any:
    """Try one again."""
    return channels.try_again(session, actor, delivery_id, now)
