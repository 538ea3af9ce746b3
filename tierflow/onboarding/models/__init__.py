"""Tables of onboarding: the application and its parts, the customer file, what ends it, what is filed and inspected."""

from tierflow.onboarding.models.application import (
    Application,
    ApplicationLine,
    Disqualified,
    DisqualifiedName,
    EntryCheck,
    Paper,
)
from tierflow.onboarding.models.keeping import CustomerChange, FormerName, PaperRenewal, UploadLink
from tierflow.onboarding.models.leaving import (
    Disqualification,
    Distribution,
    Inspection,
    InspectionFinding,
    InspectionRound,
    Listing,
)
from tierflow.onboarding.models.takeover import Contract, Handover, TakenOver

__all__ = [
    "Application",
    "ApplicationLine",
    "Contract",
    "CustomerChange",
    "Disqualification",
    "Disqualified",
    "DisqualifiedName",
    "Distribution",
    "EntryCheck",
    "FormerName",
    "Handover",
    "Inspection",
    "InspectionFinding",
    "InspectionRound",
    "Listing",
    "Paper",
    "PaperRenewal",
    "TakenOver",
    "UploadLink",
]
