"""A policy draft's way to being in force, and what was checked of it, in words (CMTE-2.1, CHEM-18)."""

from __future__ import annotations

from dataclasses import dataclass

from tierflow.grading.terms import parse_band, parse_weight
from tierflow.kernel.approval import Chain, Step
from tierflow.kernel.errors import Refusal
from tierflow.kernel.policy import Policy
from tierflow.kernel.roles import Role
from tierflow.kernel.text import Text, mark, text
from tierflow.kernel.tonnage import format_tonnes

CLAUSE = "CMTE-2.1"

# The sales department drafts and hands in; the general manager adopts, until the committee votes.
POLICY = Chain(
    key="policy_version",
    clause=CLAUSE,
    label=mark("policy version"),
    steps=(Step("management", mark("general manager"), Role.GENERAL_MANAGER, frozenset({"policy"}), always=True),),
)


@dataclass(frozen=True)
class Checked:
    """One thing that holds in a draft, with its figures; a draft in which it does not hold cannot be saved."""

    clause: str
    words: Text


def checked(draft: Policy) -> tuple[Checked, ...]:
    """What was checked when the draft was saved: thresholds, conditions, totals, bands, cliffs."""
    stars = {
        name: format_tonnes(draft.integer(f"grading.{name}_grams")) for name in ("one_star", "two_star", "three_star")
    }
    points = draft.integer("review.breach_points")
    found = [
        Checked(
            "CHEM-9.4",
            text("Each star asks for more than the one before: %(one_star)s, %(two_star)s, %(three_star)s t.", **stars),
        ),
        Checked("CHEM-9.6", _conditions(draft)),
        Checked(
            "CHEM-16",
            text(
                "The weights of %(number)s indicators total %(total)s %%.",
                number=len(draft.words("review.weights")),
                total=sum(parse_weight(word)[1] for word in draft.words("review.weights")),
            ),
        ),
        Checked(
            "CHEM-16",
            text(
                "Every score from 0 to %(most)s lies in exactly one of %(number)s bands.",
                number=len(draft.words("review.bands")),
                most=max(parse_band(word)[1] for word in draft.words("review.bands")) // 100,
            ),
        ),
        Checked(
            "CHEM-16",
            text("A better score never recommends less; no hundredth of a point decides between falling and rising."),
        ),
    ]
    if points:
        used_up = -(-100 // points)
        words = text("A breach costs %(points)s of 100 points; %(number)s use them up.", points=points, number=used_up)
        found.append(Checked("CHEM-16", words))
    return tuple(found)


def _conditions(draft: Policy) -> Text:
    gates, forces = (draft.words(f"grading.{kind}") for kind in ("gates", "forces"))
    if not gates and not forces:
        return text("No indicator holds a rise, and none forces a step down: tonnes alone decide.")
    return text(
        "Indicators that can hold a rise: %(gates)s; that can force a step down: %(forces)s; none does so for a value "
        "good enough to rise.",
        gates=len(gates),
        forces=len(forces),
    )


def why_not_hand_in(*, changes: int, has_closed_months: bool, is_tried: bool) -> tuple[Refusal, ...]:
    """A draft changes something, and was compared on past data as it stands, before anybody decides on it."""
    found = []
    if not changes:
        found.append(Refusal(CLAUSE, text("The draft changes nothing of the policy in force.")))
    if has_closed_months and not is_tried:
        found.append(Refusal(CLAUSE, text("Try the draft on past months first, as it stands now.")))
    return tuple(found)
