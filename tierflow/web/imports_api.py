"""JSON of an import, for any importer: everything its screens do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from flask_smorest.fields import Upload
from marshmallow import fields
from sqlalchemy.orm import Session

from tierflow.common.imports import ImportBatch, Importer, handing_over, outcome, service
from tierflow.common.imports.tables import STATES, ImportRowError
from tierflow.kernel.roles import Actor
from tierflow.web.access import reads, tables_opened, writes
from tierflow.web.fields import Moment
from tierflow.web.i18n import show, translator
from tierflow.web.imports import ROW_ID, upload_limit
from tierflow.web.imports_schemas import (
    SEVERITIES,
    HandInSchema,
    MappingSchema,
    SeenSchema,
    SendBackSchema,
    seen_of,
)
from tierflow.web.imports_shown import page_of_rows
from tierflow.web.paging import Sort, page_of
from tierflow.web.schemas import Integer, Line, ReasonSchema, Schema, between, one_of


class FileSchema(Schema):
    """The list: xlsx or CSV."""

    file = Upload(required=True)


class PageSchema(Schema):
    """Which page of a list, and how many rows."""

    cursor = Line(most=500, load_default=None)
    size = Integer(validate=between(1, 100), load_default=30)


class FindingsPageSchema(PageSchema):
    """Which findings."""

    severity = Line(validate=one_of(SEVERITIES), load_default=None)


class BatchOut(Schema):
    """An import: the file, where it stands, and its rows counted."""

    id = fields.Integer()
    file_name = fields.String()
    sha256 = fields.String()
    sheet = fields.String()
    heads = fields.List(fields.String())
    mapping = fields.Dict(keys=fields.String(), values=fields.Integer())
    state = fields.String(metadata={"enum": list(STATES)})
    expected = fields.Integer(metadata={"description": "about how many rows the file has"})
    total = fields.Integer(metadata={"description": "rows read so far"})
    good = fields.Integer()
    doubtful = fields.Integer()
    duplicate = fields.Integer()
    bad = fields.Integer()
    result = fields.Dict(keys=fields.String(), values=fields.Integer())
    failure = fields.Function(lambda batch: show(found) if (found := outcome.failure_of(batch)) else None)
    created_at = Moment()
    checked_at = Moment(allow_none=True)
    applied_at = Moment(allow_none=True)
    reverted_at = Moment(allow_none=True)


class ImportCaseOut(Schema):
    """Where its approval stands. `version` and `step` go into a decision as what was seen."""

    state = fields.String()
    round = fields.Integer()
    step = fields.String(allow_none=True)
    version = fields.Integer()
    waiting_since = Moment()
    due_at = Moment()


class BatchWholeOut(BatchOut):
    """An import, and where its approval stands: null before it was handed in, or where one person is enough."""

    samples = fields.List(
        fields.List(fields.String(allow_none=True)),
        metadata={"description": "the first two rows of the file, cells cut short"},
    )
    case = fields.Nested(ImportCaseOut, allow_none=True)


class FindingOut(Schema):
    """What was found in a field of a row."""

    number = fields.Integer()
    field = fields.String()
    severity = fields.String()
    reason = fields.Function(lambda row: show(outcome.sentence(row)))


class RowOut(Schema):
    """A row as it will be imported, in words by column."""

    number = fields.Integer(metadata={"description": "as counted in the file"})
    is_doubtful = fields.Boolean(metadata={"description": "something in it wants a look: see the findings"})
    values = fields.Dict(keys=fields.String(), values=fields.String())


class RowPageOut(Schema):
    """A page of rows."""

    rows = fields.List(fields.Nested(RowOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class BatchListedOut(BatchOut):
    """An import in the list. What a colleague prepares can be taken over; what stands in it is not shown."""

    holder = fields.String(metadata={"description": "whose it is"})
    is_visible = fields.Boolean(metadata={"description": "whether you may open it"})


class BatchPageOut(Schema):
    """A page of imports."""

    rows = fields.List(fields.Nested(BatchListedOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class FindingPageOut(Schema):
    """A page of findings."""

    rows = fields.List(fields.Nested(FindingOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


Verb = Callable[..., ImportBatch]
_HIDDEN: dict[str, Any] = {"heads": [], "mapping": {}}  # in a file without heads the first row is one of its rows


def _values(batch: ImportBatch) -> dict[str, Any]:
    return {attribute.key: getattr(batch, attribute.key) for attribute in batch.__mapper__.column_attrs}


def register(blp: Any, importer: Importer, *, prefix: str, read: str) -> None:
    """Put an importer's JSON on an API blueprint."""
    one = f"{prefix}/<{ROW_ID}:batch_id>"

    @blp.route(prefix, methods=["GET"])
    @reads(read)
    @blp.arguments(PageSchema, location="query")
    @blp.response(200, BatchPageOut)
    def list_imports(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
        """The imports you may see, newest first."""
        order = [Sort("id", ImportBatch.id, True)]
        page = page_of(session, service.batches(actor, importer), order, cursor=wanted["cursor"], size=wanted["size"])
        rows = [
            SimpleNamespace(**{**_values(batch), **({} if seen else _HIDDEN)}, holder=who, is_visible=seen)
            for batch, who, seen in page.rows
        ]
        return {"rows": rows, "after": page.after, "before": page.before}

    @blp.route(prefix, methods=["POST"])
    @tables_opened
    @writes(importer.action)
    @blp.arguments(FileSchema, location="files")
    @blp.response(201, BatchOut)
    def upload(sent: dict[str, Any], *, session: Session, actor: Actor, now: datetime) -> Any:
        """Take a file in; the same file again gives the import under way."""
        name, content = sent["file"].filename or "", sent["file"].stream.read()
        return service.receive(session, actor, importer, name, content, now, spoken=translator("zh"))

    @blp.route(one, methods=["GET"])
    @reads(read)
    @blp.response(200, BatchWholeOut)
    def read_import(*, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        """One import, and where its approval stands."""
        batch = service.get(session, actor, importer, batch_id)
        return SimpleNamespace(**_values(batch), case=service.case_of(session, batch))

    @blp.route(f"{one}/findings", methods=["GET"])
    @reads(read)
    @blp.arguments(FindingsPageSchema, location="query")
    @blp.response(200, FindingPageOut)
    def list_findings(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        """What was found, by row."""
        batch = service.get(session, actor, importer, batch_id)
        order = [Sort("number", ImportRowError.number), Sort("id", ImportRowError.id)]
        query = outcome.findings(batch.id, wanted["severity"])
        page = page_of(session, query, order, cursor=wanted["cursor"], size=wanted["size"])
        return {"rows": page.rows, "after": page.after, "before": page.before}

    @blp.route(f"{one}/rows", methods=["GET"])
    @reads(read)
    @blp.arguments(PageSchema, location="query")
    @blp.response(200, RowPageOut)
    def list_rows(wanted: dict[str, Any], *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        """The rows it will bring, once they are checked and until they are imported, by row."""
        batch = service.get(session, actor, importer, batch_id)
        return page_of_rows(session, importer, batch, wanted["cursor"], wanted["size"])

    @blp.route(f"{one}/mapping", methods=["POST"])
    @writes(importer.action)
    @blp.arguments(MappingSchema)
    @blp.response(200, BatchOut)
    def map_columns(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        """Say which column is which; the rows are then checked."""
        return service.set_mapping(session, actor, importer, batch_id, data["mapping"], now)

    @blp.route(f"{one}/hand-in", methods=["POST"])
    @writes(importer.action)
    @blp.arguments(HandInSchema)
    @blp.response(200, BatchOut)
    def hand_in(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        """Hand it in, or have it imported where one person is enough."""
        return service.hand_in(session, actor, importer, batch_id, data, now)

    _plain(blp, importer.action, f"{one}/check", "check_again", service.check_again, importer, "Check the rows anew.")
    _plain(blp, importer.action, f"{one}/discard", "discard", service.discard, importer, "Give it up.")
    take_over, told = handing_over.take_over, "Go on with a colleague's list: it is yours from now on."
    _plain(blp, importer.action, f"{one}/take-over", "take_over", take_over, importer, told)
    _reasoned(blp, importer.deciding, f"{one}/revert", "revert", service.revert, importer, "Take all of it back.")
    if importer.apply_action:
        _plain(
            blp, importer.action, f"{one}/withdraw", "withdraw", service.withdraw, importer, "Take it back undecided."
        )
        _decided(blp, importer, one)
    blp.url_value_preprocessor(upload_limit(frozenset({f"{blp.name}.upload"})))


def _decided(blp: Any, importer: Importer, one: str) -> None:
    @blp.route(f"{one}/apply", methods=["POST"])
    @writes(importer.deciding)
    @blp.arguments(SeenSchema)
    @blp.response(200, BatchOut)
    def apply(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        """Approve it: all rows are imported."""
        return service.apply(session, actor, importer, batch_id, seen_of(data), now)

    @blp.route(f"{one}/send-back", methods=["POST"])
    @writes(importer.deciding)
    @blp.arguments(SendBackSchema)
    @blp.response(200, BatchOut)
    def send_back(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        """Send it back."""
        return service.send_back(session, actor, importer, batch_id, seen_of(data), data["reason"], now)


def _plain(blp: Any, action: str, rule: str, name: str, verb: Verb, importer: Importer, told: str) -> None:
    def view(*, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        return verb(session, actor, importer, batch_id, now)

    view.__name__, view.__doc__ = name, told
    blp.route(rule, methods=["POST"])(writes(action)(blp.response(200, BatchOut)(view)))


def _reasoned(blp: Any, action: str, rule: str, name: str, verb: Verb, importer: Importer, told: str) -> None:
    def view(data: dict[str, Any], *, session: Session, actor: Actor, now: datetime, batch_id: int) -> Any:
        return verb(session, actor, importer, batch_id, data["reason"], now)

    view.__name__, view.__doc__ = name, told
    documented = blp.arguments(ReasonSchema)(blp.response(200, BatchOut)(view))
    blp.route(rule, methods=["POST"])(writes(action)(documented))
