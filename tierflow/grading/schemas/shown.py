"""What grading answers in JSON. Tonnes are text with at most six decimals; nothing is rounded."""

from __future__ import annotations

from marshmallow import Schema, fields

from tierflow.grading.rules.levels import MOVES, Level
from tierflow.grading.schemas.preview import LevelIndicatorSchema
from tierflow.web.fields import Tonnes

_LEVEL = {"enum": [level.value for level in Level]}
_LEVEL_OR_NONE = {"enum": [*_LEVEL["enum"], None]}


class LevelRunOut(Schema):
    """A month's run on a product line."""

    id = fields.Integer(required=True)
    product_line_id = fields.Integer(required=True)
    month = fields.String(required=True)
    kind = fields.String(required=True, metadata={"enum": ["monthly", "adjusting"]})
    state = fields.String(required=True, metadata={"enum": ["computing", "proposed", "confirmed", "withdrawn"]})
    batch_id = fields.Integer(allow_none=True)
    policy_version = fields.Integer(required=True)
    total = fields.Integer(required=True)
    done = fields.Integer(required=True)
    up = fields.Integer(required=True)
    down = fields.Integer(required=True)
    held = fields.Integer(required=True)
    changed = fields.Integer(required=True)
    due_at = fields.DateTime(required=True)
    escalated_at = fields.DateTime(allow_none=True)
    started_at = fields.DateTime(required=True)
    confirmed_by_id = fields.Integer(allow_none=True)
    confirmed_at = fields.DateTime(allow_none=True)
    note = fields.String(required=True)


class LevelRunPageOut(Schema):
    """Runs, newest month first."""

    rows = fields.List(fields.Nested(LevelRunOut), required=True)
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class LevelDecisionOut(Schema):
    """What one customer's month came to. `before`: the level it had, where this is an adjustment."""

    customer_id = fields.Integer(required=True)
    number = fields.String(required=True)
    name = fields.String(required=True)
    region = fields.String(required=True)
    account_manager = fields.String(required=True)
    customer_class = fields.String(required=True, data_key="class")
    tonnes = Tonnes(required=True, attribute="grams")
    held = fields.String(required=True, metadata=_LEVEL)
    level = fields.String(required=True, metadata=_LEVEL)
    target = fields.String(required=True, metadata=_LEVEL)
    move = fields.String(required=True, metadata={"enum": list(MOVES)})
    clauses = fields.List(fields.String(), required=True)
    idle_months = fields.Integer(required=True)
    before = fields.String(allow_none=True, metadata=_LEVEL_OR_NONE)


class LevelDecisionPageOut(Schema):
    """Decisions by customer."""

    rows = fields.List(fields.Nested(LevelDecisionOut), required=True)
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class LevelProofOut(LevelDecisionOut):
    """A decision with all it saw, worked out again."""

    month = fields.String(required=True)
    policy_version = fields.Integer(required=True)
    indicators = fields.List(fields.Nested(LevelIndicatorSchema), required=True)
    agrees = fields.Boolean(required=True)


class LevelOutlookOut(Schema):
    """The month under way. `keep_tonnes` still to lift or the level falls; `gain_tonnes` for the next level."""

    held = fields.String(required=True, metadata=_LEVEL)
    would = fields.String(required=True, metadata=_LEVEL)
    tonnes = Tonnes(required=True, attribute="grams")
    keep_tonnes = Tonnes(required=True, allow_none=True, attribute="keep_grams")
    gain = fields.String(required=True, allow_none=True, metadata=_LEVEL_OR_NONE)
    gain_tonnes = Tonnes(required=True, allow_none=True, attribute="gain_grams")
    held_back_by = fields.List(fields.Nested(LevelIndicatorSchema), required=True)
    days_left = fields.Integer(required=True)


class LevelMonthSeenOut(Schema):
    """One of twelve months: what was lifted and, where it is closed, what it earned."""

    month = fields.String(required=True)
    tonnes = Tonnes(required=True, attribute="grams")
    level = fields.String(required=True, allow_none=True, metadata=_LEVEL_OR_NONE)
    move = fields.String(required=True, allow_none=True)
    run_id = fields.Integer(required=True, allow_none=True)


class LevelStandingOut(Schema):
    """A level of the history, by the day it counts from and the moment it was recorded."""

    level = fields.String(required=True, metadata=_LEVEL)
    basis = fields.String(required=True)
    from_on = fields.Date(required=True)
    to_on = fields.Date(required=True, allow_none=True)
    recorded_at = fields.DateTime(required=True)


