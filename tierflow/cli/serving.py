"""Commands that serve, and that say what is served."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click
from flask import Flask

from tierflow.cli.shared import application, database_url
from tierflow.kernel.roles import PERMISSIONS
from tierflow.web.access import Access


def gunicorn(bind: str, workers: int) -> list[str]:
    """The command line of the web server. Sync workers: threads double the slowest answers."""
    return [
        sys.executable,
        "-m",
        "gunicorn",
        "tierflow.wsgi:app",
        f"--bind={bind}",
        f"--workers={workers}",
        "--timeout=60",
        "--graceful-timeout=20",
        "--no-control-socket",  # two instances would share one path
    ]


@click.command()
@click.option("--bind", default="127.0.0.1:8000", show_default=True, help="Address and port, or unix:PATH.")
@click.option("--workers", default=4, show_default=True, type=click.IntRange(1, 64))
def serve(bind: str, workers: int) -> None:
    """Start the web server (gunicorn) in this process's place. The scheduler is `python -m jobs`, once."""
    database_url()
    command = gunicorn(bind, workers)
    os.execv(command[0], command)  # noqa: S606 - a fixed program with our own arguments


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def routes(as_json: bool) -> None:
    """List every route with its methods, the action it asks for and the roles that have it."""
    rows = table(application(check_schema=False))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        who = "everybody" if row["action"] is None else ", ".join(row["roles"] or ["whoever is signed in"])
        click.echo(f"{' '.join(row['methods']):<10} {row['path']:<70} {row['action'] or '-':<22} {who}")


def table(app: Flask) -> list[dict[str, Any]]:
    """Every route: path, methods, endpoint, action, whether it writes, roles (None: whoever is signed in)."""
    declared: dict[str, Access] = app.extensions["access"]
    rows = []
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (str(rule), sorted(rule.methods or ()))):
        access = declared[rule.endpoint]
        permission = PERMISSIONS[access.action] if access.action is not None else None
        roles = sorted(permission.roles) if permission is not None and permission.roles is not None else None
        rows.append(
            {
                "path": str(rule),
                "methods": sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}),
                "endpoint": rule.endpoint,
                "action": access.action,
                "writes": access.writes,
                "roles": [role.value for role in roles] if roles is not None else None,
            }
        )
    return rows
