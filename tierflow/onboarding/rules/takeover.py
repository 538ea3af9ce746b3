"""Reading the rows of a list of existing customers (CHEM-7.1, CHEM-9.1, CHEM-15): days, classes, validity. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date

from tierflow.kernel.approval import Chain, Step
from tierflow.kernel.roles import Role
from tierflow.kernel.text import Text, mark, text
from tierflow.onboarding.rules.entry import CLASS_LABELS, CLASSES_OF_SCHEME
from tierflow.onboarding.rules.papers import label

Cell = str | int | float | bool | None

DAY = text("A date is wanted here, as 2026-11-22.")
EARLIEST = date(1949, 10, 1)
_DAY = re.compile(r"(\d{4})(?:[-/.年](\d{1,2})[-/.月](\d{1,2})日?|(\d{2})(\d{2}))(?: 00:00(?::00)?)?")
LONG_TERM = frozenset({"长期", "长期有效", "永久", "永久有效", "无固定期限", "longterm", "permanent", "99991231"})

TAKEOVER = Chain(
    key="takeover",
    clause="CHEM-7.1",
    label=mark("takeover of customers"),
    steps=(Step("management", mark("general manager"), Role.GENERAL_MANAGER, frozenset({"import"}), always=True),),
    lapses=True,
)

CLASS_WORDS: Mapping[str, tuple[str, ...]] = {
    "direct": ("direct", "direct customer", "直供", "直供客户", "直销", "直销客户"),
    "exclusive_agent": ("exclusive_agent", "exclusive agent", "独家代理", "独家代理商", "总代理", "专营代理商"),
    "dealer": ("dealer", "经销", "经销商", "分销商"),
}
NO_PAPER = mark("No licence is given: enter its dates, or hand the paper in later.")


class BadCell(ValueError):
    """What a cell says cannot be read; `reason` is the sentence for the field."""

    def __init__(self, reason: Text) -> None:
        self.reason = reason
        super().__init__(str(reason))


def folded(word: str) -> str:
    """A word as compared: width and case folded, letters and digits only."""
    return "".join(c for c in unicodedata.normalize("NFKC", word).casefold() if c.isalnum())


_CLASS_OF = {folded(word): name for name, words in CLASS_WORDS.items() for word in words}


def read_day(cell: Cell) -> date | None:
    """A day as people write it: 2026-11-22, 2026/11/22, 2026.11.22, 2026年11月22日, 20261122. Raises `BadCell`.

    Two-digit years and a spreadsheet's bare day numbers are refused: each could be two days.
    """
    if cell is None:
        return None
    if isinstance(cell, bool):
        raise BadCell(DAY)
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    written = unicodedata.normalize("NFKC", str(cell)).strip()
    found = _DAY.fullmatch(written)
    if found is None:
        raise BadCell(DAY)
    year, month, day = int(found[1]), int(found[2] or found[4]), int(found[3] or found[5])
    try:
        return date(year, month, day)
    except ValueError:
        raise BadCell(text("There is no such day: %(written)s.", written=written)) from None


def is_long_term(cell: Cell) -> bool:
    """Whether a last day says: for good."""
    return isinstance(cell, str) and folded(cell) in LONG_TERM


def read_validity(kind: str, first: Cell, last: Cell, on: date) -> tuple[date | None, date | None, bool, Text | None]:
    """(valid from, valid to, long-term, what is strange about it). Raises `BadCell` for what cannot be true."""
    valid_from = read_day(first)
    if is_long_term(last):
        valid_to, for_good = None, True
    else:
        valid_to, for_good = read_day(last), False
    if valid_from is not None and not EARLIEST <= valid_from <= on:
        raise BadCell(
            text("The %(paper)s cannot be valid from %(day)s.", paper=label(kind), day=valid_from.isoformat())
        )
    if valid_to is None:
        if not for_good:
            raise BadCell(text("The %(paper)s has neither a last day nor “long-term”.", paper=label(kind)))
        return valid_from, None, True, None
    if valid_from is not None and valid_to < valid_from:
        raise BadCell(text("The last day lies before the first."))
    strange = None
    if valid_to < on:
        strange = text("This paper expired on %(day)s.", day=valid_to.isoformat())
    return valid_from, valid_to, False, strange


_BETWEEN = re.compile(r"[;；,，、\n/]+")
_IS = re.compile(r"[:：=＝]+")


def read_lines(cell: Cell, lines: Mapping[str, tuple[int, str, str]]) -> list[tuple[int, str]]:
    """Product lines with the class in each: "PO=经销商；工程塑料=直供". Raises `BadCell`.

    `lines`: by folded code or name, (id, name, scheme). A scheme has some classes only (CHEM-9.1).
    """
    if cell is None:
        raise BadCell(text("Please fill this in."))
    found: dict[int, str] = {}
    for part in _BETWEEN.split(str(cell)):
        if not part.strip():
            continue
        pieces = _IS.split(part)
        if len(pieces) != 2:
            raise BadCell(text("Write each line with its class, as “%(example)s”.", example="PO=经销商"))
        line = lines.get(folded(pieces[0]))
        customer_class = _CLASS_OF.get(folded(pieces[1]))
        if line is None:
            raise BadCell(text("There is no product line “%(name)s”.", name=pieces[0].strip()))
        if customer_class is None:
            raise BadCell(text("There is no class “%(name)s”.", name=pieces[1].strip()))
        if customer_class not in CLASSES_OF_SCHEME.get(line[2], ()):
            named = Text(CLASS_LABELS[customer_class])
            reason = text("%(line)s has no class “%(name)s”.", line=line[1], name=named)
            raise BadCell(reason)
        if found.setdefault(line[0], customer_class) != customer_class:
            raise BadCell(text("%(line)s is there twice, with two classes.", line=line[1]))
    if not found:
        raise BadCell(text("Please fill this in."))
    return list(found.items())
