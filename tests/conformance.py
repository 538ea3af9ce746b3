"""Every answer of the JSON API in a test is held against the description of the API that the same app gives."""

from __future__ import annotations

from functools import cache
from typing import Any

import jsonschema_rs
from flask import Flask, Response, current_app, request

JSON = "application/json"


def hold(app: Flask) -> None:
    """Fail the request whose answer is not as described."""
    found: dict[tuple[str, str, str], jsonschema_rs.Validator | None] = {}

    def check(response: Response) -> Response:
        rule = request.url_rule
        if rule is None or not rule.rule.startswith("/api/v1/") or response.mimetype != JSON:
            return response
        key = (rule.rule, request.method.lower(), str(response.status_code))
        if key not in found:
            found[key] = _validator(*key)
        validator = found[key]
        assert validator is not None, f"{request.method} {rule} answers {response.status_code}, which it does not tell"
        wrong = [f"{'.'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(response.json)]
        assert not wrong, f"{request.method} {rule} does not answer as described: {wrong[:10]}"
        return response

    # First among those that run after a request: whatever else they change, they see a sound answer.
    app.after_request_funcs.setdefault(None, []).append(check)


@cache
def _described() -> dict[str, Any]:
    found: dict[str, Any] = current_app.extensions["flask-smorest"]["apis"][""]["ext_obj"].spec.to_dict()
    return found


def _validator(rule: str, method: str, status: str) -> jsonschema_rs.Validator | None:
    """What checks the body of one answer; None when the description does not know it."""
    told = _described()
    responses = told["paths"][_template(rule)][method]["responses"]
    response = responses.get(status, responses.get("default"))
    if response is None:
        return None
    if "$ref" in response:
        response = told["components"]["responses"][response["$ref"].rpartition("/")[2]]
    schema = response.get("content", {}).get(JSON, {}).get("schema", {})
    return jsonschema_rs.validator_for({**schema, "components": told["components"]})


def _template(rule: str) -> str:
    """`/a/<int(max=9):b_id>` as OpenAPI writes it: `/a/{b_id}`."""
    parts = [f"{{{part[1:-1].rpartition(':')[2]}}}" if part.startswith("<") else part for part in rule.split("/")]
    return "/".join(parts)
