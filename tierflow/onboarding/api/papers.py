"""JSON of papers, evidence and stored files. Uploads are multipart, field `file`."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Response
from sqlalchemy.orm import Session
from werkzeug.datastructures import FileStorage

from tierflow.common import files
from tierflow.common.uploads import Upload
from tierflow.kernel.roles import Actor
from tierflow.onboarding import service
from tierflow.onboarding.api.applications import ONE
from tierflow.onboarding.schemas import given, shown
from tierflow.web.access import reads, writes
from tierflow.web.openapi import SCAN, api_blueprint

blp = api_blueprint("papers", "Papers")

PAPER = "/papers/<int(max=9007199254740991):paper_id>"


def uploaded(file: FileStorage | None) -> Upload | None:
    """What the browser sent, as the service takes it."""
    return None if file is None else Upload(file.filename or "", file.stream.read())


@blp.route(f"{ONE}/papers", methods=["POST"])
@writes("application.write")
@blp.arguments(given.NewPaperSchema, location="form")
@blp.arguments(given.ScanFileSchema, location="files")
@blp.response(201, shown.PaperRowSchema)
def add(
    data: dict[str, Any],
    sent: dict[str, Any],
    *,
    session: Session,
    actor: Actor,
    now: datetime,
    application_id: int,
) -> Any:
    """A paper with its scan."""
    upload = Upload(sent["file"].filename or "", sent["file"].stream.read())
    return service.add_paper(session, actor, application_id, data.pop("kind"), upload, data, now)


@blp.route(PAPER, methods=["PATCH"])
@writes("application.write")
@blp.arguments(given.PrintedSchema, location="form")
@blp.arguments(given.ScanSchema, location="files")
@blp.response(200, shown.PaperRowSchema)
def change(
    data: dict[str, Any], sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime, paper_id: int
) -> Any:
    """Correct what is printed on a paper, and replace its scan when one is sent."""
    return service.change_paper(session, actor, paper_id, data, now, upload=uploaded(sent.get("file")))


@blp.route(PAPER, methods=["DELETE"])
@writes("application.write")
@blp.response(204)
def remove(*, session: Session, actor: Actor, now: datetime, paper_id: int) -> None:
    """Take a paper off the application."""
    service.remove_paper(session, actor, paper_id, now)


@blp.route(f"{ONE}/evidence", methods=["POST"])
@writes("application.write")
@blp.arguments(given.EvidenceSchema, location="form")
@blp.arguments(given.ScanFileSchema, location="files")
@blp.response(201, shown.CheckRowSchema)
def attach(
    data: dict[str, Any],
    sent: dict[str, Any],
    *,
    session: Session,
    actor: Actor,
    now: datetime,
    application_id: int,
) -> Any:
    """A file as evidence for an entry condition."""
    upload = Upload(sent["file"].filename or "", sent["file"].stream.read())
    return service.attach_evidence(session, actor, application_id, data["customer_class"], data["item"], upload, now)


@blp.route(f"{ONE}/evidence", methods=["DELETE"])
@writes("application.write")
@blp.arguments(given.EvidenceSchema, location="query")
@blp.response(204)
def detach(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, application_id: int) -> None:
    """Take the file off an entry condition."""
    service.remove_evidence(session, actor, application_id, data["customer_class"], data["item"], now)


@blp.route("/files/<int(max=9007199254740991):file_id>", methods=["GET"])
@reads("customer.read")
@blp.arguments(given.DownloadSchema, location="query")
@blp.doc(responses=SCAN)
def content(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, file_id: int) -> Response:
    """A scan, shown in the page or saved; only for whoever may see what it belongs to."""
    stored = service.file_for(session, actor, file_id)
    how = "attachment" if wanted["download"] else "inline"
    name = f"filename=scan.{stored.kind}; filename*=UTF-8''{quote(stored.name)}"
    headers = {"Content-Disposition": f"{how}; {name}"}
    return Response(files.content_of(session, stored), mimetype=files.MEDIA_TYPES[stored.kind], headers=headers)
