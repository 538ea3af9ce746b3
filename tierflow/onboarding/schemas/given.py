"""Input of account opening: the one door for forms and JSON. Whether a code is right is the service's to say."""

from __future__ import annotations

from typing import Any

from flask_smorest.fields import Upload as FileField
from marshmallow import fields

from tierflow.common.customers import CLASSES
from tierflow.kernel.approval import State, Verdict
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.rules.papers import PAPER_LABELS
from tierflow.web.exports import FormSchema
from tierflow.web.schemas import Integer, Line, Paragraph, RowId, Schema, between, length, one_of

MOST_LINES = 50
MOST_CHECKS = 100
MOST_CASES = 100


class Written(Line):
    """A code, telephone or account as typed or as a spreadsheet gave it: text or number, read by the service."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(most=100, allow_none=True, **kwargs)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        return super()._deserialize(value, attr, data, **kwargs)

    def _validate(self, value: Any) -> None:
        if isinstance(value, str):
            super()._validate(value)


class ParticularsSchema(Schema):
    """Company and invoicing particulars; what is absent stays as it is, null empties."""

    name = Line(most=120, allow_none=True)
    credit_code = Written()
    organisation_code = Written()
    legal_representative = Line(most=60, allow_none=True)
    address = Line(most=200, allow_none=True)
    contact_name = Line(most=60, allow_none=True)
    phone = Written()
    email = Written()
    region_id = RowId(allow_none=True)
    readmission_reason = Paragraph(most=1000, allow_none=True)
    bank_name = Line(most=120, allow_none=True)
    bank_account = Written()
    invoice_address = Line(most=200, allow_none=True)
    invoice_phone = Written()


class LineWantedSchema(Schema):
    """A product line asked for, and the class."""

    product_line_id = RowId(required=True)
    customer_class = fields.String(required=True, validate=one_of(CLASSES))


class EntryAnswerSchema(Schema):
    """An entry condition's answer and its evidence in words."""

    customer_class = fields.String(required=True, validate=one_of(CLASSES))
    item = Line(required=True, most=60)
    answer = fields.String(allow_none=True, validate=one_of(("yes", "no")))
    evidence = Paragraph(most=2000, allow_none=True)


class DraftSchema(ParticularsSchema):
    """An application as far as it is filled in."""

    lines = fields.List(fields.Nested(LineWantedSchema), validate=length(None, MOST_LINES))
    checks = fields.List(fields.Nested(EntryAnswerSchema), validate=length(None, MOST_CHECKS))


class NewDraftSchema(DraftSchema):
    """A new application; `copy_of` brings over an ended one."""

    account_manager_id = RowId(allow_none=True)
    copy_of = RowId(allow_none=True, load_default=None)


class SaveSchema(DraftSchema):
    """A save; `seen_version` is the application's version the page was drawn from."""

    seen_version = Integer(required=True, validate=between(0, 2**53))


class PrintedSchema(Schema):
    """What is printed on a paper. `valid_to` is the last valid day; long-term papers have none."""

    number = Line(most=60, allow_none=True)
    issuer = Line(most=120, allow_none=True)
    valid_from = fields.Date(allow_none=True)
    valid_to = fields.Date(allow_none=True)
    is_long_term = fields.Boolean(allow_none=True)


class NewPaperSchema(PrintedSchema):
    """A paper with its kind."""

    kind = fields.String(required=True, validate=one_of(PAPER_LABELS))


class ScanFileSchema(Schema):
    """The scan: PDF, JPG or PNG."""

    file = FileField(required=True)


class ScanSchema(Schema):
    """A scan in place of the old one, when there is one."""

    file = FileField()


class EvidenceSchema(Schema):
    """Which entry condition a file proves."""

    customer_class = fields.String(required=True, validate=one_of(CLASSES))
    item = Line(required=True, most=60)


class PreviewedCheckSchema(EntryAnswerSchema):
    """An answer, and whether there is a file."""

    has_file = fields.Boolean()


class PreviewedPaperSchema(PrintedSchema):
    """A paper, and whether there is a scan."""

    kind = fields.String(required=True, validate=one_of(PAPER_LABELS))
    has_file = fields.Boolean()


class AdmissionPreviewSchema(ParticularsSchema):
    """Facts of an application that nobody has begun."""

    lines = fields.List(fields.Nested(LineWantedSchema), validate=length(None, MOST_LINES))
    checks = fields.List(fields.Nested(PreviewedCheckSchema), validate=length(None, MOST_CHECKS))
    papers = fields.List(fields.Nested(PreviewedPaperSchema), validate=length(None, len(PAPER_LABELS)))


class DuplicatesSchema(Schema):
    """What to look for; `besides` is the application that asks."""

    name = Line(most=120)
    credit_code = Written()
    organisation_code = Written()
    legal_representative = Line(most=60)
    phone = Written()
    bank_account = Written()
    besides = RowId(load_default=None)


