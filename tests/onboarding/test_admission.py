"""The admission rule, row by row (CHEM-7.1, 9.1, 10.1-10.3, 10.7, 10.8): pure, both sides of each edge."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierflow.kernel.approval import step_hashes
from tierflow.kernel.policy import Policy
from tierflow.kernel.terms import GROUND_TERMS
from tierflow.onboarding.rules import admission as rule
from tierflow.onboarding.rules.admission import AdmissionFacts, CheckFact, LineFact, admission
from tierflow.onboarding.rules.chain import ACCOUNT_OPENING
from tierflow.onboarding.rules.changes import Change, changes, examined_by
from tierflow.onboarding.rules.duplicates import Match
from tierflow.onboarding.rules.entry import CHECKLISTS, CLASSES_OF_SCHEME, DECLARATION, Condition
from tierflow.onboarding.rules.papers import PaperFact, missing_papers, paper_refusals, wrong_dates

ON = date(2026, 11, 23)
POLICY = Policy(1, date(2020, 1, 1), GROUND_TERMS.defaults(), "sales department", "built in")
OLD = ("business_licence", "organisation_code_certificate", "tax_registration_national", "tax_registration_local")


def paper(kind: str = "merged_licence", **changed: object) -> PaperFact:
    sound = PaperFact(kind, "1", "市监局", date(2020, 1, 1), None, True, True, None)
    return replace(sound, **changed)  # type: ignore[arg-type]


def answers(customer_class: str, **changed: object) -> tuple[CheckFact, ...]:
    sound = CheckFact(customer_class, "", "yes", True, True)
    return tuple(replace(sound, item=row.item, **changed) for row in CHECKLISTS[customer_class])  # type: ignore[arg-type]


def facts(customer_class: str = "dealer", scheme: str = "other", **changed: object) -> AdmissionFacts:
    whole = AdmissionFacts(
        on=ON,
        name="华东塑料",
        credit_code="91110000600037341L",
        organisation_code="600037341",
        legal_representative="赵",
        address="上海",
        contact_name="钱",
        phone="138 0013 8000",
        region="EAST",
        bank_name="工行",
        bank_account="10010001",
        invoice_address="上海",
        invoice_phone="021 6123 4567",
        lines=(LineFact(1, "苯乙烯", scheme, customer_class),),
        checks=answers(customer_class),
        papers=(paper(), paper("annex1_signed", number="", issuer="", valid_from=None, is_long_term=False)),
    )
    return replace(whole, **changed)  # type: ignore[arg-type]


def refused(given_facts: AdmissionFacts) -> list[tuple[str, str | None]]:
    return [(refusal.clause, refusal.field) for refusal in admission(given_facts, POLICY).refusals]


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize("customer_class", CHECKLISTS)
def test_whoever_has_everything_is_admissible_and_all_green(customer_class: str) -> None:
    decision = admission(facts(customer_class), POLICY)
    assert decision.refusals == ()
    assert decision.outcome == rule.ADMISSIBLE
    assert rule.all_green(decision)
    assert {indicator.name for indicator in decision.indicators} == set(rule.INDICATOR_LABELS)


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize("field", rule.REQUIRED)
def test_every_particular_is_wanted(field: str) -> None:
    named = "region_id" if field == "region" else field
    assert refused(facts(**{field: ""})) == [(rule.REQUIRED[field][0], named)]


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"credit_code": "", "organisation_code": ""}, [("CHEM-7.1", "credit_code")]),
        ({"code_is_sound": False}, [("CHEM-7.1", "credit_code")]),
        ({"credit_code": "", "code_is_sound": False, "papers": ()}, [("CHEM-7.1", "organisation_code")]),
        ({"credit_code": ""}, [("CHEM-7.1", "credit_code")]),  # a merged licence bears a credit code
    ],
)
def test_the_code_is_wanted_and_sound(changed: dict[str, object], found: list[tuple[str, str]]) -> None:
    rows = [row for row in refused(facts(**changed)) if "papers" not in str(row[1])]
    assert rows == found


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.parametrize(
    ("kinds", "missing"),
    [
        ((), ("merged_licence", "annex1_signed")),
        (("annex1_signed",), ("merged_licence",)),
        (("merged_licence",), ("annex1_signed",)),
        (("merged_licence", "annex1_signed"), ()),
        ((*OLD, "annex1_signed"), ()),
        ((OLD[0], OLD[1], "tax_registration_joint", "annex1_signed"), ()),
        (
            ("business_licence", "annex1_signed"),
            ("organisation_code_certificate", "tax_registration_national", "tax_registration_local"),
        ),
        ((*OLD[:3], "annex1_signed"), ("tax_registration_local",)),
        (("tax_registration_joint", "annex1_signed"), ("business_licence", "organisation_code_certificate")),
    ],
)
def test_the_merged_licence_or_all_of_the_old_papers(kinds: tuple[str, ...], missing: tuple[str, ...]) -> None:
    assert missing_papers(kinds) == missing


@pytest.mark.rule("CHEM-7.1")
def test_old_papers_without_a_credit_code_are_admissible() -> None:
    old = tuple(paper(kind, names_code=True if "organisation" in kind else None) for kind in OLD)
    assert refused(facts(credit_code="", papers=(*old, paper("annex1_signed")))) == []


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({}, None),
        ({"number": ""}, "number"),
        ({"issuer": ""}, "issuer"),
        ({"names_code": False}, "number"),
        ({"names_code": True}, None),
        ({"valid_from": None}, "valid_from"),
        ({"valid_from": ON}, None),
        ({"valid_from": ON + timedelta(days=1)}, "valid_from"),
        ({"is_long_term": False}, "valid_to"),
        ({"is_long_term": False, "valid_to": ON}, None),  # the last day counts
        ({"is_long_term": False, "valid_to": ON - timedelta(days=1)}, "valid_to"),
        ({"valid_to": ON}, "valid_to"),  # long-term and an end
        ({"is_long_term": False, "valid_from": ON, "valid_to": ON - timedelta(days=1)}, "valid_to"),
    ],
)
def test_a_paper_has_number_issuer_and_is_valid_today(changed: dict[str, object], field: str | None) -> None:
    found = [refusal.field for refusal in paper_refusals(paper(**changed), ON)]
    assert found == ([] if field is None else [f"papers.merged_licence.{field}"])


@pytest.mark.rule("CHEM-7.1")
def test_annex_one_is_only_a_scan() -> None:
    bare = PaperFact("annex1_signed")
    assert paper_refusals(bare, ON) == ()
    assert refused(facts(papers=(paper(), replace(bare, has_file=False)))) == [("CHEM-7.1", "papers.annex1_signed")]


@pytest.mark.rule("CHEM-7.1")
@given(
    start=st.none() | st.dates(date(2000, 1, 1), date(2050, 1, 1)),
    end=st.none() | st.dates(date(2000, 1, 1), date(2050, 1, 1)),
    is_long_term=st.booleans(),
)
def test_dates_are_wrong_exactly_when_they_contradict_or_have_passed(
    start: date | None, end: date | None, is_long_term: bool
) -> None:
    wrong = bool(wrong_dates(start, end, is_long_term, ON))
    assert wrong == (end is not None and (is_long_term or end < ON or (start is not None and end < start)))


@pytest.mark.rule("CHEM-10.1")
@pytest.mark.rule("CHEM-9.1")
@pytest.mark.parametrize(
    ("scheme", "customer_class", "fits"),
    [
        ("polyolefin", "direct", True),
        ("polyolefin", "dealer", True),
        ("polyolefin", "exclusive_agent", False),
        ("other", "direct", True),
        ("other", "exclusive_agent", True),
        ("other", "dealer", True),
        ("nobody described this", "dealer", False),
    ],
)
def test_a_class_fits_the_scheme_of_its_line(scheme: str, customer_class: str, fits: bool) -> None:
    assert refused(facts(customer_class, scheme)) == ([] if fits else [("CHEM-9.1", "lines")])
    assert (customer_class in CLASSES_OF_SCHEME.get(scheme, ())) == fits


@pytest.mark.rule("CHEM-9.1")
@pytest.mark.parametrize(
    "lines",
    [(), (LineFact(1, "苯乙烯", "other", "dealer", is_struck=True),)],
)
def test_at_least_one_line_is_asked_for(lines: tuple[LineFact, ...]) -> None:
    assert refused(facts(lines=lines)) == [("CHEM-9.1", "lines")]


@pytest.mark.rule("CHEM-9.1")
def test_a_line_that_ended_is_refused() -> None:
    assert refused(facts(lines=(LineFact(1, "x", "other", "dealer", in_force=False),))) == [("CHEM-9.1", "lines")]


CONDITIONS = [(name, row) for name, rows in CHECKLISTS.items() for row in rows]


@pytest.mark.rule("CHEM-10.2", "CHEM-10.7")
@pytest.mark.groundwork("CHEM-10.3")
@pytest.mark.parametrize(("customer_class", "condition"), CONDITIONS, ids=[f"{n}.{c.item}" for n, c in CONDITIONS])
@pytest.mark.parametrize(
    ("changed", "is_met"),
    [
        (None, False),  # not asked yet
        ({"answer": ""}, False),
        ({"answer": "no"}, False),
        ({"has_evidence": False, "has_file": False}, False),
        ({"has_evidence": True, "has_file": False}, "unless a file is wanted"),
        ({"has_evidence": False, "has_file": True}, True),
    ],
)
def test_every_condition_of_the_class_is_answered_with_evidence(
    customer_class: str, condition: Condition, changed: dict[str, Any] | None, is_met: object
) -> None:
    others = tuple(row for row in answers(customer_class) if row.item != condition.item)
    mine = (
        () if changed is None else (replace(CheckFact(customer_class, condition.item, "yes", True, True), **changed),)
    )
    met = not condition.needs_file if is_met == "unless a file is wanted" else is_met
    found = refused(facts(customer_class, checks=(*others, *mine)))
    assert found == ([] if met else [(condition.clause, f"checks.{customer_class}.{condition.item}")])


@pytest.mark.groundwork("CHEM-10.3")
def test_only_an_exclusive_agent_declares_its_exclusivity() -> None:
    assert [name for name, rows in CHECKLISTS.items() if any(row.item == DECLARATION for row in rows)] == [
        "exclusive_agent"
    ]
    agent, dealer = ({row.item for row in CHECKLISTS[name]} for name in ("exclusive_agent", "dealer"))
    assert agent - dealer == {"only_our_products", DECLARATION}, "a dealer's entry is an agent's, exclusivity apart"


@pytest.mark.rule("CHEM-7.1")
@pytest.mark.rule("CHEM-17")
@pytest.mark.parametrize(
    ("match", "readmission", "verdict", "clause"),
    [
        (Match("customer", "code", 1), "", "fail", "CHEM-7.1"),
        (Match("customer", "name", 1), "", "info", None),
        (Match("customer", "phone", 1), "", "info", None),
        (Match("customer", "bank_account", 1), "", "info", None),
        (Match("application", "code", 1), "", "fail", "CHEM-7.1"),
        (Match("application", "code", 1, is_open=False), "", "info", None),  # somebody's draft
        (Match("application", "name", 1), "", "info", None),
        (Match("disqualified", "code", 1), "", "fail", "CHEM-17"),
        (Match("disqualified", "name", 1), "", "fail", "CHEM-17"),
        (Match("disqualified", "legal_representative", 1), "", "info", None),
        (Match("disqualified", "code", 1), "整改完毕", "info", None),  # only the general manager readmits
        (Match("disqualified", "name", 1), "整改完毕", "info", None),
        (Match("customer", "code", 1), "整改完毕", "fail", "CHEM-7.1"),
    ],
)
def test_what_is_on_file_already_blocks_or_warns(
    match: Match, readmission: str, verdict: str, clause: str | None
) -> None:
    decision = admission(facts(matches=(match,), readmission_reason=readmission), POLICY)
    name = "disqualified" if match.source == "disqualified" else "duplicates"
    assert next(i.verdict for i in decision.indicators if i.name == name) == verdict
    assert [refusal.clause for refusal in decision.refusals] == ([] if clause is None else [clause])
    assert not rule.all_green(decision)


T = 1_000_000  # grams


@pytest.mark.groundwork("CHEM-10.8")
@pytest.mark.parametrize(
    ("dealers", "tonnes", "over"),
    [
        (2, 10_000, False),  # 3 for each 10,000 t
        (3, 10_000, True),
        (2, 9_999, True),  # rounded down: 2 places
        (5, 20_000, False),
        (19, None, False),  # volume not known: 20
        (20, None, True),
        (0, 0, True),
    ],
)
def test_too_many_dealers_are_flagged_never_blocked(dealers: int, tonnes: int | None, over: bool) -> None:
    line = LineFact(1, "x", "other", "dealer", True, dealers, None if tonnes is None else tonnes * T)
    decision = admission(facts(lines=(line,)), POLICY)
    assert (decision.refusals, rule.is_over_quota(decision), rule.all_green(decision)) == ((), over, not over)
    direct = replace(line, customer_class="direct")
    assert not rule.is_over_quota(admission(facts("direct", lines=(direct,)), POLICY)), "dealers only"


@pytest.mark.rule("CHEM-15")
@pytest.mark.parametrize(("days", "green"), [(61, True), (60, False), (0, False)])
def test_a_paper_that_soon_expires_asks_for_a_second_look(days: int, green: bool) -> None:
    ending = paper(is_long_term=False, valid_to=ON + timedelta(days=days))
    decision = admission(facts(papers=(ending, paper("annex1_signed"))), POLICY)
    assert (decision.refusals, rule.all_green(decision)) == ((), green)


@pytest.mark.rule("CHEM-7.1")
def test_every_refusal_is_collected_and_the_facts_survive_storage() -> None:
    nothing = AdmissionFacts(on=ON)
    assert len(refused(nothing)) == len(rule.REQUIRED) + 4  # code, lines, licence, annex 1
    for given_facts in (nothing, facts(), facts(matches=(Match("customer", "name", 1),))):
        again = rule.from_json(rule.as_json(given_facts))
        assert again == given_facts
        assert admission(again, POLICY) == admission(given_facts, POLICY)


CONTENT = {
    "particulars": {"name": "a", "region_id": 1},
    "lines": {"1": {"class": "dealer"}},
    "checklist": {"dealer/strong_funds": {"answer": "yes", "evidence": "x", "file": None}},
    "papers": {"annex1_signed": {"file": {"id": 1, "sha256": "a"}}},
    "tax_papers": {"merged_licence": {"number": "1", "valid_to": None}},
    "invoicing": {"name": "a", "bank_account": "1"},
}


@pytest.mark.rule("CHEM-7.2")
@pytest.mark.parametrize(
    ("group", "changed", "asked"),
    [
        ("particulars", {"name": "a", "region_id": 2}, {"sales", "management"}),
        ("lines", {}, {"sales", "management"}),
        ("checklist", {}, {"sales", "management"}),
        ("papers", {}, {"sales", "management"}),
        ("tax_papers", {"merged_licence": {"number": "2", "valid_to": None}}, {"sales", "finance", "management"}),
        ("invoicing", {"name": "a", "bank_account": "2"}, {"finance", "management"}),
    ],
)
def test_a_change_touches_the_steps_that_examined_it(group: str, changed: dict[str, object], asked: set[str]) -> None:
    before, after = step_hashes(ACCOUNT_OPENING, CONTENT), step_hashes(ACCOUNT_OPENING, {**CONTENT, group: changed})
    assert {key for key in before if before[key] != after[key]} == asked
    found = changes(CONTENT, {**CONTENT, group: changed})
    assert {change.group for change in found} == {group}
    for key in ("sales", "finance", "management"):
        assert bool(examined_by(key, found)) == (key in asked)


@pytest.mark.rule("CHEM-7.2")
def test_changes_are_told_by_field() -> None:
    after = {
        **CONTENT,
        "tax_papers": {"merged_licence": {"number": "1", "valid_to": "2030-01-01"}, "tax_registration_joint": {"a": 1}},
        "lines": {"2": {"class": "direct"}},
    }
    assert changes(CONTENT, after) == (
        Change("lines", "1", {"class": "dealer"}, None),
        Change("lines", "2", None, {"class": "direct"}),
        Change("tax_papers", "merged_licence.valid_to", None, "2030-01-01"),
        Change("tax_papers", "tax_registration_joint", None, {"a": 1}),
    )
    assert changes(CONTENT, CONTENT) == ()


def test_every_group_is_examined_by_some_step_and_the_manager_sees_all() -> None:
    groups = set(CONTENT)
    assert {group for step in ACCOUNT_OPENING.steps for group in step.examines} == groups
    assert ACCOUNT_OPENING.steps[-1].examines == groups
    assert ACCOUNT_OPENING.steps[-1].always
