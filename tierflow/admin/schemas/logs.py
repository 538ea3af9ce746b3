"""The audit log and the security log."""

from __future__ import annotations

from marshmallow import fields

from tierflow.admin.schemas.shared import Day, Moment, PagedSchema
from tierflow.web.exports import FormSchema
from tierflow.web.schemas import Line, RowId, Schema


class AuditFilter(PagedSchema):
    """Which acts."""

    user_id = RowId(load_default=None)
    action = Line(load_default=None, most=60)
    subject_type = Line(load_default=None, most=60)
    subject_id = RowId(load_default=None)
    from_on = Day(load_default=None)
    last_on = Day(load_default=None)


class SecurityFilter(PagedSchema):
    """Which events."""

    kind = Line(load_default=None, most=60)
    user_id = RowId(load_default=None)
    login = Line(load_default=None, most=120)
    from_on = Day(load_default=None)
    last_on = Day(load_default=None)


class AuditExportSchema(AuditFilter, FormSchema):
    """Which acts, as which kind of file."""


class SecurityExportSchema(SecurityFilter, FormSchema):
    """Which events, as which kind of file."""


class DifferenceOut(Schema):
    """A field that changed; without values where they are not the administrator's to see."""

    field = Line()
    before = fields.Raw(allow_none=True)
    after = fields.Raw(allow_none=True)


class AuditOut(Schema):
    """An act."""

    seq = fields.Integer(attribute="entry.seq")
    at = Moment(attribute="entry.at")
    actor_id = RowId(attribute="entry.actor_id", allow_none=True)
    actor_name = Line(attribute="entry.actor_name")
    on_behalf_of = Line(allow_none=True)
    action = Line(attribute="entry.action")
    subject_type = Line(attribute="entry.subject_type")
    subject_id = RowId(attribute="entry.subject_id")
    reason = Line()
    is_hidden = fields.Boolean()
    differences = fields.List(fields.Nested(DifferenceOut))


class AuditPage(Schema):
    """A page of acts."""

    rows = fields.List(fields.Nested(AuditOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class SecurityOut(Schema):
    """An event."""

    id = RowId(attribute="event.id")
    at = Moment(attribute="event.at")
    kind = Line(attribute="event.kind")
    user_id = RowId(attribute="event.user_id", allow_none=True)
    user_name = Line(allow_none=True)
    login = Line(attribute="event.login")
    address = Line(attribute="event.address")
    detail = Line(attribute="event.detail")


class SecurityPage(Schema):
    """A page of events."""

    rows = fields.List(fields.Nested(SecurityOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
