"""Classes, the schemes that have them, and the entry conditions of each (CHEM-9.1, CHEM-10.1-10.3, CHEM-10.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tierflow.kernel.text import mark

CLASS_LABELS: Mapping[str, str] = {
    "direct": mark("direct customer"),
    "exclusive_agent": mark("exclusive agent"),
    "dealer": mark("dealer"),
}

# A missing row is a refusal: a scheme nobody described has no classes.
CLASSES_OF_SCHEME: Mapping[str, tuple[str, ...]] = {
    "polyolefin": ("direct", "dealer"),
    "other": ("direct", "exclusive_agent", "dealer"),
}

DECLARATION = "exclusivity_declaration"


@dataclass(frozen=True)
class Condition:
    """One entry condition. `needs_file`: words are no evidence, the applicant's own paper is wanted."""

    item: str
    label: str
    clause: str
    needs_file: bool = False


_AS_AN_AGENT = (
    ("steady_and_honest", mark("Runs its business steadily and honestly")),
    ("strong_funds", mark("Has strong funds")),
    ("good_repute", mark("Has a good reputation")),
    ("able_to_sell", mark("Is able to develop its market")),
)

CHECKLISTS: Mapping[str, tuple[Condition, ...]] = {
    "direct": (
        Condition("producer_of_scale", mark("Is a producer of some scale"), "CHEM-10.2"),
        Condition("sound_funds", mark("Has sound funds"), "CHEM-10.2"),
        Condition("direct_use", mark("Uses the product itself"), "CHEM-10.2"),
    ),
    "exclusive_agent": (
        *(Condition(item, label, "CHEM-10.3") for item, label in _AS_AN_AGENT),
        Condition("only_our_products", mark("Deals only in the company's products of this kind"), "CHEM-10.3"),
        Condition(DECLARATION, mark("Has declared its exclusivity in writing"), "CHEM-10.3", needs_file=True),
    ),
    "dealer": tuple(Condition(item, label, "CHEM-10.7") for item, label in _AS_AN_AGENT),
}


def conditions_for(classes: Iterable[str]) -> tuple[tuple[str, Condition], ...]:
    """Every (class, condition) to be answered for these classes, in the order of the documents."""
    wanted = set(classes)
    return tuple((name, condition) for name, rows in CHECKLISTS.items() if name in wanted for condition in rows)


def condition(customer_class: str, item: str) -> Condition | None:
    """The condition of that name, when the class has it."""
    return next((row for row in CHECKLISTS.get(customer_class, ()) if row.item == item), None)
