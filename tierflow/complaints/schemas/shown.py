"""What the API tells about complaints. Times are Shanghai's, tonnes and yuan exact text."""

from __future__ import annotations

from marshmallow import fields

from tierflow.web.fields import Moment, MonthField, Tonnes, Yuan
from tierflow.web.schemas import Schema

RAISED = "the highest told that it is due or overdue: owner, sales_manager, general_manager; null: nobody yet"


class CountdownOut(Schema):
    """How a clock stands now. outcome: running, paused, late (paused or not), in_time, told_late."""

    outcome = fields.String()
    due_at = Moment()
    days_left = fields.Integer()
    minutes_left = fields.Integer()
    percent_used = fields.Integer()
    is_provisional = fields.Boolean()
    is_paused = fields.Boolean()
    was_breached = fields.Boolean()


class EventOut(Schema):
    """Something that happened to a clock. Those that set a due time say what it followed from."""

    kind = fields.String()
    revision = fields.Integer()
    at = Moment()
    recorded_at = Moment()
    note = fields.String()
    due_at = Moment(allow_none=True)
    limit_days = fields.Integer(allow_none=True)
    severity = fields.String(allow_none=True)
    extended_to = fields.Integer(allow_none=True)
    paused_days = fields.Integer(allow_none=True)
    is_provisional = fields.Boolean(allow_none=True)
    calendar_version = fields.Integer(allow_none=True)


class ClockOut(Schema):
    """A clock."""

    number = fields.Integer()
    received_at = Moment()
    severity = fields.String()
    limit_days = fields.Integer()
    due_at = Moment()
    base_due_at = Moment()
    extended_to = fields.Integer(allow_none=True)
    paused_days = fields.Integer()
    is_paused = fields.Boolean()
    is_provisional = fields.Boolean()
    calendar_version = fields.Integer()
    policy_version = fields.Integer()
    breached_at = Moment(allow_none=True)
    told_at = Moment(allow_none=True)
    recorded_at = Moment(allow_none=True)
    in_time = fields.Boolean(allow_none=True)
    worked_minutes = fields.Integer(allow_none=True)


class CardOut(Schema):
    """A complaint in a list."""

    id = fields.Integer()
    number = fields.String()
    customer_id = fields.Integer(allow_none=True)
    customer_name = fields.String()
    is_unknown_customer = fields.Boolean()
    was_suspended = fields.Boolean()
    product_id = fields.Integer()
    product = fields.String()
    severity = fields.String()
    state = fields.String()
    said_at = Moment()
    keyed_at = Moment()
    account_manager = fields.String()
    needs_meeting = fields.Boolean()
    countdown = fields.Nested(CountdownOut)


class RaisedOut(Schema):
    """Somebody was told that a measure, a department's answer or an inquiry is due or overdue."""

    kind = fields.String()
    subject_id = fields.Integer()
    level = fields.String(metadata={"description": "owner, sales_manager or general_manager"})
    due_at = Moment()
    at = Moment()
    recorded_at = Moment()


class ConsultationOut(Schema):
    """A department asked."""

    id = fields.Integer()
    department = fields.String()
    question = fields.String()
    due_at = Moment()
    asked_by = fields.String()
    asked_at = Moment()
    answer = fields.String(allow_none=True)
    answered_by = fields.String(allow_none=True)
    answered_at = Moment(allow_none=True)
    lapsed_at = Moment(allow_none=True)
    raised_to = fields.String(allow_none=True, metadata={"description": RAISED})


class ConsultationPageOut(ConsultationOut):
    """A department asked, with as much of the complaint as it takes to answer."""

    complaint_id = fields.Integer()
    number = fields.String()
    product = fields.String()
    batch = fields.String()
    facts = fields.String()


class MeasureOut(Schema):
    """A measure."""

    id = fields.Integer()
    kind = fields.String()
    what = fields.String()
    tonnes = Tonnes(attribute="quantity_grams", allow_none=True)
    amount = Yuan(attribute="amount_fen", allow_none=True)
    owner_id = fields.Integer()
    owner = fields.String()
    due_on = fields.Date()
    raised_to = fields.String(allow_none=True, metadata={"description": RAISED})
    agreed_at = Moment(allow_none=True)
    done_at = Moment(allow_none=True)
    proof = fields.String()
    checked_at = Moment(allow_none=True)
    remark = fields.String()


class LeaderDecisionOut(Schema):
    """A leader's verdict."""

    step = fields.String()
    verdict = fields.String()
    reason = fields.String()
    by = fields.String()
    on_behalf_of = fields.String(allow_none=True)
    decided_at = Moment()


class CaseOut(Schema):
    """Where an approval stands; `version` and `step` go back with a decision."""

    state = fields.String()
    version = fields.Integer()
    step = fields.String(allow_none=True)
    decisions = fields.List(fields.Nested(LeaderDecisionOut))


