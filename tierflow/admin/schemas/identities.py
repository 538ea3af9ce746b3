"""Input and output of linked company identities."""

from __future__ import annotations

from marshmallow import fields

from tierflow.web.fields import Moment
from tierflow.web.schemas import Line, Schema


class IdentitySchema(Schema):
    """The subject (`sub`) at the company's provider."""

    subject = Line(required=True, most=255)


class IdentityOut(Schema):
    """A linked identity."""

    id = fields.Integer()
    issuer = fields.String()
    subject = fields.String()
    bound_at = Moment()
