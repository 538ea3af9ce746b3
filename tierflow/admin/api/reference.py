"""JSON of reference data; `kind` is region, department, office, warehouse, product_line or product."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.admin.routes import ID
from tierflow.admin.schemas.logs import AuditOut
from tierflow.admin.schemas.settings import (
    EDITS,
    NEWS,
    AnyEntrySchema,
    EndSchema,
    EntryFilter,
    EntryOut,
    EntryPage,
    TieOut,
    TieSchema,
)
from tierflow.admin.service import logs, office_ties, reference
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint
from tierflow.web.schemas import load

blp = api_blueprint("reference", "Reference data")


@blp.route("/reference/<kind>")
@reads("reference.read")
@blp.arguments(EntryFilter, location="query")
@blp.response(200, EntryPage)
def index(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, kind: str) -> Any:
    """Entries of a kind by code, a page at a time."""
    return reference.list_entries(session, actor, kind, wanted, now, cursor=wanted["cursor"])


@blp.route("/reference/<kind>", methods=["POST"])
@writes("reference.write")
@blp.arguments(AnyEntrySchema)
@blp.response(201, EntryOut)
def create(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, kind: str) -> Any:
    """A new entry; each kind takes its own fields."""
    reference.kind_of(kind)
    entry = reference.create(session, actor, kind, load(NEWS[kind](), data), now)
    return reference.get(session, actor, kind, entry.id, now)


@blp.route(f"/reference/<kind>/<{ID}:entry_id>")
@reads("reference.read")
@blp.response(200, EntryOut)
def show(*, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> Any:
    """One entry."""
    return reference.get(session, actor, kind, entry_id, now)


@blp.route(f"/reference/<kind>/<{ID}:entry_id>", methods=["PATCH"])
@writes("reference.write")
@blp.arguments(AnyEntrySchema)
@blp.response(200, EntryOut)
def edit(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> Any:
    """Correct what may be corrected; what is not sent stays."""
    reference.kind_of(kind)
    reference.edit(session, actor, kind, entry_id, load(EDITS[kind](partial=True), data), now)
    return reference.get(session, actor, kind, entry_id, now)


@blp.route(f"/reference/<kind>/<{ID}:entry_id>/end", methods=["POST"])
@writes("reference.write")
@blp.arguments(EndSchema)
@blp.response(200, EntryOut)
def end(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> Any:
    """Let it end after a day; refused, with reasons, while something relies on it."""
    reference.end(session, actor, kind, entry_id, data["to_on"], now)
    return reference.get(session, actor, kind, entry_id, now)


@blp.route(f"/reference/<kind>/<{ID}:entry_id>/go-on", methods=["POST"])
@writes("reference.write")
@blp.response(200, EntryOut)
def go_on(*, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> Any:
    """Take the end back."""
    reference.go_on(session, actor, kind, entry_id, now)
    return reference.get(session, actor, kind, entry_id, now)


@blp.route(f"/reference/office/<{ID}:office_id>/ties")
@reads("reference.read")
@blp.response(200, TieOut(many=True))
def ties(*, session: Session, actor: Actor, now: datetime, office_id: int) -> Any:
    """The lines and regions a resident office is concerned with."""
    return office_ties.of_office(session, actor, office_id, now)


@blp.route(f"/reference/office/<{ID}:office_id>/ties", methods=["POST"])
@writes("reference.write")
@blp.arguments(TieSchema)
@blp.response(201, TieOut(many=True))
def tie(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, office_id: int) -> Any:
    """Tie an office to a line in a region; all its ties."""
    office_ties.tie(session, actor, office_id, data, now)
    return office_ties.of_office(session, actor, office_id, now)


@blp.route(f"/reference/ties/<{ID}:tie_id>/end", methods=["POST"])
@writes("reference.write")
@blp.arguments(EndSchema)
@blp.response(200, TieOut(many=True))
def end_tie(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, tie_id: int) -> Any:
    """Let a tie end after a day; all ties of its office."""
    row = office_ties.end(session, actor, tie_id, data["to_on"], now)
    return office_ties.of_office(session, actor, row.office_id, now)


@blp.route(f"/reference/<kind>/<{ID}:entry_id>/history")
@reads("reference.read")
@blp.response(200, AuditOut(many=True))
def history(*, session: Session, actor: Actor, now: datetime, kind: str, entry_id: int) -> Any:
    """Every change of an entry, newest first."""
    return logs.shown(session, reference.history(session, actor, kind, entry_id))
