"""The preview answers with the rule of the real run and stores nothing."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.builders import csrf_of, region, sign_in, user
from tierflow.common.db import transaction
from tierflow.common.policies import PolicyVersion, policy_on
from tierflow.grading.terms import INDICATORS
from tierflow.kernel.roles import Role


@pytest.fixture
def manager(both_app: Flask) -> FlaskClient:
    with both_app.app_context(), transaction() as session:
        holder = user(session, "wang", (Role.SALES_MANAGER, region(session).id)).id
    return sign_in(both_app, holder)


def ask(client: FlaskClient, **changes: Any) -> Any:
    question: dict[str, Any] = {
        "class": "dealer",
        "starting_level": "ordinary",
        "scheme": "polyolefin",
        "months": [
            {"month": "2026-01", "tonnes": "1000"},
            {"month": "2026-02", "tonnes": "999.999999", "indicators": {"plan_completion": 7000}},
        ],
    }
    return client.post(
        "/api/v1/grading/preview", json={**question, **changes}, headers={"X-CSRFToken": csrf_of(client)}
    )


@pytest.mark.rule("CHEM-9.5", "CHEM-9.4")
def test_a_preview_explains_every_month(manager: FlaskClient) -> None:
    answer = ask(manager)
    assert answer.status_code == 200, answer.text
    assert answer.json["policy_version"] == 1
    assert [(m["month"], m["level"], m["target"], m["move"]) for m in answer.json["months"]] == [
        ("2026-01", "one_star", "one_star", "up"),
        ("2026-02", "ordinary", "ordinary", "down"),
    ]
    shown = {i["name"]: i for i in answer.json["months"][1]["indicators"]}
    assert shown["plan_completion"]["value"] == 7000
    assert shown["cooperation"]["verdict"] == "no data"


@pytest.mark.rule("CHEM-9.6")
def test_the_question_and_the_answer_are_those_agreed_upon(manager: FlaskClient) -> None:
    """Programs rely on these names and kinds: what is left out, what is text, what is answered in which words."""
    question = {
        "class": "dealer",
        "starting_level": "auction",
        "scheme": "polyolefin",
        "months": [
            {"month": "2026-01", "tonnes": "3000", "indicators": {"plan_completion": 10000, "breaches": 0}},
            {"month": "2026-02", "tonnes": "0.000001", "indicators": {}},
            {"month": "2026-03", "tonnes": "2999.999999"},
        ],
        "policy_version": 1,
    }
    answer = manager.post("/api/v1/grading/preview", json=question, headers={"X-CSRFToken": csrf_of(manager)})
    assert answer.status_code == 200, answer.text
    assert answer.json["policy_version"] == 1
    months = answer.json["months"]
    assert [{name: each[name] for name in ("month", "level", "target", "move")} for each in months] == [
        {"month": "2026-01", "level": "ordinary", "target": "three_star", "move": "up"},
        {"month": "2026-02", "level": "ordinary", "target": "ordinary", "move": "same"},
        {"month": "2026-03", "level": "one_star", "target": "two_star", "move": "up"},
    ]
    for each in months:
        assert all(re.fullmatch(r"CHEM-9\.[0-9]", clause) for clause in each["clauses"])
        assert {"name", "value", "threshold", "verdict"} <= each["indicators"][0].keys()
        assert {indicator["name"] for indicator in each["indicators"]} == {"offtake_grams", *INDICATORS}
        assert {indicator["verdict"] for indicator in each["indicators"]} <= {"pass", "fail", "no data", "info"}
    assert [each["value"] for each in months[0]["indicators"] if each["name"] == "offtake_grams"] == [3_000_000_000]
    direct = ask(manager, **{"class": "direct", "starting_level": "three_star"}).json["months"]
    assert {(each["level"], each["target"], each["move"]) for each in direct} == {("ordinary", "ordinary", "same")}


@pytest.mark.rule("CHEM-18")
def test_a_draft_is_asked_by_whoever_may_read_drafts(both_app: Flask, manager: FlaskClient) -> None:
    with both_app.app_context(), transaction() as session:
        values = {**policy_on(session, date(2026, 1, 31)).values, "grading.one_star_grams": 900_000_000}
        session.add(PolicyVersion(version=2, state="draft", values=values, drafter="x", source="x"))
        seller = user(session, "am", Role.ACCOUNT_MANAGER).id
    months = [{"month": "2026-01", "tonnes": "950"}]
    answer = ask(manager, policy_version=2, months=months).json
    assert (answer["policy_version"], answer["months"][0]["level"]) == (2, "one_star")
    assert ask(manager, months=months).json["months"][0]["level"] == "ordinary"
    assert ask(sign_in(both_app, seller), policy_version=2, months=months).status_code == 422


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"class": "exclusive_agent"}, "class"),
        ({"class": None}, "class"),
        ({"starting_level": "four_star"}, "starting_level"),
        ({"scheme": "other"}, "scheme"),
        ({"months": [{"month": "2026-01", "tonnes": 1000}]}, "months"),  # a number has lost its digits already
        ({"months": [{"month": "2026-01", "tonnes": "1e3"}]}, "months"),
        ({"months": [{"month": "2026-01"}]}, "months"),
        ({"months": [{"month": "2026-01", "tonnes": "1000000.000001"}]}, "months"),
        ({"months": []}, "months"),
        ({"months": [{"month": "2026-13", "tonnes": "1"}]}, "months"),
        ({"months": [{"month": "2026-01", "tonnes": "1.1234567"}]}, "months"),
        ({"months": [{"month": "2026-01", "tonnes": "-1"}]}, "months"),
        ({"months": [{"month": "2026-01", "tonnes": "1"}, {"month": "2026-03", "tonnes": "1"}]}, "months"),
        ({"months": [{"month": "2026-01", "tonnes": "1", "indicators": {"luck": 1}}]}, "months"),
        ({"policy_version": 99}, "policy_version"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_bad_questions_are_refused_by_field(manager: FlaskClient, changes: dict[str, Any], field: str) -> None:
    answer = ask(manager, **changes)
    assert answer.status_code == 422, answer.text
    assert field in answer.json["errors"]
