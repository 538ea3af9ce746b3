"""The timed duties on screen and through the API: what ran, what failed, run again, count, confirm the date."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from jobs.board import answer_requests, publish
from tests.builders import csrf_of, sign_in
from tests.conftest import NOW, StandingClock
from tests.jobs.world import fill, read, runner
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, transaction
from tierflow.common.runs import Heartbeat, JobDuty, JobRequest, Run
from tierflow.common.users import User


@pytest.fixture
def staffed(app: Flask) -> Flask:
    fill(app, lambda _session, _who: None)
    return app


@pytest.fixture
def admin(staffed: Flask) -> FlaskClient:
    return client_of(staffed, "admin")


def client_of(app: Flask, login: str) -> FlaskClient:
    return sign_in(app, read(app, select(User.id).where(User.login == login))[0][0])


def scheduler(app: Flask, folder: Path) -> None:
    """One round of the scheduler process."""
    with app.app_context():
        one = runner(app, folder)
        one.sweep()
        answer_requests(one)
        publish(one, one.setup.clock(), count=False)
        db.session.remove()


def hold(app: Flask) -> None:
    with app.app_context(), transaction() as session:
        beat = session.get_one(Heartbeat, "scheduler")
        beat.held_since, beat.hold_reason = beat.at, "forward"


class Door:
    """The page or the API: the same acts."""

    def __init__(self, app: Flask, client: FlaskClient, kind: str) -> None:
        self.client, self.kind = client, kind
        self.token = csrf_of(client)

    def post(self, act: str, **data: Any) -> int:
        if self.kind == "api":
            headers = {"X-CSRFToken": self.token}
            return self.client.post(f"/api/v1/jobs/{act}", json=data, headers=headers).status_code
        return self.client.post(f"/admin/jobs/{act}", data={**data, "csrf_token": self.token}).status_code


@pytest.fixture(params=["page", "api"])
def door(request: pytest.FixtureRequest, staffed: Flask, admin: FlaskClient) -> Iterator[Door]:
    return Door(staffed, admin, request.param)


def test_the_page_is_there_before_any_scheduler(admin: FlaskClient) -> None:
    page = admin.get("/admin/jobs")
    assert page.status_code == 200
    assert "调度程序尚未运行过" in page.text


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_shows_timetable_and_ledger(
    staffed: Flask, admin: FlaskClient, clock: StandingClock, tmp_path: Path, language: str
) -> None:
    with staffed.app_context(), transaction() as session:
        session.scalars(select(User).where(User.login == "admin")).one().locale = language
    scheduler(staffed, tmp_path)
    page = admin.get("/admin/jobs").text
    words = {"zh": ("备份数据库", "每日", "运行中"), "en": ("Back up the database", "daily", "running")}[language]
    for word in (*words, "01:30", "2026-11-23"):
        assert word in page
    failed = admin.get("/admin/jobs?state=failed").text
    assert ("还没有执行记录" if language == "zh" else "Nothing has run yet") in failed


def test_a_failure_is_shown_with_its_reason_and_run_again(
    staffed: Flask, door: Door, clock: StandingClock, tmp_path: Path
) -> None:
    (tmp_path / "backups").write_text("in the way")
    scheduler(staffed, tmp_path)
    page = door.client.get("/admin/jobs?state=failed").text
    assert "FileExistsError" in page
    (tmp_path / "backups").unlink()
    status = door.post("runs", job="backup", period="2026-11-23")
    assert status == (202 if door.kind == "api" else 302)
    scheduler(staffed, tmp_path)
    [run] = read(
        staffed, select(Run.state, Run.tries, Run.started_by_id).where(Run.job == "backup", Run.period == "2026-11-23")
    )
    admin_id = read(staffed, select(User.id).where(User.login == "admin"))[0][0]
    assert tuple(run) == ("done", 2, admin_id)
    [request] = read(staffed, select(JobRequest.is_ok, JobRequest.answer))
    assert tuple(request) == (True, {})
    assert "job.request" in [row[0] for row in read(staffed, select(AuditEntry.action))]


@pytest.mark.parametrize(
    ("data", "page", "api"),
    [
        ({"job": "nothing", "period": "2026-11-23"}, 404, 404),
        ({"job": "backup", "period": "2026-11"}, 422, 422),
        ({"job": "backup", "period": "soon"}, 422, 422),
        ({"job": "backup"}, 422, 422),
        ({"period": "2026-11-23"}, 422, 422),
        ({"job": "backup", "period": "2999-01-01"}, 409, 409),
    ],
)
def test_a_period_that_cannot_be_run_is_refused_at_its_field(
    staffed: Flask, door: Door, tmp_path: Path, data: dict[str, str], page: int, api: int
) -> None:
    scheduler(staffed, tmp_path)
    assert door.post("runs", **data) == (api if door.kind == "api" else page)
    assert read(staffed, select(JobRequest.id)) == []


def test_asking_twice_runs_once(staffed: Flask, door: Door, tmp_path: Path) -> None:
    scheduler(staffed, tmp_path)
    for _ in range(2):
        door.post("runs", job="anchor", period="2026-11-20")
    assert len(read(staffed, select(JobRequest.id))) == 1


def test_what_would_run_is_counted_on_request(staffed: Flask, door: Door, tmp_path: Path) -> None:
    scheduler(staffed, tmp_path)
    assert read(staffed, select(JobDuty.outstanding).where(JobDuty.key == "calendar"))[0][0] is None
    door.post("count")
    scheduler(staffed, tmp_path)
    assert read(staffed, select(JobDuty.outstanding).where(JobDuty.key == "calendar"))[0][0] == 1
    answer = door.client.get("/api/v1/jobs/requests/1").get_json()
    assert answer["answer"]["calendar"] == 1


def test_a_held_clock_is_confirmed(staffed: Flask, door: Door, clock: StandingClock, tmp_path: Path) -> None:
    scheduler(staffed, tmp_path)
    hold(staffed)
    page = door.client.get("/admin/jobs").text
    assert 'value="2026-11-23"' in page
    assert "定时任务已暂停" in door.client.get("/notices").text, "administrators read it on every page"
    assert door.post("confirm", date="2026-11-22") == 409
    assert door.post("confirm", date="soon") == 422
    assert read(staffed, select(Heartbeat.held_since))[0][0] is not None
    assert door.post("confirm", date="2026-11-23") == (200 if door.kind == "api" else 302)
    assert read(staffed, select(Heartbeat.held_since))[0][0] is None
    assert door.post("confirm", date="2026-11-23") == 409
    assert "job.release" in [row[0] for row in read(staffed, select(AuditEntry.action))]


def test_a_request_while_held_is_answered_with_it(staffed: Flask, admin: FlaskClient, tmp_path: Path) -> None:
    scheduler(staffed, tmp_path)
    hold(staffed)
    Door(staffed, admin, "page").post("runs", job="anchor", period="2026-11-23")
    scheduler(staffed, tmp_path)
    [request] = read(staffed, select(JobRequest.is_ok, JobRequest.answer))
    assert tuple(request) == (False, {"held": True})


def test_the_ledger_pages_by_key_and_filters(
    staffed: Flask, admin: FlaskClient, clock: StandingClock, tmp_path: Path
) -> None:
    for _ in range(9):
        scheduler(staffed, tmp_path)
        clock.forward(days=1)
    client = client_of(staffed, "admin")
    seen: list[int] = []
    address = "/api/v1/jobs/runs"
    while address:
        body = client.get(address).get_json()
        seen += [run["id"] for run in body["items"]]
        address = f"/api/v1/jobs/runs?cursor={body['after']}" if body["after"] else ""
    assert len(seen) > 30
    assert seen == sorted(seen, reverse=True)
    only = client.get("/api/v1/jobs/runs?job=anchor&state=done&period=2026-11-25").get_json()["items"]
    assert [(run["job"], run["period"]) for run in only] == [("anchor", "2026-11-25")]
    assert client.get("/api/v1/jobs/runs?state=odd").status_code == 422
    assert client.get("/admin/jobs?cursor=scribble").status_code == 422
    assert client.get("/admin/jobs?job=anchor").status_code == 200


@pytest.mark.parametrize("login", ["clerk", "sales", "manager"])
def test_others_see_none_of_it(staffed: Flask, tmp_path: Path, login: str) -> None:
    scheduler(staffed, tmp_path)
    hold(staffed)
    client = client_of(staffed, login)
    token = csrf_of(client)
    for path in ("/admin/jobs", "/api/v1/jobs", "/api/v1/jobs/runs"):
        assert client.get(path).status_code == 403
    for path in ("/admin/jobs/runs", "/admin/jobs/count", "/admin/jobs/confirm"):
        assert client.post(path, data={"csrf_token": token}).status_code == 403
    assert "定时任务已暂停" not in client.get("/notices").text
    assert read(staffed, select(JobRequest.id)) == []


def test_health_says_how_the_scheduler_is(staffed: Flask, clock: StandingClock, tmp_path: Path) -> None:
    client = staffed.test_client()

    def told() -> tuple[int, str, int, str]:
        web, own = client.get("/healthz"), client.get("/healthz/scheduler")
        return web.status_code, web.get_json()["scheduler"], own.status_code, own.get_json()["status"]

    assert told() == (200, "ok", 503, "never")
    scheduler(staffed, tmp_path)
    assert told() == (200, "ok", 200, "ok")
    clock.forward(minutes=5)
    assert told() == (200, "ok", 200, "ok")
    clock.forward(seconds=1)
    assert told() == (200, "late", 503, "late"), "and the web server stays in the balancer"
    scheduler(staffed, tmp_path)
    hold(staffed)
    assert told() == (200, "held", 503, "held")
    clock.at = NOW - timedelta(days=1)
    assert told()[3] == "late", "a beat from the future is none"
