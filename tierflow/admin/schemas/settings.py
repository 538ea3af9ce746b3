"""Reference data, the working calendar, channels."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import marshmallow as ma
from flask_babel import lazy_gettext as _l
from marshmallow import fields

from tierflow.admin.schemas.shared import Day, Moment, PagedSchema, RefusalOut, Sentence, last_day
from tierflow.admin.service.calendars import FIRST_YEAR, LAST_YEAR
from tierflow.admin.service.channels import CHANNEL_KINDS
from tierflow.common.reference import SCHEMES
from tierflow.web.fields import Moment as LocalMoment
from tierflow.web.i18n import LANGUAGES
from tierflow.web.schemas import Integer, Line, RowId, Schema, between, length, one_of

# --- reference data ---


class Code(Line):
    """A code: letters, digits, hyphens; capitals."""

    default_error_messages = {"code": _l("A code has letters, digits and hyphens only.")}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        code = super()._deserialize(value, attr, data, **kwargs).upper()
        if not (code.isascii() and code.replace("-", "").isalnum()):
            raise self.make_error("code")
        return code


class EntryFilter(PagedSchema):
    """Which entries."""

    q = Line(load_default=None, most=100)
    state = Line(load_default=None, validate=one_of(("in_force", "to_come", "over")))


class EntrySchema(Schema):
    """What may be corrected about any entry."""

    name = Line(required=True, most=60)
    seen = Line(allow_none=True, most=32, metadata={"description": "`stamp` of the entry as you saw it"})


class WarehouseSchema(EntrySchema):
    """A warehouse."""

    address = Line(allow_none=True, most=200)
    office_id = RowId(allow_none=True)


class ProductSchema(EntrySchema):
    """A product or a line of them."""

    name_en = Line(allow_none=True, most=60)


EDITS: dict[str, type[Schema]] = {
    "region": EntrySchema,
    "department": EntrySchema,
    "office": EntrySchema,
    "warehouse": WarehouseSchema,
    "product_line": ProductSchema,
    "product": ProductSchema,
}

_NEW: dict[str, Any] = {"code": Code(required=True, most=20), "from_on": Day(required=True)}
_MORE: dict[str, dict[str, Any]] = {
    "product_line": {"scheme": Line(required=True, validate=one_of(SCHEMES))},
    "product": {"product_line_id": RowId(required=True)},
}

NEWS: dict[str, type[Schema]] = {
    key: type(f"New{base.__name__}Of{key.title().replace('_', '')}", (base,), {**_NEW, **_MORE.get(key, {})})
    for key, base in EDITS.items()
}


class AnyEntrySchema(Schema):
    """An entry of any kind, as the API takes it; each kind takes its own fields."""

    code = Line(most=20)
    name = Line(most=60)
    name_en = Line(allow_none=True, most=60)
    address = Line(allow_none=True, most=200)
    office_id = RowId(allow_none=True)
    scheme = Line(validate=one_of(SCHEMES))
    product_line_id = RowId()
    from_on = fields.String()
    seen = Line(allow_none=True, most=32)


class EndSchema(Schema):
    """The last day in use; the command holds the first day without it."""

    last_on = Day(required=True)

    @ma.post_load
    def _half_open(self, data: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        return {"to_on": data["last_on"] + timedelta(days=1)}


class TieSchema(Schema):
    """What a resident office is concerned with: a product line in a region; left out: every one."""

    product_line_id = RowId(load_default=None, allow_none=True)
    region_id = RowId(load_default=None, allow_none=True)
    from_on = Day(required=True)


class TieOut(Schema):
    """A tie of a resident office."""

    id = RowId(attribute="tie.id")
    product_line_id = RowId(attribute="tie.product_line_id", allow_none=True)
    line = Line(allow_none=True)
    region_id = RowId(attribute="tie.region_id", allow_none=True)
    region = Line(allow_none=True)
    from_on = fields.Date(attribute="tie.from_on")
    last_on = fields.Function(lambda row: _iso(row.tie.to_on))
    state = Line()


class EntryOut(Schema):
    """An entry of reference data."""

    id = RowId(attribute="entry.id")
    code = Line(attribute="entry.code")
    name = Line(attribute="entry.name")
    name_en = Line(attribute="entry.name_en")
    address = Line(attribute="entry.address")
    scheme = Line(attribute="entry.scheme")
    office_id = RowId(attribute="entry.office_id", allow_none=True)
    product_line_id = RowId(attribute="entry.product_line_id")
    parent = Line(allow_none=True)
    from_on = fields.Date(attribute="entry.from_on")
    last_on = fields.Function(lambda row: _iso(row.entry.to_on))
    state = Line()
    stamp = fields.String()


def _iso(to_on: Any) -> str | None:
    day = last_day(to_on)
    return None if day is None else day.isoformat()


class EntryPage(Schema):
    """A page of entries."""

    rows = fields.List(fields.Nested(EntryOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


# --- the working calendar ---


class CalendarDaySchema(Schema):
    """An exception to Monday-Friday: a day off (`working` no) or a make-up working day (yes)."""

    date = Day(required=True)
    working = fields.Boolean(
        required=True,
        truthy={True, "1", "true", "True", "yes", "y", "是", "班", "上班"},
        falsy={False, "0", "false", "False", "no", "n", "否", "休", "休息", "放假"},
    )
    name = Line(load_default="", allow_none=True, most=60)


class CalendarPreviewSchema(Schema):
    """A year's exceptions to look at before loading."""

    year = Integer(required=True, validate=between(FIRST_YEAR, LAST_YEAR))
    days = fields.List(fields.Nested(CalendarDaySchema), required=True, validate=length(0, 400))
    is_empty = fields.Boolean(load_default=False, metadata={"description": "the notice names no exceptions"})


