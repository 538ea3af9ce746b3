"""Whether an application can go in, and what an approver should look at twice (CHEM-7.1, 9.1, 10.1-10.3, 10.7, 10.8).

One function, used to preview, to submit, and again before each approval: a paper may have run out meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any

from tierflow.kernel.decisions import Decision, Indicator, Verdict
from tierflow.kernel.errors import Refusal
from tierflow.kernel.policy import Policy
from tierflow.kernel.text import Text, mark, text
from tierflow.onboarding.rules.duplicates import Match, duplicate_refusals, is_blocking
from tierflow.onboarding.rules.entry import CLASS_LABELS, CLASSES_OF_SCHEME, Condition, conditions_for
from tierflow.onboarding.rules.papers import PaperFact, expires_within, paper_refusals, paper_set_refusals

ADMISSIBLE, INCOMPLETE = "admissible", "not admissible"

GRAMS_PER_TEN_THOUSAND_TONNES = 10_000 * 1_000_000

# What must be there, by field: its clause and its name. CHEM-5: finance settles and invoices from the last four.
REQUIRED: Mapping[str, tuple[str, str]] = {
    "name": ("CHEM-7.1", mark("company name")),
    "legal_representative": ("CHEM-7.1", mark("legal representative")),
    "address": ("CHEM-7.1", mark("registered address")),
    "contact_name": ("CHEM-7.1", mark("contact person")),
    "phone": ("CHEM-7.1", mark("telephone")),
    "region": ("CHEM-7.2", mark("sales region")),
    "bank_name": ("CHEM-7.1", mark("bank")),
    "bank_account": ("CHEM-7.1", mark("bank account")),
    "invoice_address": ("CHEM-7.1", mark("invoicing address")),
    "invoice_phone": ("CHEM-7.1", mark("invoicing telephone")),
}
INVOICING = ("bank_name", "bank_account", "invoice_address", "invoice_phone")

INDICATOR_LABELS: Mapping[str, str] = {
    "particulars": mark("company particulars complete"),
    "code": mark("code and check characters"),
    "invoicing": mark("invoicing particulars complete"),
    "bank_account": mark("bank account number plausible"),
    "lines": mark("product lines and classes"),
    "checklist": mark("entry conditions proven"),
    "paper_set": mark("papers complete"),
    "papers": mark("papers valid today"),
    "expiring": mark("papers that soon expire"),
    "duplicates": mark("no duplicate found"),
    "disqualified": mark("not on the list of disqualified customers"),
    "dealer_places": mark("dealers in the region, this one included"),
}


@dataclass(frozen=True)
class LineFact:
    """A line asked for. Offtake in grams of the last twelve months in the region; None: not known."""

    product_line_id: int
    name: str
    scheme: str
    customer_class: str
    in_force: bool = True
    dealers_in_region: int = 0
    region_grams: int | None = None
    is_struck: bool = False


@dataclass(frozen=True)
class CheckFact:
    """An entry condition's answer: "yes", "no" or "" (not answered)."""

    customer_class: str
    item: str
    answer: str = ""
    has_evidence: bool = False
    has_file: bool = False


@dataclass(frozen=True)
class AdmissionFacts:
    """Everything the decision reads. `code_is_sound`: the check characters fit (reckoned where the code is read)."""

    on: date
    name: str = ""
    credit_code: str = ""
    organisation_code: str = ""
    code_is_sound: bool = True
    legal_representative: str = ""
    address: str = ""
    contact_name: str = ""
    phone: str = ""
    region: str = ""
    bank_name: str = ""
    bank_account: str = ""
    account_is_plausible: bool = True
    invoice_address: str = ""
    invoice_phone: str = ""
    readmission_reason: str = ""
    lines: tuple[LineFact, ...] = ()
    checks: tuple[CheckFact, ...] = ()
    papers: tuple[PaperFact, ...] = ()
    matches: tuple[Match, ...] = ()


def as_json(facts: AdmissionFacts) -> dict[str, Any]:
    """The facts as they are stored with the decision."""
    plain = asdict(facts)
    plain["on"] = facts.on.isoformat()
    for paper in plain["papers"]:
        for key in ("valid_from", "valid_to"):
            paper[key] = paper[key].isoformat() if paper[key] else None
    return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}


