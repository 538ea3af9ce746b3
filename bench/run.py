"""What is measured: the inbox, the customer page, the lists, and each step's approval, beside their floors."""

from __future__ import annotations

from dataclasses import dataclass, field

from flask import Flask
from flask.testing import FlaskClient

from bench import approving, floor, world
from bench.measure import Pair, in_turn, statements
from tests.builders import sign_in
from tests.conftest import NOW, StandingClock
from tierflow import create_app
from tierflow.common import seeds
from tierflow.common.db import db, make_engine, transaction, write_access


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
READS_PER_ROUND, ROUNDS = 10, 7
SIGNED_CHANGE = "(a bare signed-in change)"


def measure(url: str, customers: int, applications: int, *, rounds: int = ROUNDS) -> Figures:
    """Fill a migrated database and measure every page and the approvals on it."""
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": "bench", "CLOCK": StandingClock()})
    with app.app_context(), transaction() as session:
        seeds.plant(session, NOW, policy={"second_factor.roles": []})
        there = world.grow(session, customers, applications, to_approve=approving.wanted(rounds))
    engine = make_engine(url)
    if not url.startswith("sqlite"):  # what autovacuum does to a database that was not filled a minute ago
        with write_access(), engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    plain = floor.build(engine)
    bare = plain.test_client()
    client = sign_in(app, there.approvers["sales"])
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
    for pair, asked in approving.steps(app, bare, there, rounds):
        figures.pairs.append(pair)
        figures.queries[pair.name] = asked
    figures.pairs.append(_signed_change(floor.signed(plain, client), bare, rounds))
    engine.dispose()
    with app.app_context():
        db.session.remove()
        db.engine.dispose()
    return figures


def _signed_change(mine: FlaskClient, bare: FlaskClient, rounds: int) -> Pair:
    """What any signed-in write must do, written as barely as can be: what an approval may also be held against."""
    said, headers = {"words": "changed"}, {"X-CSRFToken": "t"}

    def change() -> None:
        if mine.post("/signed-change", json=said, headers=headers).status_code != 200:
            raise RuntimeError("the bare change was refused")

    return in_turn(SIGNED_CHANGE, lambda: bare.post("/insert"), change, rounds=rounds, calls=READS_PER_ROUND)


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
