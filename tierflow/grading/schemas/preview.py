"""What grading is asked, as forms and JSON give it."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from marshmallow import fields

from tierflow.grading.rules.levels import Level
from tierflow.grading.terms import INDICATORS
from tierflow.kernel.tonnage import GRAMS_PER_TONNE
from tierflow.web.fields import MonthField, Tonnes
from tierflow.web.schemas import Integer, Line, Schema, between, length, one_of

MOST_TONNES = 1_000_000  # in a month: hundreds of times what the largest customer lifts


def within_reason(grams: int) -> None:
    """Refuse what no month can hold, before a column has to."""
    if grams > MOST_TONNES * GRAMS_PER_TONNE:
        raise ma.ValidationError(_("At most %(most)s t in a month.", most=f"{MOST_TONNES:,}"))


class IndicatorsSchema(Schema):
    """Indicators of a month that have a value: basis points; cooperation 0-100; breaches a count (CHEM-9.6)."""

    plan_completion = Integer(validate=between(0, 10_000))
    evenness = Integer(validate=between(0, 10_000))
    payment_discipline = Integer(validate=between(0, 10_000))
    breaches = Integer(validate=between(0, 100_000))
    cooperation = Integer(validate=between(0, 100))


class LevelMonthSchema(Schema):
    """One month of the question."""

    month = MonthField(required=True)
    tonnes = Tonnes(
        required=True,
        validate=within_reason,
        metadata={"description": "tonnes, at most six decimals", "example": "1000.5"},
    )
    indicators = fields.Nested(IndicatorsSchema, load_default=dict)


class LevelPreviewSchema(Schema):
    """What would these months earn? Months in order, none left out."""

    customer_class = Line(required=True, data_key="class", validate=one_of(("direct", "dealer")))
    starting_level = fields.Enum(Level, by_value=True, required=True)
    scheme = Line(load_default="polyolefin", validate=one_of(("polyolefin",)))
    months = fields.List(fields.Nested(LevelMonthSchema), required=True, validate=length(1, 120))
    policy_version = Integer(validate=between(1, 2**31 - 1), load_default=None, allow_none=True)

    @ma.validates_schema
    def _consecutive(self, data: dict[str, Any], **_kwargs: Any) -> None:
        months = [row["month"] for row in data.get("months", ())]
        wrong = {
            i: {"month": [_l("The months must follow one another, none twice and none left out.")]}
            for i in range(1, len(months))
            if months[i] != months[i - 1].next()
        }
        if wrong:
            raise ma.ValidationError({"months": wrong})


class LevelIndicatorSchema(Schema):
    """One indicator of a decision."""

    name = fields.String(metadata={"enum": ["offtake_grams", *INDICATORS]})
    value = fields.Raw(allow_none=True)
    threshold = fields.Raw(allow_none=True)
    verdict = fields.String(metadata={"enum": ["pass", "fail", "no data", "info"]})
    clause = fields.String()


class LevelMonthAnswerSchema(Schema):
    """The level a month earned, and why."""

    month = fields.String()
    level = fields.Enum(Level, by_value=True)
    target = fields.Enum(Level, by_value=True)
    move = fields.String(metadata={"enum": ["up", "down", "held", "same"]})
    clauses = fields.List(fields.String())
    indicators = fields.List(fields.Nested(LevelIndicatorSchema))
    policy_version = fields.Integer()


class LevelAnswerSchema(Schema):
    """The answer: month by month. `policy_version` is the last month's."""

    policy_version = fields.Integer()
    months = fields.List(fields.Nested(LevelMonthAnswerSchema))