class LevelPictureOut(Schema):
    """A customer on a product line."""

    product_line_id = fields.Integer(required=True)
    customer_class = fields.String(required=True, data_key="class")
    level = fields.String(required=True, metadata=_LEVEL)
    basis = fields.String(required=True)
    computed = fields.String(required=True, metadata=_LEVEL)
    is_pending = fields.Boolean(required=True)
    months = fields.List(fields.Nested(LevelMonthSeenOut), required=True)
    outlook = fields.Nested(LevelOutlookOut, required=True)
    history = fields.List(fields.Nested(LevelStandingOut), required=True)


class LevelPicturesOut(Schema):
    """A customer on each of its product lines that has levels."""

    lines = fields.List(fields.Nested(LevelPictureOut), required=True)


class LevelWayOut(Schema):
    """A customer on its way through the month."""

    customer_id = fields.Integer(required=True)
    number = fields.String(required=True)
    name = fields.String(required=True)
    level = fields.String(required=True, metadata=_LEVEL)
    tonnes = Tonnes(required=True)
    keep_tonnes = Tonnes(required=True)
    gain_tonnes = Tonnes(required=True)


class LevelWayPageOut(Schema):
    """Nearest first."""

    days_left = fields.Integer(required=True)
    rows = fields.List(fields.Nested(LevelWayOut), required=True)
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class LevelCaseOut(Schema):
    """Where its approval stands. `version` and `step` go into a decision as what was seen."""

    state = fields.String(required=True)
    round = fields.Integer(required=True)
    step = fields.String(required=True, allow_none=True)
    version = fields.Integer(required=True)
    waiting_since = fields.DateTime(required=True)
    due_at = fields.DateTime(required=True)


class LevelPinOut(Schema):
    """A level by hand."""

    id = fields.Integer(required=True)
    customer_id = fields.Integer(required=True)
    product_line_id = fields.Integer(required=True)
    level = fields.String(required=True, metadata=_LEVEL)
    computed = fields.String(required=True, metadata=_LEVEL)
    from_on = fields.Date(required=True)
    to_on = fields.Date(required=True)
    reason = fields.String(required=True)
    state = fields.String(required=True)
    asked_by_id = fields.Integer(required=True)
    asked_at = fields.DateTime(required=True)
    decided_by_id = fields.Integer(allow_none=True)
    decided_for = fields.String(required=True, allow_none=True)  # the colleague whoever decided only stood in for
    decided_at = fields.DateTime(allow_none=True)
    remark = fields.String(required=True)
    case = fields.Nested(LevelCaseOut, required=True, allow_none=True)  # None: decided before pins had cases


class LevelPinPageOut(Schema):
    """Levels by hand, newest first."""

    rows = fields.List(fields.Nested(LevelPinOut), required=True)
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class KeyedOut(Schema):
    """How many customers were touched."""

    rows = fields.Integer(required=True)


class InputsWeekOut(Schema):
    """A week that had a working day, first and last day, and what was lifted in it."""

    from_on = fields.Date(required=True)
    to_on = fields.Date(required=True)
    tonnes = Tonnes(required=True, attribute="grams")


class InputsOut(Schema):
    """Evenness, payment discipline and papers in basis points, beside what they are worked out of."""

    weeks = fields.List(fields.Nested(InputsWeekOut), required=True)
    evenness = fields.Integer(required=True, allow_none=True)
    orders_due = fields.Integer(required=True)
    orders_in_time = fields.Integer(required=True)
    payment_discipline = fields.Integer(required=True, allow_none=True)
    days = fields.Integer(required=True)
    suspended_days = fields.Integer(required=True)
    papers = fields.Integer(required=True, allow_none=True)


class MonthFactsOut(Schema):
    """What is known of a customer's month. Basis points; cooperation 0-100; null is not known."""

    customer_id = fields.Integer(required=True)
    number = fields.String(required=True)
    name = fields.String(required=True)
    tonnes = Tonnes(required=True)
    planned_tonnes = Tonnes(required=True, allow_none=True)
    evenness = fields.Integer(required=True, allow_none=True)
    payment_discipline = fields.Integer(required=True, allow_none=True)
    breaches = fields.Integer(required=True, allow_none=True)
    cooperation = fields.Integer(required=True, allow_none=True)


class MonthFactsPageOut(Schema):
    """By customer number."""

    product_line_id = fields.Integer(required=True)
    month = fields.String(required=True)
    rows = fields.List(fields.Nested(MonthFactsOut), required=True)
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
