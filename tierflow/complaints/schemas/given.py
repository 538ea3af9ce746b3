"""What people and programs may say about complaints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import marshmallow as ma
from flask_babel import lazy_gettext as _l
from flask_smorest.fields import Upload as FileField
from marshmallow import fields

from tierflow.complaints.rules.words import CHANNELS, MEASURES, Severity, State
from tierflow.web.fields import Moment, MonthField, Tonnes, Yuan
from tierflow.web.schemas import Integer, Line, Paragraph, RowId, Schema, between, length, one_of


def _severity(**kwargs: Any) -> Line:
    return Line(validate=one_of([each.value for each in Severity]), **kwargs)


def _channel(**kwargs: Any) -> Line:
    return Line(validate=one_of(CHANNELS), **kwargs)


class WhoSchema(Schema):
    """Whose complaint or inquiry it is: a customer of ours, or a name and the region to look after it."""

    customer_id = RowId(load_default=None, allow_none=True)
    customer_name = Line(most=120, load_default=None, allow_none=True)
    region_id = RowId(load_default=None, allow_none=True)
    contact_name = Line(most=60, load_default=None, allow_none=True)
    contact_phone = Line(most=40, load_default=None, allow_none=True)


class TakeSchema(WhoSchema):
    """A complaint as taken. `said_at`: when the customer spoke."""

    product_id = RowId(required=True)
    batch = Line(most=60, load_default=None, allow_none=True)
    lifting_order = Line(most=60, load_default=None, allow_none=True)
    quantity_grams = Tonnes(data_key="tonnes", load_default=None, allow_none=True)
    severity = _severity(required=True)
    channel = _channel(required=True)
    said_at = Moment(required=True)
    facts = Paragraph(required=True, most=4000)
    demand = Paragraph(most=2000, load_default=None, allow_none=True)


class PhotosSchema(Schema):
    """Photos and papers, multipart."""

    photos = fields.List(FileField(), load_default=list)


class IdentifySchema(Schema):
    """Which customer it is."""

    customer_id = RowId(required=True)


class ClassifySchema(Schema):
    """Another severity, and why."""

    severity = _severity(required=True)
    reason = Paragraph(required=True, most=500)


class ExtensionSchema(Schema):
    """More time: until which working day after receipt, and the circumstance."""

    to_day = Integer(required=True, validate=between(1, 60))
    circumstance = Paragraph(required=True, most=1000)


class ConsultSchema(Schema):
    """A department asked. Without `due_at` the policy's time, never after the complaint's."""

    department_id = RowId(required=True)
    question = Paragraph(required=True, most=2000)
    due_at = Moment(load_default=None, allow_none=True)


class AnswerSchema(Schema):
    """A department's answer."""

    answer = Paragraph(required=True, most=4000)


class MeetingSchema(Schema):
    """The special meeting's record."""

    held_at = Moment(required=True)
    place = Line(most=120, load_default=None, allow_none=True)
    present = Paragraph(required=True, most=1000)
    conclusion = Paragraph(required=True, most=4000)


class MeasureSchema(Schema):
    """One measure of an opinion."""

    kind = Line(required=True, validate=one_of(MEASURES))
    what = Line(required=True, most=300)
    quantity_grams = Tonnes(data_key="tonnes", load_default=None, allow_none=True)
    amount_fen = Yuan(data_key="amount", load_default=None, allow_none=True)
    owner_id = RowId(required=True)
    due_on = fields.Date(required=True)


class HandlingOpinionSchema(Schema):
    """The handling opinion with its measures. `submit`: hand it in for approval, not only keep it."""

    cause = Paragraph(required=True, most=4000)
    proposal = Paragraph(required=True, most=4000)
    measures = fields.List(fields.Nested(MeasureSchema), load_default=list, validate=length(None, 20))
    submit = fields.Boolean(load_default=True)

    @ma.pre_load
    def _drop_blank_rows(self, data: Any, **_kwargs: Any) -> Any:
        rows = data.get("measures") if isinstance(data, Mapping) else None
        if not isinstance(rows, list):
            return data
        return {**data, "measures": [row for row in rows if not isinstance(row, Mapping) or any(row.values())]}


class MaybeReasonSchema(Schema):
    """Why, if there is something to say."""

    reason = Paragraph(most=500, load_default=None, allow_none=True)


class LeaderVerdictSchema(Schema):
    """A leader's verdict on what was seen: the case's version and step."""

    verdict = Line(required=True, validate=one_of(("approve", "return", "reject")))
    reason = Paragraph(most=1000, load_default=None, allow_none=True)
    version = Integer(required=True, validate=between(0, 2**53))
    step = Line(required=True, most=60)

    @ma.validates_schema(skip_on_field_errors=True)
    def _say_why(self, data: dict[str, Any], **_kwargs: Any) -> None:
        if data["verdict"] != "approve" and not data.get("reason"):
            raise ma.ValidationError(_l("Say why."), "reason")


