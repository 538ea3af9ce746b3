"""The `tierflow` and `python -m jobs` commands, as an operator types them."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, text

from jobs.__main__ import _app as scheduler
from jobs.__main__ import main as jobs
from tierflow import create_app
from tierflow.cli import COMMANDS, main, shared
from tierflow.common import schema
from tierflow.common.audit import AuditEntry
from tierflow.common.db import db, make_engine, transaction, write_access
from tierflow.common.notices import Notice
from tierflow.common.runs import Heartbeat, JobDuty, Run
from tierflow.common.sessions import SecurityEvent
from tierflow.common.users import RoleGrant, User, actor_of
from tierflow.kernel.months import local_day
from tierflow.kernel.roles import PERMISSIONS, Role
from tierflow.web import signing_in

PASSWORDS = "correct horse one\nbattery staple two\n"
TWO = ["--administrator", "wang", "王一", "--administrator", "zhao", "赵二"]


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with nothing on it but a database address; logging as it was afterwards."""
    monkeypatch.setenv("TIERFLOW_DATABASE_URL", f"sqlite:///{tmp_path / 'data' / 'tierflow.db'}")
    monkeypatch.setenv("TIERFLOW_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("TIERFLOW_SECRET_KEY", "tests only")
    for name in ("TIERFLOW_ANCHOR_FILE", "TIERFLOW_BACKUP_DIR"):
        monkeypatch.delenv(name, raising=False)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield tmp_path
    root.handlers[:] = handlers
    root.setLevel(level)


def call(*arguments: str, typed: str | None = None, command: Any = main) -> Result:
    return CliRunner().invoke(command, list(arguments), input=typed, catch_exceptions=False)


def company() -> None:
    made = call("init", *TWO, "--passwords", "-", typed=PASSWORDS)
    assert made.exit_code == 0, made.output


def query(url: str, statement: Any) -> list[Any]:
    engine = make_engine(url)
    with engine.connect() as connection:
        rows = list(connection.execute(statement))
    engine.dispose()
    return rows


def url_of(machine: Path) -> str:
    return f"sqlite:///{machine / 'data' / 'tierflow.db'}"


def test_every_command_explains_itself() -> None:
    told = call("--help")
    assert told.exit_code == 0
    for name in COMMANDS:
        assert f"\n  {name} " in told.output
        assert call(name, "--help").exit_code == 0


def test_init_makes_an_empty_company_of_two_administrators(machine: Path) -> None:
    company()
    url = url_of(machine)
    assert [row[0] for row in query(url, select(User.login))] == ["wang", "zhao"]
    grants = query(url, select(RoleGrant.role, RoleGrant.user_id, RoleGrant.proposed_by_id, RoleGrant.approved_by_id))
    assert [tuple(row) for row in grants] == [("administrator", 1, 2, 2), ("administrator", 2, 1, 1)]
    assert [row[0] for row in query(url, select(AuditEntry.action))] == ["company.init"] * 2
    app = create_app()
    with app.app_context():
        user = db.session.scalars(select(User).where(User.login == "zhao")).one()
        assert signing_in.password_fits(user, "battery staple two")
        assert actor_of(db.session(), user, local_day(app.config["CLOCK"]())).roles == {Role.ADMINISTRATOR}
        db.session.remove()
        db.engine.dispose()
    assert call("verify").exit_code == 0


def test_init_asks_for_what_it_was_not_told(machine: Path) -> None:
    typed = "wang\n王一\nzhao\n赵二\n" + "correct horse one\n" * 2 + "battery staple two\n" * 2
    made = call("init", typed=typed)
    assert made.exit_code == 0, made.output
    assert "correct horse" not in made.output
    assert len(query(url_of(machine), select(User.id))) == 2


def test_init_keeps_a_user_name_as_the_form_does(machine: Path) -> None:
    named = ["--administrator", "Wang", "王一", "--administrator", " zhao ", "赵二"]
    assert call("init", *named, "--passwords", "-", typed=PASSWORDS).exit_code == 0
    assert [row[0] for row in query(url_of(machine), select(User.login).order_by(User.login))] == ["wang", "zhao"]


@pytest.mark.parametrize(
    ("arguments", "passwords", "said"),
    [
        (TWO, "short\nbattery staple two\n", "at least 12 characters"),
        (TWO, "correct horse one\n", "a password each"),
        (["--administrator", "wang", "王一"] * 2, PASSWORDS, "two different people"),
        (["--administrator", "wang", "王一", "--administrator", "WANG", "赵二"], PASSWORDS, "two different people"),
        (["--administrator", "wang", "王一", "--administrator", "a b", "赵二"], PASSWORDS, "small letters"),
        (["--administrator", "wang", "王一", "--administrator", "王", "赵二"], PASSWORDS, "small letters"),
        (["--administrator", "wang", "王一", "--administrator", "  ", "赵二"], PASSWORDS, "small letters"),
        (["--administrator", "wang", "王一", "--administrator", "z", "赵二"], PASSWORDS, "2 to 60"),
        (["--administrator", "wang", "王一", "--administrator", "zhao", " "], PASSWORDS, "needs a name"),
        ([*TWO, "--administrator", "qian", "钱三"], PASSWORDS, "two administrators"),
    ],
)
def test_init_refuses_what_would_not_be_a_company(
    machine: Path, arguments: list[str], passwords: str, said: str
) -> None:
    made = call("init", *arguments, "--passwords", "-", typed=passwords)
    assert made.exit_code == 1
    assert said in made.output
    assert query(url_of(machine), select(User.id)) == []


def test_init_refuses_where_people_are() -> None:
    company()
    again = call("init", *TWO, "--passwords", "-", typed=PASSWORDS)
    assert again.exit_code == 1
    assert "has people already" in again.output


def test_without_a_database_address_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TIERFLOW_DATABASE_URL")
    for command in ("init", "check", "verify", "anchor", "serve", "routes", "upgrade"):
        told = call(command)
        assert told.exit_code == 1
        assert "TIERFLOW_DATABASE_URL is not set" in told.output


def test_up_and_down_and_up(machine: Path) -> None:
    assert call("upgrade", "0001").exit_code == 0
    told = call("check")
    assert told.exit_code == 1
    assert "run `tierflow upgrade`" in told.output
    assert call("upgrade").exit_code == 0
    assert call("check").output == "The schema is sound.\n"
    assert call("downgrade", "base", typed="n\n").exit_code == 1
    assert call("check").exit_code == 0, "not without a yes"
    assert call("downgrade", "base", "--yes").exit_code == 0
    assert call("check").exit_code == 1
    assert call("upgrade").exit_code == 0
    assert call("verify").exit_code == 0


def test_check_names_a_guard_that_is_gone(machine: Path) -> None:
    company()
    engine = make_engine(url_of(machine))
    with write_access(), engine.begin() as connection:
        connection.execute(text("DROP TRIGGER guard_audit_entry_update"))
    engine.dispose()
    told = call("check")
    assert told.exit_code == 1
    assert "guard_audit_entry_update" in told.output
    assert call("verify").exit_code == 1


def test_verify_names_the_lie_and_fails(machine: Path) -> None:
    company()
    assert call("anchor").exit_code == 0
    told = call("verify")
    assert (told.exit_code, "Nothing is wrong" in told.output) == (0, True)
    engine = make_engine(url_of(machine))
    with write_access(), engine.begin() as connection:
        ddl = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = 'guard_audit_entry_update'")).scalar()
        connection.execute(text("DROP TRIGGER guard_audit_entry_update"))
        connection.execute(text("UPDATE audit_entry SET reason = 'forged' WHERE seq = 1"))
        connection.execute(text(ddl))
    engine.dispose()
    told = call("verify")
    assert told.exit_code == 1
    assert "audit: entry 1 was altered" in told.output


def test_backup_and_restore_by_command(machine: Path) -> None:
    company()
    copy = str(machine / "copy.db")
    assert call("backup", copy).exit_code == 0
    assert call("backup", copy).exit_code == 1
    refused = call("restore", copy)
    assert refused.exit_code == 1
    assert "--force" in refused.output
    restored = call("restore", copy, "--force")
    assert restored.exit_code == 0, restored.output
    assert "Nothing is wrong" in restored.output


def test_routes_say_who_may_do_what() -> None:
    assert call("upgrade").exit_code == 0
    rows = json.loads(call("routes", "--json").output)
    by_endpoint = {row["endpoint"]: row for row in rows}
    assert by_endpoint["jobs.run"] == {
        "path": "/admin/jobs/runs",
        "methods": ["POST"],
        "endpoint": "jobs.run",
        "action": "job.write",
        "writes": True,
        "roles": ["administrator"],
    }
    assert by_endpoint["home.healthz"]["action"] is None
    assert by_endpoint["home.inbox"]["roles"] is None
    assert {row["action"] for row in rows if row["action"]} <= PERMISSIONS.keys()
    assert "job.write" in call("routes").output


def test_a_dry_run_says_what_would_run_and_runs_nothing(machine: Path) -> None:
    company()
    told = call("--dry-run", command=jobs)
    assert told.exit_code == 0, told.output
    for key in ("deliveries", "complaint-clocks", "reviews", "anchor", "backup", "housekeeping", "proof"):
        assert f"\n{key} " in f"\n{told.output}"
    assert query(url_of(machine), select(Run.id)) == []


def test_a_duty_is_run_by_hand_for_a_period(machine: Path) -> None:
    company()
    assert call("run", "anchor", "--for", "2026-11-01", command=jobs).exit_code == 0
    assert (machine / "data" / "anchors.jsonl").exists()
    [run] = query(url_of(machine), select(Run.period, Run.item, Run.state))
    assert (run.period, run.state) == ("2026-11-01", "done")
    assert run.item.startswith("by-hand "), "long past: no slot of the clock's"
    listed = call("list", command=jobs)
    assert "2026-11-01 done" in listed.output
    assert "complaint-clocks always          last: never" in listed.output
    assert call("run", "complaint-clocks", command=jobs).exit_code == 0
    [row] = query(url_of(machine), select(JobDuty.key, JobDuty.tries).where(JobDuty.last_ok_at.is_not(None)))
    assert tuple(row) == ("complaint-clocks", 0)
    [told] = [line for line in call("list", command=jobs).output.splitlines() if line.startswith("complaint-clocks")]
    assert told.endswith(" done")
    for arguments in (
        ["nothing", "--for", "2026-11-01"],
        ["anchor"],
        ["anchor", "--for", "2026-11"],
        ["anchor", "--for", "2999-01-01"],
    ):
        assert call("run", *arguments, command=jobs).exit_code == 1


def test_a_held_clock_is_confirmed_by_an_administrator(machine: Path) -> None:
    company()
    app = create_app()
    now = app.config["CLOCK"]()
    with app.app_context():
        with transaction() as session:
            held = Heartbeat(name="scheduler", at=now, started_at=now, host="x", held_since=now, hold_reason="forward")
            session.add(held)
        db.session.remove()
        db.engine.dispose()
    assert call("run", "anchor", "--for", "2026-11-01", command=jobs).exit_code == 1
    assert call("confirm", "--login", "nobody", "--yes", command=jobs).exit_code == 1
    assert call("confirm", "--login", "wang", command=jobs, typed="n\n").exit_code == 1
    assert query(url_of(machine), select(Heartbeat.held_since))[0][0] is not None
    told = call("confirm", "--login", "wang", command=jobs, typed="y\n")
    assert told.exit_code == 0, told.output
    assert query(url_of(machine), select(Heartbeat.held_since, Heartbeat.released_by_id))[0] == (None, 1)
    assert query(url_of(machine), select(AuditEntry.action))[-1][0] == "job.release"
    assert call("run", "anchor", "--for", "2026-11-01", command=jobs).exit_code == 0


def test_who_lost_the_factor_and_has_nobody_to_ask_is_let_in_on_the_server(machine: Path) -> None:
    company()
    app = create_app()
    with app.app_context():
        with transaction() as session:
            wang = session.scalars(select(User).where(User.login == "wang")).one()
            wang.totp_secret, wang.totp_confirmed_at = "JBSWY3DPEHPK3PXP", app.config["CLOCK"]()
        db.session.remove()
        db.engine.dispose()
    assert call("recover", "wang").exit_code == 2, "not without a reason"
    assert call("recover", "nobody", "--reason", "lost").exit_code == 1
    before = query(url_of(machine), select(User.password_hash).where(User.login == "wang"))
    assert call("recover", "Wang", "--reason", "phone lost").exit_code == 0
    url = url_of(machine)
    factor = select(User.totp_secret, User.totp_confirmed_at, User.password_hash).where(User.login == "wang")
    assert query(url, factor) == [(None, None, *before[0])]
    told = call("recover", "wang", "--reason", "password lost too", "--password")
    password = told.output.strip().rpartition(" ")[2]
    hashed, must_change = query(url, select(User.password_hash, User.must_change_password).order_by(User.id))[0]
    assert signing_in.password_fits(User(password_hash=hashed), password)
    assert must_change
    entries = query(url, select(AuditEntry.action, AuditEntry.reason).order_by(AuditEntry.seq))[-2:]
    assert entries == [("second_factor.recover", "phone lost"), ("second_factor.recover", "password lost too")]
    assert "phone lost" in query(url, select(SecurityEvent.detail))[0][0]
    assert {row[0] for row in query(url, select(Notice.user_id))} == {1, 2}


def test_a_migration_is_written_from_the_models(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert call("upgrade").exit_code == 0
    folder = machine / "migrations"
    shutil.copytree(schema.migrations_dir(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(schema, "migrations_dir", lambda: folder)
    before = {path.name for path in (folder / "versions").iterdir()}
    assert call("revision", "Nothing new").exit_code == 0
    [new] = [path for path in (folder / "versions").glob("*.py") if path.name not in before]
    written = new.read_text()
    assert "op." not in written, "the models say what the migrations made"


def test_only_who_serves_pages_loses_patience(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof, a migration or a month over a million customers takes longer than a page may."""
    monkeypatch.setenv("TIERFLOW_DATABASE_URL", postgres_url)
    limits = {}
    for name, app in {"pages": create_app(), "command": shared.application(), "scheduler": scheduler()[0]}.items():
        with app.app_context():
            limits[name] = db.session().scalar(text("SHOW statement_timeout"))
            db.session.remove()
            db.engine.dispose()
    live = shared.engine()
    with live.connect() as connection:
        limits["migration"] = connection.scalar(text("SHOW statement_timeout"))
    live.dispose()
    assert limits == {"pages": "1min", "command": "0", "scheduler": "0", "migration": "0"}
