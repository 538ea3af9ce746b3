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

__all__ = [
    "Application",
    "ApplicationLine",
    "CustomerChange",
    "Disqualified",
    "DisqualifiedName",
    "EntryCheck",
    "FormerName",
    "Paper",
    "PaperRenewal",
    "UploadLink",
]
