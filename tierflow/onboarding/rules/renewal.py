"""A paper handed in anew, or proof that it is being renewed: what is refused, and at which field (CHEM-15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tierflow.kernel.errors import Refusal
from tierflow.kernel.qualification import UNDATED
from tierflow.kernel.text import Text, text
from tierflow.onboarding.rules.papers import PaperFact, label, paper_refusals

CLAUSE = "CHEM-15"


@dataclass(frozen=True)
class OnFile:
    """The newest examined version of the paper. `valid_to` None: long-term."""

    valid_from: date | None
    valid_to: date | None
    has_scan: bool = True  # False: taken over without one; the scan of that very paper is owed (CHEM-7.1)


@dataclass(frozen=True)
class Terms:
    """What policy says: the longest validity of a proof, in calendar days from the day it is judged."""

    proof_max_days: int


def renewal_refusals(
    new: PaperFact, *, is_proof: bool, remark: str, on_file: OnFile | None, on: date, terms: Terms
) -> tuple[Refusal, ...]:
    """Why a renewal or proof cannot be taken, each at its field; judged when handed in and when accepted."""
    if new.kind in UNDATED:
        return (Refusal(CLAUSE, text("The %(paper)s does not run out.", paper=label(new.kind)), "kind"),)
    return _proof(new, on_file, on, terms) if is_proof else _paper(new, remark, on_file, on)


def _at(field: str, reason: Text) -> Refusal:
    return Refusal(CLAUSE, reason, field)


def _proof(new: PaperFact, on_file: OnFile | None, on: date, terms: Terms) -> tuple[Refusal, ...]:
    if on_file is None or on_file.valid_to is None:
        return (_at("kind", text("No %(paper)s is on file that runs out.", paper=label(new.kind))),)
    found = []
    if new.is_long_term or new.valid_to is None:
        found.append(_at("valid_to", text("A proof of renewal has a last day of its own.")))
    elif new.valid_to < on:
        found.append(_at("valid_to", text("This proof ended on %(day)s.", day=new.valid_to.isoformat())))
    elif (new.valid_to - on).days > terms.proof_max_days:
        reason = text("A proof of renewal is good for %(most)s days at most.", most=terms.proof_max_days)
        found.append(_at("valid_to", reason))
    elif new.valid_to <= on_file.valid_to:
        reason = text("The paper itself is valid until %(day)s: this proves nothing more.", day=_day(on_file.valid_to))
        found.append(_at("valid_to", reason))
    if new.valid_from is not None:
        if new.valid_from > on:
            found.append(_at("valid_from", text("This proof is not valid yet.")))
        elif new.valid_to is not None and new.valid_to < new.valid_from:
            found.append(_at("valid_to", text("The last day lies before the first.")))
    return tuple(found)


def _paper(new: PaperFact, remark: str, on_file: OnFile | None, on: date) -> tuple[Refusal, ...]:
    # A renewal may begin in the future: the old version serves until then.
    judged_on = max(on, new.valid_from) if new.valid_from is not None else on
    found = [_at(row.field.rpartition(".")[2], row.reason) for row in paper_refusals(new, judged_on) if row.field]
    if on_file is None or any(row.field in ("valid_from", "valid_to") for row in found):
        return tuple(found)
    if new.valid_from is not None and on_file.valid_from is not None and new.valid_from < on_file.valid_from:
        reason = text("It is older than the one on file, which begins on %(day)s.", day=_day(on_file.valid_from))
        found.append(_at("valid_from", reason))
    elif overlaps(new, on_file) and not remark:
        reason = text(
            "The one on file runs until %(day)s; say in the remark why this one begins earlier.",
            day=_day(on_file.valid_to) if on_file.valid_to else "—",
        )
        found.append(_at("valid_from", reason))
    is_its_scan = not on_file.has_scan and new.valid_to is not None and new.valid_to == on_file.valid_to
    if is_its_scan or new.is_long_term:
        return tuple(found)
    if on_file.valid_to is None or (new.valid_to and new.valid_to <= on_file.valid_to):
        found.append(_at("valid_to", text("It ends no later than the one on file.")))
    return tuple(found)


def overlaps(new: PaperFact, on_file: OnFile) -> bool:
    """Whether two versions are printed as valid on the same day, without being one period drawn out."""
    if new.valid_from is None or new.valid_from == on_file.valid_from:
        return False
    return on_file.valid_to is None or new.valid_from <= on_file.valid_to


def _day(day: date) -> str:
    return day.isoformat()
