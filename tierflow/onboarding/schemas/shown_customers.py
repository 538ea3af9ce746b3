"""Output of the customer file, as JSON."""

from __future__ import annotations

from marshmallow import Schema, fields

from tierflow.onboarding.schemas.keeping import CursorSchema
from tierflow.onboarding.schemas.shown import CaseSchema, DecisionOutSchema, NamedAccountSchema, PaperOutSchema, Said
from tierflow.onboarding.service.past import FIELDS
from tierflow.web.schemas import one_of


class HeldLineSchema(Schema):
    """A line a customer has, and its class."""

    product_line_id = fields.Integer(attribute="line.product_line_id")
    code = fields.String(attribute="product_line.code")
    name = fields.String(attribute="product_line.name")
    customer_class = fields.String(attribute="line.customer_class")
    from_on = fields.Date(attribute="line.from_on")


class CustomerSchema(Schema):
    """A customer's own fields."""

    id = fields.Integer()
    number = fields.String()
    name = fields.String()
    credit_code = fields.String(allow_none=True)
    organisation_code = fields.String(allow_none=True)
    needs_credit_code = fields.Boolean()
    legal_representative = fields.String()
    address = fields.String()
    contact_name = fields.String()
    phone = fields.String()
    bank_name = fields.String()
    bank_account = fields.String()
    invoice_address = fields.String()
    invoice_phone = fields.String()
    region_id = fields.Integer()
    account_manager_id = fields.Integer()
    approved_at = fields.DateTime()
    approved_on = fields.Date()
    version = fields.Integer()


class CustomerRowSchema(Schema):
    """One line of the list."""

    id = fields.Integer(attribute="customer.id")
    number = fields.String(attribute="customer.number")
    name = fields.String(attribute="customer.name")
    credit_code = fields.String(attribute="customer.credit_code", allow_none=True)
    account_manager = fields.String()
    region = fields.String()
    lines = fields.List(fields.Nested(HeldLineSchema))
    expires_on = fields.Date(allow_none=True)
    is_suspended = fields.Boolean()


class CustomerPageSchema(Schema):
    """A page of customers."""

    rows = fields.List(fields.Nested(CustomerRowSchema))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
    size = fields.Integer()


class OpeningSchema(Schema):
    """An application that led to the customer."""

    id = fields.Integer(attribute="application.id")
    number = fields.String(attribute="application.number")
    case = fields.Nested(CaseSchema)


class CustomerOutSchema(Schema):
    """One customer whole."""

    customer = fields.Nested(CustomerSchema)
    account_manager = fields.Nested(NamedAccountSchema)
    region = fields.String(attribute="region.name")
    lines = fields.List(fields.Nested(HeldLineSchema))
    papers = fields.List(fields.Nested(PaperOutSchema))
    openings = fields.List(fields.Nested(OpeningSchema))
    decisions = fields.List(fields.Nested(DecisionOutSchema))


class PastSchema(CursorSchema):
    """A page of a customer's history, of one field or of all."""

    field = fields.String(load_default=None, allow_none=True, validate=one_of(FIELDS))


class ExaminedSchema(Schema):
    """A step's approval, and in whose name it was given."""

    step = Said()
    who = fields.String()
    for_whom = fields.String(allow_none=True)
    at = fields.DateTime()
    reason = fields.String()


class MatterSchema(Schema):
    """What led to a change: `customer_change`, `paper_renewal`, `application`, `disqualification` or `handover`."""

    type = fields.String()
    id = fields.Integer()


class FieldChangeSchema(Schema):
    """A field's change; old and new in the reader's words."""

    at = fields.DateTime()
    field = fields.String()
    label = Said()
    old = Said()
    new = Said()
    by = fields.String()
    reason = fields.String()
    matter = fields.Nested(MatterSchema, allow_none=True)
    examined = fields.List(fields.Nested(ExaminedSchema))


class FieldChangesPageSchema(Schema):
    """A page of the history, newest first; `size` counts acts, which may change several fields."""

    rows = fields.List(fields.Nested(FieldChangeSchema))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
    size = fields.Integer()


class SavedFilterOut(Schema):
    """A kept filter: its name, and the question of the list's address."""

    id = fields.Integer()
    name = fields.String()
    query = fields.String()


class SavedFiltersOut(Schema):
    """Your filters, by name."""

    rows = fields.List(fields.Nested(SavedFilterOut))
