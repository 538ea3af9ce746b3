"""What the acts of grading are given, as forms and JSON alike."""

from __future__ import annotations

import re
from typing import Any

import marshmallow as ma
from flask_babel import lazy_gettext as _l
from marshmallow import fields

from tierflow.common.standing import LEVELS
from tierflow.grading.rules.levels import MOVES, Level
from tierflow.grading.schemas.preview import within_reason
from tierflow.grading.terms import RECOMMENDED
from tierflow.kernel.months import Period, parse_period
from tierflow.web.exports import FormSchema
from tierflow.web.fields import MonthField, Tonnes
from tierflow.web.schemas import Integer, Line, Paragraph, RowId, Schema, between, length, one_of

MOST_ROWS = 2_000


class LevelPageSchema(Schema):
    """A page of a list."""

    cursor = Line(most=600, load_default=None)
    size = Integer(validate=between(1, 200), load_default=30)


class RunsSchema(LevelPageSchema):
    """Which runs."""

    product_line_id = RowId(load_default=None)


class LevelStartSchema(Schema):
    """Which month of which product line to close."""

    product_line_id = RowId(required=True)
    month = MonthField(required=True)


class LineSchema(Schema):
    """A product line."""

    product_line_id = RowId(required=True)


class NoteSchema(Schema):
    """A remark that goes on record."""

    note = Paragraph(most=500, load_default="", allow_none=True)


class DecisionsSchema(LevelPageSchema):
    """Which decisions of a run: moves alone unless `move` says otherwise (`all`: everybody)."""

    move = Line(validate=one_of((*MOVES, "moves", "all")), load_default=None)
    level = Line(validate=one_of(LEVELS), load_default=None)
    region_id = RowId(load_default=None)
    account_manager_id = RowId(load_default=None)
    q = Line(most=100, load_default=None)


class WaysSchema(LevelPageSchema):
    """Which customers on their way through the month; `only` keep: a level is at stake, gain: one can be won.

    force: a star is at stake by a missed indicator.
    """

    product_line_id = RowId(load_default=None)
    only = Line(validate=one_of(("keep", "gain", "force")), load_default="keep")  # type: ignore[assignment]  # a field of that name, not the schema's own option
    level = Line(validate=one_of(LEVELS), load_default=None)
    region_id = RowId(load_default=None)
    account_manager_id = RowId(load_default=None)
    q = Line(most=100, load_default=None)


class PinSchema(Schema):
    """A level by hand."""

    product_line_id = RowId(required=True)
    level = fields.Enum(Level, by_value=True, required=True)
    from_on = fields.Date(load_default=None, allow_none=True)
    to_on = fields.Date(required=True)
    reason = Paragraph(required=True, most=500)


