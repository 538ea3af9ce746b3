"""The policy as JSON."""

from __future__ import annotations

from marshmallow import fields

from tierflow.admin.schemas.shared import Day, Moment, PagedSchema, Sentence
from tierflow.web.schemas import Line, Schema


class PolicyFilter(PagedSchema):
    """The policy of which day; today when not said."""

    on = Day(load_default=None)


class ValueOut(Schema):
    """A policy value."""

    key = Line(attribute="term.key")
    clause = Line(attribute="term.clause")
    label = Sentence(attribute="term.label")
    unit = Sentence(attribute="term.unit")
    kind = Line(attribute="term.kind")
    value = fields.Raw()


class PolicyVersionOut(Schema):
    """An adopted version."""

    version = fields.Integer()
    in_force_from = fields.Date()
    drafter = Line()
    source = Line()
    adopted_at = Moment(allow_none=True)


class PolicyOut(Schema):
    """The policy in force on a day."""

    on = fields.Date()
    version = fields.Integer(attribute="policy.version")
    in_force_from = fields.Date(attribute="policy.in_force_from")
    drafter = Line(attribute="policy.drafter")
    source = Line(attribute="policy.source")
    values = fields.List(fields.Nested(ValueOut))
    versions = fields.List(fields.Nested(PolicyVersionOut))
