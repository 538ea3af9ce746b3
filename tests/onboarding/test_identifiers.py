"""Codes, telephones and accounts as people and spreadsheets write them (CHEM-7.1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from tests.onboarding.scenes import credit_code as a_code
from tests.onboarding.scenes import with_wrong_organisation_code
from tierflow.common import identifiers
from tierflow.common.identifiers import CODE_ALPHABET, DAMAGED, BadIdentifier

REAL = "91110000600037341L"  # published; checks by both of its characters


def fault(reader: Callable[[object], object], value: object) -> str:
    with pytest.raises(BadIdentifier) as caught:
        reader(value)
    return str(caught.value.reason)


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize(
    "written",
    [
        REAL,
        REAL.lower(),
        f"  {REAL} ",
        "9111 0000 6000 3734 1L",
        "911100-00600037341-L",
        "９１１１００００６０００３７３４１Ｌ",
        "91110000\u3000600037341L",
    ],
)
def test_a_credit_code_is_read_however_it_is_written(written: str) -> None:
    assert identifiers.credit_code(written) == REAL


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize(
    ("written", "says"),
    [
        (REAL[:17] + "M", "last character"),
        (with_wrong_organisation_code(), "organisation code within"),
        (a_code(5, region="000000"), "cannot be 000000"),
        ("9111000060003734IL", "I, O, S, V"),
        (REAL[:17], "18 characters, this has 17"),
        (REAL + "1", "18 characters, this has 19"),
        ("A1110000600037341L", "begins with 8 digits"),
        ("", "this has 0"),
        ("国家市场监督管理总局登记企业代码十八位字", "18 characters"),
        (None, "Text"),
        (True, "Text"),
        ([REAL], "Text"),
        ("9" * 101, "100 characters"),
        pytest.param(10**5000, "100 characters", id="more digits than Python prints"),
        (-91, "18 characters"),
    ],
)
def test_what_is_no_credit_code_says_why(written: object, says: str) -> None:
    assert says in fault(identifiers.credit_code, written)


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize(
    "damaged",
    [
        "9.11E+17",
        "9.111E17",
        "９．１１Ｅ＋１７",
        "9.1131E+17 ",
        9.11e17,
        911310000000012345.0,
        "911310000000012340.0",
        "911310000000012000",
        911310000000012000,
        float("nan"),
        float("inf"),
    ],
)
def test_what_a_spreadsheet_has_rounded_is_said_to_be_so(damaged: object) -> None:
    assert fault(identifiers.credit_code, damaged) == str(DAMAGED)


def test_a_code_that_only_looks_rounded_is_not_refused() -> None:
    number = next(
        code for body in range(10_000_000, 99_999_999) if (code := a_code(body)).endswith("000") and code.isdigit()
    )
    assert identifiers.credit_code(number) == number
    assert identifiers.credit_code(int(number)) == number


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("60003734-1", "600037341"),
        (" d2143569-x", "D2143569X"),
        ("６０００３７３４１", "600037341"),
        (600037341, "600037341"),
        (600037341.0, "600037341"),
    ],
)
def test_an_organisation_code_is_read(written: object, code: str) -> None:
    assert identifiers.organisation_code(written) == code


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("600037342", "does not fit"),
        ("60003734", "9 characters, this has 8"),
        ("60003734国", "digits and capitals"),
        ("6.00E+08", "spreadsheet"),
    ],
)
def test_what_is_no_organisation_code_says_why(written: object, says: str) -> None:
    assert says in fault(identifiers.organisation_code, written)


@pytest.mark.rule("CHEM-7.1")
@given(place=st.integers(0, 17), other=st.sampled_from(CODE_ALPHABET), body=st.integers(0, 99_999_999))
def test_no_single_wrong_character_passes(place: int, other: str, body: int) -> None:
    code = a_code(body)
    wrong = code[:place] + other + code[place + 1 :]
    if wrong == code:
        assert identifiers.credit_code(wrong) == code
    else:
        fault(identifiers.credit_code, wrong)


@given(st.one_of(st.text(max_size=200), st.integers(), st.floats(), st.binary(), st.none(), st.booleans()))
def test_readers_answer_or_say_why_whatever_they_are_given(value: object) -> None:
    said = []
    for reader in (
        identifiers.credit_code,
        identifiers.organisation_code,
        identifiers.phone,
        identifiers.bank_account,
        identifiers.email,
    ):
        try:
            reader(value)
        except BadIdentifier as bad:
            said.append(str(bad.reason))
    assert all(said)


@given(st.text(alphabet=CODE_ALPHABET, min_size=17, max_size=17))
def test_we_agree_with_the_library_on_the_own_check_character(body: str) -> None:
    code = body + uscc.calc_check_digit(body)
    inside_fits = identifiers.organisation_check_character(code[8:16]) == code[16]
    if uscc.is_valid(code) and inside_fits and code[2:8] != "000000":
        assert identifiers.credit_code(code) == code
    else:
        fault(identifiers.credit_code, code)


@pytest.mark.parametrize(
    ("written", "shown", "key"),
    [
        ("13800138000", "138 0013 8000", "13800138000"),
        ("+86 138-0013-8000", "138 0013 8000", "13800138000"),
        ("0086 13800138000", "138 0013 8000", "13800138000"),
        ("8613800138000", "138 0013 8000", "13800138000"),
        ("１３８００１３８０００", "138 0013 8000", "13800138000"),
        (13800138000, "138 0013 8000", "13800138000"),
        (13800138000.0, "138 0013 8000", "13800138000"),
        ("13800138000.0", "138 0013 8000", "13800138000"),
        ("021-61234567", "021 6123 4567", "2161234567"),
        ("(021) 6123 4567", "021 6123 4567", "2161234567"),
        ("021-61234567转808", "021 6123 4567 ext. 808", "2161234567"),
        ("0755 8888 8888", "0755 8888 8888", "75588888888"),
        ("400-820-5555", "400 820 5555", "4008205555"),
        ("+852 2123 4567", "+852 2123 4567", "+85221234567"),
    ],
)
def test_one_line_has_one_key(written: object, shown: str, key: str) -> None:
    assert identifiers.phone(written) == identifiers.Phone(shown, key)


@pytest.mark.parametrize("written", ["12345", "abc", "", "138001380001", "+999 1", None, "1.38E+10"])
def test_what_is_no_telephone_is_refused(written: object) -> None:
    fault(identifiers.phone, written)


@pytest.mark.parametrize(
    ("written", "number", "plausible"),
    [
        ("1001 2345 6789 0123", "1001234567890123", True),  # a company's: no check rule
        ("６２２２０２１２３４５６７８９０１２８", "6222021234567890128", True),
        ("6222021234567890120", "6222021234567890120", False),  # a card whose check digit fails
        ("12345678", "12345678", True),
        ("1" * 32, "1" * 32, True),
        ("12345678901234500", "12345678901234500", False),  # zeros from the 16th digit on
        ("1234567890123450", "1234567890123450", True),
    ],
)
def test_a_bank_account_is_read_and_weighed(written: str, number: str, plausible: bool) -> None:
    assert identifiers.bank_account(written) == identifiers.BankAccount(number, plausible)


@pytest.mark.parametrize("written", ["1234567", "1" * 33, "ABC12345678", "6.22E+18", "", None])
def test_what_is_no_bank_account_is_refused(written: object) -> None:
    fault(identifiers.bank_account, written)


@pytest.mark.parametrize("written", ["x", "<script>@x.com", "a@b", "a@b.c\n", "", None])
def test_what_is_no_mail_address_is_refused(written: object) -> None:
    if written == "a@b.c\n":
        assert identifiers.email("a@b.com\n") == "a@b.com"
    else:
        fault(identifiers.email, written)
