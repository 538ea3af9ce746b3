"""Output of the customer file, as JSON."""

from __future__ import annotations

from marshmallow import Schema, fields

from tierflow.onboarding.schemas.shown import CaseSchema, DecisionOutSchema, NamedAccountSchema, PaperOutSchema


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


class SavedFilterOut(Schema):
    """A kept filter: its name, and the question of the list's address."""

    id = fields.Integer()
    name = fields.String()
    query = fields.String()


class SavedFiltersOut(Schema):
    """Your filters, by name."""

    rows = fields.List(fields.Nested(SavedFilterOut))
