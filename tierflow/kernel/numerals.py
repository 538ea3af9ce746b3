"""Exact decimal numbers as whole numbers of their smallest unit: read and written without floats or rounding."""

from __future__ import annotations

import re

from tierflow.kernel.text import Text, text

# What a Chinese keyboard types for digits, comma, point, minus and per cent.
_HALF_WIDTH = str.maketrans("０１２３４５６７８９，．－−％", "0123456789,.--%")
# A grouped number never begins with 0: "0,500" is somebody's half, not five hundred.
_DECIMAL = re.compile(r"(-?)([0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.([0-9]+))?")

LARGEST = 2**63 - 1  # what a database integer holds


class NotANumber(ValueError):
    """What was written is not an exact number of the unit; `reason` says why, for people."""

    def __init__(self, reason: Text) -> None:
        self.reason = reason
        super().__init__(str(reason))


def half_width(written: str) -> str:
    """The same with full-width digits and signs made ordinary and the spaces around it gone."""
    return written.translate(_HALF_WIDTH).strip()


def parse_decimal(written: str, places: int, *, allow_negative: bool = False) -> int:
    """`written` times 10 to the power of `places`, exactly: `parse_decimal("1,234.5", 2)` is 123450.

    Thousands separators are accepted where they belong, full-width characters and surrounding spaces too. Raises
    `NotANumber` for more than `places` decimals (zeros included: nothing is rounded or dropped), exponents, NaN,
    signs, misplaced separators, and what a 64-bit integer cannot hold; `TypeError` for a float or other non-text.
    """
    if not isinstance(written, str):
        raise TypeError(f"an exact number is read from text, not from {type(written).__name__}")
    plain = half_width(written)
    shown = plain[:40]
    found = _DECIMAL.fullmatch(plain)
    if found is None:
        raise NotANumber(text("“%(written)s” is not a plain decimal number.", written=shown))
    sign, whole, decimals = found[1], found[2].replace(",", ""), found[3] or ""
    if len(decimals) > places:
        raise NotANumber(text("“%(written)s” has more than %(places)s decimal places.", written=shown, places=places))
    if sign and not allow_negative:
        raise NotANumber(text("“%(written)s” is negative.", written=shown))
    # Counted first: Python itself refuses to read thousands of digits.
    digits = (whole + decimals.ljust(places, "0")).lstrip("0") or "0"
    if len(digits) > len(str(LARGEST)) or int(digits) > LARGEST:
        raise NotANumber(text("“%(written)s” is too large.", written=shown))
    return -int(digits) if sign else int(digits)


def format_decimal(value: int, places: int, at_least: int = 0) -> str:
    """`value` divided by 10 to the power of `places`, with thousands separators and without trailing zeros.

    At least `at_least` decimals are kept. Reads back as the same value. Raises `ValueError` unless
    0 <= `at_least` <= `places`.
    """
    if not 0 <= at_least <= places:
        raise ValueError(f"between 0 and {places} decimals can be asked for: {at_least}")
    whole, rest = divmod(abs(value), 10**places)
    decimals = f"{rest:0{places}d}" if places else ""
    kept = decimals[: max(at_least, len(decimals.rstrip("0")))]
    return f"{'-' if value < 0 else ''}{whole:,}{'.' if kept else ''}{kept}"
