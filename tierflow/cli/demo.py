"""`tierflow demo`: the demo company on this machine, web server and scheduler together. `make run` calls it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType

import click
from sqlalchemy import select

from tierflow import create_app
from tierflow.app import local_secret
from tierflow.cli.serving import gunicorn
from tierflow.common import schema, seeds
from tierflow.common.db import data_dir, db, make_engine, transaction
from tierflow.common.users import Person
from tierflow.demo import logins, plant, take_over

FIRST_PORT = 5000
START_SECONDS = 90
STOP_SECONDS = 25
PR_SET_PDEATHSIG = 1


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Default: 5000, or the next that is free.")
def demo(port: int | None) -> None:
    """Make the demo company if it is not there, start web server and scheduler, and end both with Ctrl-C."""
    if port is not None and not _is_free(port):
        raise click.ClickException(f"port {port} is taken by another program: name another with --port, or none")
    home = Path(data_dir())
    environment = _environment(home)
    _prepare(environment)
    port = port or free_port(FIRST_PORT)
    address = f"127.0.0.1:{port}"
    with _stoppable() as stopped, _children(address, environment) as children:
        if not _answers(f"http://{address}/healthz", children, stopped):
            if stopped:
                return
            raise click.ClickException("the web server did not start")
        _greet(address)
        while not stopped and all(child.poll() is None for child in children):
            time.sleep(0.2)
        ended = [child.args for child in children if child.poll() is not None]
        if ended and not stopped:
            raise click.ClickException(f"ended by itself: {ended}")
    click.echo("\nEnded; the data stay in " + str(home))


def _environment(home: Path) -> dict[str, str]:
    home.mkdir(parents=True, exist_ok=True)
    return {
        **os.environ,
        "TIERFLOW_DATA_DIR": str(home.resolve()),
        "TIERFLOW_DATABASE_URL": f"sqlite:///{home.resolve() / 'demo.db'}",
        "TIERFLOW_SECRET_KEY": local_secret(home),
        "TIERFLOW_DEMO": "1",
        "TIERFLOW_LOG": os.environ.get("TIERFLOW_LOG", "console"),
        "TIERFLOW_LOG_LEVEL": os.environ.get("TIERFLOW_LOG_LEVEL", "WARNING"),
        "PYTHONUNBUFFERED": "1",
    }


def _prepare(environment: Mapping[str, str]) -> None:
    """Migrate, and plant the company into an empty database. A second start finds it there."""
    url = environment["TIERFLOW_DATABASE_URL"]
    engine = make_engine(url)
    schema.upgrade(engine)
    engine.dispose()
    app = create_app({"SQLALCHEMY_DATABASE_URI": url, "SECRET_KEY": environment["TIERFLOW_SECRET_KEY"]})
    with app.app_context():
        now = app.config["CLOCK"]()
        empty = db.session.scalar(select(Person.id).limit(1)) is None
        if empty:
            click.echo("Making the demo company …")
        with transaction() as session:
            if empty:
                plant(session, now)
            else:  # what a newer release brings
                seeds.plant(session, now)
        if empty:
            take_over(now)
        db.session.remove()
        db.engine.dispose()


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens on."""
    for port in range(first, first + 200):
        if _is_free(port):
            return port
    raise click.ClickException(f"no free port from {first} on")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextlib.contextmanager
def _stoppable() -> Iterator[list[int]]:
    """Ctrl-C and SIGTERM fill the list instead of breaking off."""
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        stopped.append(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _children(address: str, environment: Mapping[str, str]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Web server and scheduler, each in a session of its own: Ctrl-C reaches us alone, and we end them in turn."""
    commands = [gunicorn(address, 2), [sys.executable, "-m", "jobs"]]
    commands[0].append("--log-level=warning")
    children: list[subprocess.Popen[bytes]] = []
    try:
        for command in commands:
            child = subprocess.Popen(
                command,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - we have one thread
            )
            children.append(child)
        yield children
    finally:
        for child in children:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        until = time.monotonic() + STOP_SECONDS
        for child in children:
            try:
                child.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def _end_with_parent() -> None:
    """In the child, before it becomes the program: SIGTERM when we are gone, however we went (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _answers(url: str, children: list[subprocess.Popen[bytes]], stopped: list[int]) -> bool:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and not stopped and all(child.poll() is None for child in children):
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            time.sleep(0.2)
    return False


def _greet(address: str) -> None:
    click.echo(f"\n  tierflow  http://{address}/\n")
    for login in logins():
        click.echo(f"  {login['name']:<16} {login['password']:<20} {login['role']}")
    click.echo("\n  Ctrl-C ends it; a second start keeps the data.")
