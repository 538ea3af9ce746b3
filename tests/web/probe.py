"""A small blueprint that does through the real door what no screen does: write in a GET, answer late, fail half-way."""

from __future__ import annotations

from datetime import datetime
from io import BytesIO
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request, send_file
from sqlalchemy import text
from sqlalchemy.orm import Session

from tierflow.common import audit, filters
from tierflow.common.filters import SavedFilter
from tierflow.kernel.errors import Forbidden, Invalid, Refusal, Refused
from tierflow.kernel.roles import Actor
from tierflow.kernel.text import text as sentence
from tierflow.web.access import declared, reads, writes


def note(session: Session, actor: Actor, now: datetime, name: str) -> SavedFilter:
    row = filters.save(session, actor, "probe", name, "")
    audit.record(session, actor, "note", "probe", row.id, now)
    return row


def open_door(app: Flask) -> None:  # noqa: C901 - one route after the other
    """Add the probe's routes; they pass the same checks as every other."""
    bp = Blueprint("probe", __name__, url_prefix="/api/probe")

    @bp.get("/write")
    @reads("self.read")
    def write_in_get(*, session: Session, actor: Actor, now: datetime) -> str:
        session.add(SavedFilter(user_id=actor.user_id, page="probe", name="x", query=""))
        session.flush()
        return "written"

    @bp.get("/sql")
    @reads("self.read")
    def sql_in_get(*, session: Session, actor: Actor, now: datetime) -> str:
        session.execute(text("UPDATE saved_filter SET name = 'changed'"))
        session.commit()
        return "written"

    @bp.post("/note")
    @writes("filter.write")
    def take_note(*, session: Session, actor: Actor, now: datetime) -> tuple[Response, int]:
        given: Any = request.get_json()
        row = note(session, actor, now, given["name"])
        return jsonify({"id": row.id}), 201

    @bp.post("/rival")
    @writes("filter.write")
    def rival(*, session: Session, actor: Actor, now: datetime) -> str:
        for _ in range(2):  # as two would who both looked and found the name free
            session.add(SavedFilter(user_id=actor.user_id, page="probe", name="x", query=""))
        session.flush()
        return "done"

    @bp.post("/file")
    @writes("filter.write")
    def make_file(*, session: Session, actor: Actor, now: datetime) -> Response:
        note(session, actor, now, request.form["name"])
        return send_file(BytesIO(b"content"), download_name="a.bin")

    @bp.post("/fail/<how>")
    @writes("filter.write")
    def fail(*, session: Session, actor: Actor, now: datetime, how: str) -> Any:
        note(session, actor, now, "half")
        match how:
            case "answer":
                return jsonify({"message": "no"}), 422
            case "invalid":
                raise Invalid({"name": [sentence("This is not valid.")]})
            case "refused":
                raise Refused(Refusal("house", sentence("This is not valid.")))
            case "forbidden":
                raise Forbidden("filter.write")
            case "break":
                raise ZeroDivisionError
        return "done"

    app.register_blueprint(bp)
    app.extensions["access"] = declared(app)
    app.config["WTF_CSRF_METHODS"] = frozenset()  # the door is on trial, not the forms
