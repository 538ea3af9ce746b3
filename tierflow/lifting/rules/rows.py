"""Reading a row of offtake as the ERP exports it (CHEM-2): pure, exact, with a reason for every field refused."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from tierflow.kernel.numerals import NotANumber
from tierflow.kernel.text import Text, text
from tierflow.kernel.tonnage import format_tonnes, parse_tonnes
from tierflow.lifting.rules.orders import MOST_GRAMS

Cell = str | int | float | bool | None
FIRST_DAY = date(2000, 1, 1)
_DAY = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{2})(\d{2}))(?:[ T].*)?")
FORM_WORDS = {
    "auction": ("auction", "网拍", "竞拍", "拍卖"),
    "planned": ("planned", "plan", "计划", "计划内", "合同"),
}
_FORM_OF = {word: form for form, words in FORM_WORDS.items() for word in words}


class BadCell(ValueError):
    """What a cell says cannot be; `reason` is the sentence for the field."""

    def __init__(self, reason: Text) -> None:
        self.reason = reason
        super().__init__(str(reason))


def read_words(cell: Cell, most: int = 80) -> str:
    """A code or name. A number that a spreadsheet has rounded is refused: its last digits are gone."""
    if cell is None or isinstance(cell, bool):
        return ""
    if isinstance(cell, float) or (isinstance(cell, int) and abs(cell) >= 10**15):
        raise BadCell(text("This is stored as a number and may have lost digits: format the column as text."))
    words = str(cell).strip()
    if not words.isascii():
        words = unicodedata.normalize("NFKC", words).strip()
    if len(words) > most or not words.isprintable():
        raise BadCell(text("At most %(most)s characters.", most=most))
    return words


def read_name(cell: Cell, most: int = 80) -> str:
    """As `read_words`, for what is looked up: the 7042 that a spreadsheet kept as 7042.0 is the grade of that name."""
    return read_words(_whole(cell), most)


def _whole(cell: Cell) -> Cell:
    return int(cell) if isinstance(cell, float) and cell.is_integer() and abs(cell) < 10**15 else cell


def are_plain(cells: Sequence[Cell], most: int = 80) -> bool:
    """Whether `read_words` would give every one of these back as it stands: short words without blanks in ASCII."""
    try:
        joined = "".join(cells)  # type: ignore[arg-type]
    except TypeError:  # a number, or nothing
        return False
    return (
        joined.isascii() and joined.isprintable() and " " not in joined and all(cells) and max(map(len, cells)) <= most  # type: ignore[arg-type]
    )


def read_day(cell: Cell, today: date) -> date:
    """The day of the lifting: 2026-11-22, 2026/11/22, 2026年11月22日, 20261122; not one still to come."""
    cell = _whole(cell)
    written = unicodedata.normalize("NFKC", str(cell if cell is not None else "")).strip()
    found = _DAY.fullmatch(written)
    if found is None or isinstance(cell, bool | float):
        raise BadCell(text("A date is wanted here, as 2026-11-22."))
    try:
        day = date(int(found[1]), int(found[2] or found[4]), int(found[3] or found[5]))
    except ValueError:
        raise BadCell(text("There is no such day: %(written)s.", written=written[:40])) from None
    if day > today:
        raise BadCell(text("This day is still to come."))
    if day < FIRST_DAY:
        raise BadCell(text("This is too long ago."))
    return day


def read_grams(cell: Cell) -> int:
    """Tonnes with at most six decimals, above nothing and within reason; never rounded."""
    if cell is None or isinstance(cell, bool) or cell == "":
        raise BadCell(text("Please fill this in."))
    written = format(Decimal(repr(cell)), "f") if isinstance(cell, int | float) else cell
    try:
        grams = parse_tonnes(written, allow_negative=True)
    except NotANumber as error:
        raise BadCell(error.reason) from error
    if grams < 0:
        raise BadCell(text("Tonnes are above 0: a return is recorded against the lifting it reverses."))
    if grams == 0:
        raise BadCell(text("This must be above 0."))
    if grams > MOST_GRAMS:
        raise BadCell(text("No lifting is above %(most)s t.", most=format_tonnes(MOST_GRAMS)))
    return grams


def read_form(cell: Cell) -> str:
    """auction or planned; planned where the ERP says nothing."""
    written = read_words(cell).casefold()
    if not written:
        return "planned"
    form = _FORM_OF.get(written)
    if form is None:
        raise BadCell(text("Write auction or planned."))
    return form


def key(words: str) -> str:
    """A code or name as compared."""
    return unicodedata.normalize("NFKC", words).strip().casefold()
