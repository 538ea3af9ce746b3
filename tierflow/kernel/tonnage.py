"""Quantities of goods: whole grams inside, tonnes of up to six decimals for people. Never floats (CHEM-9.4)."""

from __future__ import annotations

from tierflow.kernel.numerals import format_decimal, parse_decimal

GRAMS_PER_TONNE = 1_000_000
TONNE_DECIMALS = 6


def parse_tonnes(written: str, *, allow_negative: bool = False) -> int:
    """Tonnes as written, in grams: `"2,999.999999"` is 2999999999.

    Raises `NotANumber` (a `ValueError` with a `reason`) for more than six decimals, exponents, NaN, misplaced
    separators and, unless allowed, negatives; `TypeError` for anything but text.
    """
    return parse_decimal(written, TONNE_DECIMALS, allow_negative=allow_negative)


def format_tonnes(grams: int, decimals: int = 0) -> str:
    """Grams as tonnes, exact: `"2,999.999999"`; trailing zeros go, but `decimals` (0 to 6) of them stay."""
    return format_decimal(grams, TONNE_DECIMALS, decimals)
