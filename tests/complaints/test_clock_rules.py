"""CHEM-12.3 to the minute: limits, warnings, breach, escalation, extension, pauses, severity, calendars."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.complaints.facts import TERMS, at, calendar_2026, terms
from tests.drills.complaint_deadlines import differences, due_differences
from tests.kernel.published_days import published_days
from tierflow.complaints.rules.clock import (
    ClockFacts,
    Due,
    breached_at,
    department_due,
    first_moment,
    limit_days,
    paused_working_days,
    schedule,
    told_in_time,
)
from tierflow.complaints.rules.hours import working_minutes
from tierflow.complaints.rules.redating import Outcome, redate, why_not_as_counted
from tierflow.complaints.rules.words import Event, Severity
from tierflow.kernel.calendar import WorkingCalendar

G, M, S = Severity.GENERAL, Severity.MAJOR, Severity.SERIOUS
CALENDAR = calendar_2026()
PAUSABLE = terms(complaint__may_pause=True)


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("received", "severity", "due"),
    [
        ("2026-11-23 10:00", G, "2026-11-24 17:30"),  # Monday: the day of receipt does not count
        ("2026-11-23 10:00", M, "2026-11-26 17:30"),
        ("2026-11-23 10:00", S, "2026-11-26 17:30"),
        ("2026-11-23 00:00", G, "2026-11-24 17:30"),  # both ends of the day of receipt
        ("2026-11-23 23:59", G, "2026-11-24 17:30"),
        ("2026-11-24 00:00", G, "2026-11-25 17:30"),
        ("2026-11-23 18:00", G, "2026-11-24 17:30"),  # after hours is still that day
        ("2026-11-21 11:00", G, "2026-11-23 17:30"),  # Saturday
        ("2026-11-20 10:00", M, "2026-11-25 17:30"),  # over a weekend
        ("2026-02-13 18:00", G, "2026-02-14 17:30"),  # Friday evening before a make-up Saturday
        ("2026-02-14 09:00", G, "2026-02-24 17:30"),  # the make-up Saturday before the Spring Festival
        ("2026-02-17 12:00", G, "2026-02-24 17:30"),  # on the holiday
        ("2026-09-19 09:00", G, "2026-09-20 17:30"),  # a make-up Sunday
        ("2026-09-30 16:00", M, "2026-10-10 17:30"),  # 8, 9 and the make-up 10 October
    ],
)
def test_the_answer_is_due_at_the_close_of_the_nth_working_day_after_receipt(received, severity, due):
    planned = schedule(ClockFacts(at(received), severity), TERMS, CALENDAR)
    assert planned.due_at == at(due)
    assert not planned.is_provisional


@pytest.mark.rule("CHEM-12.3")
def test_limits_are_policy_not_code():
    changed = terms(complaint__general_days=2, office__closes_at="18:00", complaint__warn_at="10:15")
    planned = schedule(ClockFacts(at("2026-11-23 10:00"), G), changed, CALENDAR)
    assert (planned.due_at, planned.warn_at) == (at("2026-11-25 18:00"), at("2026-11-25 10:15"))


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("received", "severity", "extended_to", "expected"),
    [
        # general: no halfway warning
        ("2026-11-23 10:00", G, None, [None, "2026-11-24 09:00", "2026-11-24 17:30", "2026-11-25 17:30"]),
        # 3 days: halfway on working day 2
        ("2026-11-23 10:00", M, None, ["2026-11-25 09:00", "2026-11-26 09:00", "2026-11-26 17:30", "2026-11-27 17:30"]),
        # 5 days: halfway on working day 3; the breach of Monday goes up on Tuesday
        ("2026-11-23 10:00", S, 5, ["2026-11-26 09:00", "2026-11-30 09:00", "2026-11-30 17:30", "2026-12-01 17:30"]),
        # 7 days: halfway on working day 4
        ("2026-11-23 10:00", M, 7, ["2026-11-27 09:00", "2026-12-02 09:00", "2026-12-02 17:30", "2026-12-03 17:30"]),
        # a breach on Friday goes up at Monday's close
        ("2026-11-26 10:00", G, None, [None, "2026-11-27 09:00", "2026-11-27 17:30", "2026-11-30 17:30"]),
    ],
)
def test_warnings_breach_and_escalation_come_at_their_times(received, severity, extended_to, expected):
    planned = schedule(ClockFacts(at(received), severity, extended_to), TERMS, CALENDAR)
    got = [planned.halfway_at, planned.warn_at, planned.due_at, planned.escalate_at]
    assert got == [each and at(each) for each in expected]


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("now", "kind"),
    [
        ("2026-11-24 08:00", Event.HALFWAY),
        ("2026-11-25 09:00", Event.DUE_DAY),  # a warning whose time has come is past for a due that begins to bind now
        ("2026-11-26 09:00", Event.BREACHED),
        ("2026-11-26 17:30", Event.BREACHED),
        ("2026-12-01 10:00", Event.BREACHED),  # a breach is never left out
    ],
)
def test_a_clock_started_late_skips_past_warnings_but_never_the_breach(now, kind):
    planned = schedule(ClockFacts(at("2026-11-23 10:00"), M), TERMS, CALENDAR)
    moment = first_moment(planned, at(now))
    assert moment.kind is kind
    if kind is Event.BREACHED:
        assert moment.at == at("2026-11-26 17:30") + timedelta(microseconds=1)


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("severity", "extended_to", "paused_days", "is_paused", "limit"),
    [
        (G, None, 0, False, 1),
        (G, 5, 0, False, 1),  # an extension means nothing for a general complaint
        (M, None, 0, False, 3),
        (M, 4, 0, False, 4),
        (M, 7, 0, False, 7),
        (S, 7, 0, False, 7),
        (M, None, 2, False, 5),
        (M, None, 4, False, 7),
        (M, None, 5, False, 7),  # a pause never passes day 7
        (M, 6, 3, False, 7),
        (M, None, 0, True, 7),  # while it lasts the longest time stands
        (G, None, 0, True, 7),
        (G, None, 3, False, 4),
    ],
)
def test_extension_and_pauses_never_pass_day_seven(severity, extended_to, paused_days, is_paused, limit):
    facts = ClockFacts(at("2026-11-23 10:00"), severity, extended_to, paused_days, is_paused)
    assert limit_days(facts, PAUSABLE) == limit


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("paused", "resumed", "days"),
    [
        ("2026-11-23 10:00", "2026-11-23 16:00", 0),  # no close of business in between
        ("2026-11-23 10:00", "2026-11-23 17:31", 1),
        ("2026-11-23 10:00", "2026-11-24 10:00", 1),
        ("2026-11-23 18:00", "2026-11-24 10:00", 0),  # a night costs nothing
        ("2026-11-23 18:00", "2026-11-24 18:00", 1),
        ("2026-11-20 10:00", "2026-11-23 10:00", 1),  # a weekend counts once
        ("2026-02-13 10:00", "2026-02-25 10:00", 3),  # over the Spring Festival: 13, the make-up 14, 24 February
        ("2026-11-21 10:00", "2026-11-22 10:00", 0),
    ],
)
def test_a_pause_counts_the_closes_of_business_it_covers(paused, resumed, days):
    assert paused_working_days(CALENDAR, TERMS, at(paused), at(resumed)) == days


def dues(*rows):
    return [Due(at(due), at(since), cause) for due, since, cause in rows]


RECEIVED = ("2026-11-24 17:30", "2026-11-23 10:00", Event.RECEIVED)


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("rows", "told", "now", "breach"),
    [
        ([RECEIVED], None, "2026-11-24 17:30", None),  # the last instant is in time
        ([RECEIVED], None, "2026-11-24 17:31", "2026-11-24 17:30"),
        ([RECEIVED], "2026-11-24 17:30", "2026-11-30 09:00", None),
        ([RECEIVED], "2026-11-24 17:31", "2026-11-30 09:00", "2026-11-24 17:30"),
        # raised to major before the limit: no breach
        ([RECEIVED, ("2026-11-26 17:30", "2026-11-24 17:30", Event.RECLASSIFIED)], None, "2026-11-26 17:30", None),
        # raised to major after the limit had passed: the breach stays
        (
            [RECEIVED, ("2026-11-26 17:30", "2026-11-24 17:31", Event.RECLASSIFIED)],
            "2026-11-25 10:00",
            "2026-11-25 10:00",
            "2026-11-24 17:30",
        ),
        # lowered to general after its limit: breached from the moment it binds
        (
            [
                ("2026-11-26 17:30", "2026-11-23 10:00", Event.RECEIVED),
                ("2026-11-24 17:30", "2026-11-25 10:00", Event.RECLASSIFIED),
            ],
            None,
            "2026-11-25 10:01",
            "2026-11-25 10:00",
        ),
        # told before it was lowered
        (
            [
                ("2026-11-26 17:30", "2026-11-23 10:00", Event.RECEIVED),
                ("2026-11-24 17:30", "2026-11-25 10:00", Event.RECLASSIFIED),
            ],
            "2026-11-25 09:00",
            "2026-11-25 12:00",
            None,
        ),
        # a provisional due replaced by a published calendar binds nobody
        ([RECEIVED, ("2026-11-26 17:30", "2026-11-25 08:00", Event.PUBLISHED)], None, "2026-11-26 17:30", None),
        (
            [RECEIVED, ("2026-11-26 17:30", "2026-11-25 08:00", Event.PUBLISHED)],
            None,
            "2026-11-26 17:31",
            "2026-11-26 17:30",
        ),
        # passed by both calendars when it was loaded: not moved, and the breach stays
        (
            [RECEIVED, ("2026-11-24 17:30", "2026-11-25 08:00", Event.PUBLISHED)],
            None,
            "2026-11-25 10:00",
            "2026-11-24 17:30",
        ),
        # keyed in after the due time: breached, whoever was slow
        ([("2026-11-24 17:30", "2026-11-23 10:00", Event.RECEIVED)], None, "2026-11-25 09:00", "2026-11-24 17:30"),
    ],
)
def test_a_breach_is_derived_from_the_due_times_in_force_and_never_erased(rows, told, now, breach):
    told_at = told and at(told)
    assert breached_at(dues(*rows), told_at, at(now)) == (breach and at(breach))
    if told_at is not None:
        assert told_in_time(dues(*rows), told_at) == (breach is None)


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("wanted", "clock_due", "due"),
    [
        (None, "2026-11-26 17:30", "2026-11-24 17:30"),
        (None, "2026-11-24 12:00", "2026-11-24 12:00"),
        ("2026-11-25 12:00", "2026-11-26 17:30", "2026-11-25 12:00"),
        ("2026-11-27 12:00", "2026-11-26 17:30", "2026-11-26 17:30"),
    ],
)
def test_a_department_never_has_longer_than_the_complaint(wanted, clock_due, due):
    found = department_due(at("2026-11-23 11:00"), wanted and at(wanted), at(clock_due), TERMS, CALENDAR)
    assert found == at(due)


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2026-11-23 10:00", "2026-11-23 11:30", 90),
        ("2026-11-23 08:00", "2026-11-23 18:00", 540),
        ("2026-11-23 17:00", "2026-11-24 09:00", 60),
        ("2026-11-20 17:00", "2026-11-23 09:00", 60),  # over a weekend
        ("2026-11-21 10:00", "2026-11-22 10:00", 0),
        ("2026-02-13 16:30", "2026-02-24 09:30", 60 + 540 + 60),  # the make-up Saturday counts, the festival does not
        ("2026-11-23 18:00", "2026-11-24 08:00", 0),
        ("2026-11-23 11:30", "2026-11-23 10:00", 0),
    ],
)
def test_working_time_counts_office_hours_only(start, end, minutes):
    assert working_minutes(CALENDAR, TERMS.opens_at, TERMS.closes_at, at(start), at(end)) == minutes


def calendar_2027(**days: bool) -> WorkingCalendar:
    published = {**published_days(), 2027: {date.fromisoformat(f"2027-{d[1:3]}-{d[3:]}"): w for d, w in days.items()}}
    return WorkingCalendar(published=published, version=8)


@pytest.mark.rule("CHEM-12.3")
def test_a_deadline_across_an_unpublished_year_is_provisional():
    planned = schedule(ClockFacts(at("2026-12-31 10:00"), M), TERMS, CALENDAR)
    assert planned.due_at == at("2027-01-06 17:30")  # 4, 5, 6 January by the weekday rule, 1 January being statutory
    assert planned.is_provisional


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("days", "loaded", "provisional", "outcome", "due"),
    [
        ({"d0101": False}, "2026-12-31 12:00", True, Outcome.SAME, "2027-01-06 17:30"),
        # one day more off: the recomputed due binds
        ({"d0101": False, "d0104": False}, "2026-12-31 12:00", True, Outcome.MOVE, "2027-01-07 17:30"),
        # a make-up Sunday: a day earlier
        ({"d0101": False, "d0103": True}, "2026-12-31 12:00", True, Outcome.MOVE, "2027-01-05 17:30"),
        # loaded so late that the earlier due would already press: never before the next working day's close
        ({"d0101": False, "d0103": True}, "2027-01-05 09:00", True, Outcome.SAME, "2027-01-06 17:30"),
        ({"d0101": False, "d0102": True, "d0103": True}, "2027-01-04 09:00", True, Outcome.MOVE, "2027-01-05 17:30"),
        # passed by both calendars when it was loaded: it stays as it is
        ({"d0101": False, "d0103": True}, "2027-01-06 17:31", True, Outcome.SAME, "2027-01-06 17:30"),
        # passed by one of them only: the recomputed due binds
        ({"d0101": False, "d0104": False}, "2027-01-06 17:31", True, Outcome.MOVE, "2027-01-07 17:30"),
        # a due that was firm is never moved without a person
        ({"d0101": False, "d0104": False}, "2026-12-31 12:00", False, Outcome.ASK, "2027-01-07 17:30"),
    ],
)
def test_a_loaded_year_moves_provisional_dues_and_asks_about_firm_ones(days, loaded, provisional, outcome, due):
    facts = ClockFacts(at("2026-12-31 10:00"), M)
    found = redate(facts, at("2027-01-06 17:30"), provisional, TERMS, calendar_2027(**days), at(loaded))
    assert (found.outcome, found.planned.due_at) == (outcome, at(due))
    assert not found.planned.is_provisional


@pytest.mark.rule("CHEM-12.3")
def test_an_amendment_asks_about_a_due_that_stays_provisional():
    published = {**published_days(), 2026: {**published_days()[2026], date(2026, 12, 31): False}}
    amended = WorkingCalendar(published=published, version=8)
    facts = ClockFacts(at("2026-12-30 10:00"), M)
    assert schedule(facts, TERMS, CALENDAR).due_at == at("2027-01-05 17:30")
    found = redate(facts, at("2027-01-05 17:30"), True, TERMS, amended, at("2026-12-30 12:00"))
    assert (found.outcome, found.planned.due_at) == (Outcome.ASK, at("2027-01-06 17:30"))
    assert found.planned.is_provisional


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("due", "cause", "not_before", "said"),
    [
        ("2027-01-06 17:30", Event.RECEIVED, None, None),
        ("2027-01-06 17:30", Event.KEPT, None, None),  # a later calendar gives what was kept
        ("2027-01-07 17:30", Event.KEPT, None, "a person kept it"),
        ("2027-01-07 17:30", Event.PUBLISHED, date(2027, 1, 7), "never before the close of the next working day"),
        ("2027-01-07 17:30", Event.RECEIVED, None, "both had passed when it was loaded"),
    ],
)
def test_a_due_time_that_the_days_do_not_give_is_explained(due, cause, not_before, said):
    found = why_not_as_counted(at(due), at("2027-01-06 17:30"), cause, not_before)
    assert (found is None) if said is None else (said in str(found) and "2027-01-06 17:30" in str(found))


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.drill
def test_two_implementations_agree_on_the_due_time_of_every_hour_of_twelve_years():
    assert list(due_differences()) == []


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.drill
def test_two_implementations_agree_on_the_whole_clock_every_so_many_hours_over_twelve_years():
    assert list(differences(step_hours=13)) == []
