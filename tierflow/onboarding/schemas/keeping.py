"""Input and output of the customer file: papers handed in anew, upload links, verdicts on one matter."""

from __future__ import annotations

import marshmallow as ma
from marshmallow import fields

from tierflow.kernel.approval import Verdict
from tierflow.kernel.qualification import DATED
from tierflow.onboarding.schemas.given import PrintedSchema
from tierflow.onboarding.schemas.shown import CaseSchema
from tierflow.web.exports import FormSchema
from tierflow.web.schemas import Integer, Line, Paragraph, RowId, Schema, between, one_of


class PaperTextSchema(PrintedSchema):
    """What is printed on the new version, and a remark for its examiner."""

    remark = Line(most=300, allow_none=True)


class RenewSchema(PaperTextSchema):
    """A paper handed in anew, or a proof that it is being renewed."""

    kind = fields.String(required=True, validate=one_of(DATED))
    is_proof = fields.Boolean(load_default=False)


class LinkSchema(Schema):
    """An upload link for one paper."""

    kind = fields.String(required=True, validate=one_of(DATED))
    is_proof = fields.Boolean(load_default=False)
    days = Integer(load_default=3, validate=between(1, 14))


class VerdictSchema(Schema):
    """A verdict on the matter as the page showed it: the case's version and the step it waited for."""

    version = Integer(required=True, validate=between(0, 2**53))
    step = Line(required=True, most=40)
    verdict = fields.String(required=True, validate=one_of([verdict.value for verdict in Verdict]))
    reason = Paragraph(most=1000, load_default="", allow_none=True)


class CursorSchema(Schema):
    """A page of a list."""

    cursor = Line(most=400, load_default=None, allow_none=True)
    size = Integer(load_default=30, validate=between(1, 200))


class WallSchema(CursorSchema):
    """How the wall is narrowed. `within`: days to the end; `expired`: those that have run out only."""

    region_id = RowId(load_default=None, allow_none=True)
    account_manager_id = RowId(load_default=None, allow_none=True)
    kind = fields.String(load_default=None, allow_none=True, validate=one_of(DATED))
    within = Integer(load_default=None, allow_none=True, validate=between(0, 3660))
    expired = fields.Boolean(load_default=False)


class OwedSchema(CursorSchema):
    """How the scans owed are narrowed. `within`: days until they are due; `overdue`: past it only."""

    region_id = RowId(load_default=None, allow_none=True)
    account_manager_id = RowId(load_default=None, allow_none=True)
    batch_id = RowId(load_default=None, allow_none=True)
    within = Integer(load_default=None, allow_none=True, validate=between(0, 3660))
    overdue = fields.Boolean(load_default=False)


class RenewalOutSchema(ma.Schema):
    """A renewal and where its examination stands."""

    id = fields.Integer(attribute="renewal.id")
    customer_id = fields.Integer(attribute="renewal.customer_id")
    kind = fields.String(attribute="renewal.kind")
    is_proof = fields.Boolean(attribute="renewal.is_proof")
    number = fields.String(attribute="renewal.number")
    issuer = fields.String(attribute="renewal.issuer")
    valid_from = fields.Date(attribute="renewal.valid_from", allow_none=True)
    valid_to = fields.Date(attribute="renewal.valid_to", allow_none=True)
    is_long_term = fields.Boolean(attribute="renewal.is_long_term")
    remark = fields.String(attribute="renewal.remark")
    file_id = fields.Integer(attribute="renewal.file_id")
    by_link = fields.Boolean()
    outcome = fields.String(attribute="renewal.outcome", allow_none=True)
    case = fields.Nested(CaseSchema)


class RenewalsOutSchema(ma.Schema):
    """A customer's renewals, newest first."""

    rows = fields.List(fields.Nested(RenewalOutSchema))


class LinkOutSchema(ma.Schema):
    """An upload link; its address is told once, when it is made."""

    id = fields.Integer()
    kind = fields.String()
    is_proof = fields.Boolean()
    expires_at = fields.DateTime()
    url = fields.String()


class SuspensionOutSchema(ma.Schema):
    """Whether business stands still, why, and what clears it."""

    on = fields.Date()
    is_suspended = fields.Boolean()
    is_disqualified = fields.Boolean()
    since = fields.Date(allow_none=True)
    papers = fields.List(fields.String())


class WallRowSchema(ma.Schema):
    """One line of the wall."""

    customer_id = fields.Integer()
    number = fields.String()
    name = fields.String()
    region = fields.String()
    account_manager = fields.String()
    kind = fields.String()
    is_proof = fields.Boolean()
    valid_to = fields.Date()
    days_left = fields.Integer()
    is_suspended = fields.Boolean()
    is_waiting = fields.Boolean()


class WallPageSchema(ma.Schema):
    """A page of the wall, the soonest first."""

    rows = fields.List(fields.Nested(WallRowSchema))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
    size = fields.Integer()


class OwedRowSchema(ma.Schema):
    """A paper whose scan is owed."""

    customer_id = fields.Integer(attribute="customer.id")
    number = fields.String(attribute="customer.number")
    name = fields.String(attribute="customer.name")
    region = fields.String()
    account_manager = fields.String()
    kind = fields.String(attribute="paper.kind")
    batch_id = fields.Integer()
    due_on = fields.Date()
    days_left = fields.Integer()
    is_waiting = fields.Boolean()


class OwedPageSchema(ma.Schema):
    """A page of the scans owed, the first due first."""

    rows = fields.List(fields.Nested(OwedRowSchema))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
    size = fields.Integer()


class WallExportSchema(FormSchema, WallSchema):
    """Which papers of the wall, as which kind of file."""

    class Meta(Schema.Meta):
        """Every row, not a page of them."""

        exclude = ("cursor", "size")
