"""Output of account opening, as JSON."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

from tierflow.onboarding.rules.admission import INDICATOR_LABELS
from tierflow.onboarding.rules.duplicates import sentence
from tierflow.web.i18n import show


class Said(fields.String):
    """A sentence in the reader's language."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else show(value)


class NamedAccountSchema(Schema):
    """An account by name."""

    id = fields.Integer()
    name = fields.String()


class CaseSchema(Schema):
    """Where an approval stands. `version` and `step` go into a verdict as what was seen."""

    state = fields.String()
    round = fields.Integer()
    step = fields.String(allow_none=True)
    version = fields.Integer()
    all_green = fields.Boolean()
    waiting_since = fields.DateTime()
    due_at = fields.DateTime()


class ParticularsOutSchema(Schema):
    """An application's own fields."""

    id = fields.Integer()
    number = fields.String()
    version = fields.Integer()
    name = fields.String()
    credit_code = fields.String(allow_none=True)
    organisation_code = fields.String(allow_none=True)
    legal_representative = fields.String()
    address = fields.String()
    contact_name = fields.String()
    phone = fields.String()
    email = fields.String()
    region_id = fields.Integer(allow_none=True)
    readmission_reason = fields.String()
    bank_name = fields.String()
    bank_account = fields.String()
    invoice_address = fields.String()
    invoice_phone = fields.String()
    taxpayer_number = fields.String()
    account_manager_id = fields.Integer()
    submitter_id = fields.Integer()
    customer_id = fields.Integer(allow_none=True)
    copied_from_id = fields.Integer(allow_none=True)
    over_quota = fields.Boolean()
    created_at = fields.DateTime()
    updated_at = fields.DateTime()


class AskedLineSchema(Schema):
    """A product line asked for."""

    product_line_id = fields.Integer(attribute="line.product_line_id")
    code = fields.String(attribute="product_line.code")
    name = fields.String(attribute="product_line.name")
    customer_class = fields.String(attribute="line.customer_class")
    struck_at = fields.DateTime(attribute="line.struck_at", allow_none=True)
    struck_reason = fields.String(attribute="line.struck_reason")


class FileOutSchema(Schema):
    """A stored file; its content is at /files/<id>."""

    id = fields.Integer()
    name = fields.String()
    kind = fields.String()
    size = fields.Integer()


class CheckOutSchema(Schema):
    """An entry condition with its answer so far."""

    customer_class = fields.String()
    item = fields.String(attribute="condition.item")
    label = Said(attribute="condition.label")
    clause = fields.String(attribute="condition.clause")
    needs_file = fields.Boolean(attribute="condition.needs_file")
    answer = fields.String(attribute="check.answer", dump_default="")
    evidence = fields.String(attribute="check.evidence", dump_default="")
    file = fields.Nested(FileOutSchema, allow_none=True)


class PaperOutSchema(Schema):
    """A paper and its scan."""

    id = fields.Integer(attribute="paper.id")
    kind = fields.String(attribute="paper.kind")
    number = fields.String(attribute="paper.number")
    issuer = fields.String(attribute="paper.issuer")
    valid_from = fields.Date(attribute="paper.valid_from", allow_none=True)
    valid_to = fields.Date(attribute="paper.valid_to", allow_none=True)
    is_long_term = fields.Boolean(attribute="paper.is_long_term")
    file = fields.Nested(FileOutSchema)


class ItemOutSchema(Schema):
    """An item of a step's checklist."""

    key = fields.String()
    label = Said()
    group = fields.String()
    fields_ = fields.List(fields.String(), attribute="fields", data_key="fields")


class RoundChangeSchema(Schema):
    """A field that changed between two rounds."""

    group = fields.String()
    field = fields.String()
    old = fields.Raw(allow_none=True)
    new = fields.Raw(allow_none=True)


class DecisionOutSchema(Schema):
    """A step's verdict, who gave it, and in whose name."""

    round = fields.Integer(attribute="decision.round")
    step = fields.String(attribute="decision.step")
    verdict = fields.String(attribute="decision.verdict")
    reason = fields.String(attribute="decision.reason")
    items = fields.List(fields.Dict(), attribute="decision.items")
    details = fields.Dict(attribute="decision.details")
    decided_at = fields.DateTime(attribute="decision.decided_at")
    user = fields.Nested(NamedAccountSchema)
    on_behalf_of = fields.Nested(NamedAccountSchema, attribute="principal", allow_none=True)


class OpinionSchema(Schema):
    """An opinion asked, or a copy shown. `answered_by`: the colleague asked, or whoever answered in their name."""

    id = fields.Integer(attribute="opinion.id")
    kind = fields.String(attribute="opinion.kind")
    asked = fields.Nested(NamedAccountSchema, attribute="user")
    question = fields.String(attribute="opinion.question")
    asked_at = fields.DateTime(attribute="opinion.asked_at")
    answered_by = fields.Nested(NamedAccountSchema, allow_none=True)
    answer = fields.String(attribute="opinion.answer", allow_none=True)
    answered_at = fields.DateTime(attribute="opinion.answered_at", allow_none=True)


class AskedSchema(Schema):
    """The opinion just asked."""

    id = fields.Integer()
    kind = fields.String()
    asked_id = fields.Integer()
    question = fields.String()
    asked_at = fields.DateTime()
    answer = fields.String(allow_none=True)
    answered_at = fields.DateTime(allow_none=True)


