"""One approval of each step of account opening, beside one committed insert.

The general manager's makes the customer, so the steps are told apart; each decides on what the one before let through.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from bench.measure import Pair, in_turn, statements
from bench.world import World
from tests.builders import csrf_of, sign_in
from tierflow.common.db import db
from tierflow.onboarding.rules.chain import FINANCE, MANAGEMENT, SALES
from tierflow.onboarding.service import deciding
from tierflow.onboarding.service.access import case_of

STEPS = {SALES: "sales", FINANCE: "finance", MANAGEMENT: "gm"}
NAMES = tuple(f"approval: {step}" for step in STEPS)
WRITES_PER_ROUND = 5


def wanted(rounds: int) -> int:
    """How many applications it takes: one to count statements with, and those of the warm-up round."""
    return (rounds + 1) * WRITES_PER_ROUND + 1


def steps(app: Flask, bare: FlaskClient, there: World, rounds: int) -> Iterator[tuple[Pair, int]]:
    """Each step's figures, and how many statements one of its approvals sends."""
    for name, who in zip(NAMES, STEPS.values(), strict=True):
        yield _step(app, sign_in(app, there.approvers[who]), bare, name, there.to_approve, rounds)


def _step(
    app: Flask, client: FlaskClient, bare: FlaskClient, name: str, waiting: list[int], rounds: int
) -> tuple[Pair, int]:
    headers = {"X-CSRFToken": csrf_of(client)}
    with app.app_context():
        case = case_of(db.session(), waiting[0])
        items = deciding.items_for(db.session(), case, case.step or "")
        verdict = {
            "seen_version": case.version,
            "step": case.step,
            "verdict": "approve",
            "items": [{"key": item.key, "verdict": "pass"} for item in items],
        }
    left = iter(waiting)

    def approve() -> Any:
        path = f"/api/v1/applications/{next(left)}/decisions"
        answer = client.post(path, json=verdict, headers=headers)
        if answer.status_code >= 300:
            raise RuntimeError(answer.text)
        return answer

    with app.app_context(), statements(db.engine) as seen:
        approve()
    return in_turn(name, lambda: bare.post("/insert"), approve, rounds=rounds, calls=WRITES_PER_ROUND), len(seen)
