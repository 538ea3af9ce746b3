"""What policy drafts, their trials and periodic reviews answer in JSON."""

from __future__ import annotations

from marshmallow import Schema, fields

from tierflow.grading.rules.levels import Level
from tierflow.grading.schemas.shown import LevelCaseOut
from tierflow.grading.terms import RECOMMENDED
from tierflow.web.fields import Tonnes

_LEVEL = {"enum": [level.value for level in Level]}
_RECOMMENDED = {"enum": list(RECOMMENDED)}


class PolicyDraftOut(Schema):
    """A policy version or draft."""

    version = fields.Integer(required=True)
    state = fields.String(required=True, metadata={"enum": ["draft", "adopted", "dropped"]})
    in_force_from = fields.Date(required=True, allow_none=True)
    drafter = fields.String(required=True)
    source = fields.String(required=True)
    values = fields.Dict(required=True)
    adopted_at = fields.DateTime(allow_none=True)
    case = fields.Nested(LevelCaseOut, required=True, allow_none=True)  # None: never handed in


class PolicyDraftsOut(Schema):
    """Every version and draft, newest first."""

    rows = fields.List(fields.Nested(PolicyDraftOut), required=True)


class BackTestOut(Schema):
    """A trial, its progress, and its sums once it is done. Grams are those of the months concerned."""

    id = fields.Integer(required=True)
    version = fields.Integer(required=True)
    product_line_id = fields.Integer(required=True)
    first = fields.String(required=True)
    last = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["computing", "done"]})
    total = fields.Integer(required=True)
    done = fields.Integer(required=True)
    is_stale = fields.Boolean(required=True, metadata={"description": "the draft was edited since"})
    months = fields.Dict(required=True)
    regions = fields.Dict(required=True)
    levels = fields.List(fields.List(fields.Raw()), required=True)


class BackTestMoveOut(Schema):
    """A customer's month that would have ended at another level."""

    month = fields.String(required=True)
    customer_id = fields.Integer(required=True)
    number = fields.String(required=True)
    name = fields.String(required=True)
    region = fields.String(required=True)
    tonnes = Tonnes(required=True)
    real_level = fields.String(required=True, metadata=_LEVEL)
    draft_level = fields.String(required=True, metadata=_LEVEL)


class BackTestMovesOut(Schema):
    """Moves of a trial by month and customer."""

    rows = fields.List(fields.Nested(BackTestMoveOut), required=True)
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class ReviewOut(Schema):
    """A periodic review."""

    id = fields.Integer(required=True)
    product_line_id = fields.Integer(required=True)
    kind = fields.String(required=True, metadata={"enum": ["quarter", "halfyear", "year"]})
    period = fields.String(required=True)
    state = fields.String(required=True, metadata={"enum": ["open", "frozen", "closed"]})
    policy_version = fields.Integer(required=True)
    customers = fields.Integer(required=True)
    confirmed = fields.Integer(required=True)
    opened_at = fields.DateTime(required=True)
    scored_at = fields.DateTime(allow_none=True)
    closed_at = fields.DateTime(allow_none=True)


class ReviewPageOut(Schema):
    """Reviews, newest period first."""

    rows = fields.List(fields.Nested(ReviewOut), required=True)
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class ReviewScoreOut(Schema):
    """One customer's score in hundredths of a point, and what it recommends."""

    id = fields.Integer(required=True)
    customer_id = fields.Integer(required=True)
    number = fields.String(required=True)
    name = fields.String(required=True)
    region = fields.String(required=True)
    customer_class = fields.String(required=True, data_key="class")
    level = fields.String(required=True)
    tonnes = Tonnes(required=True, attribute="grams")
    planned_tonnes = Tonnes(required=True, allow_none=True, attribute="planned_grams")
    completion = fields.Integer(allow_none=True)
    evenness = fields.Integer(allow_none=True)
    payment_discipline = fields.Integer(allow_none=True)
    breaches = fields.Integer(required=True, allow_none=True)
    cooperation = fields.Integer(allow_none=True)
    orders_due = fields.Integer(allow_none=True)
    orders_in_time = fields.Integer(allow_none=True)
    suspended_days = fields.Integer(allow_none=True)
    days = fields.Integer(allow_none=True)
    score = fields.Integer(required=True, allow_none=True)
    rank = fields.Integer(required=True)
    recommended = fields.String(required=True, metadata=_RECOMMENDED)
    confirmed = fields.String(required=True, allow_none=True, metadata=_RECOMMENDED)
    reason = fields.String(required=True)


class ReviewScorePageOut(Schema):
    """Scores by rank."""

    rows = fields.List(fields.Nested(ReviewScoreOut), required=True)
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class ConfirmedOut(Schema):
    """How many were confirmed."""

    confirmed = fields.Integer(required=True)
