"""Time against a floor taken in the same run: pair by pair, in turn, one warm-up, medians."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flask import Flask, render_template
from jinja2 import DictLoader
from sqlalchemy import BigInteger, Column, Engine, MetaData, String, Table, event, insert, select
from sqlalchemy.orm import Session

from tierflow.common.approvals import ApprovalCase
from tierflow.common.db import make_engine, write_access

Act = Callable[[], None]

NOTES = Table("floor_note", MetaData(), Column("id", BigInteger, primary_key=True), Column("words", String))

PAGE = """<!doctype html><title>floor</title><table>
{% for row in rows %}<tr><td>{{ row.id }}</td><td>{{ row.title }}</td><td>{{ row.due_at }}</td></tr>
{% endfor %}</table>{{ filler }}"""


@dataclass(frozen=True)
class Measured:
    """Medians in milliseconds, and the median of the pairs' ratios."""

    floor: float
    ours: float
    ratio: float


def in_turn(floor: Act, ours: Act, pairs: int) -> Measured:
    """Floor and ours one after the other, the order changing from pair to pair; the first pair warms up."""
    times: list[tuple[float, float]] = []
    for number in range(pairs + 1):
        if number % 2:
            second, first = _timed(ours), _timed(floor)
        else:
            first, second = _timed(floor), _timed(ours)
        times.append((first, second))
    kept = times[1:]
    return Measured(
        statistics.median(floor_ms for floor_ms, _ in kept),
        statistics.median(ours_ms for _, ours_ms in kept),
        statistics.median(ours_ms / floor_ms for floor_ms, ours_ms in kept),
    )


def _timed(act: Act) -> float:
    begun = time.perf_counter()
    act()
    return (time.perf_counter() - begun) * 1000


class Floor:
    """A bare Flask application on the same database: one query and one template, or one insert and its commit."""

    def __init__(self, url: str) -> None:
        self.engine = make_engine(url)
        with write_access(), self.engine.begin() as connection:
            NOTES.create(connection, checkfirst=True)
        self.filler = ""
        self.last = 0
        app = Flask("floor")
        app.jinja_loader = DictLoader({"page.html": PAGE})
        app.add_url_rule("/", "page", self._page)
        app.add_url_rule("/", "note", self._note, methods=["POST"])
        self.client = app.test_client()

    def _page(self) -> str:
        columns = (ApprovalCase.id, ApprovalCase.title, ApprovalCase.due_at)
        waits = (ApprovalCase.state == "in_approval", ApprovalCase.waiting_role == "general_manager")
        query = select(*columns).where(*waits).order_by(ApprovalCase.due_at, ApprovalCase.id).limit(31)
        with Session(self.engine) as session:
            rows = session.execute(query).all()
        return render_template("page.html", rows=rows, filler=self.filler)

    def _note(self) -> str:
        with write_access(), Session(self.engine) as session:
            self.last += 1
            session.execute(insert(NOTES).values(id=self.last, words="x"))
            session.commit()
        return "done"

    def as_large_as(self, size: int) -> None:
        """Make the floor's page as many bytes as the page it is compared with."""
        self.filler = ""
        self.filler = "x" * max(0, size - len(self.client.get("/").data))

    def page(self) -> None:
        """Ask for the floor's page."""
        assert self.client.get("/").status_code == 200

    def note(self) -> None:
        """Have one row inserted and committed."""
        assert self.client.post("/").status_code == 200

    def close(self) -> None:
        """Let go of the connections."""
        self.engine.dispose()


@contextmanager
def counted(engine: Engine) -> Iterator[list[str]]:
    """The statements sent to the database meanwhile, but for transaction control."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA", "SET TRANSACTION", "SAVEPOINT", "RELEASE", "ROLLBACK")):
            sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)
