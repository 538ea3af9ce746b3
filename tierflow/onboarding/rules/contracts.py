"""Contracts (CHEM-4): where one stands on a day, and what cannot be entered. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from tierflow.kernel.errors import Refusal
from tierflow.kernel.text import mark, text

CLAUSE = "CHEM-4"

STATES: dict[str, str] = {
    "to_come": mark("To come"),
    "running": mark("In force"),
    "ending": mark("Ends soon"),
    "over": mark("Run out"),
    "renewed": mark("Renewed"),
    "ended": mark("Ended early"),
}


def state_of(
    from_on: date, to_on: date, on: date, *, is_ended: bool, is_renewed: bool, warn_days: Sequence[int]
) -> str:
    """Where a contract of the half-open period [from_on, to_on) stands on a day; a renewed one asks for nothing."""
    if is_ended:
        return "ended"
    if is_renewed:
        return "renewed"
    if on >= to_on:
        return "over"
    if on < from_on:
        return "to_come"
    return "ending" if days_left(to_on, on) <= max(warn_days) else "running"


def days_left(to_on: date, on: date) -> int:
    """Days to the last day it holds; 0 on that day, negative afterwards."""
    return (to_on - on).days - 1


def refusals_to_enter(from_on: date, to_on: date, renewed: tuple[int, date] | None, customer_id: int) -> list[Refusal]:
    """Why a contract cannot stand so. `renewed`: customer and end of the one it renews."""
    found = []
    if to_on <= from_on:
        found.append(Refusal(CLAUSE, text("The last day lies before the first."), "last_on"))
    if renewed is not None and renewed[0] != customer_id:
        found.append(Refusal(CLAUSE, text("The contract it renews is another customer's."), "renews_id"))
    if renewed is not None and to_on <= renewed[1]:
        found.append(Refusal(CLAUSE, text("A renewal ends later than what it renews."), "last_on"))
    return found
