"""Every page under the same sky: headers, policy, no outside address, no way out, nothing that breaks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import builders
from tests.guards.world import World, calls
from tierflow.common.db import db, transaction
from tierflow.kernel.roles import Role
from tierflow.web.session_pages import safe_target

ROOT = Path(__file__).resolve().parent.parent.parent
POLICY = {
    "default-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'self'",
}


def test_every_answer_carries_the_security_headers(everywhere: World) -> None:
    client = everywhere.client("everything")
    addresses = [everywhere.address(rule) for rule, method, _ in calls(everywhere.app) if method == "GET"]
    for address in [*addresses, "/nothing/here", "/api/v1/nothing"]:
        answer = client.get(address)
        headers = answer.headers
        parts = [part.strip().partition(" ") for part in headers["Content-Security-Policy"].split(";")]
        policy = {name: values for name, _space, values in parts}
        if policy.get("default-src") == "'none'":  # an uploaded scan: nothing in it may run or load
            assert re.search(r"/(files/|file$|evidence$)", address)
            assert {"sandbox", "frame-ancestors"} <= policy.keys()
            assert "script-src" not in policy
        else:
            assert POLICY.items() <= policy.items(), address
            assert "unsafe" not in headers["Content-Security-Policy"], address
        assert headers["X-Content-Type-Options"] == "nosniff", address
        assert headers["Referrer-Policy"] == "same-origin", address
        assert headers["X-Frame-Options"] == "SAMEORIGIN", address
        # A scan may be kept by its reader's own browser, and asked about every time.
        is_scan = "/files/" in address and not address.startswith("/api/") and answer.status_code == 200
        wanted = "private, no-cache" if is_scan else "no-store"
        assert wanted in headers["Cache-Control"], address
        answer.close()


def test_pages_hold_nothing_inline_and_ask_nobody_else(everywhere: World) -> None:
    client = everywhere.client("everything")
    pages = 0
    for rule, method, _access in calls(everywhere.app):
        if method != "GET":
            continue
        answer = client.get(everywhere.address(rule))
        if answer.mimetype == "text/html":
            html = answer.get_data(as_text=True)
            pages += 1
            assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>(?!\s*</script>)", html), rule
            assert not re.search(r"<style\b|\sstyle=|\son[a-z]+=\"|javascript:", html), rule
            for address in re.findall(r"(?:src|href|action|data|poster)=\"([^\"]*)\"", html):
                assert urlsplit(address).netloc == "", f"{rule}: {address}"
        answer.close()
    assert pages > 30


def test_no_template_or_asset_names_an_outside_address() -> None:
    allowed = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink", "http://www.w3.org/1999/xhtml"}
    found = {}
    for path in (ROOT / "tierflow").rglob("*"):
        if path.suffix in {".html", ".css", ".js", ".svg"}:
            for address in re.findall(
                r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"')]*", path.read_text(), re.IGNORECASE
            ):
                if address not in allowed:
                    found[path.name] = address
    assert found == {}


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        ("/customers?q=a", True),
        ("/搜索?q=华东", True),
        ("/a b", True),
        (None, False),
        ("", False),
        ("customers", False),
        ("//evil.example", False),
        ("///evil.example", False),
        ("/\\evil.example", False),
        ("\\\\evil.example", False),
        ("/\t/evil.example", False),
        ("/\n/evil.example", False),
        ("/\r/evil.example", False),
        ("/\x00/evil.example", False),
        ("/a\\..\\evil", False),
        ("https://evil.example", False),
        ("javascript:alert(1)", False),
        (" /customers", False),
        ("/ok\r\nSet-Cookie: a=b", False),
    ],
)
def test_a_redirect_stays_in_the_house(app: Flask, target: str | None, kept: bool) -> None:
    with app.test_request_context():
        assert safe_target(target) == (target if kept else "/")


@pytest.mark.parametrize("evil", ["//evil.example", "/\t/evil.example", "https://evil.example/", "/\\evil.example"])
def test_signing_in_and_switching_language_lead_nowhere_else(everywhere: World, evil: str) -> None:
    app = everywhere.app
    client = app.test_client()
    login = {"name": "the_account_manager", "password": builders.PASSWORD, "next": evil}
    for answer in (
        client.post("/login", data=login),
        client.post("/login?next=" + evil.replace("\t", "%09"), data=login),
        client.post("/language", data={"lang": "en", "next": evil}),
        client.post("/theme", data={"theme": "dark"}, headers={"Referer": "https://evil.example/x"}),
    ):
        assert answer.status_code == 302
        assert answer.location == "/"


def test_a_stray_address_or_method_answers_in_the_right_form(everywhere: World) -> None:
    client = everywhere.client("account_manager")
    assert client.get("/nothing").mimetype == "text/html"
    assert client.get("/api/v1/nothing").get_json()["code"] == 404
    assert client.delete("/customers").status_code == 405
    assert "GET" in client.delete("/customers").headers["Allow"]
    huge = f"/customers/{10**30}"
    assert client.get(huge).status_code == 404


QUERIES = [
    "?cursor=x",
    "?cursor=W10",
    "?after=W10",
    "?cursor=" + "W1tb" * 3000,
    "?sort=nothing",
    "?q=%00",
    "?q=%FF%FE",
    "?q=%F0%9F%98%80%E2%80%AE",
    "?q=" + "%25" * 200,
    "?page=-1&size=99999999999999999999",
    "?from_on=x&to_on=0000-00-00&last_on=9999-12-31",
    "?region_id=99999999999999999999&user_id=x&subject_id=1e400&state=%00",
    "?subject_type=%00&action='&kind=[]&form=xlsx&lang=xx",
]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_no_address_breaks_on_a_strange_question(
    dialect: str, everywhere: World, request: pytest.FixtureRequest
) -> None:
    app = everywhere.app if dialect == "sqlite" else _on_postgres(request)
    client = everywhere.client("everything") if dialect == "sqlite" else _boss(app)
    asked = [rule for rule, method, _access in calls(app) if method == "GET" and not rule.endpoint.endswith("health")]
    for number, rule in enumerate(asked):
        address = everywhere.address(rule)
        # Most of a question is read before any database is asked; the second one hears a third of them at each address.
        queries = QUERIES if dialect == "sqlite" else QUERIES[number % 3 :: 3]
        for query in queries:
            answer = client.get(address + query)
            answer.close()
            assert answer.status_code < 500, address + query


def _on_postgres(request: pytest.FixtureRequest) -> Flask:
    from tests.conftest import StandingClock, app_settings
    from tierflow import create_app

    app = create_app(app_settings(request.getfixturevalue("postgres_url"), StandingClock()))

    def close() -> None:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()

    request.addfinalizer(close)
    return app


def _boss(app: Flask) -> FlaskClient:
    with app.app_context(), transaction() as session:
        region, office = builders.region(session), builders.office(session)
        keeper = builders.warehouse(session)
        scopes = {
            Role.SALES_MANAGER: region.id,
            Role.RESIDENT_OFFICE: office.id,
            Role.WAREHOUSE_KEEPER: keeper.id,
        }
        roles = [(role, scopes[role]) if role in scopes else role for role in Role]
        account = builders.user(session, "boss", *roles).id
    return builders.sign_in(app, account)


def test_rules_and_kernel_load_without_flask_or_database() -> None:
    rules = sorted(
        str(path.relative_to(ROOT).with_suffix("")).replace("/", ".").removesuffix(".__init__")
        for path in [
            *(ROOT / "tierflow").rglob("rules.py"),
            *(ROOT / "tierflow").rglob("rules/*.py"),
            *(ROOT / "tierflow/kernel").glob("*.py"),
        ]
    )
    assert len(rules) > 10
    heavy = ("flask", "werkzeug", "sqlalchemy", "marshmallow", "jinja2", "apscheduler", "tierflow.app", "tierflow.web")
    program = (
        f"import importlib, sys; [importlib.import_module(name) for name in {rules!r}]; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("gone", ["user_session", "approval_case"])
def test_a_page_about_a_failed_database_is_drawn_without_it(both_app: Flask, gone: str) -> None:
    from sqlalchemy import text

    from tierflow.common.db import write_access

    both_app.config["PROPAGATE_EXCEPTIONS"] = False
    with both_app.app_context(), transaction() as session:
        account = builders.user(session, "li", Role.GENERAL_MANAGER).id
    client = builders.sign_in(both_app, account)
    with both_app.app_context(), write_access(), db.engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE {gone} RENAME TO elsewhere"))
    for address in ("/", "/customers", "/api/v1/applications"):
        answer = client.get(address)
        assert answer.status_code in (500, 503), address
        assert len(answer.get_data()) > 20
        assert "Traceback" not in answer.get_data(as_text=True)
