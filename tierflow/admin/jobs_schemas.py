"""Input and output of the timed duties, for form and JSON."""

from __future__ import annotations

from marshmallow import fields

from tierflow.web.schemas import Line, Schema, one_of


class RunRequestSchema(Schema):
    """A duty and the period to run it for; duties without periods take none."""

    job = Line(required=True, most=60)
    period = Line(most=20, load_default=None, allow_none=True)


class ConfirmSchema(Schema):
    """The day the administrator confirms to be today's."""

    date = fields.Date(required=True)


class RunFilterSchema(Schema):
    """Which part of the ledger."""

    job = Line(most=60)
    state = fields.String(validate=one_of(("done", "failed")))
    period = Line(most=20)
    cursor = Line(most=500)


class DutySchema(Schema):
    """A duty of the timetable."""

    key = fields.String()
    label = fields.String()
    every = fields.String()
    at = fields.String()
    next_period = fields.String()
    next_due_at = fields.DateTime(allow_none=True)
    missed = fields.Integer()
    outstanding = fields.Integer(allow_none=True)
    counted_at = fields.DateTime(allow_none=True)
    last_ok_at = fields.DateTime(allow_none=True)
    last_error = fields.String()
    tries = fields.Integer()


class OverviewSchema(Schema):
    """The scheduler and its timetable."""

    status = fields.String()
    beat_at = fields.DateTime(allow_none=True)
    held_since = fields.DateTime(allow_none=True)
    hold_reason = fields.String()
    duties = fields.List(fields.Nested(DutySchema))


class RunSchema(Schema):
    """A line of the ledger."""

    id = fields.Integer()
    job = fields.String()
    period = fields.String()
    item = fields.String()
    state = fields.String()
    started_at = fields.DateTime()
    ended_at = fields.DateTime()
    tries = fields.Integer()
    result = fields.Dict()
    error = fields.String()
    started_by_id = fields.Integer(allow_none=True)


class RunPageSchema(Schema):
    """A page of the ledger."""

    items = fields.List(fields.Nested(RunSchema))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class JobRequestSchema(Schema):
    """What was asked of the scheduler, and its answer."""

    id = fields.Integer()
    kind = fields.String()
    job = fields.String()
    period = fields.String()
    requested_by_id = fields.Integer()
    requested_at = fields.DateTime()
    taken_at = fields.DateTime(allow_none=True)
    answered_at = fields.DateTime(allow_none=True)
    is_ok = fields.Boolean(allow_none=True)
    answer = fields.Dict(allow_none=True)
