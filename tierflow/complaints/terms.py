"""Policy terms of complaints (CHEM-12), as data."""

from __future__ import annotations

from tierflow.complaints.rules.words import SEVERITY_LABELS, Severity
from tierflow.kernel.errors import Refusal
from tierflow.kernel.policy import CLAUSE, Policy, PolicyValue, Term, Terms, distinct, every, one_of
from tierflow.kernel.terms import HOUSE, WORKING_DAYS
from tierflow.kernel.text import Text, mark, text

SEVERITIES = ("general", "major", "serious")

LONGEST = "complaint.longest_days"
MANAGER_AFTER = "complaint.errand_manager_days"
GENERAL_AFTER = "complaint.errand_general_days"


def _limits_end_before_the_longest(draft: Policy) -> tuple[Refusal, ...]:
    longest = draft.integer(LONGEST)
    keys = [f"complaint.{severity}_days" for severity in SEVERITIES]
    reason = text("No limit may pass the longest time a complaint may take.")
    return tuple(Refusal(CLAUSE, reason, key) for key in keys if draft.integer(key) > longest)


def _warning_comes_before_the_close(draft: Policy) -> tuple[Refusal, ...]:
    if draft.time("complaint.warn_at") < draft.time("office.closes_at"):
        return ()
    return (Refusal(CLAUSE, text("The warning must come before the office closes."), "complaint.warn_at"),)


def _the_general_manager_hears_last(draft: Policy) -> tuple[Refusal, ...]:
    if draft.integer(MANAGER_AFTER) <= draft.integer(GENERAL_AFTER):
        return ()
    return (Refusal(CLAUSE, text("The general manager hears no earlier than the sales manager."), GENERAL_AFTER),)


def say_severities(value: PolicyValue) -> tuple[Text, ...]:
    """Severities in words."""
    return tuple(Text(SEVERITY_LABELS[Severity(str(one))]) for one in (value if isinstance(value, tuple) else ()))


def _days(key: str, default: int, label: str, clause: str = "CHEM-12.3", minimum: int = 1) -> Term:
    return Term(key, "integer", default, clause, label, WORKING_DAYS, minimum=minimum, maximum=30)


COMPLAINT_TERMS = Terms(
    [
        _days("complaint.general_days", 1, mark("A general complaint is answered within")),
        _days("complaint.major_days", 3, mark("A major complaint is answered within")),
        _days("complaint.serious_days", 3, mark("A serious complaint is answered within")),
        _days(LONGEST, 7, mark("An extended complaint is answered within")),
        Term(
            "complaint.extendable",
            "words",
            ("major", "serious"),
            "CHEM-12.3",
            mark("Severities whose time can be extended"),
            check=every(distinct, one_of(*SEVERITIES)),
            says=say_severities,
        ),
        Term("complaint.warn_at", "time", "09:00", "CHEM-12.3", mark("Warn on the day at")),
        _days("complaint.halfway_from_days", 3, mark("Warn halfway where the limit is at least")),
        _days("complaint.escalate_after_days", 1, mark("A breach goes to the general manager after a further")),
        Term(
            "complaint.meeting_for",
            "words",
            ("serious",),
            "CHEM-12.2",
            mark("Severities that need the general manager's special meeting"),
            check=every(distinct, one_of(*SEVERITIES)),
            says=say_severities,
        ),
        Term(
            "complaint.may_pause",
            "flag",
            False,
            "CHEM-12.3",
            mark("Waiting for the customer's sample stops the clock"),
        ),
        _days(
            "complaint.consultation_days",
            1,
            mark("A consulted department answers within"),
            HOUSE,
        ),
        _days(
            MANAGER_AFTER,
            0,
            mark("An overdue measure, inquiry or department's answer goes to the sales manager after a further"),
            HOUSE,
            minimum=0,
        ),
        _days(
            GENERAL_AFTER,
            1,
            mark("An overdue measure, inquiry or department's answer goes to the general manager after a further"),
            HOUSE,
            minimum=0,
        ),
    ],
    checks=[_limits_end_before_the_longest, _warning_comes_before_the_close, _the_general_manager_hears_last],
)
