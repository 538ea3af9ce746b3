"""The preview answers with the rule of the real run and stores nothing."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.builders import csrf_of, region, sign_in, user
from tierflow.common.db import transaction
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


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"class": "exclusive_agent"}, "class"),
        ({"starting_level": "four_star"}, "starting_level"),
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
