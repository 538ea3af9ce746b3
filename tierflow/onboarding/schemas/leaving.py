"""Input and output of changes to the file, disqualification, distribution and inspection."""

from __future__ import annotations

from typing import Any

import marshmallow as ma
from marshmallow import fields

from tierflow.kernel.approval import Verdict
from tierflow.onboarding.rules.examining import FIELD_GROUPS
from tierflow.onboarding.rules.inspection import ITEMS
from tierflow.onboarding.rules.leaving import GROUNDS
from tierflow.onboarding.schemas.keeping import CursorSchema, VerdictSchema
from tierflow.onboarding.schemas.shown import AgreeingSchema, CaseSchema, NamedAccountSchema
from tierflow.web.schemas import Line, Paragraph, RowId, Schema, length, one_of


class ChangeSchema(Schema):
    """New values of examined particulars, and why; what is left out stays as it is."""

    name = Line(most=100)
    credit_code = Line(most=40, allow_none=True)
    organisation_code = Line(most=40, allow_none=True)
    legal_representative = Line(most=60, allow_none=True)
    address = Line(most=200, allow_none=True)
    contact_name = Line(most=60, allow_none=True)
    phone = Line(most=40, allow_none=True)
    bank_name = Line(most=100, allow_none=True)
    bank_account = Line(most=60, allow_none=True)
    invoice_address = Line(most=200, allow_none=True)
    invoice_phone = Line(most=40, allow_none=True)
    reason = Paragraph(required=True, most=500)


class CorrectedChangeSchema(ChangeSchema):
    """The same, corrected after it came back."""


class YesNoSchema(VerdictSchema):
    """A decision without a way back: yes, or no with its reason."""

    verdict = fields.String(required=True, validate=one_of((Verdict.APPROVE.value, Verdict.REJECT.value)))


class DisqualifySchema(Schema):
    """The ground, and the facts."""

    ground = fields.String(required=True, validate=one_of(GROUNDS))
    facts = Paragraph(required=True, most=2000)


class DisqualifiedFilter(CursorSchema):
    """Whom to look for: part of a present or former name, a whole code, the whole name of a legal representative."""

    q = Line(most=100, load_default="")


class DisqualifiedScreenFilter(DisqualifiedFilter):
    """The same, and `waiting`: where the page of the undecided proposals above the list begins."""

    waiting = Line(most=400, load_default=None, allow_none=True)


class ListingSchema(Schema):
    """A company that never was a customer, to go on the list of the disqualified. Former names: one a line."""

    name = Line(required=True, most=100)
    former_names = Paragraph(most=1000, allow_none=True)
    credit_code = Line(most=40, allow_none=True)
    organisation_code = Line(most=40, allow_none=True)
    legal_representative = Line(most=60, allow_none=True)
    ground = fields.String(required=True, validate=one_of(GROUNDS))
    facts = Paragraph(required=True, most=2000)
    since = fields.Date(required=True)


class StrikeSchema(Schema):
    """Why a company is to be taken off the list."""

    reason = Paragraph(required=True, most=2000)


class ListingOutSchema(ma.Schema):
    """A proposal to put a company on the list, or to take it off, and where its decision stands."""

    id = fields.Integer(attribute="row.id")
    kind = fields.String(attribute="row.kind", metadata={"enum": ["enter", "strike"]})
    disqualified_id = fields.Integer(attribute="row.disqualified_id", allow_none=True)
    name = fields.String(attribute="row.name")
    former_names = fields.List(fields.String(), attribute="row.former_names")
    credit_code = fields.String(attribute="row.credit_code", allow_none=True)
    organisation_code = fields.String(attribute="row.organisation_code", allow_none=True)
    legal_representative = fields.String(attribute="row.legal_representative")
    ground = fields.String(attribute="row.ground")
    reason = fields.String(attribute="row.reason")
    since = fields.Date(attribute="row.since")
    outcome = fields.String(attribute="row.outcome", allow_none=True)
    case = fields.Nested(CaseSchema)


class DistributionsSchema(CursorSchema):
    """How distributions are narrowed."""

    state = fields.String(load_default=None, allow_none=True, validate=one_of(("waiting", "late")))
    customer_id = RowId(load_default=None, allow_none=True)


class ReceiptsSchema(Schema):
    """Which distributions are acknowledged together; those that wait no more, or for others, are left out."""

    ids = fields.List(RowId(), required=True, validate=length(1, 100))


class AcknowledgedSchema(ma.Schema):
    """Those that were acknowledged."""

    ids = fields.List(fields.Integer())


class InspectionsSchema(CursorSchema):
    """How inspections are narrowed."""

    state = fields.String(load_default=None, allow_none=True, validate=one_of(("open", "findings")))


class InspectedItemSchema(Schema):
    """A verdict on one item of the checklist."""

    key = fields.String(required=True, validate=one_of(ITEMS))
    verdict = fields.String(required=True, validate=one_of(("pass", "fail", "na")))
    remark = Line(most=300, allow_none=True)


