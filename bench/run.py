"""What is measured: the inbox, the customer page, the lists, and one approval, each beside its floor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from bench import floor, world
from bench.measure import Pair, in_turn, statements
from tests.builders import csrf_of, sign_in
from tests.conftest import NOW, StandingClock
from tierflow import create_app
from tierflow.common import seeds
from tierflow.common.db import db, make_engine, transaction
from tierflow.onboarding.service import deciding
from tierflow.onboarding.service.access import case_of


@dataclass
class Figures:
    """One database's figures; `queries` are those of one call, signing in and permissions included."""

    customers: int
    applications: int
    pairs: list[Pair] = field(default_factory=list)
    queries: dict[str, int] = field(default_factory=dict)


PAGES = {
    "inbox": "/",
    "customer page": "/customers/{customer}",
    "customer list": "/customers",
    "expiry wall": "/customers/expiring",
    "application list": "/applications",
    "approver's page": "/applications/{application}",
}
READS_PER_ROUND, WRITES_PER_ROUND, ROUNDS = 10, 5, 7


def measure(url: str, customers: int, applications: int, *, rounds: int = ROUNDS) -> Figures:
    """Fill a migrated database and measure every page and the approval on it."""
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": StandingClock()})
    with app.app_context(), transaction() as session:
        seeds.plant(session, NOW, policy={"second_factor.roles": []})
        there = world.grow(session, customers, applications, to_approve=(rounds + 1) * WRITES_PER_ROUND + 1)
    engine = make_engine(url)
    bare = floor.build(engine).test_client()
    client = sign_in(app, there.approver)
    figures = Figures(customers, applications)
    for name, path in PAGES.items():
        _page(
            figures,
            app,
            client,
            bare,
            name,
            path.format(customer=there.customer, application=there.application),
            rounds,
        )
    _approval(figures, app, client, bare, there.to_approve, rounds)
    engine.dispose()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    return figures


def _page(
    figures: Figures, app: Flask, client: FlaskClient, bare: FlaskClient, name: str, path: str, rounds: int
) -> None:
    first = client.get(path)
    if first.status_code != 200:
        raise RuntimeError(f"{path}: {first.status_code}")
    with app.app_context(), statements(db.engine) as seen:
        client.get(path)
    figures.queries[name] = len(seen)
    size = len(first.data)
    figures.pairs.append(
        in_turn(
            name,
            lambda: bare.get(f"/page?bytes={size}"),
            lambda: client.get(path),
            rounds=rounds,
            calls=READS_PER_ROUND,
        )
    )


def _approval(
    figures: Figures, app: Flask, client: FlaskClient, bare: FlaskClient, waiting: list[int], rounds: int
) -> None:
    headers = {"X-CSRFToken": csrf_of(client)}
    with app.app_context():
        case = case_of(db.session(), waiting[0])
        items = [
            {"key": item.key, "verdict": "pass"} for item in deciding.items_for(db.session(), case, case.step or "")
        ]
        verdict = {"seen_version": case.version, "step": case.step, "verdict": "approve", "items": items}
    left = iter(waiting)

    def approve() -> Any:
        path = f"/api/v1/applications/{next(left)}/decisions"
        answer = client.post(path, json=verdict, headers=headers)
        if answer.status_code >= 300:
            raise RuntimeError(answer.text)
        return answer

    with app.app_context(), statements(db.engine) as seen:
        approve()
    figures.queries["approval"] = len(seen)
    figures.pairs.append(
        in_turn("approval", lambda: bare.post("/insert"), approve, rounds=rounds, calls=WRITES_PER_ROUND)
    )