class ExtensionVerdictSchema(LeaderVerdictSchema):
    """A leader's verdict on an extension: it is granted or refused, not corrected."""

    verdict = Line(required=True, validate=one_of(("approve", "reject")))


class TellSchema(Schema):
    """The customer told. `told_at`: when; `told_to`: whom; `reply`: what we said."""

    channel = _channel(required=True)
    told_at = Moment(required=True)
    told_to = Line(required=True, most=60)
    reply = Paragraph(required=True, most=4000)
    customer_said = Paragraph(most=2000, load_default=None, allow_none=True)
    is_accepted = fields.Boolean(load_default=None, allow_none=True)


class ResponseSchema(Schema):
    """The customer's answer after it was told. `said_at`: when; `said_by`: who; `words`: what was said."""

    said_at = Moment(required=True)
    said_by = Line(required=True, most=60)
    words = Paragraph(required=True, most=2000)
    is_accepted = fields.Boolean(load_default=None, allow_none=True)


class ProofSchema(Schema):
    """What proves that a measure is done."""

    proof = Paragraph(required=True, most=1000)


class CheckSchema(Schema):
    """The sales manager's check of a measure."""

    verdict = Line(required=True, validate=one_of(("pass", "fail")))
    remark = Paragraph(most=500, load_default=None, allow_none=True)


class CloseSchema(Schema):
    """Closing a complaint or an inquiry, with the customer's satisfaction from 1 to 5."""

    satisfaction = Integer(required=True, validate=between(1, 5))
    note = Paragraph(most=1000, load_default=None, allow_none=True)


class ReopenSchema(Schema):
    """It recurs: when the customer said so, and what."""

    said_at = Moment(required=True)
    facts = Paragraph(required=True, most=4000)


class BreachSchema(Schema):
    """What the customer itself did against the agreement."""

    what = Paragraph(required=True, most=1000)


class SettleSchema(Schema):
    """Move a due time as an amended calendar has it, or keep it."""

    move = fields.Boolean(required=True)
    note = Paragraph(most=500, load_default=None, allow_none=True)


class InquirySchema(WhoSchema):
    """An inquiry: question, owner, and the answer when it was given at once."""

    product_id = RowId(load_default=None, allow_none=True)
    channel = _channel(required=True)
    asked_at = Moment(required=True)
    question = Paragraph(required=True, most=4000)
    owner_id = RowId(load_default=None, allow_none=True)
    answer = Paragraph(most=4000, load_default=None, allow_none=True)
    satisfaction = Integer(validate=between(1, 5), load_default=None, allow_none=True)
    note = Paragraph(most=1000, load_default=None, allow_none=True)


class InquiryAnswerSchema(AnswerSchema):
    """The answer to an inquiry; with the customer's satisfaction, from 1 to 5, it is closed too."""

    satisfaction = Integer(validate=between(1, 5), load_default=None, allow_none=True)
    note = Paragraph(most=1000, load_default=None, allow_none=True)


class TurnSchema(Schema):
    """What an inquiry lacks to be a complaint."""

    severity = _severity(load_default=None, allow_none=True)
    product_id = RowId(load_default=None, allow_none=True)


class TemplateSchema(Schema):
    """A reply template."""

    name = Line(required=True, most=60)
    body = Paragraph(required=True, most=4000)
    purpose = Line(validate=one_of(("complaint", "inquiry")), load_default="complaint")
    is_active = fields.Boolean(load_default=False)


class PageSchema(Schema):
    """Which page of a list, and how many rows."""

    cursor = Line(most=500, load_default=None)
    size = Integer(validate=between(1, 100), load_default=30)


class ListSchema(PageSchema):
    """How the list of complaints is narrowed."""

    state = Line(validate=one_of([each.value for each in State] + ["open", "overdue"]), load_default=None)
    severity = _severity(load_default=None)
    product_id = RowId(load_default=None)
    customer_id = RowId(load_default=None)
    region_id = RowId(load_default=None)
    mine = fields.Boolean(load_default=False)
    unidentified = fields.Boolean(load_default=False)
    q = Line(most=100, load_default=None)
    sort = Line(validate=one_of(("due", "-due", "number", "-number")), load_default="-number")


class InquiryListSchema(PageSchema):
    """How the register of inquiries is narrowed."""

    state = Line(validate=one_of(("open", "answered", "closed", "complaint")), load_default=None)
    q = Line(most=100, load_default=None)


class FollowUpSchema(Schema):
    """Everything open, or only what is overdue."""

    overdue = fields.Boolean(load_default=False)


class MineSchema(Schema):
    """All complaints one may see, or only the own ones."""

    mine = fields.Boolean(load_default=False)


class CalendarSchema(Schema):
    """Which month; the present one when not said."""

    month = MonthField(load_default=None)


class FiguresSchema(Schema):
    """Which months, both included; the last twelve when not said."""

    first = MonthField(load_default=None)
    last = MonthField(load_default=None)
    severity = _severity(load_default=None)
    product_id = RowId(load_default=None)
    region_id = RowId(load_default=None)
