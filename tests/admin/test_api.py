"""The API tells of itself: every address of administration is described, with its answers."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from openapi_spec_validator import validate

from tests import builders
from tests.admin.conftest import Company
from tests.untranslated import ROOT, missing, sentences
from tierflow.admin.api import blueprints


def test_every_operation_is_described(app: Flask) -> None:
    described = app.test_client().get("/api/openapi.json").json
    validate(described)
    names = {blueprint.name for blueprint in blueprints}
    seen = 0
    for rule in app.url_map.iter_rules():
        if rule.endpoint.partition(".")[0] not in names:
            continue
        path = re.sub(r"<(?:[^:<>]*(?:\([^)]*\))?:)?([^<>]+)>", r"{\1}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            operation = described["paths"][path][method.lower()]
            assert operation["summary"], (method, path)
            assert any(status.startswith("2") for status in operation["responses"]), (method, path)
            seen += 1
    assert seen > 55


def test_every_sentence_is_in_chinese() -> None:
    assert len(sentences(ROOT / "tierflow/admin")) > 400
    assert missing(ROOT / "tierflow/admin") == {}


@pytest.mark.parametrize(
    "path", sorted(p for p in (ROOT / "tierflow/admin").rglob("*") if p.suffix in (".py", ".html"))
)
def test_files_stay_short(path) -> None:
    assert len(path.read_text().splitlines()) <= 400


def test_unknown_fields_are_refused(company: Company) -> None:
    client = builders.sign_in(company.app, company.ann)
    headers = {"X-CSRFToken": builders.csrf_of(client)}
    body = {"login": "abc", "name": "甲", "disabled_at": "2026-01-01", "is_admin": True}
    answer = client.post("/api/v1/people", json=body, headers=headers)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == {"disabled_at", "is_admin"}


def test_a_get_link_changes_nothing(company: Company) -> None:
    client = builders.sign_in(company.app, company.ann)
    for path in (f"/people/{company.li}/disable", f"/role-grants/{company.grant}/decide", "/calendar/preview"):
        assert client.get(path).status_code == 405, path
