"""What the API tells about how a due time was worked out."""

from __future__ import annotations

from marshmallow import fields

from tierflow.web.fields import Moment
from tierflow.web.schemas import Schema


class DayProofOut(Schema):
    """One day of the reckoning."""

    date = fields.Date(attribute="on")
    counts = fields.Boolean()
    why = fields.String()


class ReckoningOut(Schema):
    """How a due time was worked out. cause: the event that set it; closing: why it is not as the days give."""

    received_at = Moment()
    limit_days = fields.Integer()
    due_at = Moment()
    is_provisional = fields.Boolean()
    calendar_version = fields.Integer()
    policy_version = fields.Integer()
    days = fields.List(fields.Nested(DayProofOut))
    cause = fields.String()
    closing = fields.String(allow_none=True)
