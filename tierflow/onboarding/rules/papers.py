"""Qualification papers: which are wanted, and when each is good (CHEM-7.1).

Since 2015 one licence with a unified social credit code replaces licence, tax registration and organisation code
certificate; the old papers are still taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from tierflow.kernel.errors import Refusal
from tierflow.kernel.qualification import PAPER_LABELS, UNDATED, label, wanting
from tierflow.kernel.text import Text, text

CLAUSE = "CHEM-7.1"

__all__ = [
    "ONLY_SCAN",
    "PAPER_LABELS",
    "TAX_PAPERS",
    "PaperFact",
    "expires_within",
    "label",
    "missing_papers",
    "paper_refusals",
    "paper_set_refusals",
    "wrong_dates",
]

# The merged licence is the tax registration too, so finance examines it as well.
TAX_PAPERS = frozenset(
    {"merged_licence", "tax_registration_national", "tax_registration_local", "tax_registration_joint"}
)
ONLY_SCAN = UNDATED


@dataclass(frozen=True)
class PaperFact:
    """One paper as the rules see it. `valid_to` is the last valid day, inclusive; None with `is_long_term`: for good.

    `names_code`: whether the printed number is the company's code, where the paper bears one; None: not known.
    """

    kind: str
    number: str = ""
    issuer: str = ""
    valid_from: date | None = None
    valid_to: date | None = None
    is_long_term: bool = False
    has_file: bool = True
    names_code: bool | None = None


def wrong_dates(valid_from: date | None, valid_to: date | None, is_long_term: bool, on: date) -> dict[str, Text]:
    """What is wrong with a paper's dates in themselves, by field; what is missing is not wrong yet."""
    if valid_to is None:
        return {}
    if is_long_term:
        return {"valid_to": text("A long-term paper has no last day.")}
    if valid_from is not None and valid_to < valid_from:
        return {"valid_to": text("The last day lies before the first.")}
    if valid_to < on:
        return {"valid_to": text("This paper expired on %(day)s.", day=valid_to.isoformat())}
    return {}


def missing_papers(kinds: Iterable[str]) -> tuple[str, ...]:
    """Which papers are wanted still: the merged licence, or all of the old ones; annex 1 always.

    Whoever has begun with the old papers is asked for the rest of them, everybody else for the merged licence.
    """
    have = set(kinds)
    missing = wanting(have, have)
    return missing if "annex1_signed" in have else (*missing, "annex1_signed")


def paper_set_refusals(papers: Sequence[PaperFact]) -> tuple[Refusal, ...]:
    """Refusals for papers that are not there."""
    return tuple(
        Refusal(CLAUSE, text("The %(paper)s is missing.", paper=label(kind)), f"papers.{kind}")
        for kind in missing_papers(paper.kind for paper in papers if paper.has_file)
    )


def paper_refusals(paper: PaperFact, on: date) -> tuple[Refusal, ...]:
    """Why a paper that is there is not good on a day (CHEM-7.1, and CHEM-15's reading of valid)."""
    if paper.kind in ONLY_SCAN:
        return ()
    found: list[Refusal] = []

    def refuse(field: str, reason: Text) -> None:
        found.append(Refusal(CLAUSE, reason, f"papers.{paper.kind}.{field}"))

    name = label(paper.kind)
    if not paper.number:
        refuse("number", text("The %(paper)s has no number.", paper=name))
    elif paper.names_code is False:
        refuse("number", text("The number of the %(paper)s is not the company's code.", paper=name))
    if not paper.issuer:
        refuse("issuer", text("The %(paper)s has no issuer.", paper=name))
    if paper.valid_from is None:
        refuse("valid_from", text("The %(paper)s has no first day.", paper=name))
    elif paper.valid_from > on:
        refuse("valid_from", text("The %(paper)s is not valid yet.", paper=name))
    if paper.valid_to is None and not paper.is_long_term:
        refuse("valid_to", text("The %(paper)s has neither a last day nor “long-term”.", paper=name))
    for field, reason in wrong_dates(paper.valid_from, paper.valid_to, paper.is_long_term, on).items():
        refuse(field, reason)
    return tuple(found)


def expires_within(papers: Iterable[PaperFact], on: date, days: int) -> tuple[str, ...]:
    """The kinds of the papers that are good today and run out within so many days."""
    return tuple(p.kind for p in papers if p.valid_to is not None and 0 <= (p.valid_to - on).days <= days)