class AbilitiesSchema(Schema):
    """What the reader can do now."""

    edit = fields.Boolean()
    withdraw = fields.Boolean()
    copy = fields.Boolean()
    decide = fields.Boolean()
    ask = fields.Boolean()


class ApplicationOutSchema(Schema):
    """One application whole."""

    application = fields.Nested(ParticularsOutSchema)
    case = fields.Nested(CaseSchema)
    account_manager = fields.Nested(NamedAccountSchema)
    submitter = fields.Nested(NamedAccountSchema)
    lines = fields.List(fields.Nested(AskedLineSchema))
    checks = fields.List(fields.Nested(CheckOutSchema))
    papers = fields.List(fields.Nested(PaperOutSchema))
    decisions = fields.List(fields.Nested(DecisionOutSchema))
    opinions = fields.List(fields.Nested(OpinionSchema))
    items = fields.List(fields.Nested(ItemOutSchema))
    changes = fields.List(fields.Nested(RoundChangeSchema))
    returned = fields.Dict(keys=fields.String(), values=fields.String())
    may = fields.Nested(AbilitiesSchema)


class ApplicationRowSchema(Schema):
    """One line of the list."""

    id = fields.Integer(attribute="application.id")
    number = fields.String(attribute="application.number")
    name = fields.String(attribute="application.name")
    credit_code = fields.String(attribute="application.credit_code", allow_none=True)
    account_manager = fields.String()
    region = fields.String(allow_none=True)
    over_quota = fields.Boolean(attribute="application.over_quota")
    updated_at = fields.DateTime(attribute="application.updated_at")
    case = fields.Nested(CaseSchema)


class ApplicationPageSchema(Schema):
    """A page of applications; `after` and `before` are the cursors of its neighbours."""

    rows = fields.List(fields.Nested(ApplicationRowSchema))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)
    size = fields.Integer()


class PaperRowSchema(Schema):
    """A paper alone."""

    id = fields.Integer()
    application_id = fields.Integer(allow_none=True)
    kind = fields.String()
    number = fields.String()
    issuer = fields.String()
    valid_from = fields.Date(allow_none=True)
    valid_to = fields.Date(allow_none=True)
    is_long_term = fields.Boolean()
    file_id = fields.Integer()


class CheckRowSchema(Schema):
    """An entry condition's answer alone."""

    customer_class = fields.String()
    item = fields.String()
    answer = fields.String()
    evidence = fields.String()
    file_id = fields.Integer(allow_none=True)


class AgreeingSchema(Schema):
    """Something on file that agrees in one field."""

    source = fields.String()
    field = fields.String()
    reason = fields.Function(lambda match: show(sentence(match)))


class MatchSchema(AgreeingSchema):
    """The same, and whether it keeps the application from going in."""

    blocking = fields.Boolean(attribute="is_blocking")


class MatchesSchema(Schema):
    """Every match."""

    matches = fields.List(fields.Nested(MatchSchema))


class AdmissionIndicatorSchema(Schema):
    """One thing the rule looked at."""

    name = fields.String()
    label = fields.Function(lambda indicator: show(INDICATOR_LABELS[indicator.name]))
    value = fields.Raw(allow_none=True)
    threshold = fields.Raw(allow_none=True)
    verdict = fields.String()
    clause = fields.String()


class AdmissionRefusalSchema(Schema):
    """Why it cannot go in yet."""

    clause = fields.String()
    reason = Said()
    field = fields.String(allow_none=True)


class AdmissionSchema(Schema):
    """What would be decided, under which policy version."""

    outcome = fields.String(attribute="decision.outcome")
    clauses = fields.List(fields.String(), attribute="decision.clauses")
    indicators = fields.List(fields.Nested(AdmissionIndicatorSchema), attribute="decision.indicators")
    refusals = fields.List(fields.Nested(AdmissionRefusalSchema), attribute="decision.refusals")
    matches = fields.List(fields.Nested(MatchSchema))
    all_green = fields.Boolean(attribute="is_all_green")
    policy_version = fields.Integer(attribute="policy.version")


class StoredAdmissionSchema(Schema):
    """An admission as it was decided: all the rule saw, what it said, under which policy version."""

    id = fields.Integer()
    outcome = fields.String()
    clauses = fields.List(fields.String())
    indicators = fields.List(fields.Dict())
    inputs = fields.Dict()
    policy_version = fields.Integer()
    decided_at = fields.DateTime()


class StoredAdmissionsSchema(Schema):
    """An application's admissions, the first first."""

    rows = fields.List(fields.Nested(StoredAdmissionSchema))


class StepVerdictSchema(Schema):
    """A verdict just given, and where the case went."""

    application_id = fields.Integer()
    round = fields.Integer()
    step = fields.String()
    verdict = fields.String()
    moved_to = fields.String()
    next_step = fields.String(allow_none=True)


class StepVerdictsSchema(Schema):
    """Verdicts given together."""

    decisions = fields.List(fields.Nested(StepVerdictSchema))


class NextSchema(Schema):
    """The application to decide next; null: the queue is empty."""

    application_id = fields.Integer(allow_none=True)


class ApplicationEventSchema(Schema):
    """One act."""

    at = fields.DateTime()
    actor_name = fields.String()
    action = fields.String()
    reason = fields.String()
    before = fields.Dict()
    after = fields.Dict()


class ApplicationTimelineSchema(Schema):
    """Every act, newest first."""

    events = fields.List(fields.Nested(ApplicationEventSchema))


class RoundChangesSchema(Schema):
    """What changed since a round."""

    changes = fields.List(fields.Nested(RoundChangeSchema))