class HandlingOpinionOut(Schema):
    """A handling opinion."""

    id = fields.Integer()
    number = fields.Integer()
    cause = fields.String()
    proposal = fields.String()
    drafted_by = fields.String()
    drafted_at = Moment()
    measures = fields.List(fields.Nested(MeasureOut))
    approval = fields.Nested(CaseOut)


class ExtensionOut(Schema):
    """A request for more time."""

    id = fields.Integer()
    to_day = fields.Integer()
    circumstance = fields.String()
    requested_by = fields.String()
    requested_at = Moment()
    outcome = fields.String(allow_none=True)
    approval = fields.Nested(CaseOut)


class MeetingOut(Schema):
    """A special meeting."""

    held_at = Moment()
    place = fields.String()
    present = fields.String()
    conclusion = fields.String()
    recorded_by = fields.String()
    recorded_at = Moment()


class TellingOut(Schema):
    """The customer told."""

    channel = fields.String()
    told_at = Moment()
    recorded_at = Moment()
    told_by = fields.String()
    told_to = fields.String()
    reply = fields.String()
    customer_said = fields.String()
    is_accepted = fields.Boolean(allow_none=True)


class ClosingOut(Schema):
    """One closing; a complaint that was reopened has earlier ones."""

    at = Moment()
    by = fields.String()
    satisfaction = fields.Integer(allow_none=True)
    note = fields.String()


class CustomerAnswerOut(Schema):
    """What the customer answered after it was told."""

    said_at = Moment()
    said_by = fields.String()
    words = fields.String()
    is_accepted = fields.Boolean(allow_none=True)
    recorded_by = fields.String()
    recorded_at = Moment()


class ComplaintFileOut(Schema):
    """A photo or paper."""

    id = fields.Integer()
    name = fields.String()
    kind = fields.String()
    size = fields.Integer()
    uploaded_at = Moment()


class ComplaintOut(CardOut):
    """A complaint whole."""

    contact_name = fields.String()
    contact_phone = fields.String()
    region_id = fields.Integer()
    region = fields.String()
    taken_by = fields.String()
    channel = fields.String()
    batch = fields.String()
    lifting_order = fields.String()
    tonnes = Tonnes(attribute="quantity_grams", allow_none=True)
    facts = fields.String()
    demand = fields.String()
    inquiry = fields.String(allow_none=True)
    closed_at = Moment(allow_none=True)
    satisfaction = fields.Integer(allow_none=True)
    satisfaction_note = fields.String()
    closings = fields.List(fields.Nested(ClosingOut))
    clocks = fields.List(fields.Nested(ClockOut))
    events = fields.List(fields.Nested(EventOut))
    consultations = fields.List(fields.Nested(ConsultationOut))
    opinions = fields.List(fields.Nested(HandlingOpinionOut))
    meetings = fields.List(fields.Nested(MeetingOut))
    extensions = fields.List(fields.Nested(ExtensionOut))
    tellings = fields.List(fields.Nested(TellingOut))
    responses = fields.List(fields.Nested(CustomerAnswerOut))
    files = fields.List(fields.Nested(ComplaintFileOut))
    raised = fields.List(fields.Nested(RaisedOut))
    customer_breach = fields.String(allow_none=True)


class ComplaintPageOut(Schema):
    """A page of complaints and the cursors to its neighbours."""

    rows = fields.List(fields.Nested(CardOut))
    after = fields.String(allow_none=True)
    before = fields.String(allow_none=True)


class ColumnOut(Schema):
    """A column of the board; `count` stops at 500."""

    state = fields.String()
    count = fields.Integer()
    cards = fields.List(fields.Nested(CardOut))


class BoardOut(Schema):
    """The board."""

    columns = fields.List(fields.Nested(ColumnOut))


class DayOut(Schema):
    """A day and what is due on it."""

    date = fields.Date()
    works = fields.Boolean()
    complaints = fields.List(fields.Nested(CardOut))


class MonthOut(Schema):
    """A month of due times."""

    month = MonthField()
    days = fields.List(fields.Nested(DayOut))


class TallyOut(Schema):
    """Figures of one month, severity or product; `in_time_bp` in basis points of what is decided."""

    key = fields.String()
    label = fields.String()
    received = fields.Integer()
    in_time = fields.Integer()
    late = fields.Integer()
    still_open = fields.Integer()
    in_time_bp = fields.Integer(allow_none=True)
    median_minutes = fields.Integer(allow_none=True)


class FiguresOut(Schema):
    """Statistics."""

    first = MonthField()
    last = MonthField()
    total = fields.Nested(TallyOut)
    by_month = fields.List(fields.Nested(TallyOut))
    by_severity = fields.List(fields.Nested(TallyOut))
    by_product = fields.List(fields.Nested(TallyOut))
    satisfaction = fields.Dict(keys=fields.String(), values=fields.Integer(), allow_none=True)
