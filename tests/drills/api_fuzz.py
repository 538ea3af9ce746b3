"""Made-up requests to every operation of the JSON API as every role: none ends in a 5xx, each answers as described.

`python -m tests.drills api_fuzz --examples 200` is the full size; tests/guards/test_api_fuzz.py runs a small one.

Schemathesis makes the requests from the description of the API: half of them as it says, half against it. An id that
is made up names nothing in most requests, so every other one is replaced by a small one, which does name something.
Each operation of each role starts from the same company; a request that ends its own right to ask (an administrator
who disables himself, a session that is ended) is followed by a return to that company.

Each answer is held against the description too: its status is one that is told, its type and its body are as told.
"""

from __future__ import annotations

import logging
import re
import shutil
import sqlite3
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import select

from tests.conftest import StandingClock, _fill, app_settings
from tests.guards import world
from tierflow import create_app
from tierflow.common.db import db
from tierflow.kernel.roles import Role
from tierflow.onboarding.models import Application
from tierflow.web.context import COOKIE

EVERYBODY = tuple(role.value for role in Role)
KINDS = ("region", "department", "office", "warehouse", "product_line", "product")  # of reference data
AS_DESCRIBED = [status_code_conformance, content_type_conformance, response_schema_conformance]
FEW = 30  # ids up to this one are likely to name something in a company as small as ours


@dataclass
class Tally:
    """What was asked and what was answered."""

    operations: set[str] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)
    by_operation: dict[str, Counter[int]] = field(default_factory=dict)
    failures: dict[tuple[str, str], str] = field(default_factory=dict)  # (operation, error) -> the first such request

    @property
    def requests(self) -> int:
        return self.statuses.total()

    @property
    def broken(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)

    def note(self, operation: str, status: int) -> None:
        self.operations.add(operation)
        self.statuses[status] += 1
        self.by_operation.setdefault(operation, Counter())[status] += 1

    def fail(self, kind: tuple[str, str], told: str) -> None:
        """Show the first request of each kind at once: a full run is long."""
        if kind not in self.failures:
            self.failures[kind] = told
            print(told, flush=True)


def _copy(source: Path, target: Path) -> None:
    """Through SQLite itself: a file replaced under a connection that still lingers is a disk error to it."""
    with closing(sqlite3.connect(source)) as kept, closing(sqlite3.connect(target)) as live:
        kept.backup(live)


class Fuzzer:
    """An app on a database of its own, and the company that each operation starts from."""

    def __init__(self, app: Flask, path: Path) -> None:
        self.app = app
        self.path = path
        self.place = world.make(app)
        self.place.accounts["account_manager"] = self._author()
        self._furnish()
        self.cookies = {role: self._cookie(role) for role in EVERYBODY}
        self.kept = path.with_suffix(".kept")
        self._let_go()
        _copy(path, self.kept)
        self.schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
        # A made-up token or cookie would stand before the role's own.
        self.schema.config.generation.update(with_security_parameters=False)

    def _author(self) -> int:
        """Whoever wrote the applications: another account manager sees none of them."""
        with self.app.app_context():
            found = db.session().scalar(select(Application.account_manager_id).limit(1))
            db.session.rollback()
        assert found is not None
        return found

    def _furnish(self) -> None:
        """What the company lacks: a channel to nowhere, a grant that waits, a delegation, a token."""
        client, ids = self.place.client("everything"), self.place.accounts
        from_on, until = "2026-11-24", "2026-12-24"
        wanted: dict[str, dict[str, Any]] = {
            "channels": {"name": "邮件", "kind": "smtp", "host": "127.0.0.1", "port": 9, "sender": "a@example.com"},
            "role-grants": {"user_id": ids["nobody"], "role": "finance_reviewer", "from_on": from_on},
            "delegations": {
                "from_user_id": ids["finance_reviewer"],
                "to_user_id": ids["general_manager"],
                "from_on": from_on,
                "last_on": until,
                "reason": "出差",
            },
            "me/tokens": {"label": "程序", "scopes": ["*:read"], "days": 30},
        }
        for where, body in wanted.items():
            made = client.post(f"/api/v1/{where}", json=body)
            assert made.status_code == 201, f"{where}: {made.get_data(as_text=True)}"
            if where == "role-grants":
                self.place.arguments["grant_id"] = made.get_json()["grant"]["id"]

    def _cookie(self, role: str) -> str:
        cookie = self.place.client(role).get_cookie(COOKIE)
        assert cookie is not None
        return cookie.value

    def _let_go(self) -> None:
        with self.app.app_context():
            db.session.remove()
            db.engine.dispose()

    def restore(self) -> None:
        """The company as it was."""
        self._let_go()
        _copy(self.kept, self.path)

    def run(self, roles: Sequence[str], examples: int, tally: Tally, turns: int | None = None, only: str = "") -> None:
        """Every operation as each of the roles, this many times; as `turns` of them in turn when said.

        `only`: a regular expression, found in the labels ("POST /api/v1/complaints") of those that are asked.
        """
        everybody = cycle(roles)
        for found in self.schema.get_all_operations():
            operation = found.ok()
            if not re.search(only, operation.label):
                continue
            for role in islice(everybody, turns or len(roles)):
                self.restore()
                self._one(operation, role, examples, tally)

    def _one(self, operation: Any, role: str, examples: int, tally: Tally) -> None:
        requests = st.one_of(
            operation.as_strategy(generation_mode=GenerationMode.POSITIVE),
            operation.as_strategy(generation_mode=GenerationMode.NEGATIVE),
        )
        cookies = {COOKIE: self.cookies[role]}

        # The same requests at every run; none is made smaller, for the first one that fails is shown as it was.
        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=requests, ids=st.randoms(use_true_random=False))
        def ask(case: Any, ids: Any) -> None:
            if case.path_parameters:
                case.path_parameters = {
                    name: self._address(name, value, ids) for name, value in case.path_parameters.items()
                }
            case.body = _with_small_ids(case.body, ids)
            what = ""
            answer = None
            try:
                answer = case.call(cookies=cookies)
                status = answer.status_code
            except Exception as error:  # nobody caught it: production answers 500
                status, what = 500, f"{type(error).__name__}: {error} ({_where(error)})"
            tally.note(operation.label, status)
            if status >= 500:
                told = f"{operation.label} as {role}: {status} {what[:600]}\n  {case.as_curl_command()[:1500]}"
                tally.fail((operation.label, what.partition(":")[0]), told)
            elif answer is not None and (lie := _misdescribed(case, answer)):
                tally.fail((operation.label, lie.partition(chr(10))[0]), f"{operation.label} as {role}: {status} {lie}")
            if status == 401:
                self.restore()  # this request, or one before it, took the right to ask away

        ask()

    def _address(self, name: str, value: Any, ids: Any) -> Any:
        if name == "kind":
            return ids.choice([value, *KINDS])
        if ids.random() < 0.5:
            return value
        return self.place.arguments.get(name, ids.randrange(1, FEW)) if ids.random() < 0.7 else ids.randrange(1, FEW)


