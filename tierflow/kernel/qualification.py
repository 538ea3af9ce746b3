"""Qualification papers, the days they cover, and whether business is suspended (CHEM-7.1, CHEM-15).

Suspension is never stored: it follows, at the moment of use, from the days that examined papers and accepted proofs
of renewal cover.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from tierflow.kernel.text import Text, mark

PAPER_LABELS: Mapping[str, str] = {
    "merged_licence": mark("merged business licence"),
    "business_licence": mark("business licence"),
    "organisation_code_certificate": mark("organisation code certificate"),
    "tax_registration_national": mark("tax registration (national)"),
    "tax_registration_local": mark("tax registration (local)"),
    "tax_registration_joint": mark("tax registration (joint)"),
    "annex1_signed": mark("annex 1, signed and sealed"),
}

MERGED = "merged_licence"
JOINT = "tax_registration_joint"
SEPARATE = ("tax_registration_national", "tax_registration_local")
OLD_PAPERS = ("business_licence", "organisation_code_certificate")
# Made for the application, not issued by an authority: it bears no days and never runs out.
UNDATED = frozenset({"annex1_signed"})
DATED = tuple(kind for kind in PAPER_LABELS if kind not in UNDATED)


@dataclass(frozen=True)
class Cover:
    """The days an examined paper or an accepted proof is good for.

    `counts_from`: the first day, never before it was accepted. `valid_to`: the last, inclusive, as printed; None: for
    good.
    """

    kind: str
    counts_from: date
    valid_to: date | None = None

    def holds(self, on: date) -> bool:
        """Whether it is good on a day."""
        return self.counts_from <= on and (self.valid_to is None or on <= self.valid_to)


def label(kind: str) -> Text:
    """The paper's name, for a sentence."""
    return Text(PAPER_LABELS[kind])


def wanting(have: Collection[str], known: Collection[str]) -> tuple[str, ...]:
    """The kinds still wanted: the merged licence, or all of the old papers (CHEM-7.1). Empty: the set is whole.

    `known`: the kinds the customer has ever shown. Whoever shows old papers only is asked for the rest of those.
    """
    if MERGED in have:
        return ()
    old = [kind for kind in OLD_PAPERS if kind not in have]
    if JOINT not in have:
        missing = [kind for kind in SEPARATE if kind not in have]
        # A joint registration that ran out is renewed as a joint one.
        old += [JOINT] if missing and JOINT in known and not set(SEPARATE) & set(known) else missing
    if not old:
        return ()
    return (MERGED,) if MERGED in known or not set(known) - UNDATED else tuple(old)


def uncovered(covers: Iterable[Cover], on: date) -> tuple[str, ...]:
    """The papers that must be renewed before business goes on (CHEM-15); empty: not suspended that day."""
    rows = tuple(covers)
    return wanting({row.kind for row in rows if row.holds(on)}, {row.kind for row in rows})


def suspended_days(covers: Iterable[Cover], first: date, last: date) -> int:
    """On how many days from `first` to `last`, both included, business stood still (CHEM-15)."""
    rows = tuple(covers)
    after = last + timedelta(days=1)
    turns = {row.counts_from for row in rows} | {row.valid_to + timedelta(days=1) for row in rows if row.valid_to}
    edges = [first, *sorted(day for day in turns if first < day < after), after]
    return sum((end - start).days for start, end in pairwise(edges) if uncovered(rows, start)) if first < after else 0


def suspended_since(covers: Iterable[Cover], on: date) -> date | None:
    """The first day of the suspension in force on a day; None when there is none, or never was a whole set."""
    rows = tuple(covers)
    if not uncovered(rows, on):
        return None
    first_days = {row.valid_to + timedelta(days=1) for row in rows if row.valid_to is not None and row.valid_to < on}
    for day in sorted(first_days, reverse=True):
        if not uncovered(rows, day - timedelta(days=1)):
            return day
    return None