def from_json(plain: Mapping[str, Any]) -> AdmissionFacts:
    """The facts back from their stored form."""
    values = {field.name: plain[field.name] for field in fields(AdmissionFacts) if field.name in plain}
    values["on"] = date.fromisoformat(values["on"])
    values["lines"] = tuple(LineFact(**row) for row in plain["lines"])
    values["checks"] = tuple(CheckFact(**row) for row in plain["checks"])
    values["matches"] = tuple(Match(**row) for row in plain["matches"])
    values["papers"] = tuple(
        PaperFact(**{**row, **{k: date.fromisoformat(row[k]) if row[k] else None for k in ("valid_from", "valid_to")}})
        for row in plain["papers"]
    )
    return AdmissionFacts(**values)


def admission(facts: AdmissionFacts, policy: Policy) -> Decision:
    """Whether the application can go in, with every refusal, and every indicator's verdict.

    An indicator "info" refuses nothing; approvers see it, and the case cannot be approved in bulk.
    """
    parts = (
        _particulars(facts),
        _code(facts),
        _invoicing(facts),
        _bank_account(facts),
        _lines(facts),
        _checklist(facts),
        _paper_set(facts),
        _papers(facts),
        _expiring(facts, policy),
        _duplicates(facts),
        _disqualified(facts),
        _dealer_places(facts, policy),
    )
    refusals = tuple(refusal for _, found in parts for refusal in found)
    indicators = tuple(indicator for indicator, _ in parts)
    clauses = tuple(sorted({r.clause for r in refusals} or {i.clause for i in indicators if i.clause}))
    return Decision(INCOMPLETE if refusals else ADMISSIBLE, clauses, indicators, refusals)


def all_green(decision: Decision) -> bool:
    """Whether nothing calls for a second look: only then may it be approved in bulk."""
    return decision.outcome == ADMISSIBLE and all(i.verdict == "pass" for i in decision.indicators)


def is_over_quota(decision: Decision) -> bool:
    """Whether the opening would pass the number of dealers the region's volume suggests (CHEM-10.8)."""
    return any(i.name == "dealer_places" and i.verdict == "info" for i in decision.indicators)


Part = tuple[Indicator, Sequence[Refusal]]


def _verdict(refusals: Sequence[Refusal]) -> Verdict:
    return "fail" if refusals else "pass"


def _filled(facts: AdmissionFacts, names: Sequence[str], indicator: str) -> Part:
    refusals = [
        Refusal(
            REQUIRED[name][0],
            text("Please fill in: %(field)s.", field=Text(REQUIRED[name][1])),
            "region_id" if name == "region" else name,
        )
        for name in names
        if not getattr(facts, name)
    ]
    value = len(names) - len(refusals)
    return Indicator(indicator, value, len(names), _verdict(refusals), "CHEM-7.1"), refusals


def _particulars(facts: AdmissionFacts) -> Part:
    return _filled(facts, [name for name in REQUIRED if name not in INVOICING], "particulars")


def _invoicing(facts: AdmissionFacts) -> Part:
    return _filled(facts, INVOICING, "invoicing")


def _code(facts: AdmissionFacts) -> Part:
    code = facts.credit_code or facts.organisation_code
    refusals = []
    field = "credit_code" if facts.credit_code or not facts.organisation_code else "organisation_code"
    if not code:
        reason = text("Give the unified social credit code, or the organisation code of the old papers.")
        refusals.append(Refusal("CHEM-7.1", reason, field))
    elif not facts.code_is_sound:
        refusals.append(Refusal("CHEM-7.1", text("The check characters of this code do not fit."), field))
    kinds = {paper.kind for paper in facts.papers}
    if "merged_licence" in kinds and facts.organisation_code and not facts.credit_code:
        reason = text("A merged business licence bears a unified social credit code.")
        refusals.append(Refusal("CHEM-7.1", reason, "credit_code"))
    return Indicator("code", code, None, _verdict(refusals), "CHEM-7.1"), refusals


def _bank_account(facts: AdmissionFacts) -> Part:
    plausible = facts.account_is_plausible or not facts.bank_account
    return Indicator("bank_account", facts.bank_account, None, "pass" if plausible else "info", "CHEM-7.1"), ()


def _lines(facts: AdmissionFacts) -> Part:
    refusals = []
    if not any(not line.is_struck for line in facts.lines):
        refusals.append(Refusal("CHEM-9.1", text("Ask for at least one product line."), "lines"))
    for line in facts.lines:
        if not line.in_force:
            refusals.append(Refusal("CHEM-9.1", text("%(line)s is not offered any more.", line=line.name), "lines"))
        if line.customer_class not in CLASSES_OF_SCHEME.get(line.scheme, ()):
            reason = text(
                "%(line)s has no class “%(kind)s”.", line=line.name, kind=Text(CLASS_LABELS[line.customer_class])
            )
            refusals.append(Refusal("CHEM-9.1", reason, "lines"))
    return Indicator("lines", len(facts.lines), 1, _verdict(refusals), "CHEM-9.1"), refusals


