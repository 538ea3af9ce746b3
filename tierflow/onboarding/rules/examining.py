"""Who examines what again: the steps of account opening that examined it the first time (CHEM-8.1, CHEM-15)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tierflow.kernel.approval import Chain
from tierflow.kernel.text import mark
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING, FINANCE, SALES
from tierflow.onboarding.rules.papers import TAX_PAPERS

CLAUSE = "CHEM-8.1"
LABEL = mark("examination")

# The general manager looks at the whole of an application; a single field or paper goes to its examiners only.
_STEPS = tuple(ACCOUNT_OPENING.step(key) for key in (SALES, FINANCE))

CHAINS: Mapping[tuple[str, ...], Chain] = {
    keys: Chain(
        key="examined_by_" + "_and_".join(keys),
        clause=CLAUSE,
        label=LABEL,
        steps=tuple(step for step in _STEPS if step.key in keys),
    )
    for keys in ((SALES,), (FINANCE,), (SALES, FINANCE))
}

# Which groups of the opening a customer's field stood in: name and code are particulars and tax registration both.
FIELD_GROUPS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("name", "credit_code", "organisation_code"), frozenset({"particulars", "invoicing"})),
    **dict.fromkeys(("legal_representative", "address", "contact_name", "phone"), frozenset({"particulars"})),
    **dict.fromkeys(("bank_name", "bank_account", "invoice_address", "invoice_phone"), frozenset({"invoicing"})),
}


def examiners(groups: Collection[str]) -> Chain:
    """The chain that asks every step that examined one of these groups. Raises `KeyError` when none did."""
    return CHAINS[tuple(step.key for step in _STEPS if step.examines & set(groups))]


def paper_group(kind: str) -> str:
    """The group a kind of paper stands in."""
    return "tax_papers" if kind in TAX_PAPERS else "papers"


def field_groups(fields: Collection[str]) -> frozenset[str]:
    """The groups these fields of a customer stand in. Raises `KeyError` for a field nobody examined."""
    return frozenset().union(*(FIELD_GROUPS[field] for field in fields))
