"""Input and output of handovers and contracts: the one door for forms and JSON."""

from __future__ import annotations

from flask_smorest.fields import Upload as FileField
from marshmallow import fields

from tierflow.onboarding.rules.contracts import STATES
from tierflow.onboarding.rules.handover import Standing
from tierflow.web.exports import FormSchema
from tierflow.web.fields import Moment, Yuan
from tierflow.web.schemas import Integer, Line, Paragraph, RowId, Schema, between, one_of


class PageSchema(Schema):
    """Which page of a list, and how many rows."""

    cursor = Line(most=500, load_default=None)
    size = Integer(validate=between(1, 100), load_default=30)


class ProposeSchema(Schema):
    """A handover: who gives, who takes, on which day, and why."""

    giver_id = RowId(required=True)
    taker_id = RowId(required=True)
    effective_on = fields.Date(required=True)
    reason = Paragraph(required=True, most=500)


class SignSchema(Schema):
    """A signature; `absence` says why somebody signs for an absent giver."""

    side = fields.String(required=True, validate=one_of(("giver", "taker")))
    absence = Paragraph(most=500, load_default="", allow_none=True)


class PersonOut(Schema):
    """A person of the house."""

    id = fields.Integer()
    name = fields.String()


class HandoverOut(Schema):
    """A handover, and where it stands."""

    id = fields.Integer(attribute="handover.id")
    giver = fields.Nested(PersonOut)
    taker = fields.Nested(PersonOut)
    effective_on = fields.Date(attribute="handover.effective_on")
    reason = fields.String(attribute="handover.reason")
    standing = fields.String(metadata={"enum": [one.value for one in Standing]})
    proposed_at = Moment(attribute="handover.proposed_at")
    giver_signed_at = Moment(attribute="handover.giver_signed_at", allow_none=True)
    absence = fields.String(attribute="handover.absence")
    taker_signed_at = Moment(attribute="handover.taker_signed_at", allow_none=True)
    done_at = Moment(attribute="handover.done_at", allow_none=True)
    ended_at = Moment(attribute="handover.ended_at", allow_none=True)
    end_reason = fields.String(attribute="handover.end_reason")
    moved = fields.Dict(keys=fields.String(), values=fields.Integer(), attribute="handover.moved")


class HeldOut(Schema):
    """How much of a kind of open work lies with the giver."""

    key = fields.String(attribute="share.key")
    number = fields.Integer()


class HandoverWholeOut(Schema):
    """A handover whole: with what lies with the giver now, and who acted, `…_for` an absent colleague by name."""

    row = fields.Nested(HandoverOut)
    proposed_by = fields.Nested(PersonOut)
    proposed_for = fields.String(allow_none=True)
    giver_signed_by = fields.Nested(PersonOut, allow_none=True)
    giver_signed_for = fields.String(allow_none=True)
    held = fields.List(fields.Nested(HeldOut))


class HandoverPageOut(Schema):
    """A page of handovers."""

    rows = fields.List(fields.Nested(HandoverOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class ContractFileSchema(Schema):
    """The signed contract: PDF, JPG or PNG."""

    file = FileField(required=True)


class ContractSchema(Schema):
    """A contract. `to_on` is the last day it holds, as people say it; `value` in yuan, blank where it names none."""

    number = Line(required=True, most=60)
    customer_id = RowId(required=True)
    title = Line(required=True, most=120)
    from_on = fields.Date(required=True)
    last_on = fields.Date(required=True)
    value = Yuan(load_default=None, allow_none=True)
    custodian_id = RowId(required=True)
    place = Line(required=True, most=120)
    note = Paragraph(most=1000, load_default="", allow_none=True)
    renews_id = RowId(load_default=None, allow_none=True)


class CustodySchema(Schema):
    """Who keeps the paper now, and where."""

    custodian_id = RowId(required=True)
    place = Line(required=True, most=120)
    seen_version = Integer(required=True, validate=between(1, 2**53))


class ContractListSchema(PageSchema):
    """How the register is narrowed."""

    state = Line(validate=one_of(STATES), load_default=None)
    customer_id = RowId(load_default=None)
    custodian_id = RowId(load_default=None)
    q = Line(most=100, load_default=None)


class ContractOut(Schema):
    """A contract, and where it stands. `last_on`: the last day it holds."""

    id = fields.Integer(attribute="contract.id")
    number = fields.String(attribute="contract.number")
    title = fields.String(attribute="contract.title")
    customer = fields.Nested(PersonOut)
    from_on = fields.Date(attribute="contract.from_on")
    last_on = fields.Date()
    value = Yuan(attribute="contract.value", allow_none=True)
    custodian = fields.Nested(PersonOut)
    place = fields.String(attribute="contract.place")
    note = fields.String(attribute="contract.note")
    file_id = fields.Integer(attribute="contract.file_id")
    renews_id = fields.Integer(attribute="contract.renews_id", allow_none=True)
    state = fields.String(metadata={"enum": list(STATES)})
    days_left = fields.Integer()
    version = fields.Integer(attribute="contract.version")


class ContractPageOut(Schema):
    """A page of the register."""

    rows = fields.List(fields.Nested(ContractOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class ContractExportSchema(FormSchema, ContractListSchema):
    """Which contracts, as which kind of file."""

    class Meta(Schema.Meta):
        """Every row, not a page of them."""

        exclude = ("cursor", "size")
