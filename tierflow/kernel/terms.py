"""Ground-floor policy terms: what the product needs before any domain speaks, as data.

Each domain keeps its own catalogue beside its rules; the composition root joins them with `|`. Clause "house" marks
a value of our own that no document fixes.
"""

from __future__ import annotations

from tierflow.kernel.errors import Refusal
from tierflow.kernel.policy import CLAUSE, Policy, Term, Terms, distinct, every, not_empty, one_of
from tierflow.kernel.text import mark, text

HOUSE = "house"

WORKING_DAYS = mark("working days")
DAYS = mark("days")
MONTHS = mark("months")
HOURS = mark("hours")
MINUTES = mark("minutes")
ATTEMPTS = mark("attempts")
CHARACTERS = mark("characters")
BYTES = mark("bytes")
DEALERS = mark("dealers")

# The server reads no request longer than this and a little more: policy cannot allow what it never reads.
LARGEST_UPLOAD = 20 * 1024 * 1024


def _office_opens_before_it_closes(draft: Policy) -> tuple[Refusal, ...]:
    if draft.time("office.opens_at") < draft.time("office.closes_at"):
        return ()
    return (Refusal(CLAUSE, text("The office must open before it closes."), "office.closes_at"),)


def _reminder_comes_before_escalation(draft: Policy) -> tuple[Refusal, ...]:
    key = "approval.escalate_after_working_days"
    if draft.integer("approval.remind_after_working_days") <= draft.integer(key):
        return ()
    return (Refusal(CLAUSE, text("An approval cannot be escalated before its approver was reminded."), key),)


GROUND_TERMS = Terms(
    [
        Term(
            "approval.remind_after_working_days",
            "integer",
            1,
            HOUSE,
            mark("Remind an approver after"),
            WORKING_DAYS,
            minimum=1,
            maximum=30,
        ),
        Term(
            "approval.escalate_after_working_days",
            "integer",
            3,
            HOUSE,
            mark("Escalate a waiting approval after"),
            WORKING_DAYS,
            minimum=1,
            maximum=60,
        ),
        Term(
            "papers.warn_days",
            "integers",
            (60, 30, 7),
            "CHEM-15",
            mark("Warn before a paper expires"),
            DAYS,
            minimum=1,
            maximum=365,
            check=every(not_empty, distinct),
        ),
        Term(
            "papers.proof_max_days",
            "integer",
            90,
            "CHEM-15",
            mark("Longest validity of a proof of renewal"),
            DAYS,
            minimum=1,
            maximum=366,
        ),
        Term(
            "distribution.acknowledge_working_days",
            "integer",
            3,
            "CHEM-8.2",
            mark("Acknowledge distributed customer information within"),
            WORKING_DAYS,
            minimum=1,
            maximum=30,
        ),
        Term(
            "inspection.every_months",
            "integer",
            6,
            "CHEM-8.2",
            mark("Inspect a customer's file every"),
            MONTHS,
            minimum=1,
            maximum=60,
        ),
        Term("office.opens_at", "time", "08:30", "CHEM-12.3", mark("The office opens at")),
        Term("office.closes_at", "time", "17:30", "CHEM-12.3", mark("The office closes at")),
        Term("session.hours", "integer", 12, HOUSE, mark("A login lasts"), HOURS, minimum=1, maximum=168),
        Term(
            "login.attempts",
            "integer",
            5,
            HOUSE,
            mark("Failed logins before a pause"),
            ATTEMPTS,
            minimum=1,
            maximum=20,
        ),
        Term(
            "login.window_minutes",
            "integer",
            15,
            HOUSE,
            mark("Failed logins are counted over"),
            MINUTES,
            minimum=1,
            maximum=1440,
        ),
        Term(
            "password.minimum_length",
            "integer",
            12,
            HOUSE,
            mark("Shortest password"),
            CHARACTERS,
            minimum=8,
            maximum=128,
        ),
        Term(
            "second_factor.roles",
            "words",
            ("general_manager", "administrator"),
            HOUSE,
            mark("Roles that need a second factor"),
            check=distinct,
        ),
        Term(
            "oidc.match_verified_email",
            "flag",
            False,
            HOUSE,
            mark("A company identity signs in to the account with its verified e-mail address"),
        ),
        Term(
            "api_token.max_days",
            "integer",
            365,
            HOUSE,
            mark("Longest life of an API token"),
            DAYS,
            minimum=1,
            maximum=1826,
        ),
        Term(
            "upload.max_bytes",
            "integer",
            10 * 1024 * 1024,
            HOUSE,
            mark("Largest upload"),
            BYTES,
            minimum=1024,
            maximum=LARGEST_UPLOAD,
        ),
        # SVG and HTML carry scripts: a kind can be taken away by policy, never added past this list.
        Term(
            "upload.kinds",
            "words",
            ("pdf", "jpg", "png"),
            HOUSE,
            mark("Kinds of file accepted"),
            check=every(not_empty, distinct, one_of("pdf", "jpg", "png")),
        ),
        Term(
            "delegation.max_days",
            "integer",
            90,
            HOUSE,
            mark("Longest delegation of an approver"),
            DAYS,
            minimum=1,
            maximum=366,
        ),
        # Whoever resets a colleague's password could approve their own proposals in that colleague's name.
        Term(
            "grant.reset_bars_days",
            "integer",
            7,
            HOUSE,
            mark("A role proposed by whoever reset one's password or second factor is not approved for"),
            DAYS,
            minimum=0,
            maximum=90,
        ),
        Term(
            "region.dealers_per_ten_thousand_tonnes",
            "integer",
            3,
            "CHEM-10.8",
            mark("Dealers suggested for each 10,000 tonnes sold in a region"),
            DEALERS,
            minimum=0,
            maximum=1000,
        ),
        # Before a region has sold a year's tonnes there is nothing to reckon from.
        Term(
            "region.dealers_while_volume_unknown",
            "integer",
            20,
            "CHEM-10.8",
            mark("Dealers of a line in a region before an opening is flagged, while its volume is not known"),
            DEALERS,
            minimum=0,
            maximum=1000,
        ),
    ],
    checks=[_office_opens_before_it_closes, _reminder_comes_before_escalation],
)
