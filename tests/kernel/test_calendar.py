from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import pairwise

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.published_days import calendar_2026, published_days
from tierflow.kernel.calendar import DayProof, Deadline, Due, WorkingCalendar
from tierflow.kernel.months import SHANGHAI, Month, add_months

CALENDAR = calendar_2026()
CLOSE = time(17, 30)

covered_days = st.dates(date(2004, 1, 1), date(2039, 12, 31))


def shanghai(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=SHANGHAI)


def every_day(first: date, last: date) -> list[date]:
    return [first + timedelta(days=step) for step in range((last - first).days + 1)]


# ---- which days count


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize("year", range(2015, 2027))
def test_working_days_agree_with_an_independent_source_on_every_day(year):
    oracle = holidays.country_holidays("CN", years=year)
    ours = [day for day in every_day(date(year, 1, 1), date(year, 12, 31)) if CALENDAR.is_working_day(day)]
    theirs = [day for day in every_day(date(year, 1, 1), date(year, 12, 31)) if oracle.is_working_day(day)]
    assert ours == theirs


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("day", "counts"),
    [
        (date(2026, 2, 13), True),  # last Friday before Spring Festival
        (date(2026, 2, 14), True),  # make-up Saturday
        (date(2026, 2, 15), False),  # Sunday, day off
        (date(2026, 2, 17), False),  # first day of the lunar year
        (date(2026, 2, 23), False),  # last day off
        (date(2026, 2, 24), True),
        (date(2026, 2, 28), True),  # make-up Saturday
        (date(2026, 3, 1), False),  # ordinary Sunday
        (date(2026, 9, 20), True),  # make-up Sunday
    ],
)
def test_make_up_days_count_and_days_off_do_not(day, counts):
    assert CALENDAR.is_working_day(day) is counts


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("day", "counts"),
    [
        (date(2027, 1, 1), False),
        (date(2027, 1, 4), True),
        (date(2027, 4, 30), True),
        (date(2028, 5, 1), False),
        (date(2028, 5, 2), False),
        (date(2028, 5, 3), True),
        (date(2027, 9, 30), True),
        (date(2027, 10, 1), False),
        (date(2029, 10, 2), False),
        (date(2029, 10, 3), False),
        (date(2029, 10, 4), True),
        (date(2027, 2, 8), True),  # a lunar holiday the kernel cannot know
        (date(2027, 1, 2), False),  # Saturday
    ],
)
def test_an_unpublished_year_is_reckoned_by_weekdays_less_fixed_holidays(day, counts):
    assert CALENDAR.is_working_day(day) is counts


def test_statutory_days_given_for_an_unpublished_year_are_days_off_until_it_is_published():
    lunar_new_year = frozenset({date(2027, 2, 5), date(2027, 2, 8)})
    provisional = calendar_2026(statutory={2027: lunar_new_year})
    assert not provisional.is_working_day(date(2027, 2, 8))
    assert provisional.nth_working_day(date(2027, 2, 4), 1) == Deadline(date(2027, 2, 9), True, 7)
    published = calendar_2026(published=published_days() | {2027: {}}, statutory={2027: lunar_new_year})
    assert published.is_working_day(date(2027, 2, 8))
    assert published.nth_working_day(date(2027, 2, 4), 1) == Deadline(date(2027, 2, 5), False, 7)


@pytest.mark.rule("CHEM-12.3")
def test_published_and_empty_differs_from_not_published():
    empty = calendar_2026(published=published_days() | {2027: {}})
    assert (empty.is_published(2027), CALENDAR.is_published(2027)) == (True, False)
    received = date(2026, 12, 31)
    assert empty.nth_working_day(received, 1) == Deadline(date(2027, 1, 1), False, 7)
    assert CALENDAR.nth_working_day(received, 1) == Deadline(date(2027, 1, 4), True, 7)


def test_a_notice_may_name_the_december_before_its_year():
    published = {2018: {}, 2019: {date(2018, 12, 29): True, date(2018, 12, 31): False, date(2019, 1, 1): False}}
    calendar = WorkingCalendar(published, 1)
    assert calendar.nth_working_day(date(2018, 12, 28), 1).on == date(2018, 12, 29)
    assert calendar.nth_working_day(date(2018, 12, 28), 2).on == date(2019, 1, 2)


