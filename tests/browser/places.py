"""Where in the demo company each page leads: an address that opens, for somebody who holds every role."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask, template_rendered, url_for
from flask.testing import FlaskClient
from jinja2 import Template
from sqlalchemy import select, text
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests import builders
from tests.guards.world import calls
from tierflow.admin.service import factors
from tierflow.common.db import db, transaction
from tierflow.common.reference import Office, Region, Warehouse
from tierflow.common.users import User
from tierflow.kernel.roles import SCOPE_OF_ROLE, Role

# The table behind each argument, where its name does not say it.
TABLES = {
    "batch_id": "import_batch",
    "change_id": "customer_change",
    "code": "lifting_slip",
    "consultation_id": "complaint_consultation",
    "entry_id": "region",
    "extension_id": "complaint_extension",
    "finding_id": "inspection_finding",
    "grant_id": "role_grant",
    "line_id": "bank_line",
    "link_id": "upload_link",
    "measure_id": "complaint_measure",
    "opinion_id": "asked_opinion",
    "order_id": "lifting_order",
    "pin_id": "level_pin",
    "product_line_id": "product_line",
    "renewal_id": "paper_renewal",
    "reset_id": "factor_reset",
    "run_id": "grading_run",
    "slip_id": "lifting_slip",
    "template_id": "reply_template",
    "test_id": "backtest",
    "user_id": "user_account",
}
# Arguments that belong together, or mean another thing in one place.
ROWS = {
    "/applications/<application_id>/decisions/<decision_id>": """
        SELECT c.subject_id AS application_id, d.id AS decision_id FROM approval_decision d
        JOIN approval_case c ON c.id = d.case_id WHERE c.subject_type = 'application'""",
    "/complaint-opinions/<opinion_id>": "SELECT id AS opinion_id FROM complaint_opinion ORDER BY id DESC",
    "/gate/<code>": "SELECT code FROM lifting_slip",
    "/levels/inputs/<product_line_id>/<customer_id>": "SELECT product_line_id, customer_id FROM customer_line",
    "/levels/runs/<run_id>/customers/<customer_id>": "SELECT run_id, customer_id FROM level_decision",
    "/orders/<order_id>/slips/<slip_id>": "SELECT order_id, id AS slip_id FROM lifting_slip",
}
WORDS = {"version": "1", "year": "2026", "secret": "none", "customer_class": "dealer"}
# Whose page it is alone: of whoever wrote a draft, was asked, or sent a list in.
OWN = {
    "/applications/<application_id>/edit": "chenjing",
    "/offtake/imports/<batch_id>": "wumin",
    "/opinions/<opinion_id>": "dengchao",
}
FILES = frozenset({"file_id", "filename", "item", "key"})  # what has these in its address is a file or a part
MOST = 80


def holder_of_everything(app: Flask) -> int:
    """An account with every role there is, reading English: its words are the longer ones."""
    with app.app_context(), transaction() as session:
        firsts = {
            kind: session.scalars(select(model.id).order_by(model.id)).first()
            for kind, model in (("region", Region), ("office", Office), ("warehouse", Warehouse))
        }
        roles: list[Any] = [(role, firsts[SCOPE_OF_ROLE[role]]) if role in SCOPE_OF_ROLE else role for role in Role]
        user = builders.user(session, "quanneng", *roles, name="全能")
        user.locale = "en"
        owner = session.scalars(select(User).where(User.login != "quanneng")).first()
        assert owner is not None
        owner.totp_secret, owner.totp_confirmed_at = "JBSWY3DPEHPK3PXP", app.config["CLOCK"]()
        session.flush()
        factors.ask(session, builders.actor(session, user), owner.id, "phone lost", app.config["CLOCK"]())
        return user.id


def is_whole(answer: TestResponse) -> bool:
    """A page of its own: not a part that a page fetches, and not paper, which has a width of its own."""
    is_page = answer.status_code == 200 and answer.mimetype == "text/html"
    return is_page and "<title>" in answer.text and 'class="a4' not in answer.text


@dataclass(frozen=True)
class Place:
    """An address, the account it opens for, and whether its template is met here for the first time."""

    address: str
    user_id: int
    is_first: bool


def pages(app: Flask, user_id: int, besides: set[str]) -> tuple[list[Place], set[str]]:
    """For each rule but `besides` a place that opens its page; and the rules met in vain, or not met at all."""
    with app.app_context():
        ids = {row.login: row.id for row in db.session().execute(select(User.login, User.id))}
        db.session.remove()
    clients: dict[int, FlaskClient] = {}
    found: list[Place] = []
    without = set(besides)
    met: set[str] = set()
    with _rendered(app) as templates:
        for rule, method, access in calls(app):
            if method != "GET" or access.action is None or rule.rule.startswith("/api/") or rule.arguments & FILES:
                continue
            if plain(rule) in besides:
                without.remove(plain(rule))
                continue
            who = ids[OWN[plain(rule)]] if plain(rule) in OWN else user_id
            client = clients.get(who) or clients.setdefault(who, builders.sign_in(app, who))
            address = next((one for one in _addresses(app, rule) if is_whole(client.get(one))), None)
            if address is None:
                without.add(plain(rule))
            else:
                found.append(Place(address, who, templates[-1] not in met))
                met.add(templates[-1])
    return found, without


@contextmanager
def _rendered(app: Flask) -> Iterator[list[str]]:
    """The names of the templates rendered meanwhile."""
    names: list[str] = []

    def note(_app: Flask, template: Template, **_more: Any) -> None:
        names.append(template.name or "")

    with template_rendered.connected_to(note, app):
        yield names


def plain(rule: Rule) -> str:
    """The rule as it is spoken of: without what its arguments must be."""
    return "".join(f"<{part}>" if is_dynamic else part for is_dynamic, part in rule._trace if part != "|")


def _addresses(app: Flask, rule: Rule) -> Iterator[str]:
    rows: list[dict[str, Any]] = [{}]
    if rule.arguments:
        with app.app_context():
            rows = [dict(row) for row in db.session().execute(text(_statement(rule))).mappings()]
            db.session.remove()
    for row in rows:
        with app.test_request_context():
            yield url_for(rule.endpoint, **row)


def _statement(rule: Rule) -> str:
    if plain(rule) in ROWS:
        return f"{ROWS[plain(rule)]} LIMIT {MOST}"
    kind = "region" if rule.rule.startswith("/reference/") else "merged_licence"
    words = {**WORDS, "kind": kind}
    word = {name: words[name] for name in rule.arguments if name in words}
    columns = [f"'{value}' AS {name}" for name, value in word.items()]
    tables = []
    for name in sorted(rule.arguments - set(word)):
        table = TABLES.get(name, name.removesuffix("_id"))
        columns.append(f"{table}.id AS {name}")
        tables.append(table)
    origin = f" FROM {', '.join(tables)} ORDER BY {tables[0]}.id DESC" if tables else ""
    return f"SELECT {', '.join(columns)}{origin} LIMIT {MOST}"