class CalendarLoadSchema(CalendarPreviewSchema):
    """A year to load, with where it was published."""

    source = Line(required=True, most=200)
    seen_version = Integer(load_default=None, allow_none=True, validate=between(0, 2**53))


class YearFilter(PagedSchema):
    """Which year; and, for the page, a deadline to reckon by Shanghai's clock."""

    year = Integer(load_default=None, validate=between(FIRST_YEAR, LAST_YEAR))
    received_at = fields.NaiveDateTime(load_default=None, format="iso")
    working_days = Integer(load_default=None, validate=between(1, 250))


class DeadlineSchema(Schema):
    """What to reckon."""

    received_at = fields.AwareDateTime(required=True, format="iso")
    working_days = Integer(required=True, validate=between(1, 250))


class ProofOut(Schema):
    """A day of the reckoning."""

    date = fields.Date(attribute="on")
    counts = fields.Boolean()
    why = Sentence()


class DeadlineOut(Schema):
    """A deadline, day by day."""

    due_at = Moment(attribute="due.at")
    provisional = fields.Boolean(attribute="due.provisional")
    calendar_version = fields.Integer(attribute="due.calendar_version")
    days = fields.List(fields.Nested(ProofOut))


class CalendarDayOut(Schema):
    """A day of the year."""

    date = fields.Date(attribute="on")
    counts = fields.Boolean()
    kind = fields.String(metadata={"description": "work, weekend, off or makeup"})
    name = fields.String()


class VersionOut(Schema):
    """A notice as loaded."""

    id = RowId(attribute="notice.id")
    source = Line(attribute="notice.source")
    loaded_at = Moment(attribute="notice.loaded_at")
    loaded_by = Line(allow_none=True)
    in_force = fields.Boolean()


class YearOut(Schema):
    """A year of the calendar."""

    year = fields.Integer()
    is_published = fields.Boolean()
    working_days = fields.Integer()
    calendar_version = fields.Integer()
    days = fields.List(fields.Nested(CalendarDayOut))
    versions = fields.List(fields.Nested(VersionOut))


class DayChangeOut(Schema):
    """A day on which the new calendar differs."""

    date = fields.Date(attribute="on")
    before = fields.Boolean()
    after = fields.Boolean()


