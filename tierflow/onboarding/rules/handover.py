"""Handing over a portfolio (CHEM-3.3): where one stands, and who may be giver and taker. Pure."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from tierflow.kernel.errors import Refusal
from tierflow.kernel.text import mark, text

CLAUSE = "CHEM-3.3"


class Standing(StrEnum):
    """Where a handover stands. *Signed*: both have, its day has not come. *Due*: it has, and nothing is moved yet."""

    PROPOSED = "proposed"
    SIGNED = "signed"
    DUE = "due"
    DONE = "done"
    ENDED = "ended"


STANDING_LABELS = {
    Standing.PROPOSED: mark("To be signed"),
    Standing.SIGNED: mark("Signed, takes effect on its day"),
    Standing.DUE: mark("Due now"),
    Standing.DONE: mark("Handed over"),
    Standing.ENDED: mark("Given up"),
}


class Signed(Protocol):
    """The times of a handover."""

    effective_on: date
    giver_signed_at: datetime | None
    taker_signed_at: datetime | None
    done_at: datetime | None
    ended_at: datetime | None


def standing(handover: Signed, on: date) -> Standing:
    """Where it stands on a day, from its times alone."""
    if handover.done_at is not None:
        return Standing.DONE
    if handover.ended_at is not None:
        return Standing.ENDED
    if handover.giver_signed_at is None or handover.taker_signed_at is None:
        return Standing.PROPOSED
    return Standing.DUE if handover.effective_on <= on else Standing.SIGNED


def refusals_to_propose(giver_person: int, taker_person: int, effective_on: date, on: date) -> list[Refusal]:
    """Why this cannot be proposed: the same person twice, or a day that is past."""
    found = []
    if giver_person == taker_person:
        found.append(Refusal(CLAUSE, text("Giver and taker are the same person."), "taker_id"))
    if effective_on < on:
        found.append(Refusal(CLAUSE, text("A portfolio is not handed over in the past."), "effective_on"))
    return found
