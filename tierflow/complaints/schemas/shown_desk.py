"""What the API tells about the desk beside complaints: inquiries, templates, follow-ups, re-dating, the digest."""

from __future__ import annotations

from marshmallow import fields

from tierflow.complaints.schemas.shown import RAISED, RaisedOut
from tierflow.web.fields import Moment
from tierflow.web.schemas import Schema


class FollowUpOut(Schema):
    """A measure, a department's answer or an inquiry that is open."""

    kind = fields.String(metadata={"description": "complaint_measure, complaint_consultation or inquiry"})
    id = fields.Integer()
    number = fields.String(metadata={"description": "of the complaint or inquiry"})
    what = fields.String()
    customer = fields.String()
    owner = fields.String(metadata={"description": "who is to do it: a person, or the department asked"})
    due_at = Moment()
    raised_to = fields.String(allow_none=True, metadata={"description": RAISED})
    is_overdue = fields.Boolean()


class FollowUpsOut(Schema):
    """The hundred most urgent; `total` counts also the others, up to a thousand of each kind."""

    rows = fields.List(fields.Nested(FollowUpOut))
    total = fields.Integer()


class InquiryOut(Schema):
    """An inquiry."""

    id = fields.Integer()
    number = fields.String()
    customer_id = fields.Integer(allow_none=True)
    customer_name = fields.String()
    contact_name = fields.String()
    contact_phone = fields.String()
    product_id = fields.Integer(allow_none=True)
    channel = fields.String()
    question = fields.String()
    asked_at = Moment()
    keyed_at = Moment()
    due_at = Moment()
    owner_id = fields.Integer()
    answer = fields.String(allow_none=True)
    answered_at = Moment(allow_none=True)
    turned_at = Moment(allow_none=True)
    raised_to = fields.String(allow_none=True, metadata={"description": RAISED})
    closed_at = Moment(allow_none=True)


class InquiryWholeOut(InquiryOut):
    """An inquiry with how it ended; `satisfaction` from 1 to 5, null when it is open or was closed unasked."""

    satisfaction = fields.Integer(allow_none=True)
    satisfaction_note = fields.String()
    raised = fields.List(fields.Nested(RaisedOut))


class InquiryPageOut(Schema):
    """A page of the register."""

    rows = fields.List(fields.Nested(InquiryOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class TemplateOut(Schema):
    """A reply template."""

    id = fields.Integer()
    name = fields.String()
    body = fields.String()
    purpose = fields.String(metadata={"description": "complaint or inquiry: what it answers"})
    is_active = fields.Boolean()
    updated_at = Moment()


class TemplatesOut(Schema):
    """All reply templates."""

    rows = fields.List(fields.Nested(TemplateOut))


class ProposedOut(Schema):
    """A due time an amended calendar would move."""

    complaint_id = fields.Integer()
    number = fields.String()
    due_at = Moment()
    would_be_at = Moment()


class ProposalsOut(Schema):
    """Due times an amended calendar would move."""

    rows = fields.List(fields.Nested(ProposedOut))


class DigestLineOut(Schema):
    """One line of the digest."""

    title = fields.String()
    note = fields.String()
    due_at = Moment(allow_none=True)


class DigestPartOut(Schema):
    """One heading of the digest."""

    key = fields.String()
    total = fields.Integer()
    lines = fields.List(fields.Nested(DigestLineOut))


class DigestOut(Schema):
    """The morning digest."""

    on = fields.Date()
    parts = fields.List(fields.Nested(DigestPartOut))
    summary = fields.String()
