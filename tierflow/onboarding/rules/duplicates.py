"""Whether the company is here already, or on the list of the disqualified (CHEM-7.1, CHEM-17)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tierflow.kernel.errors import Refusal
from tierflow.kernel.text import Text, text

Field = Literal["code", "name", "phone", "bank_account", "legal_representative"]
Source = Literal["customer", "application", "disqualified"]


@dataclass(frozen=True)
class Match:
    """Something on file that agrees with the application in one field.

    `is_open` tells an application in approval from a mere draft. `label` says what matched in words the reader may
    see; `holder` is the account manager to talk to.
    """

    source: Source
    field: Field
    subject_id: int
    label: str = ""
    holder: str = ""
    is_open: bool = True

    @property
    def is_blocking(self) -> bool:
        """Whether it keeps an application from going in that asks for no readmission."""
        return is_blocking(self, readmission_asked=False)


def is_blocking(match: Match, *, readmission_asked: bool) -> bool:
    """Whether the application cannot go in: the same company again, or a disqualified one that asks no readmission."""
    if match.source == "disqualified":
        return match.field in ("code", "name") and not readmission_asked
    return match.field == "code" and match.is_open


FORM_FIELDS = {
    "code": "credit_code",
    "name": "name",
    "phone": "phone",
    "bank_account": "bank_account",
    "legal_representative": "legal_representative",
}


def sentence(match: Match) -> Text:
    """What was found, for people."""
    who = {"label": match.label, "holder": match.holder}
    if match.source == "disqualified":
        if match.field == "legal_representative":
            return text("Its legal representative is that of a disqualified company: %(label)s.", label=match.label)
        return text("This company is on the list of disqualified customers: %(label)s.", label=match.label)
    if match.source == "application":
        return {
            "code": text("Another application has this code: %(label)s (%(holder)s).", **who),
            "name": text("Another application has this name: %(label)s (%(holder)s).", **who),
            "phone": text("Another application has this telephone: %(label)s (%(holder)s).", **who),
        }.get(match.field, text("Another application has this bank account: %(label)s (%(holder)s).", **who))
    return {
        "code": text("This company is a customer already: %(label)s (%(holder)s).", **who),
        "name": text("A customer has this name: %(label)s (%(holder)s).", **who),
        "phone": text("A customer has this telephone: %(label)s (%(holder)s).", **who),
    }.get(match.field, text("A customer has this bank account: %(label)s (%(holder)s).", **who))


def duplicate_refusals(matches: Iterable[Match], *, readmission_asked: bool) -> tuple[Refusal, ...]:
    """The matches that keep the application from going in."""
    return tuple(
        Refusal("CHEM-17" if match.source == "disqualified" else "CHEM-7.1", sentence(match), FORM_FIELDS[match.field])
        for match in matches
        if is_blocking(match, readmission_asked=readmission_asked)
    )
