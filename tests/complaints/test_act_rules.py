"""What may be done with a complaint when: both sides of every condition (CHEM-12.1-12.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.complaints.facts import TERMS, at, terms
from tierflow.complaints.rules import acts
from tierflow.complaints.rules.acts import Standing
from tierflow.complaints.rules.figures import Tally, median
from tierflow.complaints.rules.words import Severity, State

G, M, S = Severity.GENERAL, Severity.MAJOR, Severity.SERIOUS
LIMIT = at("2026-11-26 17:30")
OPEN = Standing(State.HANDLING, M, at("2026-11-23 10:00"), LIMIT)
APPROVED = replace(OPEN, state=State.APPROVED, opinion_decided_at=at("2026-11-25 11:00"))
BEFORE = at("2026-11-26 17:30")
AFTER = at("2026-11-26 17:31")


def clauses(refusals):
    return [refusal.clause for refusal in refusals]


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("standing", "to_day", "now", "refused"),
    [
        (OPEN, 3, BEFORE, 1),
        (OPEN, 4, BEFORE, 0),
        (OPEN, 7, BEFORE, 0),
        (OPEN, 8, BEFORE, 1),
        (OPEN, 7, AFTER, 1),
        (replace(OPEN, severity=S), 7, BEFORE, 0),
        (replace(OPEN, severity=G), 4, BEFORE, 1),
        (replace(OPEN, is_extended=True), 5, BEFORE, 1),
        (replace(OPEN, extension_waits=True), 5, BEFORE, 1),
        (replace(OPEN, state=State.ANSWERED), 5, BEFORE, 1),
        # every reason is collected
        (replace(OPEN, severity=G, is_extended=True, state=State.CLOSED), 5, AFTER, 4),
    ],
)
def test_an_extension_goes_once_to_day_four_to_seven_before_the_limit_passes(standing, to_day, now, refused):
    assert len(acts.why_not_extend(standing, to_day, TERMS, now)) == refused


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(("now", "void"), [(BEFORE, 0), (AFTER, 1)])
def test_a_late_decision_on_an_extension_is_void(now, void):
    assert len(acts.why_extension_is_void(OPEN, now)) == void


@pytest.mark.rule("CHEM-12.2")
@pytest.mark.parametrize(
    ("standing", "changed", "refused"),
    [
        (OPEN, {}, []),
        (replace(OPEN, severity=S), {}, ["CHEM-12.2"]),
        (replace(OPEN, severity=S, has_meeting=True), {}, []),
        (replace(OPEN, severity=S), {"complaint__meeting_for": ()}, []),
        (OPEN, {"complaint__meeting_for": ("major", "serious")}, ["CHEM-12.2"]),
        (replace(OPEN, state=State.ANSWERED), {}, ["conflict"]),
    ],
)
def test_without_the_meetings_record_nothing_can_be_approved(standing, changed, refused):
    assert clauses(acts.why_not_submit_opinion(standing, terms(**changed))) == refused


@pytest.mark.rule("CHEM-12.2")
@pytest.mark.parametrize(
    ("standing", "told_at", "now", "refused"),
    [
        (APPROVED, "2026-11-25 11:00", BEFORE, []),
        (APPROVED, "2026-11-25 10:59", BEFORE, ["CHEM-12.2"]),
        (APPROVED, "2026-11-26 17:31", BEFORE, ["CHEM-12.1"]),
        (OPEN, "2026-11-25 12:00", BEFORE, ["CHEM-12.2"]),
        (replace(APPROVED, state=State.IN_APPROVAL), "2026-11-25 12:00", BEFORE, ["CHEM-12.2"]),
        (replace(APPROVED, state=State.ANSWERED), "2026-11-25 12:00", BEFORE, ["conflict"]),
    ],
)
def test_the_customer_is_told_after_the_approval_and_not_in_the_future(standing, told_at, now, refused):
    assert clauses(acts.why_not_tell(standing, at(told_at), now)) == refused


@pytest.mark.rule("CHEM-12.1")
@pytest.mark.parametrize(
    ("state", "unchecked", "refused"),
    [
        (State.ANSWERED, 0, 0),
        (State.ANSWERED, 1, 1),
        (State.APPROVED, 0, 1),
        (State.HANDLING, 2, 2),
        (State.CLOSED, 0, 1),
    ],
)
def test_a_complaint_closes_once_told_with_every_measure_checked(state, unchecked, refused):
    assert len(acts.why_not_close(replace(OPEN, state=state), unchecked)) == refused


@pytest.mark.rule("CHEM-12.3")
def test_the_clock_pauses_by_policy_only():
    assert clauses(acts.why_not_pause(OPEN, TERMS)) == ["CHEM-12.3"]
    allowed = terms(complaint__may_pause=True)
    assert acts.why_not_pause(OPEN, allowed) == ()
    assert acts.why_not_pause(replace(OPEN, is_paused=True), allowed)
    assert acts.why_not_resume(OPEN)
    assert acts.why_not_resume(replace(OPEN, is_paused=True)) == ()


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize("state", list(State))
def test_only_an_answered_complaint_is_reopened_and_only_an_open_one_changed(state):
    standing = replace(OPEN, state=state)
    is_open = state in (State.HANDLING, State.IN_APPROVAL, State.APPROVED)
    assert bool(acts.why_not_reopen(standing)) == is_open
    assert bool(acts.why_not_classify(standing, G)) == (not is_open)
    assert bool(acts.why_not_consult(standing)) == (not is_open)
    assert bool(acts.why_not_meet(standing)) == (not is_open)
    assert acts.why_not_classify(standing, M), "the severity it has already"


@pytest.mark.parametrize(
    ("values", "middle"),
    [([], None), ([7], 7), ([9, 1], 5), ([9, 1, 2], 2), ([1, 2, 3, 4], 2)],
)
def test_the_median_is_the_middle(values, middle):
    assert median(values) == middle


def test_shares_are_of_what_is_decided():
    assert Tally("x", "x", received=10, in_time=2, late=1, median_minutes=None).in_time_bp == 6666
    assert Tally("x", "x", received=10, in_time=0, late=0, median_minutes=None).in_time_bp is None
    assert Tally("x", "x", received=10, in_time=2, late=1, median_minutes=None).still_open == 7