class InspectSchema(Schema):
    """The whole checklist."""

    items = fields.List(fields.Nested(InspectedItemSchema), required=True, validate=length(None, 20))


class MendSchema(Schema):
    """How it was put right."""

    mended = Paragraph(required=True, most=500)


class ChangeOutSchema(ma.Schema):
    """A change and where its examination stands. `matches`: whom its new values agree with, until it is decided."""

    id = fields.Integer(attribute="row.id")
    customer_id = fields.Integer(attribute="row.customer_id")
    old = fields.Dict(attribute="row.old")
    new = fields.Dict(attribute="row.new")
    reason = fields.String(attribute="row.reason")
    outcome = fields.String(attribute="row.outcome", allow_none=True)
    case = fields.Nested(CaseSchema)
    matches = fields.List(fields.Nested(AgreeingSchema))


class DisqualificationOutSchema(ma.Schema):
    """A proposal and where its decision stands."""

    id = fields.Integer(attribute="row.id")
    customer_id = fields.Integer(attribute="row.customer_id")
    ground = fields.String(attribute="row.ground")
    facts = fields.String(attribute="row.facts")
    outcome = fields.String(attribute="row.outcome", allow_none=True)
    case = fields.Nested(CaseSchema)


class DisqualifiedSchema(ma.Schema):
    """A company on the list."""

    id = fields.Integer(attribute="row.id")
    name = fields.String(attribute="row.name")
    former_names = fields.List(fields.String())
    credit_code = fields.String(attribute="row.credit_code", allow_none=True)
    organisation_code = fields.String(attribute="row.organisation_code", allow_none=True)
    legal_representative = fields.String(attribute="row.legal_representative")
    ground = fields.String(attribute="row.ground")
    reason = fields.String(attribute="row.reason")
    since = fields.Date(attribute="row.since")
    readmitted_on = fields.Date(attribute="row.readmitted_on", allow_none=True)


class DistributionSchema(ma.Schema):
    """A distribution and its receipt."""

    id = fields.Integer(attribute="row.id")
    customer_id = fields.Integer(attribute="customer.id")
    number = fields.String(attribute="customer.number")
    name = fields.String(attribute="customer.name")
    event = fields.String(attribute="row.event")
    what = fields.Dict(attribute="row.what")
    recipient = fields.String(attribute="row.recipient")
    office = fields.String(allow_none=True)
    sent_at = fields.DateTime(attribute="row.sent_at")
    due_at = fields.DateTime(attribute="row.due_at")
    acknowledged_at = fields.DateTime(attribute="row.acknowledged_at", allow_none=True)
    acknowledged_by = fields.String(allow_none=True)
    is_late = fields.Boolean()


class ReceiptSchema(ma.Schema):
    """A receipt."""

    id = fields.Integer()
    acknowledged_at = fields.DateTime()


class FindingSchema(ma.Schema):
    """A finding, and how it was mended and closed."""

    id = fields.Integer()
    item = fields.String()
    remark = fields.String()
    due_at = fields.DateTime()
    mended = fields.String()
    mended_at = fields.DateTime(allow_none=True)
    closed_at = fields.DateTime(allow_none=True)


class InspectionOutSchema(ma.Schema):
    """An inspection whole; `seed` repeats the draw. `inspected_for`: the colleague the inspector only stood in for."""

    id = fields.Integer(attribute="row.id")
    customer_id = fields.Integer(attribute="row.customer_id")
    period = fields.String(attribute="round.period")
    seed = fields.String(attribute="round.seed")
    place = fields.Integer(attribute="row.place")
    planned_on = fields.Date(attribute="row.planned_on")
    answers = fields.List(fields.Dict(), attribute="row.answers")
    inspected_at = fields.DateTime(attribute="row.inspected_at", allow_none=True)
    inspector = fields.Nested(NamedAccountSchema, allow_none=True)
    inspected_for = fields.String(allow_none=True)
    findings = fields.List(fields.Nested(FindingSchema))


class PlannedSchema(ma.Schema):
    """One line of the plan."""

    id = fields.Integer(attribute="row.id")
    customer_id = fields.Integer(attribute="customer.id")
    name = fields.String(attribute="customer.name")
    period = fields.String()
    planned_on = fields.Date(attribute="row.planned_on")
    inspected_at = fields.DateTime(attribute="row.inspected_at", allow_none=True)
    inspector = fields.String(allow_none=True)
    findings = fields.Integer()
    is_late = fields.Boolean()


class _PageSchema(ma.Schema):
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
    size = fields.Integer()


class DisqualifiedPageSchema(_PageSchema):
    """A page of the list of the disqualified."""

    rows = fields.List(fields.Nested(DisqualifiedSchema))


class DistributionPageSchema(_PageSchema):
    """A page of distributions."""

    rows = fields.List(fields.Nested(DistributionSchema))


class InspectionPageSchema(_PageSchema):
    """A page of inspections."""

    rows = fields.List(fields.Nested(PlannedSchema))


def fields_of(data: dict[str, Any]) -> dict[str, Any]:
    """The new values among a change's input."""
    return {field: data[field] for field in FIELD_GROUPS if field in data}
