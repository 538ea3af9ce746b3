"""Money in whole fen and shares in whole basis points; splits sum exactly. Never floats."""

from __future__ import annotations

from collections.abc import Sequence

from tierflow.kernel.numerals import format_decimal, half_width, parse_decimal

FEN_PER_YUAN = 100
WHOLE_BP = 10_000


def parse_yuan(written: str, *, allow_negative: bool = False) -> int:
    """Yuan as written, in fen: `"1,234.5"` is 123450.

    Raises `NotANumber` (a `ValueError` with a `reason`) for more than two decimals, exponents, NaN, misplaced
    separators and, unless allowed, negatives; `TypeError` for anything but text.
    """
    return parse_decimal(written, 2, allow_negative=allow_negative)


def format_yuan(fen: int, decimals: int = 2) -> str:
    """Fen as yuan: `"1,234.50"`; with fewer `decimals` (0 to 2) trailing zeros go, never a fen."""
    return format_decimal(fen, 2, decimals)


def parse_percent(written: str, *, allow_negative: bool = False) -> int:
    """A percentage as written, with or without its sign, in basis points: `"72.68 %"` is 7268.

    Raises as `parse_yuan` does. More than 100 % is a percentage too: whoever asks sets the bound.
    """
    if not isinstance(written, str):
        raise TypeError(f"an exact number is read from text, not from {type(written).__name__}")
    return parse_decimal(half_width(written).removesuffix("%"), 2, allow_negative=allow_negative)


def format_percent(basis_points: int, decimals: int = 0) -> str:
    """Basis points as a percentage: `"72.68 %"`, `"80 %"`; trailing zeros go, but `decimals` (0 to 2) of them stay."""
    return f"{format_decimal(basis_points, 2, decimals)} %"


def largest_remainder(total: int, weights: Sequence[int]) -> tuple[int, ...]:
    """`total` in whole parts proportional to `weights`, in their order, summing exactly to `total`.

    Each part is its exact share rounded down; what is left goes, one each, to the largest remainders, ties to the
    earlier index. A weight of 0 gets nothing; a negative total is split as its mirror image. Raises `ValueError`
    for a negative weight, or when the weights are all 0 or none.
    """
    whole = sum(weights)
    if whole <= 0 or min(weights) < 0:
        raise ValueError("weights are 0 or more, and not all 0")
    parts = [abs(total) * weight // whole for weight in weights]
    by_remainder = sorted(range(len(parts)), key=lambda i: -(abs(total) * weights[i] % whole))
    for i in by_remainder[: abs(total) - sum(parts)]:
        parts[i] += 1
    return tuple(parts) if total >= 0 else tuple(-part for part in parts)


def split(total_fen: int, shares_bp: Sequence[int]) -> tuple[int, ...]:
    """`total_fen` divided by shares in basis points, to the fen (PROP-5.3): see `largest_remainder`.

    Raises `ValueError` unless the shares are 0 or more and total exactly 10,000.
    """
    if sum(shares_bp) != WHOLE_BP:
        raise ValueError(f"shares total {WHOLE_BP} basis points, not {sum(shares_bp)}")
    return largest_remainder(total_fen, shares_bp)
