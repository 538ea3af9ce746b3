"""The description of the API is true: it names exactly the addresses that are served, and is valid OpenAPI 3.1."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture
def described(app: Flask) -> dict[str, Any]:
    answer = app.test_client().get("/api/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def test_it_is_valid(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1")
    assert list(OpenAPIV31SpecValidator(described).iter_errors()) == []


def test_it_names_every_address_of_the_api_and_no_other(app: Flask, described: dict[str, Any]) -> None:
    told = {
        (method.upper(), path)
        for path, operations in described["paths"].items()
        for method in operations
        if method in METHODS
    }
    served = {
        (method, re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", str(rule)))
        for rule in app.url_map.iter_rules()
        if str(rule).startswith("/api/v1/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert told == served


def test_every_operation_says_what_it_is_for_and_what_it_answers(described: dict[str, Any]) -> None:
    seen: set[str] = set()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            if method not in METHODS:
                continue
            where = f"{method} {path}"
            assert operation.get("summary") or operation.get("description"), where
            assert operation.get("tags"), where
            answers = operation["responses"]
            assert any(code.startswith(("2", "3")) for code in answers), where
            assert operation["operationId"] not in seen, where
            seen.add(operation["operationId"])
    assert described["security"], "how to prove who asks"


def test_nothing_is_written_by_get_in_the_api(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        if str(rule).startswith("/api/v1/") and "GET" in (rule.methods or set()):
            assert not app.extensions["access"][rule.endpoint].writes, rule
