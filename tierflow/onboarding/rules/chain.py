"""The chain of account opening, and what each of its steps must give a verdict on (CHEM-7.2, CHEM-5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tierflow.kernel.approval import Chain, Step, Verdict
from tierflow.kernel.errors import Refusal
from tierflow.kernel.roles import Role
from tierflow.kernel.text import Text, mark, text
from tierflow.onboarding.rules.entry import CLASS_LABELS
from tierflow.onboarding.rules.papers import PAPER_LABELS, TAX_PAPERS

CLAUSE = "CHEM-7.2"

# The groups of an application's content; each step's approval binds to the hash of those it examines.
GROUP_LABELS: Mapping[str, str] = {
    "particulars": mark("company particulars"),
    "lines": mark("product lines and classes"),
    "checklist": mark("entry conditions"),
    "papers": mark("papers"),
    "tax_papers": mark("tax registration"),
    "invoicing": mark("invoicing particulars"),
}
GROUPS = tuple(GROUP_LABELS)

SALES, FINANCE, MANAGEMENT = "sales", "finance", "management"

ACCOUNT_OPENING = Chain(
    key="account_opening",
    clause=CLAUSE,
    label=mark("account opening"),
    steps=(
        Step(
            SALES,
            mark("sales department"),
            Role.SALES_MANAGER,
            frozenset({"particulars", "lines", "checklist", "papers", "tax_papers"}),
            scoped=True,
        ),
        Step(FINANCE, mark("finance department"), Role.FINANCE_REVIEWER, frozenset({"tax_papers", "invoicing"})),
        Step(MANAGEMENT, mark("general manager"), Role.GENERAL_MANAGER, frozenset(GROUPS), always=True),
    ),
)

ItemVerdict = Literal["pass", "fail", "na"]


@dataclass(frozen=True)
class Item:
    """One thing a step must look at. `fields` are the form's fields it marks when sent back."""

    key: str
    label: Text
    group: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """The verdict on one item; a failed one says why."""

    key: str
    verdict: ItemVerdict
    remark: str = ""


_PARTICULARS = (
    Item(
        "name_and_code",
        text("Name and code agree with the papers"),
        "particulars",
        ("name", "credit_code", "organisation_code"),
    ),
    Item(
        "legal_representative",
        text("The legal representative agrees with the papers"),
        "particulars",
        ("legal_representative",),
    ),
    Item("address", text("The registered address agrees with the papers"), "particulars", ("address",)),
    Item("contact", text("The contact can be reached"), "particulars", ("contact_name", "phone", "email")),
    Item("region", text("The region is right"), "particulars", ("region_id",)),
)

_INVOICING = (
    Item("taxpayer", text("Name and taxpayer number agree with the tax registration"), "invoicing", ("name",)),
    Item("bank_account", text("Bank and account number are right"), "invoicing", ("bank_name", "bank_account")),
    Item(
        "invoice_contact",
        text("Invoicing address and telephone are right"),
        "invoicing",
        ("invoice_address", "invoice_phone"),
    ),
)

Content = Mapping[str, Mapping[str, Any]]


def items_of(step: str, content: Content, line_names: Mapping[int, str]) -> tuple[Item, ...]:
    """What a step must give a verdict on, for what was handed in. `line_names`: product line -> its name."""
    if step == SALES:
        papers = {**content["papers"], **content["tax_papers"]}
        return (*_PARTICULARS, *_line_items(content, line_names), *_checklist_items(content), *_paper_items(papers))
    if step == FINANCE:
        return (*_paper_items(content["tax_papers"]), *_INVOICING)
    return tuple(Item(group, text("The whole: %(group)s", group=Text(GROUP_LABELS[group])), group) for group in GROUPS)


def _line_items(content: Content, names: Mapping[int, str]) -> list[Item]:
    asked = {int(line_id): row["class"] for line_id, row in content["lines"].items()}
    return [
        Item(
            f"line.{line_id}",
            text(
                "%(line)s: the class “%(kind)s” fits",
                line=names.get(line_id, str(line_id)),
                kind=Text(CLASS_LABELS[customer_class]),
            ),
            "lines",
            ("lines",),
        )
        for line_id, customer_class in sorted(asked.items())
    ]


