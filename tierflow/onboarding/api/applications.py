"""JSON of applications: write, save, look before handing in, read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from tierflow.kernel.roles import Actor
from tierflow.onboarding import service
from tierflow.onboarding.schemas import given, shown
from tierflow.web.access import reads, writes
from tierflow.web.openapi import api_blueprint

blp = api_blueprint("applications", "Account opening")

ONE = "/applications/<int(max=9007199254740991):application_id>"


@blp.route("/applications", methods=["GET"])
@reads("application.read")
@blp.arguments(given.ApplicationFilterSchema, location="query")
@blp.response(200, shown.ApplicationPageSchema)
def list_applications(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """The applications you may see, newest first."""
    cursor, size = wanted.pop("cursor"), wanted.pop("size")
    return service.list_applications(session, actor, service.Filters(**wanted), cursor=cursor, size=size)


@blp.route("/applications", methods=["POST"])
@writes("application.write")
@blp.arguments(given.NewDraftSchema)
@blp.response(201, shown.ApplicationOutSchema)
def create(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Begin an application; incomplete is welcome, wrong is refused at the field."""
    copy_of = data.pop("copy_of")
    application = service.create_draft(session, actor, now, data, copy_of=copy_of)
    return service.view(session, actor, application.id)


@blp.route(ONE, methods=["GET"])
@reads("application.read")
@blp.response(200, shown.ApplicationOutSchema)
def read(*, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """One application whole."""
    return service.view(session, actor, application_id)


@blp.route(ONE, methods=["PATCH"])
@writes("application.write")
@blp.arguments(given.SaveSchema)
@blp.response(200, shown.ApplicationOutSchema)
def save(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """Save some fields. A stale version answers 409 and says who changed what."""
    seen = data.pop("seen_version")
    service.save_draft(session, actor, application_id, data, now, seen_version=seen)
    return service.view(session, actor, application_id)


@blp.route(f"{ONE}/discard", methods=["POST"])
@writes("application.write")
@blp.arguments(given.DiscardSchema)
@blp.response(200, shown.ApplicationOutSchema)
def discard(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """Give an application up; it stays readable and can be copied."""
    service.discard(session, actor, application_id, now, reason=data["reason"] or "")
    return service.view(session, actor, application_id)


@blp.route("/applications/duplicates", methods=["GET"])
@reads("application.read")
@blp.arguments(given.DuplicatesSchema, location="query")
@blp.response(200, shown.MatchesSchema)
def duplicates(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """Customers, open applications and disqualified companies that agree with what is typed."""
    besides = wanted.pop("besides")
    return {"matches": service.find_matches(session, actor, wanted, besides=besides)}


@blp.route("/applications/preview", methods=["POST"])
@reads("application.read", preview=True)
@blp.arguments(given.AdmissionPreviewSchema)
@blp.response(200, shown.AdmissionSchema)
def preview(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
    """What would be decided on these facts? Nothing is stored."""
    return service.preview_facts(session, actor, data, now)


@blp.route(f"{ONE}/admission", methods=["GET"])
@reads("application.read")
@blp.response(200, shown.AdmissionSchema)
def admission(*, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """What would be decided if this application were handed in now?"""
    return service.preview_admission(session, actor, application_id, now)


@blp.route(f"{ONE}/changes", methods=["GET"])
@reads("application.read")
@blp.arguments(given.RoundSchema, location="query")
@blp.response(200, shown.RoundChangesSchema)
def changes(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """What changed since a round."""
    service.get_visible(session, actor, application_id)
    return {"changes": service.changes_since(session, application_id, wanted["round"])}


@blp.route(f"{ONE}/timeline", methods=["GET"])
@reads("application.read")
@blp.response(200, shown.ApplicationTimelineSchema)
def timeline(*, session: Session, actor: Actor, now: datetime, application_id: int) -> Any:
    """Every act on an application, newest first."""
    service.get_visible(session, actor, application_id)
    return {"events": service.timeline(session, application_id)}
