"""What is asked of whoever works on an import, by form and by JSON alike."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from tierflow.common.approvals import Seen
from tierflow.kernel.text import mark
from tierflow.web.schemas import Integer, Line, ReasonSchema, Schema, between, one_of

SEVERITIES: dict[str, tuple[str, str]] = {
    "bad": ("bad", mark("Error")),
    "duplicate": ("warn", mark("Here already")),
    "doubtful": ("info", mark("Look twice")),
}


class HandInSchema(Schema):
    """What is left out, and that the doubtful rows were looked at."""

    leave_out_duplicates = fields.Boolean(load_default=False)
    doubts_seen = fields.Boolean(load_default=False)


class FindingsSchema(Schema):
    """Which findings: their kind, and the page; which page of the rows."""

    severity = Line(validate=one_of(SEVERITIES), load_default=None)
    cursor = Line(most=500, load_default=None)
    rows = Line(most=500, load_default=None)


class SeenSchema(Schema):
    """The case as the page showed it: its version and the step it waited for."""

    version = Integer(required=True, validate=between(0, 2**53))
    step = Line(required=True, most=40)


class SendBackSchema(SeenSchema, ReasonSchema):
    """The same, and why it goes back."""


class MappingSchema(Schema):
    """Which column of the file (counted from 0) is which of ours."""

    mapping = fields.Dict(keys=Line(most=80), values=Integer(validate=between(0, 1000)), required=True)


def seen_of(given: dict[str, Any]) -> Seen:
    """What the decider looked at."""
    return Seen(given["version"], given["step"])