class PinDecisionSchema(Schema):
    """Yes or no to a level by hand as it was shown (`version` and `step` of its case); a no says why."""

    version = Integer(required=True, validate=between(0, 2**53))
    step = Line(required=True, most=40)
    verdict = Line(required=True, validate=one_of(("approve", "reject")))
    remark = Paragraph(most=500, load_default="", allow_none=True)

    @ma.validates_schema
    def _why(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data.get("verdict") == "reject" and not data.get("remark"):
            raise ma.ValidationError({"remark": [_l("Please fill this in.")]})


class PinsSchema(LevelPageSchema):
    """Which levels by hand."""

    state = Line(validate=one_of(("waiting", "approved", "rejected")), load_default=None)


class FactsRowSchema(Schema):
    """What is known of a customer's month. Basis points; cooperation 0-100."""

    number = Line(required=True, most=40)
    planned_grams = Tonnes(load_default=None, allow_none=True, data_key="planned_tonnes", validate=within_reason)
    cooperation = Integer(validate=between(0, 100), load_default=None, allow_none=True)
    evenness = Integer(validate=between(0, 10_000), load_default=None, allow_none=True)
    payment_discipline = Integer(validate=between(0, 10_000), load_default=None, allow_none=True)


class FactsSchema(Schema):
    """Indicators of a month. Evenness and payment discipline only where nothing is on record, with a reason."""

    product_line_id = RowId(required=True)
    month = MonthField(required=True)
    rows = fields.List(fields.Nested(FactsRowSchema), required=True, validate=length(1, MOST_ROWS))
    reason = Paragraph(most=500, load_default=None, allow_none=True)


class FactsListSchema(LevelPageSchema):
    """Which month's indicators."""

    product_line_id = RowId(load_default=None)
    month = MonthField(load_default=None)


class PeriodField(fields.String):
    """A month, quarter, half-year or year, as 2026-10, 2026-Q4, 2026-H2 or 2026."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        written = super()._deserialize(value, attr, data, **kwargs)
        try:
            found = parse_period(written)
        except ValueError:
            found = None
        if not isinstance(found, Period):
            raise ma.ValidationError(_l("A month, quarter, half-year or year is wanted here, as 2026-10 or 2026-Q4."))
        return found


class InputsPeriodSchema(Schema):
    """Which period."""

    period = PeriodField(required=True)


class InputsSchema(InputsPeriodSchema):
    """Whose inputs, of which line and period."""

    product_line_id = RowId(required=True)
    customer_id = RowId(required=True)


PASTED = ("number", "planned_tonnes", "cooperation", "evenness", "payment_discipline")


def pasted(written: str) -> list[dict[str, str]]:
    """Rows as a spreadsheet pastes them: number, plan in tonnes, cooperation; tabs, commas or semicolons between."""
    rows = []
    for line in written.splitlines():
        cells = [cell.strip() for cell in re.split(r"[\t;，；]|,(?!\d{3}\b)", line)]
        if any(cells):
            rows.append({name: cell for name, cell in zip(PASTED, cells, strict=False) if cell})
    return rows


class DraftSchema(Schema):
    """A policy draft: where it comes from, and the values that change; those left out stay as they are."""

    source = Line(required=True, most=200)
    values = fields.Dict(keys=fields.String(), values=fields.Raw(allow_none=True), load_default=dict)


class DraftSeenSchema(Schema):
    """What the decider of a draft saw: `version` and `step` of its case."""

    version = Integer(required=True, validate=between(0, 2**53))
    step = Line(required=True, most=40)


class AdoptSchema(DraftSeenSchema):
    """From which day a draft is in force."""

    in_force_from = fields.Date(required=True)


class DraftReturnSchema(DraftSeenSchema):
    """Why a draft goes back."""

    remark = Paragraph(required=True, most=500)


class TrialSchema(Schema):
    """Which closed months to try a draft on."""

    product_line_id = RowId(required=True)
    first = MonthField(required=True)
    last = MonthField(required=True)


class TrialMovesSchema(LevelPageSchema):
    """Which customers' months of a trial."""

    month = MonthField(load_default=None)
    region_id = RowId(load_default=None)
    way = Line(validate=one_of(("higher", "lower")), load_default=None)


class ScoresSchema(LevelPageSchema):
    """Which scores of a review; `open`: not confirmed yet."""

    recommended = Line(validate=one_of(RECOMMENDED), load_default=None)
    open = fields.Boolean(load_default=False, data_key="open")
    region_id = RowId(load_default=None)
    q = Line(most=100, load_default=None)


class ReviewConfirmSchema(Schema):
    """Recommendations to confirm: ids of scores (none: all that are open), perhaps another one, why."""

    ids = fields.List(RowId(), load_default=list, validate=length(0, 500))
    recommendation = Line(validate=one_of(RECOMMENDED), load_default=None, allow_none=True)
    reason = Paragraph(most=500, load_default="", allow_none=True)


class LevelExportSchema(FormSchema, DecisionsSchema):
    """Which of a run's decisions, as which kind of file."""

    class Meta(Schema.Meta):
        """Every row, not a page of them."""

        exclude = ("cursor", "size")
