"""Plain facts for the rules of complaints: built-in policy, the calendar through 2026, times as Shanghai says them."""

from __future__ import annotations

from datetime import date, datetime

from tests.kernel.published_days import calendar_2026
from tierflow.complaints.rules.clock import ClockTerms
from tierflow.complaints.terms import COMPLAINT_TERMS
from tierflow.kernel.months import SHANGHAI
from tierflow.kernel.policy import Policy
from tierflow.kernel.terms import GROUND_TERMS

__all__ = ["TERMS", "at", "calendar_2026", "policy", "terms"]


def policy(**changed: object) -> Policy:
    """The built-in policy; `complaint__may_pause=True` changes complaint.may_pause."""
    values = {**GROUND_TERMS.defaults(), **COMPLAINT_TERMS.defaults()}
    values.update({key.replace("__", "."): value for key, value in changed.items()})
    return Policy(1, date(2004, 1, 1), values, "tests", "tests")


def terms(**changed: object) -> ClockTerms:
    return ClockTerms.of(policy(**changed))


TERMS = terms()


def at(written: str) -> datetime:
    """2026-11-20 18:00, by Shanghai clocks."""
    return datetime.fromisoformat(written).replace(tzinfo=SHANGHAI)
