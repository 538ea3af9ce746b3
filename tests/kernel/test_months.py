from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierflow.kernel.months import (
    SHANGHAI,
    Day,
    HalfYear,
    Month,
    Quarter,
    Week,
    Year,
    add_months,
    local_day,
    local_instant,
    parse_period,
    weeks_of,
)

KINDS = (Month, Quarter, HalfYear, Year, Week, Day)
days = st.dates(date(1900, 1, 1), date(2200, 12, 31))
months = st.builds(Month, st.integers(1900, 2200), st.integers(1, 12))


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 10, 31, 15, 59, 59, tzinfo=UTC), date(2026, 10, 31)),
        (datetime(2026, 10, 31, 16, 0, tzinfo=UTC), date(2026, 11, 1)),
        (datetime(2026, 11, 1, 0, 0, tzinfo=SHANGHAI), date(2026, 11, 1)),
    ],
)
def test_the_day_changes_at_shanghai_midnight(instant, day):
    assert local_day(instant) == day
    assert Month.at(instant) == Month.of(day)
    assert Week.at(instant) == Week.of(day)


def test_naive_instants_and_zoned_clocks_are_refused():
    with pytest.raises(ValueError, match="naive"):
        local_day(datetime(2026, 11, 1))
    with pytest.raises(ValueError, match="without a zone"):
        local_instant(date(2026, 11, 1), time(9, 0, tzinfo=UTC))


@pytest.mark.parametrize("kind", KINDS)
def test_an_instant_in_place_of_a_day_is_refused(kind):
    with pytest.raises(TypeError, match="not an instant"):
        kind.of(datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("period", "start", "end", "last_day", "written"),
    [
        (Month(2026, 11), date(2026, 11, 1), date(2026, 12, 1), date(2026, 11, 30), "2026-11"),
        (Month(2026, 12), date(2026, 12, 1), date(2027, 1, 1), date(2026, 12, 31), "2026-12"),
        (Month(2024, 2), date(2024, 2, 1), date(2024, 3, 1), date(2024, 2, 29), "2024-02"),
        (Quarter(2026, 1), date(2026, 1, 1), date(2026, 4, 1), date(2026, 3, 31), "2026-Q1"),
        (Quarter(2026, 4), date(2026, 10, 1), date(2027, 1, 1), date(2026, 12, 31), "2026-Q4"),
        (HalfYear(2026, 1), date(2026, 1, 1), date(2026, 7, 1), date(2026, 6, 30), "2026-H1"),
        (HalfYear(2026, 2), date(2026, 7, 1), date(2027, 1, 1), date(2026, 12, 31), "2026-H2"),
        (Year(2026), date(2026, 1, 1), date(2027, 1, 1), date(2026, 12, 31), "2026"),
        (Week(date(2026, 11, 16)), date(2026, 11, 16), date(2026, 11, 23), date(2026, 11, 22), "2026-W47"),
        (Day(date(2026, 12, 31)), date(2026, 12, 31), date(2027, 1, 1), date(2026, 12, 31), "2026-12-31"),
        (Week(date(2025, 12, 29)), date(2025, 12, 29), date(2026, 1, 5), date(2026, 1, 4), "2026-W01"),
    ],
)
def test_periods_are_half_open(period, start, end, last_day, written):
    assert (period.start, period.end, period.last_day, str(period)) == (start, end, last_day, written)
    assert start in period
    assert last_day in period
    assert end not in period
    assert start - timedelta(days=1) not in period
    assert parse_period(written) == period


def test_a_month_runs_from_shanghai_midnight_to_shanghai_midnight():
    month = Month(2026, 11)
    assert month.starts_at == datetime(2026, 10, 31, 16, 0, tzinfo=UTC)
    assert month.ends_at == datetime(2026, 11, 30, 16, 0, tzinfo=UTC)
    assert month.ends_at == month.next().starts_at


@pytest.mark.parametrize(
    "written",
    [
        "2026-13",
        "2026-00",
        "2026-1",
        " 2026-11",
        "26-11",
        "2026-Q5",
        "2026-H0",
        "2026-W54",
        "０２６",
        "",
        "0000",
        "2026-11-1",
    ],
)
def test_what_is_no_period_is_refused(written):
    with pytest.raises(ValueError, match=r"no such|not a|Invalid week"):
        parse_period(written)


@pytest.mark.parametrize(("kind", "written"), [(Month, "2026-Q1"), (Year, "2026-01"), (Week, "2026-11")])
def test_each_kind_reads_its_own_form_only(kind, written):
    with pytest.raises(ValueError, match="not a"):
        kind.parse(written)