class SubmitSchema(Schema):
    """Handing in what the page showed."""

    seen_version = Integer(required=True, validate=between(0, 2**53))


class ItemVerdictSchema(Schema):
    """The verdict on one item of the step's checklist."""

    key = Line(required=True, most=80)
    verdict = fields.String(required=True, validate=one_of(("pass", "fail", "na")))
    remark = Paragraph(most=500, load_default="", allow_none=True)


class StruckSchema(Schema):
    """A product line struck, and why."""

    product_line_id = RowId(required=True)
    reason = Paragraph(required=True, most=500)


_STEPS = tuple(step.key for step in ACCOUNT_OPENING.steps)


class DecideSchema(Schema):
    """A verdict on the case as the page showed it: its version and the step it waited for."""

    seen_version = Integer(required=True, validate=between(0, 2**53))
    step = fields.String(required=True, validate=one_of(_STEPS))
    verdict = fields.String(required=True, validate=one_of([verdict.value for verdict in Verdict]))
    reason = Paragraph(most=2000, load_default="", allow_none=True)
    items = fields.List(fields.Nested(ItemVerdictSchema), load_default=list, validate=length(None, 200))
    struck = fields.List(fields.Nested(StruckSchema), load_default=list, validate=length(None, MOST_LINES))


class SeenCaseSchema(Schema):
    """One case of a bulk approval, as the list showed it."""

    application_id = RowId(required=True)
    seen_version = Integer(required=True, validate=between(0, 2**53))
    step = fields.String(required=True, validate=one_of(_STEPS))


class BulkSchema(Schema):
    """Several approvals at once."""

    cases = fields.List(fields.Nested(SeenCaseSchema), required=True, validate=length(1, MOST_CASES))
    reason = Paragraph(most=2000, load_default="", allow_none=True)


class WithdrawSchema(Schema):
    """Why the application is taken back."""

    reason = Paragraph(required=True, most=1000)


class DiscardSchema(Schema):
    """Why the application is given up."""

    reason = Paragraph(most=1000, load_default="", allow_none=True)


class AskSchema(Schema):
    """A colleague, and what to ask; `copy` shows the case without a question."""

    asked_id = RowId(required=True)
    kind = fields.String(load_default="ask", validate=one_of(("ask", "copy")))
    question = Paragraph(most=1000, load_default="", allow_none=True)


class SavedFilterSchema(Schema):
    """A filter to keep: its name, and the question of the list's address, as `papers=expired&region=3`."""

    name = Line(required=True, most=40)
    query = Line(required=True, most=600)


class PageSchema(Schema):
    """Which page of a list: the cursor of the page before, and how many rows."""

    cursor = Line(most=500, load_default=None)
    size = Integer(load_default=30, validate=between(1, 100))


class ApplicationFilterSchema(PageSchema):
    """How the list of applications is narrowed."""

    state = fields.String(validate=one_of([state.value for state in State]))
    states = fields.List(
        fields.String(validate=one_of([state.value for state in State])),
        metadata={"description": "any of these; repeated: ?states=draft&states=withdrawn"},
    )
    step = fields.String(validate=one_of(_STEPS))
    region_id = RowId()
    account_manager_id = RowId()
    product_line_id = RowId()
    customer_class = fields.String(validate=one_of(CLASSES))
    over_quota = fields.Boolean()
    mine = fields.Boolean()
    q = Line(most=100)


class CustomerFilterSchema(PageSchema):
    """How the list of customers is narrowed."""

    region_id = RowId()
    account_manager_id = RowId()
    product_line_id = RowId()
    customer_class = fields.String(validate=one_of(CLASSES))
    needs_credit_code = fields.Boolean()
    papers = fields.String(validate=one_of(("expired", "expiring", "suspended")))
    q = Line(most=100)
    sort = fields.String(
        validate=one_of(("number", "-number", "name", "-name")),
        load_default="number",
        metadata={"description": "by number, or by name in the order of pinyin; - downwards"},
    )


class AfterSchema(Schema):
    """The application just seen."""

    after = RowId(load_default=None)


class RoundSchema(Schema):
    """The round to compare the latest with."""

    round = Integer(required=True, validate=between(1, 2**31))


class DownloadSchema(Schema):
    """Whether the file is to be saved instead of shown."""

    download = fields.Boolean(load_default=False)


class ApplicationExportSchema(FormSchema, ApplicationFilterSchema):
    """Which applications, as which kind of file."""

    class Meta(Schema.Meta):
        """Every row, not a page of them."""

        exclude = ("cursor", "size")


class CustomerExportSchema(FormSchema, CustomerFilterSchema):
    """Which customers, as which kind of file."""

    class Meta(Schema.Meta):
        """Every row, not a page of them."""

        exclude = ("cursor", "size")