@pytest.mark.parametrize(
    ("published", "message"),
    [
        ({2026: {date(2025, 11, 30): False}}, "cannot name 2025-11-30"),
        ({2026: {date(2027, 1, 1): False}}, "cannot name 2027-01-01"),
        ({2018: {date(2018, 12, 31): True}, 2019: {date(2018, 12, 31): False}}, "disagree on 2018-12-31"),
    ],
)
def test_stray_and_contradictory_notices_are_refused(published, message):
    with pytest.raises(ValueError, match=message):
        WorkingCalendar(published, 1)


# ---- deadlines


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("received_on", "n", "on", "provisional"),
    [
        (date(2026, 11, 23), 1, date(2026, 11, 24), False),  # an ordinary Monday
        (date(2026, 11, 20), 1, date(2026, 11, 23), False),  # Friday
        (date(2026, 11, 21), 1, date(2026, 11, 23), False),  # Saturday: still that day, which does not count anyway
        (date(2026, 11, 22), 3, date(2026, 11, 25), False),  # Sunday
        (date(2026, 2, 13), 1, date(2026, 2, 14), False),  # Friday before a make-up Saturday
        (date(2026, 2, 13), 2, date(2026, 2, 24), False),  # then over Spring Festival
        (date(2026, 2, 13), 7, date(2026, 3, 2), False),  # make-up Saturday 28 February counts
        (date(2026, 2, 14), 1, date(2026, 2, 24), False),  # received on the make-up Saturday
        (date(2026, 2, 17), 1, date(2026, 2, 24), False),  # a complaint on a holiday
        (date(2026, 2, 17), 3, date(2026, 2, 26), False),
        (date(2026, 9, 30), 1, date(2026, 10, 8), False),  # National Day week
        (date(2026, 9, 30), 3, date(2026, 10, 10), False),  # ending on a make-up Saturday
        (date(2026, 12, 29), 1, date(2026, 12, 30), False),
        (date(2026, 12, 30), 1, date(2026, 12, 31), False),  # the last day of the last published year
        (date(2026, 12, 30), 2, date(2027, 1, 4), True),
        (date(2026, 12, 31), 1, date(2027, 1, 4), True),
        (date(2026, 12, 31), 7, date(2027, 1, 12), True),
        (date(2027, 6, 1), 1, date(2027, 6, 2), True),  # wholly unpublished
    ],
)
def test_due_on_the_nth_working_day_after_the_day_of_receipt(received_on, n, on, provisional):
    assert CALENDAR.nth_working_day(received_on, n) == Deadline(on, provisional, 7)


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize("n", [1, 3, 7])
def test_deadlines_agree_with_an_independent_source_from_every_day(n):
    oracle = holidays.country_holidays("CN", years=range(2015, 2027))
    days = every_day(date(2015, 1, 1), date(2026, 12, 31))
    working = [day for day in days if oracle.is_working_day(day)]
    cases = [(day, bisect_right(working, day) + n - 1) for day in days]
    wrong = [
        day
        for day, index in cases
        if index < len(working) and CALENDAR.nth_working_day(day, n) != Deadline(working[index], False, 7)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("received_on", "provisional"),
    [
        (date(2025, 12, 30), True),  # 31 December 2025 is reckoned with and unpublished
        (date(2025, 12, 31), False),  # the day of receipt is not reckoned with
        (date(2026, 12, 30), False),
        (date(2026, 12, 31), True),
    ],
)
def test_provisional_when_a_day_reckoned_with_is_unpublished(received_on, provisional):
    only_2026 = WorkingCalendar({2026: published_days()[2026]}, 1)
    assert only_2026.nth_working_day(received_on, 1).provisional is provisional


def test_provisional_over_an_unpublished_year_between_two_published_ones():
    calendar = WorkingCalendar({2024: {}, 2026: {}}, 1)
    assert not calendar.nth_working_day(date(2024, 1, 1), 5).provisional
    assert calendar.nth_working_day(date(2024, 12, 31), 300).on.year == 2026
    assert calendar.nth_working_day(date(2024, 12, 31), 300).provisional


def test_publishing_a_year_moves_the_deadline_and_makes_it_certain():
    assert CALENDAR.nth_working_day(date(2026, 12, 31), 1) == Deadline(date(2027, 1, 4), True, 7)
    notice = {date(2027, 1, 1): False, date(2027, 1, 3): True}
    amended = calendar_2026(published=published_days() | {2027: notice}, version=8)
    assert amended.nth_working_day(date(2026, 12, 31), 1) == Deadline(date(2027, 1, 3), False, 8)


