"""Channels of notices, and the letters that could not be delivered."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from tierflow.admin.pages.shared import filters
from tierflow.admin.routes import ID
from tierflow.admin.schemas.settings import ChannelSchema, NewChannelSchema
from tierflow.admin.schemas.shared import PagedSchema
from tierflow.admin.service import channels
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.i18n import show as shown
from tierflow.web.schemas import flat_errors, form_data, load

bp = Blueprint("channels", __name__, url_prefix="/channels", template_folder="../templates")


def _index(session: Session, actor: Actor, refusals: Any = ()) -> str:
    cursor = filters(PagedSchema())["cursor"]
    return render_template(
        "admin/channels/index.html",
        channels=channels.list_channels(session, actor),
        kinds=channels.CHANNEL_KINDS,
        topics=channels.TOPICS,
        page=channels.dead_letters(session, actor, cursor=cursor),
        refusals=refusals,
    )


@bp.get("")
@reads("channel.read")
def index(*, session: Session, actor: Actor, now: datetime) -> str:
    """Every channel, and the dead letters."""
    return _index(session, actor)


def _index_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any, **_rest: Any) -> str:
    return _index(session, actor, refusals)


def _form(kind: str, errors: Any, refusals: Any, **more: Any) -> str:
    values: Any = more.pop("values", {})
    if request.form:
        values = {**request.form, "topics": request.form.getlist("topics")}
    return render_template(
        "admin/channels/form.html",
        kind=channels.CHANNEL_KINDS[kind],
        values=values,
        errors=flat_errors(errors or {}),
        refusals=refusals,
        topics=[(key, shown(label)) for key, label in channels.TOPICS.items()],
        **more,
    )


def _kind() -> str:
    wanted = request.form.get("kind") or request.args.get("kind") or "smtp"
    return wanted if wanted in channels.CHANNEL_KINDS else "smtp"


@bp.get("/new")
@reads("channel.read")
def new(*, session: Session, actor: Actor, now: datetime) -> str:
    """A new channel of a kind."""
    return _form(_kind(), None, (), values={"is_enabled": True, "security": "starttls"})


def _new_again(*, session: Session, actor: Actor, now: datetime, errors: Any, refusals: Any) -> str:
    return _form(_kind(), errors, refusals)


def _given() -> dict[str, Any]:
    """The form; boxes that are not ticked are not sent."""
    return {"is_enabled": False, "topics": [], **form_data(lists=("topics",))}


@bp.post("/new")
@writes("channel.write", on_invalid=_new_again)
def create(*, session: Session, actor: Actor, now: datetime) -> Response:
    """Store it."""
    channels.create(session, actor, load(NewChannelSchema(), _given()), now)
    flash(_("The channel is stored; send a test."), "ok")
    return redirect(url_for("channels.index"))


@bp.get(f"/<{ID}:channel_id>")
@reads("channel.read")
def edit(*, session: Session, actor: Actor, now: datetime, channel_id: int) -> str:
    """Change a channel; its secrets are not shown."""
    row = channels.get(session, actor, channel_id)
    values = {
        **row.settings,
        "name": row.channel.name,
        "topics": row.channel.topics,
        "is_enabled": row.channel.is_enabled,
        "seen": row.stamp,
    }
    return _form(row.kind.key, None, (), values=values, row=row)


def _edit_again(*, session: Session, actor: Actor, now: datetime, channel_id: int, errors: Any, refusals: Any) -> str:
    row = channels.get(session, actor, channel_id)
    return _form(row.kind.key, errors, refusals, row=row)


@bp.post(f"/<{ID}:channel_id>")
@writes("channel.write", on_invalid=_edit_again)
def save(*, session: Session, actor: Actor, now: datetime, channel_id: int) -> Response:
    """Store the change."""
    channels.edit(session, actor, channel_id, load(ChannelSchema(), _given()), now)
    flash(_("Saved."), "ok")
    return redirect(url_for("channels.index"))


@bp.post(f"/<{ID}:channel_id>/test")
@writes("channel.write", on_invalid=_index_again)
def test(*, session: Session, actor: Actor, now: datetime, channel_id: int) -> Response:
    """Queue a test to myself."""
    channels.send_test(session, actor, channel_id, now)
    flash(_("The test is on its way; if it fails, it appears below."), "ok")
    return redirect(url_for("channels.index"))


@bp.post(f"/<{ID}:channel_id>/retry")
@writes("channel.write", on_invalid=_index_again)
def retry_all(*, session: Session, actor: Actor, now: datetime, channel_id: int) -> Response:
    """Try every dead letter of the channel again."""
    revived = channels.try_all_again(session, actor, channel_id, now)
    flash(ngettext("%(num)d delivery is tried again.", "%(num)d deliveries are tried again.", revived), "ok")
    return redirect(url_for("channels.index"))


@bp.post(f"/dead-letters/<{ID}:delivery_id>/retry")
@writes("channel.write", on_invalid=_index_again)
def retry(*, session: Session, actor: Actor, now: datetime, delivery_id: int) -> Response:
    """Try one again."""
    channels.try_again(session, actor, delivery_id, now)
    flash(ngettext("%(num)d delivery is tried again.", "%(num)d deliveries are tried again.", 1), "ok")
    return redirect(url_for("channels.index"))