class MoveOut(Schema):
    """An open due time the calendar would move; `asks`: a person decides, else it moves by itself."""

    number = fields.String(metadata={"description": "of the complaint"})
    due_at = LocalMoment()
    would_be_at = LocalMoment()
    asks = fields.Boolean()


class ImpactOut(Schema):
    """Open due times: provisional ones the calendar makes firm, firm ones a person will be asked about."""

    firmed = fields.Integer()
    asked = fields.Integer()
    is_capped = fields.Boolean(metadata={"description": "more are open than were looked at"})
    moves = fields.List(fields.Nested(MoveOut))


class CalendarPreviewOut(Schema):
    """What loading would do."""

    year = fields.Integer()
    calendar_version = fields.Integer()
    changes = fields.List(fields.Nested(DayChangeOut))
    refusals = fields.List(fields.Nested(RefusalOut))
    impact = fields.Nested(ImpactOut)


class NoticeOut(Schema):
    """A year as loaded."""

    id = RowId()
    year = fields.Integer()
    source = Line()
    loaded_at = Moment()


# --- channels ---


class Webhook(Line):
    """A robot's address: http or https, with a host, without a user."""

    default_error_messages = {"url": _l("An address that begins with https:// is wanted here.")}  # noqa: RUF012

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        written = super()._deserialize(value, attr, data, **kwargs)
        try:
            parts = urlsplit(written)
            sound = parts.scheme in ("http", "https") and parts.hostname and not parts.username and " " not in written
            _port = parts.port
        except ValueError:
            sound = False
        if not sound:
            raise self.make_error("url")
        return written


class ChannelSchema(Schema):
    """A channel's settings; a secret left blank stays as it is."""

    name = Line(most=60)
    kind = Line(validate=one_of(CHANNEL_KINDS))
    topics = fields.List(Line(most=60), validate=length(0, 50))
    is_enabled = fields.Boolean()
    host = Line(allow_none=True, most=200)
    port = Integer(allow_none=True, validate=between(1, 65535))
    security = Line(allow_none=True, validate=one_of(("starttls", "tls", "none")))
    username = Line(allow_none=True, most=200)
    password = Line(allow_none=True, most=200, load_only=True)
    sender = Line(allow_none=True, most=200)
    url = Webhook(allow_none=True, most=500, load_only=True)
    secret = Line(allow_none=True, most=200, load_only=True)
    language = Line(allow_none=True, validate=one_of(LANGUAGES))
    seen = Line(allow_none=True, most=32)


class NewChannelSchema(ChannelSchema):
    """A new channel."""

    name = Line(required=True, most=60)
    kind = Line(required=True, validate=one_of(CHANNEL_KINDS))


class ChannelOut(Schema):
    """A channel; of secrets only whether they are set."""

    id = RowId(attribute="channel.id")
    kind = Line(attribute="channel.kind")
    name = Line(attribute="channel.name")
    topics = fields.List(fields.String(), attribute="channel.topics")
    is_enabled = fields.Boolean(attribute="channel.is_enabled")
    settings = fields.Dict()
    secrets = fields.Dict()
    target = fields.String()
    stamp = fields.String()


class DeadLetterOut(Schema):
    """A delivery that was given up."""

    id = RowId(attribute="delivery.id")
    notice_kind = Line()
    created_at = Moment()
    recipient = Line()
    channel_id = RowId(attribute="delivery.channel_id")
    channel_name = Line()
    tries = fields.Integer(attribute="delivery.tries")
    last_error = Line(attribute="delivery.last_error")


class DeadLetterPage(Schema):
    """A page of dead letters."""

    rows = fields.List(fields.Nested(DeadLetterOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class DeliveryOut(Schema):
    """A delivery in the queue."""

    id = RowId()
    state = Line()
    tries = fields.Integer()
    next_try_at = Moment()


class RevivedOut(Schema):
    """How many deliveries are tried again."""

    deliveries = fields.Integer()
