"""Reading a file of monthly indicators: whatever its columns are called, a row has a customer and what is known."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from decimal import Decimal

Cell = str | int | float | bool | None

# What people call them, folded; the first that is there is meant.
HEADS: Mapping[str, tuple[str, ...]] = {
    "number": ("客户编号", "客户编码", "编号", "客户", "customernumber", "number", "customer"),
    "planned_tonnes": ("计划量", "计划", "销售计划", "月计划", "plan", "plannedtonnes"),
    "cooperation": ("配合度", "配合度评分", "cooperation", "cooperationscore"),
    "evenness": ("周提货均衡", "周提货均衡度", "evenness"),
    "payment_discipline": ("付款及时率", "paymentdiscipline"),
}
NEEDED = "number"


def folded(head: str) -> str:
    """A head as compared: width and case folded, letters and digits only, what stands in brackets left out."""
    plain = unicodedata.normalize("NFKC", head).partition("(")[0]
    return "".join(each for each in plain.casefold() if each.isalnum())


def columns_of(heads: Sequence[str]) -> dict[str, int]:
    """Which column holds what."""
    places = {folded(head): at for at, head in reversed(list(enumerate(heads)))}
    found = {}
    for part, names in HEADS.items():
        named = next((places[name] for name in names if name in places), None)
        if named is not None:
            found[part] = named
    return found


def row_of(cells: Sequence[Cell], columns: Mapping[str, int]) -> dict[str, str]:
    """A row as it would be typed; cells that are empty say nothing."""
    found = {part: written(cells[at]) for part, at in columns.items() if at < len(cells)}
    return {part: each for part, each in found.items() if each}


def written(cell: Cell) -> str:
    """A cell as text; a number with all its digits, never as 1e3."""
    if cell is None or isinstance(cell, bool):
        return ""
    if isinstance(cell, int | float):
        digits = format(Decimal(repr(cell)), "f")
        return digits.rstrip("0").rstrip(".") if "." in digits else digits
    return unicodedata.normalize("NFKC", cell).strip()