def _checklist(facts: AdmissionFacts) -> Part:
    wanted = conditions_for(line.customer_class for line in facts.lines if not line.is_struck)
    given = {(row.customer_class, row.item): row for row in facts.checks}
    refusals = []
    for customer_class, condition in wanted:
        reason = _unproven(condition, given.get((customer_class, condition.item)))
        if reason is not None:
            refusals.append(Refusal(condition.clause, reason, f"checks.{customer_class}.{condition.item}"))
    clause = wanted[0][1].clause if wanted else "CHEM-10.1"
    return Indicator("checklist", len(wanted) - len(refusals), len(wanted), _verdict(refusals), clause), refusals


def _unproven(condition: Condition, given: CheckFact | None) -> Text | None:
    label = Text(condition.label)
    if given is None or not given.answer:
        return text("Not answered yet: %(condition)s.", condition=label)
    if given.answer == "no":
        return text("An entry condition is not met: %(condition)s.", condition=label)
    if condition.needs_file and not given.has_file:
        return text("The applicant's own declaration is missing: %(condition)s.", condition=label)
    if not (given.has_evidence or given.has_file):
        return text("The evidence is missing: %(condition)s.", condition=label)
    return None


def _paper_set(facts: AdmissionFacts) -> Part:
    refusals = paper_set_refusals(facts.papers)
    return Indicator("paper_set", len(facts.papers), None, _verdict(refusals), "CHEM-7.1"), refusals


def _papers(facts: AdmissionFacts) -> Part:
    refusals = [refusal for paper in facts.papers for refusal in paper_refusals(paper, facts.on)]
    return Indicator("papers", facts.on.isoformat(), None, _verdict(refusals), "CHEM-7.1"), refusals


def _expiring(facts: AdmissionFacts, policy: Policy) -> Part:
    days = max(policy.integers("papers.warn_days"))
    found = expires_within(facts.papers, facts.on, days)
    return Indicator("expiring", len(found), days, "info" if found else "pass", "CHEM-15"), ()


def _duplicates(facts: AdmissionFacts) -> Part:
    found = [match for match in facts.matches if match.source != "disqualified"]
    return _matches("duplicates", "CHEM-7.1", found, facts)


def _disqualified(facts: AdmissionFacts) -> Part:
    found = [match for match in facts.matches if match.source == "disqualified"]
    return _matches("disqualified", "CHEM-17", found, facts)


def _matches(name: str, clause: str, found: Sequence[Match], facts: AdmissionFacts) -> Part:
    asked = bool(facts.readmission_reason)
    refusals = duplicate_refusals(found, readmission_asked=asked)
    blocked = any(is_blocking(match, readmission_asked=asked) for match in found)
    verdict: Verdict = "fail" if blocked else "info" if found else "pass"
    return Indicator(name, len(found), 0, verdict, clause), refusals


def dealer_places(region_grams: int | None, policy: Policy) -> int:
    """How many dealers of a line a region's yearly volume suggests, rounded down (CHEM-10.8)."""
    if region_grams is None:
        return policy.integer("region.dealers_while_volume_unknown")
    return region_grams * policy.integer("region.dealers_per_ten_thousand_tonnes") // GRAMS_PER_TEN_THOUSAND_TONNES


def dealers_worth_counting(policy: Policy) -> int:
    """How far a region's dealers of a line are counted: five times the places, a hundred at least.

    How large a crowd is beyond that decides nothing, and counting on would make every approval wait.
    """
    return max(100, 5 * dealer_places(None, policy))


def _dealer_places(facts: AdmissionFacts, policy: Policy) -> Part:
    asked = [line for line in facts.lines if line.customer_class == "dealer" and not line.is_struck]
    rows = [(line.dealers_in_region + 1, dealer_places(line.region_grams, policy)) for line in asked]
    over = [row for row in rows if row[0] > row[1]]
    value, places = max(over or rows, key=lambda row: row[0] - row[1], default=(0, None))
    return Indicator("dealer_places", value, places, "info" if over else "pass", "CHEM-10.8"), ()
