"""The words of complaints, and what people call them."""

from __future__ import annotations

from enum import StrEnum

from tierflow.kernel.text import mark

# What the approvals of complaints are about, beside the number of the opinion or request.
OPINION = "complaint_opinion"
EXTENSION = "complaint_extension"


class Severity(StrEnum):
    """How weighty a complaint is (CHEM-12.2)."""

    GENERAL = "general"
    MAJOR = "major"
    SERIOUS = "serious"


SEVERITY_LABELS = {
    Severity.GENERAL: mark("General"),
    Severity.MAJOR: mark("Major"),
    Severity.SERIOUS: mark("Serious"),
}


class State(StrEnum):
    """Where a complaint stands. *Answered*: the customer was told. *Closed*: every measure done and checked."""

    HANDLING = "handling"
    IN_APPROVAL = "in_approval"
    APPROVED = "approved"
    ANSWERED = "answered"
    CLOSED = "closed"


STATE_LABELS = {
    State.HANDLING: mark("Being handled"),
    State.IN_APPROVAL: mark("Opinion in approval"),
    State.APPROVED: mark("Customer to be told"),
    State.ANSWERED: mark("Answered, measures open"),
    State.CLOSED: mark("Closed"),
}

UNANSWERED = frozenset({State.HANDLING, State.IN_APPROVAL, State.APPROVED})

CHANNELS = {
    "phone": mark("Phone call"),
    "visit": mark("Visit"),
    "email": mark("By e-mail"),
    "wechat": mark("WeChat"),
    "fax": mark("Fax"),
    "letter": mark("Letter"),
}

MEASURES = {
    "replacement": mark("Replacement"),
    "return": mark("Return of goods"),
    "refund": mark("Refund"),
    "reduction": mark("Price reduction"),
    "compensation": mark("Compensation"),
    "service": mark("Technical service"),
    "improvement": mark("Improvement in the plant"),
    "other": mark("Other measure"),
}


class Event(StrEnum):
    """What can happen to a clock. The first six give it a due time, each in a revision of its own (CHEM-12.3)."""

    RECEIVED = "received"
    EXTENDED = "extended"
    RECLASSIFIED = "reclassified"
    PAUSED = "paused"
    RESUMED = "resumed"
    PUBLISHED = "published"  # the working calendar of a year came in: a provisional due became firm
    AMENDED = "amended"  # a published year was changed and a person moved the due
    KEPT = "kept"  # a published year was changed and a person left the due where it was
    HALFWAY = "halfway"
    DUE_DAY = "due_day"
    BREACHED = "breached"
    ESCALATED = "escalated"
    TOLD = "told"


EVENT_LABELS = {
    Event.RECEIVED: mark("Complaint received"),
    Event.EXTENDED: mark("Time extended"),
    Event.RECLASSIFIED: mark("Severity changed"),
    Event.PAUSED: mark("Clock paused"),
    Event.RESUMED: mark("Clock resumed"),
    Event.PUBLISHED: mark("Working calendar published, time recomputed"),
    Event.AMENDED: mark("Working calendar amended, time moved"),
    Event.KEPT: mark("Working calendar amended, time kept"),
    Event.HALFWAY: mark("Reminder: half the time has passed"),
    Event.DUE_DAY: mark("Reminder: due today"),
    Event.BREACHED: mark("Time limit passed; sales manager told"),
    Event.ESCALATED: mark("Still unanswered; general manager told"),
    Event.TOLD: mark("Customer told"),
}

SATISFACTION = {
    5: mark("Very satisfied"),
    4: mark("Satisfied"),
    3: mark("Neutral"),
    2: mark("Dissatisfied"),
    1: mark("Very dissatisfied"),
}
