"""Every address, every method, everybody: who gets in is what the reviewed table says, and a denial changes nothing."""

from __future__ import annotations

import csv

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests.guards import matrix
from tests.guards.world import IDENTITIES, World, calls
from tierflow.kernel.roles import PERMISSIONS, Role
from tierflow.web.access import Access, declared, public, reads


def test_the_running_app_is_the_reviewed_table(app: Flask) -> None:
    reviewed = [tuple(row) for row in csv.reader(matrix.REVIEWED.read_text(encoding="utf-8").splitlines())][1:]
    running = matrix.rows(app)
    changed = sorted(set(reviewed) ^ set(running))
    assert not changed, "review these, then: python -m tests.guards.matrix > tests/guards/access.csv"
    assert reviewed == running


def test_an_app_with_an_undeclared_view_does_not_start(own_app: Flask) -> None:
    own_app.view_functions["stray"] = lambda: "hello"
    with pytest.raises(RuntimeError, match="stray declares no access"):
        declared(own_app)


def test_actions_are_of_the_table_and_methods_of_the_kind(own_app: Flask) -> None:
    own_app.view_functions["stray"] = reads("nothing.read")(lambda: "hello")
    with pytest.raises(RuntimeError, match=r"nothing\.read is not in the permission table"):
        declared(own_app)
    own_app.view_functions["stray"] = reads("self.read")(lambda: "hello")
    own_app.url_map.add(Rule("/stray", endpoint="stray", methods=["POST"]))
    with pytest.raises(RuntimeError, match="GET reads and every other method writes"):
        declared(own_app)


def test_exports_and_reveals_are_posted(app: Flask) -> None:
    asked_for = [row for row in matrix.rows(app) if row[3].rpartition(".")[2] in ("export", "reveal")]
    assert {row[3] for row in asked_for} >= {"customer.export", "application.export", "log.export"}
    assert {row[1] for row in asked_for} == {"POST"}
    named = [row for row in matrix.rows(app) if "export" in row[0] or "reveal" in row[0]]
    assert {row[1] for row in named} == {"POST"}


def test_every_action_of_the_table_is_asked_for_somewhere_or_waits_for_its_chapter(app: Flask) -> None:
    used = {access.action for access in app.extensions["access"].values()} - {None}
    unused = {action.partition(".")[0] for action in set(PERMISSIONS) - used}
    assert unused <= {"complaint", "consultation", "measure", "inquiry"}, "a right that opens nothing"


def send(client: FlaskClient, method: str, address: str, headers: dict[str, str] | None = None) -> TestResponse:
    """A call with an empty body, as form or JSON."""
    if address.startswith("/api/") and method != "GET":
        return client.open(address, method=method, json={}, headers=headers)
    return client.open(address, method=method, headers=headers)


def denied(answer: TestResponse) -> bool:
    if answer.status_code == 302:
        return answer.location.partition("?")[0] == "/login"
    return answer.status_code in (401, 403)


def may(access: Access, identity: str) -> bool:
    if access.action is None:
        return True
    if identity == "anonymous":
        return False
    roles = PERMISSIONS[access.action].roles
    return roles is None or (identity in set(Role) and Role(identity) in roles)


CALLS_A_LOOK = 20


@pytest.mark.timeout(600)
def test_whoever_may_not_is_stopped_and_nothing_changes(everywhere: World) -> None:
    clients = {identity: everywhere.client(identity) for identity in IDENTITIES}
    no_scope, reading = everywhere.token([]), everywhere.token(["*:read"])
    program = everywhere.app.test_client()
    stopped, lately, before = 0, [], everywhere.dump()
    guarded = [call for call in calls(everywhere.app) if call[2].action is not None]
    for number, (rule, method, access) in enumerate(guarded, start=1):
        address = everywhere.address(rule)
        lately.append(f"{method} {address}")
        for identity, client in clients.items():
            if not may(access, identity):
                answer = send(client, method, address)
                assert denied(answer), f"{identity} {method} {address}: {answer.status_code}"
                stopped += 1
        # A token without scopes opens nothing; one for reading writes nothing; on pages no token counts at all.
        for headers, is_stopped in ((no_scope, True), (reading, PERMISSIONS[access.action].writes)):
            if is_stopped or not address.startswith("/api/"):
                answer = send(program, method, address, headers)
                assert denied(answer), f"token {method} {address}: {answer.status_code}"
                stopped += 1
        if len(lately) == CALLS_A_LOOK or number == len(guarded):  # looking at the whole database is the dear part
            assert everywhere.dump() == before, f"one of these, denied, changed the database: {lately}"
            lately = []
    assert stopped > 800


@pytest.mark.timeout(600)
def test_whoever_may_gets_past_the_door_and_no_door_falls_apart(everywhere: World) -> None:
    everywhere.app.config["PROPAGATE_EXCEPTIONS"] = True
    clients = {identity: everywhere.client(identity) for identity in IDENTITIES}
    passed = 0
    ordered = sorted(calls(everywhere.app), key=lambda call: (call[1] != "GET", call[0].endpoint in LAST, str(call[0])))
    for rule, method, access in ordered:
        address = everywhere.address(rule)
        for identity in IDENTITIES:
            if may(access, identity):
                answer = send(clients[identity], method, address)
                answer.close()
                # No scheduler runs here, and health says so.
                late = answer.status_code == 503 and rule.endpoint in ("jobs.health", "home.healthz")
                assert answer.status_code < 500 or late, f"{identity} {method} {address}"
                if access.action is not None and rule.endpoint != "session.logout":  # which leads to the login, rightly
                    assert not denied(answer), f"{identity} {method} {address}: {answer.status_code}"
                if access.writes and answer.status_code < 400:
                    clients[identity] = everywhere.client(identity)  # it may have ended the session
                passed += 1
    assert passed > 500


# Whose success takes the ground from under the others.
LAST = frozenset({"session.logout", "session.change_password"})


def test_a_get_changes_nothing(everywhere: World) -> None:
    client, before = everywhere.client("everything"), everywhere.dump()
    for rule, method, _access in calls(everywhere.app):
        if method == "GET":
            send(client, "GET", everywhere.address(rule)).close()
    assert everywhere.dump() == before


def test_nothing_is_public_but_what_must_be(app: Flask) -> None:
    open_to_all = {row[2] for row in matrix.rows(app) if row[5] == "anybody"}
    assert open_to_all == {
        "api-docs.openapi_json",
        "bootstrap.static",
        "docs.assets",
        "docs.ui",
        "home.favicon",
        "home.healthz",
        "jobs.health",
        "onboarding.phone_upload",
        "onboarding.phone_upload_post",
        "session.check_second_factor",
        "session.language",
        "session.login",
        "session.oidc_back",
        "session.oidc_begin",
        "session.oidc_sign_in",
        "session.second_factor",
        "session.sign_in",
        "session.theme",
        "web.static",
    }
    assert public(lambda: "x").__access__.action is None  # type: ignore[attr-defined]
