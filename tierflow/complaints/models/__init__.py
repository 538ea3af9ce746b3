"""Tables of complaints: the complaint and its clocks, what is done about it, and what lies on the desk beside it."""

from tierflow.complaints.models.complaint import Clock, ClockEvent, Complaint
from tierflow.complaints.models.desk import CustomerBreach, Inquiry, InquiryClosing, ReplyTemplate
from tierflow.complaints.models.errands import ErrandEvent
from tierflow.complaints.models.handling import (
    Consultation,
    CustomerAnswer,
    Extension,
    Measure,
    Meeting,
    Opinion,
    Telling,
)

__all__ = [
    "Clock",
    "ClockEvent",
    "Complaint",
    "Consultation",
    "CustomerAnswer",
    "CustomerBreach",
    "ErrandEvent",
    "Extension",
    "Inquiry",
    "InquiryClosing",
    "Measure",
    "Meeting",
    "Opinion",
    "ReplyTemplate",
    "Telling",
]
