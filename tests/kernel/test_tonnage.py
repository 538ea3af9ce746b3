import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierflow.kernel.numerals import LARGEST, NotANumber, format_decimal
from tierflow.kernel.tonnage import format_tonnes, parse_tonnes

grams = st.integers(-LARGEST, LARGEST)


@pytest.mark.groundwork("CHEM-9.4")
@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("2999.999999", 2_999_999_999),
        ("3000", 3_000_000_000),
        ("3000.000000", 3_000_000_000),
        ("3000.000001", 3_000_000_001),
        ("0", 0),
        ("0.000001", 1),
        ("007", 7_000_000),
        ("1,000", 1_000_000_000),
        ("2,999.999999", 2_999_999_999),
        ("1,234,567.5", 1_234_567_500_000),
        ("２，９９９．９９９９９９", 2_999_999_999),
        ("  3000　", 3_000_000_000),
        ("9223372036854.775807", LARGEST),
    ],
)
def test_tonnes_are_read_to_the_gram(written, expected):
    assert parse_tonnes(written) == expected


@pytest.mark.groundwork("CHEM-9.4")
@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ("2999.9999999", "more than 6 decimal places"),
        ("1.0000000", "more than 6 decimal places"),  # a zero too many is still not what was agreed
        ("9223372036854.775808", "too large"),
        ("9" * 5000, "too large"),
        ("-1", "is negative"),
        ("－1", "is negative"),
        ("-0", "is negative"),
        ("1e3", "not a plain"),
        ("9.11E+17", "not a plain"),
        ("nan", "not a plain"),
        ("inf", "not a plain"),
        ("", "not a plain"),
        (" ", "not a plain"),
        (".5", "not a plain"),
        ("5.", "not a plain"),
        ("+5", "not a plain"),
        ("--5", "not a plain"),
        ("1.2.3", "not a plain"),
        ("1 000", "not a plain"),
        ("1_000", "not a plain"),
        ("0x10", "not a plain"),
        ("1,00", "not a plain"),
        ("1,0000", "not a plain"),
        (",100", "not a plain"),
        ("1000,000", "not a plain"),
        ("1,,000", "not a plain"),
        ("0,500", "not a plain"),  # half a tonne, as written elsewhere
        ("1.000,5", "not a plain"),
        ("1.5,000", "not a plain"),
        ("٣", "not a plain"),
        ("²", "not a plain"),
        ("3000吨", "not a plain"),
    ],
)
def test_what_is_not_exact_tonnes_is_refused_with_a_reason(written, reason):
    with pytest.raises(NotANumber, match=reason) as refused:
        parse_tonnes(written)
    assert isinstance(refused.value, ValueError)
    assert refused.value.reason.params["written"] in written.replace("－", "-").strip() or not written.strip()


@pytest.mark.parametrize("value", [2999.999999, 3000, None, b"3000"])
def test_only_text_is_read_never_a_float(value):
    with pytest.raises(TypeError, match="read from text"):
        parse_tonnes(value)


def test_negative_tonnes_are_read_where_allowed():
    assert parse_tonnes("-1,000.5", allow_negative=True) == -1_000_500_000


@pytest.mark.parametrize(
    ("value", "decimals", "written"),
    [
        (2_999_999_999, 0, "2,999.999999"),
        (3_000_000_000, 0, "3,000"),
        (3_000_000_000, 3, "3,000.000"),
        (3_000_500_000, 0, "3,000.5"),
        (3_000_500_000, 3, "3,000.500"),
        (3_000_000_001, 3, "3,000.000001"),  # never rounded away
        (1, 0, "0.000001"),
        (0, 0, "0"),
        (0, 3, "0.000"),
        (-1, 0, "-0.000001"),
        (-1_234_567_000_000, 0, "-1,234,567"),
        (999_000_000, 0, "999"),
    ],
)
def test_tonnes_are_shown_exactly_with_separators(value, decimals, written):
    assert format_tonnes(value, decimals) == written


@pytest.mark.parametrize("decimals", [-1, 7])
def test_more_decimals_than_grams_have_are_refused(decimals):
    with pytest.raises(ValueError, match="between 0 and 6"):
        format_tonnes(1, decimals)


def test_numbers_without_decimals_have_no_point():
    assert format_decimal(-12_345, 0) == "-12,345"


@given(grams, st.integers(0, 6))
def test_what_is_shown_reads_back_as_the_same_grams(value, decimals):
    assert parse_tonnes(format_tonnes(value, decimals), allow_negative=True) == value


@given(st.text(max_size=30))
def test_any_text_is_either_read_exactly_or_refused(written):
    try:
        value = parse_tonnes(written)
    except NotANumber:
        return
    assert parse_tonnes(format_tonnes(value)) == value