@pytest.mark.rule("CHEM-12.3")
@pytest.mark.parametrize(
    ("received_at", "n", "at"),
    [
        (shanghai(2026, 11, 23, 10, 0), 1, shanghai(2026, 11, 24, 17, 30)),
        (shanghai(2026, 2, 13, 17, 29), 1, shanghai(2026, 2, 14, 17, 30)),
        (shanghai(2026, 2, 13, 18, 0), 1, shanghai(2026, 2, 14, 17, 30)),  # Friday 18:00, make-up Saturday
        (shanghai(2026, 2, 13, 23, 59), 1, shanghai(2026, 2, 14, 17, 30)),
        (shanghai(2026, 2, 14, 0, 0), 1, shanghai(2026, 2, 24, 17, 30)),
        (datetime(2026, 2, 13, 15, 59, tzinfo=UTC), 1, shanghai(2026, 2, 14, 17, 30)),  # 23:59 in Shanghai
        (datetime(2026, 2, 13, 16, 0, tzinfo=UTC), 1, shanghai(2026, 2, 24, 17, 30)),  # 00:00 the day after
        (datetime(2026, 2, 13, 6, 0, tzinfo=timezone(timedelta(hours=-11))), 1, shanghai(2026, 2, 24, 17, 30)),
    ],
)
def test_the_day_of_receipt_is_the_shanghai_day(received_at, n, at):
    due = CALENDAR.deadline_at(received_at, n, CLOSE)
    assert due == Due(at, at.date(), False, 7)
    assert due.at.utcoffset() == timedelta(hours=8)
    assert CALENDAR.due_at(received_at.astimezone(SHANGHAI).date(), n, CLOSE) == at


@pytest.mark.groundwork("CHEM-9.5")
@pytest.mark.parametrize(
    ("month", "n", "on"),
    [
        ("2026-01", 1, date(2026, 2, 2)),
        ("2026-04", 1, date(2026, 5, 6)),  # May Day
        ("2026-09", 5, date(2026, 10, 13)),
        ("2026-10", 1, date(2026, 11, 2)),
    ],
)
def test_first_working_day_of_the_next_month_counts_from_the_last_day(month, n, on):
    assert CALENDAR.nth_working_day(Month.parse(month).last_day, n).on == on


@pytest.mark.parametrize("n", [0, -1])
def test_a_deadline_has_at_least_one_working_day(n):
    with pytest.raises(ValueError, match="at least one"):
        CALENDAR.nth_working_day(date(2026, 11, 23), n)


@pytest.mark.parametrize("day", [date(2003, 12, 31), date(2041, 1, 1), date(2040, 12, 31)])
def test_days_outside_the_calendar_are_refused_not_wrapped_around(day):
    with pytest.raises(ValueError, match="covers 2004 to 2040"):
        CALENDAR.nth_working_day(day, 1)


@pytest.mark.parametrize("day", [date(2003, 12, 31), date(2041, 1, 1)])
def test_questions_about_days_outside_are_refused(day):
    for question in (CALENDAR.is_working_day, lambda d: CALENDAR.working_days_between(d, d)):
        with pytest.raises(ValueError, match="covers 2004 to 2040"):
            question(day)


def test_years_given_beyond_the_usual_ones_widen_the_calendar():
    calendar = WorkingCalendar({2041: {}}, 1, statutory={2042: frozenset({date(2042, 1, 2)})})
    assert calendar.years == range(2004, 2043)
    assert calendar.nth_working_day(date(2041, 12, 31), 1) == Deadline(date(2042, 1, 3), True, 1)


def test_an_instant_in_place_of_a_day_is_refused():
    with pytest.raises(TypeError, match="not an instant"):
        CALENDAR.nth_working_day(shanghai(2026, 11, 23, 10, 0), 1)


def test_a_naive_time_of_receipt_is_refused():
    with pytest.raises(ValueError, match="naive"):
        CALENDAR.deadline_at(datetime(2026, 11, 23, 10, 0), 1, CLOSE)


