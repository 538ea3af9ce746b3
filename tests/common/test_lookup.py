"""Search keys: initials worked out of the syllables are those the library itself gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pypinyin import Style, lazy_pinyin

from tierflow.common.lookup import fold, keys_of

LETTERS = st.one_of(
    st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), st.sampled_from("abZ9é㐀ハ公司重长中国银行")
)


@given(st.text(LETTERS, min_size=1, max_size=12))
def test_a_company_is_found_by_its_initials(name: str) -> None:
    initials = "".join(lazy_pinyin(fold(name), style=Style.FIRST_LETTER))
    assert initials[:24] in keys_of([name], [])


def test_a_company_is_found_by_every_ending_and_by_codes() -> None:
    assert keys_of(["A1重庆"], ["91330206MA2X"]) == {
        *("a1重庆", "1重庆", "重庆", "庆"),
        *("a1chongqing", "chongqing", "qing"),
        *("a1cq", "1cq", "cq", "q"),
        *("91330206ma2x", "06ma2x"),
    }
