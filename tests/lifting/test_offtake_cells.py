"""How cells of an offtake file are read: tonnes to the gram, days, names, forms of sale (CHEM-2)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.complaints.facts import at
from tests.lifting.scenes import T
from tierflow.lifting.rules.rows import BadCell, are_plain, read_day, read_form, read_grams, read_name, read_words
from tierflow.lifting.service import offtake_rows
from tierflow.lifting.service.offtake_rows import Reader

TODAY = at("2026-11-23 00:00").date()


@pytest.mark.parametrize(
    ("cell", "grams"),
    [("1,234.5", 1_234_500_000), ("０.５", 500_000), (32.5, 32_500_000), (7, 7_000_000), ("50000", 50_000 * T)],
)
def test_tonnes_are_read_exactly(cell: Any, grams: int) -> None:
    assert read_grams(cell) == grams


@pytest.mark.parametrize("cell", [None, "", "x", "1e3", "-0.1", "0", 0, "0.0000001", 1e-7, True, "50000.000001", "NaN"])
def test_tonnes_that_cannot_be_are_refused(cell: Any) -> None:
    with pytest.raises(BadCell):
        read_grams(cell)


@pytest.mark.parametrize(
    "cell", ["2026-11-23", "2026/11/23", "2026.11.23", "2026年11月23日", "20261123", 20261123, 20261123.0]
)
def test_days_are_read_as_people_write_them(cell: Any) -> None:
    assert read_day(cell, TODAY) == TODAY


@pytest.mark.parametrize("cell", [None, "2026-11-24", "1999-12-31", "23.11.2026", "2026-02-30", 46349.0, True])
def test_days_that_cannot_be_are_refused(cell: Any) -> None:
    with pytest.raises(BadCell):
        read_day(cell, TODAY)


@settings(deadline=None)
@given(
    st.lists(st.text(max_size=90) | st.none() | st.integers() | st.floats() | st.just("CK20261001-0001"), min_size=1)
)
def test_words_called_plain_are_what_they_say(cells: list[Any]) -> None:
    assert are_plain(["CK-1", "A/2.b"])
    if are_plain(cells):
        assert [read_words(cell) for cell in cells] == cells
        assert all(cells)


def test_a_column_is_read_as_its_cells_are_and_remembers_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offtake_rows, "REMEMBERED", 2)
    reader = Reader(read_words)
    cells = ["1", 1, "1", 1.0, True, None, "Ａ", "b", "c", "1"]
    read = [found if isinstance(found, str) else "?" for found in reader.column(cells)]
    assert read == ["1", "1", "1", "?", "", "", "A", "b", "c", "1"]
    assert len(reader) <= 2


def test_whole_numbers_are_names_where_they_are_looked_up() -> None:
    assert (read_name(7042.0), read_name(7042), read_name("7042")) == ("7042", "7042", "7042")
    for cell in (7042.5, 9.11e17, 1e15, float("nan"), float("inf")):
        with pytest.raises(BadCell):
            read_name(cell)
    with pytest.raises(BadCell):
        read_words(7042.0)  # a number of its own, not one that is looked up


def test_codes_and_forms() -> None:
    assert read_words("  Ａ－1 ") == "A-1"
    assert (read_form(None), read_form("网拍"), read_form("Planned")) == ("planned", "auction", "planned")
    for cell in (9.11e17, 10**15, "x" * 81, "a\nb"):
        with pytest.raises(BadCell):
            read_words(cell)
    with pytest.raises(BadCell):
        read_form("gift")