def _checklist_items(content: Content) -> list[Item]:
    asked = {row["class"] for row in content["lines"].values()}
    return [
        Item(
            f"checklist.{name}",
            text("The entry conditions are met and proven: %(kind)s", kind=Text(CLASS_LABELS[name])),
            "checklist",
            ("checks",),
        )
        for name in CLASS_LABELS
        if name in asked
    ]


def _paper_items(papers: Mapping[str, Any]) -> list[Item]:
    return [
        Item(
            f"paper.{kind}",
            text("Genuine and valid: %(paper)s", paper=Text(PAPER_LABELS[kind])),
            "tax_papers" if kind in TAX_PAPERS else "papers",
            (f"papers.{kind}",),
        )
        for kind in PAPER_LABELS
        if kind in papers
    ]


def verdict_refusals(
    items: Sequence[Item], verdict: Verdict, reason: str, given: Sequence[Given], struck: Mapping[int, str]
) -> tuple[Refusal, ...]:
    """Why a verdict is not complete: approve needs every item passed, return names items, reject says why.

    `struck`: product line -> reason; the items of struck lines need no pass.
    """
    known = {item.key for item in items}
    said = {row.key: row for row in given}
    found = [
        Refusal(CLAUSE, text("This is not an item of your step."), f"items.{key}") for key in said if key not in known
    ]
    if len(said) != len(given):
        found.append(Refusal(CLAUSE, text("One verdict per item."), "items"))
    for row in given:
        if row.verdict != "pass" and not row.remark and row.key in known:
            found.append(Refusal(CLAUSE, text("Say why."), f"items.{row.key}"))
    if verdict is Verdict.APPROVE:
        found += _not_passed(items, said, struck)
    elif struck:
        found.append(Refusal(CLAUSE, text("A product line is struck only where the rest is approved."), "struck"))
    if verdict is Verdict.RETURN and not any(row.verdict == "fail" for row in given):
        found.append(Refusal(CLAUSE, text("Name at least one item to correct."), "items"))
    if verdict is Verdict.REJECT and not reason:
        found.append(Refusal(CLAUSE, text("Say why."), "reason"))
    return tuple(found)


def _not_passed(items: Sequence[Item], said: Mapping[str, Given], struck: Mapping[int, str]) -> list[Refusal]:
    skipped = {f"line.{line_id}" for line_id in struck}
    found = []
    for item in items:
        row = said.get(item.key)
        if item.key in skipped:
            continue
        if row is None:
            found.append(Refusal(CLAUSE, text("This item has no verdict yet."), f"items.{item.key}"))
        elif row.verdict == "fail":
            found.append(
                Refusal(CLAUSE, text("An item that failed cannot be approved: return it."), f"items.{item.key}")
            )
    return found


def strike_refusals(step: str, lines: Mapping[int, bool], struck: Mapping[int, str]) -> tuple[Refusal, ...]:
    """Why lines cannot be struck by this step. `lines`: product line -> struck already."""
    if not struck:
        return ()
    found = []
    if "lines" not in ACCOUNT_OPENING.step(step).examines:
        found.append(Refusal(CLAUSE, text("Your step does not examine the product lines."), "struck"))
    for line_id, reason in struck.items():
        if lines.get(line_id, True):
            found.append(
                Refusal(CLAUSE, text("This line is not asked for, or is struck already."), f"struck.{line_id}")
            )
        elif not reason:
            found.append(Refusal(CLAUSE, text("Say why."), f"struck.{line_id}"))
    if not any(not gone and line_id not in struck for line_id, gone in lines.items()):
        found.append(Refusal(CLAUSE, text("One line must remain; reject the application instead."), "struck"))
    return tuple(found)


def returned_fields(items: Sequence[Item], given: Sequence[Given]) -> dict[str, str]:
    """Form field -> why it came back, for the corrected form."""
    fields_of = {item.key: item.fields for item in items}
    return {field: row.remark for row in given if row.verdict == "fail" for field in fields_of.get(row.key, ())}