def test_the_calendar_cannot_be_changed():
    published = published_days()
    calendar = WorkingCalendar(published, 1)
    published[2026][date(2026, 11, 24)] = False
    published.clear()
    assert calendar.nth_working_day(date(2026, 11, 23), 1) == Deadline(date(2026, 11, 24), False, 1)
    with pytest.raises(AttributeError):
        calendar.version = 2
    with pytest.raises(TypeError):
        calendar.published[2027] = {}
    with pytest.raises(TypeError):
        calendar.published[2026][date(2026, 11, 24)] = False


# ---- laws


@given(covered_days, st.integers(1, 200))
def test_the_nth_working_day_is_a_working_day_and_the_nth(received_on, n):
    deadline = CALENDAR.nth_working_day(received_on, n)
    assert CALENDAR.is_working_day(deadline.on)
    days = every_day(received_on + timedelta(days=1), deadline.on)
    assert sum(map(CALENDAR.is_working_day, days)) == n
    assert CALENDAR.working_days_between(received_on, deadline.on) == n
    assert deadline.provisional is any(not CALENDAR.is_published(day.year) for day in days)


@given(covered_days, covered_days, st.integers(1, 20), st.integers(1, 20))
def test_later_receipt_or_more_days_never_gives_an_earlier_deadline(a, b, n, m):
    earlier = CALENDAR.nth_working_day(min(a, b), min(n, m))
    later = CALENDAR.nth_working_day(max(a, b), max(n, m))
    assert earlier.on <= later.on


@given(covered_days, covered_days, covered_days)
def test_working_days_between_add_up(a, b, c):
    between = CALENDAR.working_days_between
    assert between(a, b) + between(b, c) == between(a, c)
    assert between(a, b) == -between(b, a)


# ---- what is left, and why


@pytest.mark.parametrize(
    ("now", "left"),
    [
        (shanghai(2026, 2, 13, 9, 0), 2),  # the make-up Saturday and the 24th
        (shanghai(2026, 2, 14, 9, 0), 1),
        (shanghai(2026, 2, 20, 9, 0), 1),  # in the holiday
        (shanghai(2026, 2, 24, 9, 0), 0),
        (shanghai(2026, 2, 24, 17, 31), 0),  # late, and still today
        (shanghai(2026, 2, 25, 0, 0), -1),
        (datetime(2026, 2, 24, 16, 0, tzinfo=UTC), -1),
        (shanghai(2026, 2, 26, 9, 0), -2),
    ],
)
def test_working_days_left_are_counted_by_shanghai_days(now, left):
    assert CALENDAR.working_days_left(now, shanghai(2026, 2, 24, 17, 30)) == left


@pytest.mark.rule("CHEM-12.3")
def test_the_explanation_shows_every_day_and_its_reason():
    shown = [(str(line.on), line.counts, str(line.why)) for line in CALENDAR.explain(date(2026, 2, 12), 3)]
    day_off = "Day off by the State Council's calendar."
    assert shown == [
        ("2026-02-12", False, "The day of receipt does not count."),
        ("2026-02-13", True, "Working day 1 of 3."),
        ("2026-02-14", True, "Make-up working day, number 2 of 3."),
        *((f"2026-02-{day}", False, day_off) for day in range(15, 24)),
        ("2026-02-24", True, "Working day 3 of 3."),
    ]


@pytest.mark.rule("CHEM-12.3")
def test_the_explanation_says_what_is_not_published():
    rule = "Working day 1 of 1 by the weekday rule: the calendar of 2027 is not published yet."
    assert [str(line.why) for line in CALENDAR.explain(date(2026, 12, 31), 1)] == [
        "The day of receipt does not count.",
        "Statutory holiday; the calendar of 2027 is not published yet.",
        "Weekend.",
        "Weekend.",
        rule,
    ]


@given(covered_days, st.integers(1, 15))
def test_the_explanation_agrees_with_the_deadline(received_on, n):
    lines = CALENDAR.explain(received_on, n)
    assert isinstance(lines[0], DayProof)
    assert lines[0].on == received_on
    assert lines[-1].on == CALENDAR.nth_working_day(received_on, n).on
    assert sum(line.counts for line in lines) == n
    assert all(b.on - a.on == timedelta(days=1) for a, b in pairwise(lines))


def test_company_periods_in_months_are_not_prolonged_over_days_off():
    end = add_months(date(2026, 8, 1), 2)
    assert end == date(2026, 10, 1)
    assert not CALENDAR.is_working_day(end)
