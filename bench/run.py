"""What is measured: the inbox, the customer page and the lists of a large company, and an approval."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from flask import Flask
from flask.testing import FlaskClient

from bench import databases
from bench.data import FIRST, Multiplier, Place, people, settle
from bench.measure import Floor, Measured, counted, in_turn
from tests import builders
from tierflow.common.db import db, transaction

CUSTOMERS, OPEN = 100_000, 20_000
SMALL = 0.01  # a hundredth: what flat is measured against, and what the suite runs


@dataclass(frozen=True)
class Figure:
    """One row of the result."""

    engine: str
    what: str
    measured: Measured
    aim: float | None
    queries: int
    flat: float | None = None  # time at full size over time at a hundredth


@dataclass
class Site:
    """A company of one size, its people signed in, and the floor beside it."""

    app: Flask
    place: Place
    floor: Floor
    customers: int
    open: int
    clients: dict[int, FlaskClient] = field(default_factory=dict)

    def client(self, user_id: int) -> FlaskClient:
        """The browser of an account."""
        if user_id not in self.clients:
            self.clients[user_id] = builders.sign_in(self.app, user_id)
        return self.clients[user_id]

    def queries(self, client: FlaskClient, address: str) -> int:
        """How many statements a page takes, once everything is warm."""
        client.get(address)
        with self.app.app_context():
            engine = db.engine
        with counted(engine) as sent:
            assert client.get(address).status_code == 200
        return len(sent)

    def pages(self) -> dict[str, tuple[FlaskClient, str]]:
        """The pages measured: who asks for what. A customer and an application from the middle."""
        place = self.place
        customer = FIRST + self.open + self.customers // 2
        return {
            "inbox, general manager": (self.client(place.bosses[0]), "/"),
            "inbox, sales manager": (self.client(place.sales[0]), "/"),
            "inbox, account manager": (self.client(place.managers[0]), "/"),
            "customer page": (self.client(place.bosses[0]), f"/customers/{customer}"),
            "customer list": (self.client(place.bosses[0]), "/customers"),
            "customer list, account manager": (self.client(place.managers[0]), "/customers"),
            "application list": (self.client(place.bosses[0]), "/applications"),
            "application page": (self.client(place.bosses[0]), f"/applications/{FIRST + 2}"),
        }


@contextmanager
def site(database: AbstractContextManager[str], scale: float) -> Iterator[Site]:
    """A company of `scale` times the full size."""
    customers, waiting = max(1, int(CUSTOMERS * scale)), max(30, int(OPEN * scale))
    with database as url:
        app = databases.open_app(url)
        with app.app_context():
            with transaction() as session:
                place = people(session)
            with transaction() as session:
                multiplier = Multiplier(session.connection(), place)
                multiplier.waiting(0, waiting)
                multiplier.customers(waiting, customers)
            with transaction() as session:
                settle(session.connection())
        floor = Floor(url)
        try:
            yield Site(app, place, floor, customers, waiting)
        finally:
            floor.close()
            databases.close_app(app)


def page_figures(engine: str, large: Site, small: Site, pairs: int) -> Iterator[Figure]:
    """Every page against a bare one of the same size, and against itself in a small company."""
    little = small.pages()
    for what, (client, address) in large.pages().items():
        large.floor.as_large_as(len(client.get(address).data))
        ask = Asking(client, address)
        measured = in_turn(large.floor.page, ask, pairs)
        flat = in_turn(Asking(*little[what]), ask, pairs).ratio
        aim = 3.0 if what.startswith(("inbox", "customer page")) else None
        yield Figure(engine, what, measured, aim, large.queries(client, address), flat)


@dataclass(frozen=True)
class Asking:
    """Ask for a page."""

    client: FlaskClient
    address: str

    def __call__(self) -> None:
        assert self.client.get(self.address).status_code == 200


class Approving:
    """Approve the next waiting application of a step through the API, as its page would."""

    def __init__(self, site: Site, step: int) -> None:
        place = site.place
        self.step = ("sales", "finance", "management")[step]
        self.numbers = itertools.count(step + 30 * len(place.regions), 3 * len(place.regions))
        user_id = (place.sales[self._region(site, step)], place.finance[1], place.bosses[1])[step]
        self.client, self.site, self.version = site.client(user_id), site, 1 + step
        page = self.client.get(f"/api/v1/applications/{FIRST + step + 30 * len(place.regions)}").get_json()
        self.items = [{"key": item["key"], "verdict": "pass"} for item in page["items"]]

    def _region(self, site: Site, step: int) -> int:
        return (step + 30 * len(site.place.regions)) % len(site.place.regions)

    def __call__(self) -> None:
        given = {"seen_version": self.version, "step": self.step, "verdict": "approve", "items": self.items}
        number = FIRST + next(self.numbers)
        answer = self.client.post(f"/api/v1/applications/{number}/decisions", json=given)
        assert answer.status_code == 201, answer.get_data(as_text=True)


def approval_figures(engine: str, large: Site, pairs: int) -> Iterator[Figure]:
    """An approval against one committed insert."""
    for step, what, aim in ((1, "approve, finance", 5.0), (2, "approve, general manager: a customer is made", None)):
        act = Approving(large, step)
        measured = in_turn(large.floor.note, act, pairs)
        with large.app.app_context():
            engine_ = db.engine
        with counted(engine_) as sent:
            act()
        yield Figure(engine, what, measured, aim, len(sent))


def as_table(figures: list[Figure]) -> str:
    """The figures as a Markdown table."""
    head = "| engine | what | floor ms | tierflow ms | ratio | aim | queries | 100× data |"
    head += "\n|---|---|--:|--:|--:|--:|--:|--:|"
    rows = [
        f"| {f.engine} | {f.what} | {f.measured.floor:.2f} | {f.measured.ours:.2f} | {f.measured.ratio:.2f} | "
        f"{'' if f.aim is None else f'≤ {f.aim:g}'} | {f.queries} | {'' if f.flat is None else f'{f.flat:.2f}'} |"
        for f in figures
    ]
    return "\n".join([head, *rows])