def test_periods_have_months_in_order():
    assert Quarter(2026, 4).months == (Month(2026, 10), Month(2026, 11), Month(2026, 12))
    assert HalfYear(2026, 1).months == tuple(Month(2026, n) for n in range(1, 7))
    assert len(Year(2026).months) == 12
    assert Month(2026, 5).months == (Month(2026, 5),)


def test_periods_of_one_kind_are_ordered_and_of_two_kinds_are_not():
    assert Month(2025, 12) < Month(2026, 1) < Month(2026, 2)
    assert Month(2026, 1) != Quarter(2026, 1)
    assert len({Month(2026, 1), Quarter(2026, 1), Year(2026), Month(2026, 1)}) == 3
    with pytest.raises(TypeError):
        assert Month(2026, 1) < Quarter(2026, 2)


@pytest.mark.parametrize(("year", "number"), [(0, 1), (9999, 1), (2026, 0), (2026, 13)])
def test_a_month_that_does_not_exist_is_refused(year, number):
    with pytest.raises(ValueError, match="no such Month"):
        Month(year, number)


def test_a_week_begins_on_a_monday():
    with pytest.raises(ValueError, match="Monday"):
        Week(date(2026, 11, 17))


@given(days)
def test_every_day_is_in_exactly_its_period(day):
    for kind in KINDS:
        period = kind.of(day)
        assert day in period
        assert day not in period.next()
        assert day not in period.previous()
        assert period.end == period.next().start
        assert kind.parse(str(period)) == period
        assert parse_period(str(period)) == period


@given(days, st.integers(-400, 400))
def test_steps_forward_and_back_cancel(day, n):
    for kind in (Month, Quarter, HalfYear, Year):
        period = kind.of(day)
        assert period.plus(n).plus(-n) == period
        assert period.until(period.plus(n)) == n


# ---- weeks and months


@pytest.mark.parametrize(
    ("day", "month"),
    [
        (date(2026, 9, 28), "2026-10"),  # Monday; Thursday is 1 October
        (date(2026, 10, 4), "2026-10"),  # its Sunday
        (date(2026, 10, 26), "2026-10"),  # Thursday is 29 October
        (date(2026, 11, 1), "2026-10"),  # a Sunday in November belongs to October
        (date(2026, 11, 2), "2026-11"),
        (date(2026, 12, 31), "2026-12"),  # itself the Thursday
        (date(2027, 1, 3), "2026-12"),
        (date(2025, 12, 29), "2026-01"),
    ],
)
def test_a_week_cut_by_a_months_edge_belongs_to_the_month_of_its_thursday(day, month):
    assert str(Week.of(day).month) == month


@pytest.mark.parametrize(
    ("month", "first", "count"),
    [
        ("2026-10", date(2026, 9, 28), 5),
        ("2026-11", date(2026, 11, 2), 4),
        ("2026-12", date(2026, 11, 30), 5),
        ("2027-01", date(2027, 1, 4), 4),
        ("2026-02", date(2026, 2, 2), 4),
    ],
)
def test_weeks_of_a_month(month, first, count):
    weeks = weeks_of(Month.parse(month))
    assert (weeks[0].start, len(weeks)) == (first, count)


@given(months)
def test_weeks_of_successive_months_meet_without_gap_or_overlap(month):
    weeks, after = weeks_of(month), weeks_of(month.next())
    assert len(weeks) in (4, 5)
    assert weeks[-1].end == after[0].start
    assert all(week.month == month for week in weeks)
    assert all(len(week.days) == 7 and all(day in week for day in week.days) for week in weeks)


# ---- n months from a day (Civil Code 201-203)


@pytest.mark.parametrize(
    ("day", "n", "last"),
    [
        (date(2026, 1, 15), 1, date(2026, 2, 15)),
        (date(2026, 1, 28), 1, date(2026, 2, 28)),
        (date(2026, 1, 29), 1, date(2026, 2, 28)),
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2026, 2, 28), 1, date(2026, 3, 28)),  # same number, not "last to last"
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 5, 31), 0, date(2026, 5, 31)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
    ],
)
def test_the_last_day_is_the_same_numbered_one_or_the_months_last(day, n, last):
    assert add_months(day, n) == last


@given(days, days, st.integers(0, 60))
def test_a_later_day_never_ends_earlier(a, b, n):
    assert add_months(min(a, b), n) <= add_months(max(a, b), n)


@given(days, st.integers(-60, 60))
def test_the_month_is_always_the_nth_after(day, n):
    assert Month.of(add_months(day, n)) == Month.of(day).plus(n)
