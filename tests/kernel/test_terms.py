from datetime import date

import pytest

from tierflow.kernel.policy import Policy, check
from tierflow.kernel.terms import GROUND_TERMS, LARGEST_UPLOAD

REVIEWED = [
    ("approval.remind_after_working_days", 1, "house"),
    ("approval.escalate_after_working_days", 3, "house"),
    ("papers.warn_days", (60, 30, 7), "CHEM-15"),
    ("papers.proof_max_days", 90, "CHEM-15"),
    ("distribution.acknowledge_working_days", 3, "CHEM-8.2"),
    ("inspection.every_months", 6, "CHEM-8.2"),
    ("office.opens_at", "08:30", "CHEM-12.3"),
    ("office.closes_at", "17:30", "CHEM-12.3"),
    ("session.hours", 12, "house"),
    ("login.attempts", 5, "house"),
    ("login.window_minutes", 15, "house"),
    ("password.minimum_length", 12, "house"),
    ("second_factor.roles", ("general_manager", "administrator"), "house"),
    ("oidc.match_verified_email", False, "house"),
    ("api_token.max_days", 365, "house"),
    ("upload.max_bytes", 10_485_760, "house"),
    ("upload.kinds", ("pdf", "jpg", "png"), "house"),
    ("delegation.max_days", 90, "house"),
    ("grant.reset_bars_days", 7, "house"),
    ("region.dealers_per_ten_thousand_tonnes", 3, "CHEM-10.8"),
    ("region.dealers_while_volume_unknown", 20, "CHEM-10.8"),
]


@pytest.mark.groundwork("CHEM-10.8")
@pytest.mark.rule("CHEM-8.2", "CHEM-15")
@pytest.mark.rule("CHEM-12.3")
def test_the_ground_terms_are_the_reviewed_ones():
    assert [(term.key, term.default, term.clause) for term in GROUND_TERMS.values()] == REVIEWED
    assert all(term.label and (term.unit or term.kind not in ("integer", "integers")) for term in GROUND_TERMS.values())


@pytest.mark.rule("CHEM-18")
def test_the_first_version_is_sound_and_readable():
    assert check(GROUND_TERMS.defaults(), GROUND_TERMS) == ()
    first = Policy(1, date(2026, 1, 1), GROUND_TERMS.defaults(), "sales department", "built in")
    assert first.integers("papers.warn_days") == (60, 30, 7)
    assert first.time("office.closes_at").isoformat() == "17:30:00"


@pytest.mark.rule("CHEM-18")
@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"office.opens_at": "17:29"}, []),
        ({"office.opens_at": "17:30"}, ["office.closes_at"]),
        ({"approval.remind_after_working_days": 3}, []),
        ({"approval.remind_after_working_days": 4}, ["approval.escalate_after_working_days"]),
        ({"upload.max_bytes": LARGEST_UPLOAD}, []),
        ({"upload.max_bytes": LARGEST_UPLOAD + 1}, ["upload.max_bytes"]),
        ({"upload.kinds": ["pdf"]}, []),
        ({"upload.kinds": ["pdf", "svg"]}, ["upload.kinds"]),
        ({"upload.kinds": []}, ["upload.kinds"]),
        ({"second_factor.roles": []}, []),
        ({"papers.warn_days": [30, 30]}, ["papers.warn_days"]),
        ({"papers.warn_days": [0]}, ["papers.warn_days"]),
        ({"password.minimum_length": 7}, ["password.minimum_length"]),
        ({"password.minimum_length": 8}, []),
        ({"session.hours": 0, "login.attempts": 0}, ["session.hours", "login.attempts"]),
    ],
)
def test_a_draft_that_would_not_work_is_refused(changes, fields):
    assert [refusal.field for refusal in check(GROUND_TERMS.defaults() | changes, GROUND_TERMS)] == fields
