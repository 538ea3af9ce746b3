from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierflow.kernel.money import (
    WHOLE_BP,
    format_percent,
    format_yuan,
    largest_remainder,
    parse_percent,
    parse_yuan,
    split,
)
from tierflow.kernel.numerals import NotANumber

fen = st.integers(-(10**15), 10**15)
weights = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0", 0),
        ("0.01", 1),
        ("1234.5", 123_450),
        ("1,234.50", 123_450),
        ("１，２３４．５０", 123_450),
        ("7,850", 785_000),
    ],
)
def test_yuan_are_read_to_the_fen(written, expected):
    assert parse_yuan(written) == expected


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("0.001", "more than 2 decimal places"),
        ("1.100", "more than 2 decimal places"),
        ("-0.01", "is negative"),
        ("1e2", "not a plain"),
        ("NaN", "not a plain"),
        ("12,34", "not a plain"),
        ("¥5", "not a plain"),
    ],
)
def test_what_is_not_exact_yuan_is_refused_with_a_reason(written, reason):
    with pytest.raises(NotANumber, match=reason):
        parse_yuan(written)


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [(123_450, 2, "1,234.50"), (123_400, 0, "1,234"), (123_401, 0, "1,234.01"), (-1, 2, "-0.01"), (0, 2, "0.00")],
)
def test_yuan_are_shown_with_separators_and_fen(value, decimals, written):
    assert format_yuan(value, decimals) == written


@given(fen)
def test_yuan_shown_read_back_as_the_same_fen(value):
    assert parse_yuan(format_yuan(value), allow_negative=True) == value


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("72.68 %", 7268),
        ("72.68%", 7268),
        ("72.68", 7268),
        ("７２．６８％", 7268),
        ("80 %", 8000),
        ("0.01%", 1),
        ("150", 15_000),
    ],
)
def test_percentages_are_read_as_basis_points(written, expected):
    assert parse_percent(written) == expected


@pytest.mark.parametrize("written", ["72.685 %", "-1 %", "%", "50 % %", "1e1 %"])
def test_what_is_not_an_exact_percentage_is_refused(written):
    with pytest.raises(NotANumber):
        parse_percent(written)


@pytest.mark.parametrize("read", [parse_percent, parse_yuan])
def test_only_text_is_read_never_a_float(read):
    with pytest.raises(TypeError, match="read from text"):
        read(72.68)


@pytest.mark.parametrize(
    ("value", "decimals", "written"), [(7268, 0, "72.68 %"), (8000, 0, "80 %"), (8000, 2, "80.00 %"), (1, 0, "0.01 %")]
)
def test_basis_points_are_shown_as_percentages(value, decimals, written):
    assert format_percent(value, decimals) == written


@given(st.integers(-(10**9), 10**9))
def test_percentages_shown_read_back_as_the_same_basis_points(value):
    assert parse_percent(format_percent(value), allow_negative=True) == value


@pytest.mark.groundwork("PROP-5.3")
@pytest.mark.parametrize(
    ("total", "shares", "parts"),
    [
        (10_000, (8000, 2000), (8000, 2000)),
        (101, (5000, 5000), (51, 50)),  # a tie goes to the earlier
        (1, (5000, 5000), (1, 0)),
        (1, (2000, 8000), (0, 1)),  # the larger remainder, not the earlier
        (100, (3333, 3333, 3334), (33, 33, 34)),
        (10_000, (7268, 1093, 273, 1366), (7268, 1093, 273, 1366)),  # floats refuse this sum
        (12_345, (7268, 1093, 273, 1366), (8973, 1349, 337, 1686)),
        (-101, (5000, 5000), (-51, -50)),
        (0, (5000, 5000), (0, 0)),
        (999, (10_000,), (999,)),
        (7, (0, 10_000, 0), (0, 7, 0)),
    ],
)
def test_splits_are_exact_to_the_fen(total, shares, parts):
    assert split(total, shares) == parts
    assert sum(parts) == total


@pytest.mark.groundwork("PROP-5.3")
@pytest.mark.parametrize("shares", [(), (5000, 4999), (5000, 5001), (0, 0), (10_000, 10_000)])
def test_shares_must_total_the_whole(shares):
    with pytest.raises(ValueError, match="10000 basis points"):
        split(100, shares)


def test_a_negative_share_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        split(100, (12_000, -2000))


@pytest.mark.parametrize("bad", [(), (0, 0), (3, -1)])
def test_weights_must_weigh_something(bad):
    with pytest.raises(ValueError, match="weights"):
        largest_remainder(10, bad)


@given(fen, weights)
def test_parts_sum_exactly_and_miss_the_exact_share_by_less_than_one(total, given_weights):
    parts = largest_remainder(total, given_weights)
    assert sum(parts) == total
    for part, weight in zip(parts, given_weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(given_weights))) < 1
        assert weight or part == 0


@given(fen, weights)
def test_a_heavier_weight_never_gets_less(total, given_weights):
    parts = largest_remainder(abs(total), given_weights)
    ranked = sorted(zip(given_weights, parts, strict=True))
    assert all(a[1] <= b[1] for a, b in pairwise(ranked) if a[0] < b[0])


@given(st.integers(0, 10**12), st.lists(st.integers(1, 1000), min_size=1, max_size=8))
def test_shares_made_by_largest_remainder_split_exactly(total, given_weights):
    shares = largest_remainder(WHOLE_BP, given_weights)
    assert sum(split(total, shares)) == total