def _misdescribed(case: Any, answer: Any) -> str:
    """How the answer differs from what the description tells; "" when it does not."""
    try:
        case.validate_response(answer, checks=AS_DESCRIBED)
    except FailureGroup as group:
        return "\n".join(f"{failure.title}: {failure.message}" for failure in group.exceptions)[:1500]
    return ""


def _where(error: Exception) -> str:
    """The last line of ours that the error passed."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/tierflow/" in frame.filename]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "outside"


def _with_small_ids(value: Any, ids: Any, name: str = "") -> Any:
    """The same body with every other id in it replaced by one that probably names something."""
    if isinstance(value, dict):
        return {key: _with_small_ids(inner, ids, str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_small_ids(inner, ids, name) for inner in value]
    is_id = name.endswith(("_id", "_ids", "version")) and isinstance(value, int) and not isinstance(value, bool)
    return ids.randrange(1, FEW) if is_id and ids.random() < 0.5 else value


@contextmanager
def company(template: Path | None = None) -> Iterator[Fuzzer]:
    """A company on a SQLite file of its own; `template` is a migrated and seeded one."""
    with tempfile.TemporaryDirectory(prefix="tierflow-fuzz-") as folder:
        path = Path(folder) / "company.db"
        if template is None:
            _fill(f"sqlite:///{path}")
        else:
            shutil.copy(template, path)
        app = create_app(app_settings(f"sqlite:///{path}", StandingClock()))
        fuzzer = Fuzzer(app, path)
        try:
            yield fuzzer
        finally:
            fuzzer._let_go()


def fuzz(
    examples: int,
    roles: Sequence[str] = EVERYBODY,
    template: Path | None = None,
    turns: int | None = None,
    only: str = "",
) -> Tally:
    """Every operation that `only` finds as each of the roles (or as `turns` of them in turn), `examples` times."""
    tally = Tally()
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), company(template) as fuzzer:
            warnings.simplefilter("ignore")
            fuzzer.run(roles, examples, tally, turns, only)
    finally:
        logging.disable(logging.NOTSET)
    return tally


def main(examples: int = 200, roles: Sequence[str] = EVERYBODY, only: str = "") -> None:
    """Run the drill, show what failed and close with one line of counts; exits 1 when anything failed."""
    began = time.monotonic()
    tally = fuzz(examples, roles, only=only)
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items()))
    print(
        f"api_fuzz: {len(tally.operations)} operations × {len(roles)} roles × up to {examples} examples: "
        f"{tally.requests} requests in {time.monotonic() - began:.0f} s ({answers}); {tally.broken} answered 5xx, "
        f"{len(tally.failures)} kinds of failure"
    )
    if tally.failures:
        raise SystemExit(1)
